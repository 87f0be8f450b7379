"""What to do with an account's session: pure decisions, nothing is read or written here."""
