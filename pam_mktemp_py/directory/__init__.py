"""The private directory: found, verified, made, repaired.

    BASE/.private            root:root 0711, append-only where the file system can
    BASE/.private/.new       root:root 0700, where a user's directory is built before it is shown
    BASE/.private/.aside     root:root 0700, where what was found wrong ends, for an administrator to look at
    BASE/.private/USER       closed to everyone but USER, stamped
    BASE/.private/USER/tmp   root:root 01777

/tmp is everybody's: any name in it, and whatever was inside a .private that once was writable, may have
been chosen by an attacker. So nothing is reached by path twice: each step is an openat() that follows no
link, what was opened is judged by fstat(), and what is not exactly ours is moved away, never adopted.
"""
