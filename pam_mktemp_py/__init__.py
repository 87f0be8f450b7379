"""Private temporary directories for every login session."""
__version__ = "0.1.0"
