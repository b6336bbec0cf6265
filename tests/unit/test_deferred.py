"""Imports that wait until they are needed."""

import importlib
import sys
from pathlib import Path

import pytest

from podium.deferred import deferred

SLOW = "slow_for_this_test"
USER = "user_of_slow_for_this_test"


@pytest.fixture(autouse=True)
def _library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that imports another, which takes long."""
    (tmp_path / f"{SLOW}.py").write_text("VALUE = 7\n")
    (tmp_path / f"{USER}.py").write_text(f"import {SLOW}\n\ndef value(): return {SLOW}.VALUE\n")
    monkeypatch.syspath_prepend(tmp_path)
    for name in (SLOW, USER):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_a_module_is_imported_when_something_in_it_is_used() -> None:
    with deferred(SLOW):
        user = importlib.import_module(USER)
    assert SLOW not in sys.modules
    assert user.value() == 7
    assert sys.modules[SLOW].__file__


def test_a_module_that_is_used_in_the_block_is_imported_there() -> None:
    with deferred(SLOW):
        assert importlib.import_module(USER).value() == 7
        found = sys.modules[SLOW]
    assert importlib.import_module(SLOW) is found


def test_a_module_that_is_imported_already_stays() -> None:
    found = importlib.import_module(SLOW)
    with deferred(SLOW):
        assert importlib.import_module(SLOW) is found
    assert sys.modules[SLOW] is found


def test_what_is_not_there_is_said_where_it_is_used() -> None:
    with deferred("missing_for_this_test"):
        import missing_for_this_test  # type: ignore[import-not-found]
    with pytest.raises(ModuleNotFoundError, match="missing_for_this_test"):
        _ = missing_for_this_test.value
