"""pip needs this file; all settings are in setup.cfg. The C parts are built by make and go into pam_mktemp_py/lib/."""

import os
import shutil
import subprocess

from setuptools import Distribution, setup
from setuptools.command.build_py import build_py


class BuildWithC(build_py):
    """build_py, and the PAM module beside the Python files."""

    def run(self) -> None:
        """Build both."""
        super().run()
        if not self.editable_mode:
            subprocess.check_call(["make", "all"])
            lib = os.path.join(self.build_lib, "pam_mktemp_py", "lib")
            os.makedirs(lib, exist_ok=True)
            shutil.copy2("build/pam_mktemp_py.so", lib)


class WithC(Distribution):
    """A distribution whose wheel is tied to a platform."""

    def has_ext_modules(self) -> bool:
        """There is C in it, though no extension module of Python's."""
        return True


setup(cmdclass={"build_py": BuildWithC}, distclass=WithC)
