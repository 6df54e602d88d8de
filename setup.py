"""Builds what setup.cfg describes; an sdist keeps the two symbolic links at the top, which setuptools leaves out: they name folders."""

import os

from setuptools import setup
from setuptools.command.sdist import sdist

LINKS = ("experiments", "rtl_models")


class SdistWithLinks(sdist):
    """An sdist in which `experiments` and `rtl_models` point into the package, as in the checkout."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Lay out the files, then the links."""
        super().make_release_tree(base_dir, files)
        for name in LINKS:
            os.symlink(os.readlink(name), os.path.join(base_dir, name))


setup(cmdclass={"sdist": SdistWithLinks})
