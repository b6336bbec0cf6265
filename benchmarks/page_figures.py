"""The page section: a large fleet in Chromium, while it loads and while it changes."""

import itertools
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import asking
import databases
import podium_api
import results
import sqlalchemy as sa
from processes import Failed, Program
from results import Goal
from sections import Section

from podium.db import readings
from podium.db.engine import Database
from podium.db.models import nodes as table
from podium.db.models import utcnow
from podium.db.readings import Reading
from podium.db.worker import Worker

_PROBE: Final = Path(__file__).with_name("page_probe.js")
_EACH: Final = 100  # nodes of a rack
_FIRST: Final = 5000
#: Changes a second, and seconds between two transactions, as in a sweep.
_RATE: Final = 500
_STEP: Final = 0.1
_PATIENCE: Final = 60.0
_SWITCHES: Final = 5
#: The filters to type, one after the other.
_FILTERS: Final = ("r7n*", "power_state=off", "r1*", "name=zone")


class Page(Section):
    """The page in Debian's headless Chromium, on the same machine as podium-api."""

    title = "The page"

    def _measure(self) -> None:
        self._goals: list[Goal] = []
        if shutil.which("chromium") is None:
            raise Failed("chromium is not installed")
        from playwright.sync_api import sync_playwright

        nodes = self._extent.api[-1]
        with (
            databases.opened("sqlite", self._folder / "page-data") as database,
            podium_api.served(self._folder / "page", database, enrolled(nodes)) as (api, port),
            sync_playwright() as playwright,
        ):
            asking.wait_for(api, port)
            fleet = Fleet(database.url, nodes)
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
            try:
                context = browser.new_context(viewport={"width": 1280, "height": 800})
                context.set_default_timeout(_PATIENCE * 1000)
                context.add_init_script(path=_PROBE)
                for kind in ("first", "again"):
                    page = context.new_page()
                    page.goto(f"http://127.0.0.1:{port}/")
                    self._note_load(page, nodes, kind)
                    if kind == "first":
                        page.close()
                self._note_filters(page)
                self._note_changes(page, fleet, api)
            finally:
                browser.close()
                fleet.close()

    def _note_load(self, page: Any, nodes: int, kind: str) -> None:
        def shown(count: int) -> float:
            page.wait_for_function("n => probe.rows.some(([, rows]) => rows > n)", arg=count)
            return float(page.evaluate("n => probe.rows.find(([, rows]) => rows > n)[0]", count)) / 1000

        everything = shown(nodes - 1)
        total = f"{nodes:,}"
        counted = page.evaluate("t => probe.counts.find(([, text]) => text.includes(t))?.[0]", total)
        self._at_most(f"{kind} request: the count of {total} nodes", 1.5, _seconds(counted), " s")
        first = min(_FIRST, nodes // 2)
        self._at_most(f"{kind} request: {first:,} nodes", 1.5, shown(first), " s")
        self._at_most(f"{kind} request: {total} nodes", 4, everything, " s")
        self._at_most(f"{kind} request: longest task", 200, _longest(page), " ms")

    def _note_filters(self, page: Any) -> None:
        for text in _FILTERS:
            took = page.evaluate(_TYPED, text)
            self._at_most(f"filter {text}: until the rows are those", 100, took, " ms")
            page.evaluate(_TYPED, "")

    def _note_changes(self, page: Any, fleet: "Fleet", api: Program) -> None:
        name = page.locator("[data-node]").first.get_attribute("data-node")
        session = page.context.new_cdp_session(page)
        before, cpu = _heap(session), _busy(session)
        page.evaluate("probe.tasks.length = 0")
        seconds = self._extent.watch
        since, served = time.monotonic(), api.cpu()
        with fleet.changing():
            delays = [fleet.seen_after(page, name, number) for number in range(_SWITCHES)]
            time.sleep(max(since + seconds - time.monotonic(), 0.0))
            took = time.monotonic() - since
            cpu = (_busy(session) - cpu) / took
            served = (api.cpu() - served) / took
        what = f"{fleet.changes / took:.0f} changes a second"
        self._at_most(f"{what}: longest task", 200, _longest(page), " ms")
        self._at_most(f"{what}: a change is on the screen within", 2, max(delays), " s")
        self._at_most(f"{what}: median of these", 2, median(delays), " s")
        self._at_most(f"{what}: the page's thread is busy", 50, cpu * 100, " %")
        self._at_most(f"{what}: CPU of podium-api", 50, served * 100, " %")
        self._at_most("memory of the page", 400, before / 1e6, " MB")
        self._at_most(f"memory, grown in {took:.0f} s", 10, (_heap(session) - before) / 1e6, " MB")

    def _at_most(self, what: str, target: float, found: float | None, unit: str) -> None:
        self._goals.append(Goal(what, target, found, unit, at_most=True))

    def _tables(self) -> Sequence[str]:
        return ["### Goals of the page", results.goal_table(self._goals)]


#: Types into the filter, and returns the milliseconds until a frame shows other rows; 0 for the same ones.
_TYPED: Final = """async text => {
  const filter = document.querySelector("[data-role=filter]");
  const grid = document.querySelector("[aria-rowcount]");
  const before = grid.getAttribute("aria-rowcount");
  const begin = performance.now();
  filter.value = text;
  filter.dispatchEvent(new Event("input", { bubbles: true }));
  while (grid.getAttribute("aria-rowcount") === before && performance.now() < begin + 5000) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  return performance.now() - begin;
}"""


class Fleet:
    """Nodes whose power changes without requests.

    :ivar changes: the number of changes written
    """

    def __init__(self, url: str, count: int) -> None:
        self._database = Database(url)
        self._end = threading.Event()
        self._writer = Worker("here", 0, 1)
        self.changes = 0
        with self._database.write() as connection:
            off = table.c.id % 4 == 0
            for some, state in ((off, "power off"), (~off, "power on")):
                connection.execute(sa.update(table).where(some).values(power_state=state))
        self._numbers = itertools.cycle(range(2, count + 1, 7))

    def close(self) -> None:
        self._database.dispose()

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Change nodes in a thread until the end of the block."""
        thread = threading.Thread(target=self._change)
        thread.start()
        try:
            yield
        finally:
            self._end.set()
            thread.join(_PATIENCE)

    def seen_after(self, page: Any, name: str, number: int) -> float:
        """Switch a node, and return the seconds until its row shows it."""
        state = ("power off", "power on")[number % 2]
        its = table.c.name == name
        self._write(its, state)
        self._write(its, other := ("power on", "power off")[number % 2])
        since = time.monotonic()
        page.wait_for_selector(f'[data-node="{name}"][data-state="{other}"]')
        return time.monotonic() - since

    def _change(self) -> None:
        begin, states = time.monotonic(), itertools.cycle(("power off", "power on", "error"))
        for turn in itertools.count():
            if self._end.wait(max(begin + turn * _STEP - time.monotonic(), 0.0)):
                return
            some = list(itertools.islice(self._numbers, int(_RATE * _STEP)))
            self.changes += self._write(table.c.id.in_(some), next(states))

    def _write(self, some: sa.ColumnElement[bool], state: str) -> int:
        with self._database.write() as connection:
            rows = connection.execute(sa.select(table.c["id", "version"]).where(some)).all()
            read = [Reading(row.id, row.version, utcnow(), state) for row in rows]
            readings.record_readings(connection, read, self._writer)
        return len(rows)


def enrolled(count: int) -> list[dict[str, Any]]:
    """Return nodes in racks, in the form for an import."""
    return [
        {
            "name": f"r{number // _EACH + 1}n{number % _EACH + 1:03}",
            "driver": "fake",
            "extra": {"rack": f"r{number // _EACH + 1}"},
        }
        for number in range(count)
    ]


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _longest(page: Any) -> float:
    return float(page.evaluate("Math.max(0, ...probe.tasks.map(([, took]) => took))"))


def _heap(session: Any) -> float:
    """Return the bytes of the page's objects after a garbage collection."""
    session.send("HeapProfiler.enable")
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def _busy(session: Any) -> float:
    """Return the busy seconds of the page's thread so far."""
    session.send("Performance.enable")
    found = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in found if one["name"] == "TaskDuration"))
