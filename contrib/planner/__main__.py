"""What the module starts: /usr/bin/python3 -I -S -B /usr/lib/pam-mktemp USER SERVICE CONFIG."""

import sys

from pam_mktemp_py.planner import main

raise SystemExit(main(sys.argv))
