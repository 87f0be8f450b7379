"""What is wrong with this machine, and what to do about it: one file for each kind of check."""
