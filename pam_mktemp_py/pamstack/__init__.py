"""PAM's own configuration: read, changed and tried out. Nothing here runs in a login."""
