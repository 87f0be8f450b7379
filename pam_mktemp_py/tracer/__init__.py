"""Runs strace(1): on a command of its own, or on what runs already."""
