"""A plugin with a driver, for tests of who loads drivers."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stevedore import ExtensionManager, _cache


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """``install(source)``: a package acme-podium, whose driver acme is the class Acme of that source."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(tmp_path)
    # Entry points are remembered: for the process, and by stevedore in a file for the next one.
    monkeypatch.setattr(ExtensionManager, "ENTRY_POINT_CACHE", {})
    monkeypatch.setattr(_cache._c, "_disable_caching", True)

    def write(source: str, name: str = "acme", package: str = "acme-podium") -> None:
        module = package.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source)
        folder = tmp_path / f"{module}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[podium.drivers]\n{name} = {module}:Acme\n")
        importlib.invalidate_caches()

    yield write
    for module in set(sys.modules) - before:
        if str(getattr(sys.modules[module], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[module]
