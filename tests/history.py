"""Programs from an earlier commit."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Final

import pytest

_ROOT: Final = Path(__file__).parent.parent


def before_migration(revision: str, folder: Path) -> dict[str, str]:
    """Write the package of the commit before a migration into a folder.

    The test is skipped if there is no history.

    :returns: the environment variables for running the programs of that package
    """
    (file,) = _ROOT.glob(f"db/migrations/versions/{revision}_*.py")
    commit = _git("log", "--diff-filter=A", "--format=%H", "-1", "--", str(file.relative_to(_ROOT)))
    # If the migration is not committed yet, the commit before it is the present one.
    before = f"{commit.decode().strip()}^" if commit else "HEAD"
    with tarfile.open(fileobj=io.BytesIO(_git("archive", before))) as archive:
        archive.extractall(folder / "podium", filter="data")
    return {"PYTHONPATH": str(folder)}


def _git(*arguments: str) -> bytes:
    try:
        return subprocess.run(
            ["git", "-C", _ROOT, *arguments], check=True, capture_output=True, timeout=60
        ).stdout
    except (OSError, subprocess.CalledProcessError) as fault:
        pytest.skip(f"there is no history of this folder: {fault}")
