"""Virtual environments for tests: Podium as installed here, and a driver's package beside it."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Final

from peers import PATIENCE

_HERE: Final = Path(sys.executable).parent
_ROOT: Final = Path(__file__).parent.parent


class Environment:
    """A new environment that falls back to the packages of this one. Nothing is downloaded."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder)
        self.bin = folder / "bin"
        (packages,) = folder.glob("lib/python*/site-packages")
        outer = sysconfig.get_path("purelib")
        (packages / "outer.pth").write_text(f"import site; site.addsitedir({outer!r})\n")
        for program in ("podium", "podium-api", "podium-conductor", "podium-sim"):
            script = (_HERE / program).read_text().split("\n", 1)[1]
            (self.bin / program).write_text(f"#!{self.bin / 'python'}\n{script}")
            (self.bin / program).chmod(0o755)

    def find_in(self, environment: str) -> None:
        """Also use packages from an environment of ``make test-peers``, unless they are here."""
        (packages,) = self.bin.parent.glob("lib/python*/site-packages")
        (peer,) = (_ROOT / f".venv-{environment}").glob("lib/python*/site-packages")
        # Read after outer.pth, because files are read in the order of their names.
        (packages / f"outer_{environment}.pth").write_text(f"{peer}\n")

    def install(self, package: Path) -> None:
        """Install the package from a folder, which is not changed."""
        with tempfile.TemporaryDirectory() as scratch:
            copy = shutil.copytree(package, Path(scratch) / package.name)
            pip = [sys.executable, "-m", "pip", "--python", self.bin / "python", "--quiet"]
            self._run(*pip, "install", "--no-index", "--no-deps", "--no-build-isolation", copy, cwd=copy)

    def python(self, *arguments: str | Path, cwd: Path, timeout: float = 4 * PATIENCE) -> None:
        """Run this environment's Python, which must succeed."""
        self._run(self.bin / "python", *arguments, cwd=cwd, timeout=timeout)

    def podium(self, *arguments: str | Path, cwd: Path) -> None:
        """Run this environment's ``podium``, which must succeed."""
        self._run(self.bin / "podium", *arguments, cwd=cwd)

    def _run(self, *command: str | Path, cwd: Path, timeout: float = 2 * PATIENCE) -> None:
        # Options of the outer pytest do not apply to the pytest runs that it starts.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
