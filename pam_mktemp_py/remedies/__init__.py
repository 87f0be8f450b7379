"""What is done about each program that ignores TMPDIR: the catalogue of the shim layer."""
