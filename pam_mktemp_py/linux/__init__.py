"""Kernel and libc interfaces, one per file, without opinions."""
