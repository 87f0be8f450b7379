"""The log of strace(1), read line by line into events: pure, nothing is opened or run here."""
