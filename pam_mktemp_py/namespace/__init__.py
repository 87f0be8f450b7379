"""The private mount: what is mounted, where it comes from, and which views of it there are.

A *view* is a mount namespace of ours with its private /tmp, an *instance* the directory that is mounted there.
"""
