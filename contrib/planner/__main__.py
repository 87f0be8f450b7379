"""What the module starts: /usr/bin/python3 -I -S -B /usr/lib/pam-mktemp/__main__.py USER SERVICE CONFIG.

The file is named, not its folder: for a folder the interpreter first imports runpy and what that
needs, 3 ms of a login's 15. Isolated mode puts no folder of ours on the path, so this does.
"""

import sys

sys.path.insert(0, __file__.rpartition("/")[0])

from pam_mktemp_py.planner import main  # noqa: E402

raise SystemExit(main(sys.argv))
