"""pip needs this file; all settings are in setup.cfg. What make builds goes into pam_mktemp_py/lib/ of the wheel."""

import os
import shutil
import subprocess
import sys

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py

TOP = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, TOP)

from pam_mktemp_py.pamstack.pieces import LAUNCH, MODULE, PIECES, PLANNER, SHIM, catalogue  # noqa: E402


class BuildWithC(build_py):
    """build_py, and all that `pam-mktemp install` puts in place, beside the Python files."""

    def run(self) -> None:
        """Build both. The manual is left out where it cannot be built: it needs the distribution's click."""
        super().run()
        if self.editable_mode:
            return
        subprocess.check_call(["make", MODULE, LAUNCH, SHIM])
        if subprocess.call(["make", "manual"]) != 0:
            print("this wheel has no manual and no completion", file=sys.stderr)
        lib = os.path.join(self.build_lib, "pam_mktemp_py", "lib")
        for source in (PLANNER, *(piece.source for piece in PIECES), *catalogue(TOP)):
            if os.path.exists(source):
                os.makedirs(os.path.dirname(os.path.join(lib, source)), exist_ok=True)
                shutil.copy2(source, os.path.join(lib, source))


class WithC(Distribution):
    """A distribution whose wheel is tied to a platform."""

    def has_ext_modules(self) -> bool:
        """There is C in it, though no extension module of Python's."""
        return True


setup(cmdclass={"build_py": BuildWithC}, distclass=WithC)
