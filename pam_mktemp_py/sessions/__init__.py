"""What a login leaves in /run/pam-mktemp: requests, plans, remembered failures and session records."""
