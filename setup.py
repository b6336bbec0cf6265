"""Has setuptools build outside the tree: what it left in build/ would outlive the files it was copied from.

Everything else about the package is in setup.cfg.
"""

import tempfile

from setuptools import setup

with tempfile.TemporaryDirectory() as elsewhere:
    setup(
        script_name="setup.py",  # so that this file, beside the modules of podium, is not taken for one
        options={"build": {"build_base": elsewhere}, "egg_info": {"egg_base": elsewhere}},
    )
