"""The administrator's configuration: read with suspicion, checked, and kept compiled between logins."""
