"""Debian's Chromium, and checks for errors while the page is open.

A test uses the fixture ``look`` to open windows: ``page = look(site.url, "#/fleet")``. At its end the test
fails for every complaint of a window: an error on the console or in a script, a violation of the content
security policy, or a request to any other site.
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

#: The browser's own log message when a server does not answer. Tests that stop a server must expect it.
UNREACHABLE: Final = (
    r"net::ERR_(CONNECTION_(REFUSED|RESET|CLOSED)|SOCKET_NOT_CONNECTED|EMPTY_RESPONSE"
    r"|INCOMPLETE_CHUNKED_ENCODING|CONTENT_LENGTH_MISMATCH)"
)

#: Has the page wait for answers twelve times as long (core/api.js), because a server on a busy machine is not
#: lost. All other timers stay as they are.
_PATIENT: Final = """{
    const later = globalThis.setTimeout;
    globalThis.setTimeout = (work, wait, ...values) =>
        later(work, /silent.abort/.test(work) ? 12 * wait : wait, ...values);
}"""


@contextmanager
def launched() -> Iterator[Browser]:
    """Start a headless Chromium, or skip the test."""
    program = peers.require("chromium")
    # The sandbox is not available to root in containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments, timeout=PATIENCE * 1000)
        try:
            yield browser
        finally:
            browser.close()


class Windows:
    """The windows of a test. Each has its own cookies, as on a separate machine."""

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

        :param where: the rest of the address, such as ``#/nodes/r1n01``
        :param user: the user who is already logged in
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
        context.add_init_script(_PATIENT)
        page = context.new_page()
        self._watch(page, url)
        if user is not None:
            said = {"name": user, "password": password}
            answer = context.request.post("/podium/v1/session", data=said, headers={"Origin": url})
            assert answer.ok, answer.text()
        page.goto(f"/{where}")
        return page

    def expect(self, *patterns: str) -> None:
        """Ignore complaints that match these patterns, such as :data:`UNREACHABLE`."""
        self._expected += patterns

    def close(self) -> list[str]:
        """Close all windows, and return their complaints."""
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
    """Return the problems that axe finds on a page in its present state: rule, place, and remedy.

    It checks WCAG 2.2 AA and axe's best practices.
    """
    if not AXE.exists():
        peers.do_without("axe-core is not installed (make test-peers)")
    if page.evaluate("typeof globalThis.axe") == "undefined":
        session = page.context.new_cdp_session(page)  # not subject to the page's policies
        session.send("Runtime.evaluate", {"expression": AXE.read_text()})
        session.detach()
    result = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{broken['id']}: {node['target']}: {node['failureSummary']}"
        for broken in result["violations"]
        for node in broken["nodes"]
    ]


def kept(pages: list[Page], folder: Path) -> None:
    """Save pictures of a failed test's windows beside its other files."""
    for number, page in enumerate(pages):
        if not page.is_closed():
            page.screenshot(path=folder / f"window{number}.png")
            (folder / f"window{number}.html").write_text(page.content())


def failed(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Record whether the test itself failed, for its fixtures."""
    if call.when == "call":
        item.stash[FAILED] = call.excinfo is not None


FAILED: Final = pytest.StashKey[bool]()
