"""Fixtures of the tests that look at the page in a browser; see test_smoke.py for how they are used."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from chromium import FAILED, Windows, failed, kept, launched
from peers import PATIENCE
from rounds import ONLY_LONG
from watched import Site

HERE = Path(__file__).parent

expect.set_options(timeout=PATIENCE * 1000)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave everything here to ``make test-long``."""
    for item in items:
        if HERE in item.path.parents:
            for mark in ONLY_LONG:
                item.add_marker(mark)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    failed(item, call)
    return (yield)


# Not for all modules: as long as Playwright runs, its thread can have no other event loop.
@pytest.fixture(scope="module")
def _browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture
def look(_browser: Any, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Windows]:
    """``look(site.url, "#/fleet", width=360, dark=True, user="reader")`` opens the page in a new window."""
    windows = Windows(_browser)
    yield windows
    if request.node.stash.get(FAILED, False):
        kept(windows.pages, tmp_path)
    complaints = windows.close()
    assert not complaints, "\n".join(dict.fromkeys(complaints))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    """``serve(racks=100, users=True)`` starts a :class:`watched.Site`."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Site(tmp_path, **options))


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    """48 nodes of 4 racks, where everybody may do everything."""
    return serve()
