"""Chromium as Debian ships it, and what must never happen while somebody looks at the page.

A test asks the fixture ``look`` for windows: ``page = look(site.url, "#/fleet")``. When it is over, it fails
for whatever a window complained of: an error on the console or in a script, something that the content
security policy refused, a request to anywhere else.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

import peers
from peers import PATIENCE

AXE: Final = Path(__file__).parent.parent / "node_modules" / "axe-core" / "axe.min.js"

#: What a browser logs by itself when a server does not answer. Tests that stop one have to expect it.
UNREACHABLE: Final = (
    r"net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING)"
)


@contextmanager
def launched() -> Iterator[Browser]:
    """Start a Chromium without a window, or skip the test."""
    program = peers.require("chromium")
    # Its sandbox works for anybody but root, in whose containers it is not to be had.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class Windows:
    """The windows of a test, each with cookies of its own as on somebody else's machine."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[BrowserContext] = []
        self._expected: list[str] = []
        self.pages: list[Page] = []
        self.complaints: list[str] = []

    def __call__(
        self,
        url: str,
        where: str = "",
        *,
        user: str | None = None,
        password: str = "",
        width: int = 1280,
        height: int = 800,
        dark: bool = False,
        **more: Any,
    ) -> Page:
        """Open the page in a window.

        :param where: the rest of the address, as ``#/nodes/r1n01``
        :param user: who is logged in already
        :param dark: whether dark colours are preferred
        :param more: for Playwright's ``new_context``
        """
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            base_url=url,
            **more,
        )
        self._contexts.append(context)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        self._watch(page, url)
        if user is not None:
            said = {"name": user, "password": password}
            answer = context.request.post("/podium/v1/session", data=said, headers={"Origin": url})
            assert answer.ok, answer.text()
        page.goto(f"/{where}")
        return page

    def expect(self, *patterns: str) -> None:
        """Do not complain of what these say, as :data:`UNREACHABLE`."""
        self._expected += patterns

    def close(self) -> list[str]:
        """Close all windows, and return what they complained of."""
        for context in self._contexts:
            context.close()
        return [one for one in self.complaints if not any(re.search(each, one) for each in self._expected)]

    def _watch(self, page: Page, url: str) -> None:
        self.pages.append(page)
        page.on("console", lambda said: self._note(said.type in ("error", "warning"), _said(said)))
        page.on("pageerror", lambda error: self._note(True, f"script: {error.stack or error.message}"))
        page.on("crash", lambda _: self._note(True, "the page crashed"))
        own = (f"{url}/", "blob:", "about:")
        page.on("request", lambda asked: self._note(not asked.url.startswith(own), f"asked {asked.url}"))

    def _note(self, is_wrong: bool, complaint: str) -> None:
        if is_wrong:
            self.complaints.append(complaint)


def _said(said: ConsoleMessage) -> str:
    return f"console: {said.text} ({said.location['url']})"


def axe(page: Page, **options: Any) -> list[str]:
    """Return what axe finds wrong with a page as it is now: rule, place, and how to mend it.

    It asks for WCAG 2.2 AA and for what it calls best practices.
    """
    if not AXE.exists():
        peers.do_without("axe-core is not installed (make test-peers)")
    if page.evaluate("typeof globalThis.axe") == "undefined":
        session = page.context.new_cdp_session(page)  # which no policy of the page stops
        session.send("Runtime.evaluate", {"expression": AXE.read_text()})
        session.detach()
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{broken['id']}: {node['target']}: {node['failureSummary']}"
        for broken in result["violations"]
        for node in broken["nodes"]
    ]


def kept(pages: list[Page], folder: Path) -> None:
    """Keep how the windows of a test that failed look, beside its other files."""
    for number, page in enumerate(pages):
        if not page.is_closed():
            page.screenshot(path=folder / f"window{number}.png")
            (folder / f"window{number}.html").write_text(page.content())


def failed(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember whether the test itself failed, for its fixtures."""
    if call.when == "call":
        item.stash[FAILED] = call.excinfo is not None


FAILED: Final = pytest.StashKey[bool]()
