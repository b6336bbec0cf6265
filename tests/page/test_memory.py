"""The page may stay open for days: while the fleet changes and views come and go, its memory stays the same.

This takes real time, because what would pile up are timers, streams and what they hold: ten minutes in a
``make test-long`` of 20 rounds, and no more.
"""

import itertools
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from playwright.sync_api import CDPSession, expect

from chromium import Windows
from rounds import ROUNDS
from watched import Site

SECONDS = min(30 * ROUNDS, 600)
#: Samples, the first of which are those of a page that has seen nothing yet.
SAMPLES, FIRST = 12, 3
#: How many nodes change before each view is opened.
CHANGES = 100
VIEWS = ("#/fleet", "#/nodes/r1n01", "#/operations", "#/fleet?colour=age", "#/conductors", "#/tasks")


class Sample(NamedTuple):
    heap: float
    nodes: float
    listeners: float


def sample(session: CDPSession) -> Sample:
    session.send("HeapProfiler.collectGarbage")
    found = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
    return Sample(found["JSHeapUsedSize"], found["Nodes"], found["JSEventListeners"])


def test_the_memory_of_the_page_stays_the_same(serve: Callable[..., Site], look: Windows) -> None:
    site = serve(racks=100, each=50)
    page = look(site.url)
    expect(page.locator("[data-node]").first).to_be_visible()
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.enable")
    session.send("Performance.enable")
    views = itertools.cycle(VIEWS)
    names = itertools.cycle(sorted(name for name in site.states() if not name.endswith(("01", "05"))))
    states = itertools.cycle(("power off", "power on", "error"))
    samples = []
    for _ in range(SAMPLES):
        end = time.monotonic() + SECONDS / SAMPLES
        while time.monotonic() < end:
            site.switch(itertools.islice(names, CHANGES), next(states))
            page.evaluate("hash => { location.hash = hash; }", next(views))
            expect(page.locator("main h1")).to_be_attached()
            page.wait_for_timeout(200)  # what a view begins when it is opened shall have begun
        page.evaluate("location.hash = '#/fleet'")
        expect(page.locator("[data-node]").first).to_be_visible()
        samples.append(sample(session))
    early, late = samples[FIRST : SAMPLES // 2 + 1], samples[-FIRST:]
    for kind, allowed in zip(Sample._fields, (2_000_000, 500, 100), strict=True):
        grown = median(getattr(one, kind) for one in late) - median(getattr(one, kind) for one in early)
        assert grown < allowed, (kind, [getattr(one, kind) for one in samples])
