"""The cheap look at files that are not run: what in them names a shared directory. Candidates, never a verdict."""
