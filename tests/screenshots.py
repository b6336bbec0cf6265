"""Pictures of the page in each of its states, for review: ``make screenshots`` writes them.

    python tests/screenshots.py FOLDER [WORD ...]

With words, writes only the pictures whose names contain one of them. Two are for the documentation.
"""

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Browser, Page, expect

from chromium import Windows, launched
from podium.db import conductors
from podium.db.conductors import TaskReport
from podium.db.models import utcnow
from watched import PASSWORD, Site

DOCS: Final = Path(__file__).parent.parent / "docs" / "_static"
#: The names of the documentation's pictures, and of their files there.
SHOWN: Final = {"middle-fleet-light": "page-fleet.png", "middle-node-dark": "page-node.png"}

Pose = Callable[[Page, Site], None]


def _rows(page: Page, _: Site) -> None:
    expect(page.locator("[data-node]").first).to_be_visible()
    expect(page.locator("podium-fleet .filter > [role=status]")).to_contain_text("nodes")  # all are loaded
    expect(page.locator("podium-counts")).to_contain_text("power on")


def _settled(page: Page, _: Site) -> None:
    expect(page.locator("main h2:visible").first).to_be_visible()
    expect(page.locator("podium-page")).to_have_attribute("data-connection", "live")


def _node(page: Page, site: Site) -> None:
    _settled(page, site)
    expect(page.locator("[data-action='power off']")).to_be_visible()


def _hardware(page: Page, site: Site) -> None:
    _node(page, site)
    for what, shown in (("sensors", "Sensors"), ("log", "Log of the hardware")):
        page.get_by_role("button", name=f"read {what}").click()
        expect(page.get_by_role("table", name=shown)).to_be_visible()
    page.get_by_role("button", name="read boot device").click()
    expect(page.get_by_text("Boot device:")).to_be_visible()


def _login(page: Page, _: Site) -> None:
    expect(page.locator("[data-action='log in']")).to_be_visible()


def _no_role(page: Page, _: Site) -> None:
    expect(page.get_by_text("has no role")).to_be_visible()


def _asked(page: Page, site: Site) -> None:
    _rows(page, site)
    for name in ("r1n01", "r1n02", "r2n03"):
        row = page.locator(f"[data-node={name}]")
        row.click(modifiers=["Control"])
    page.locator("[data-action='power off']").first.click()
    expect(page.locator("dialog[open]")).to_be_visible()


def _lost(page: Page, site: Site) -> None:
    _rows(page, site)
    site.door.kill()
    expect(page.locator("podium-page")).to_have_attribute("data-connection", "lost")


#: The states by name: address, function that waits for the state, and user.
STATES: Final[Sequence[tuple[str, str, Pose, str | None]]] = (
    ("fleet", "#/fleet", _rows, "operator"),
    ("health", "#/fleet?colour=health", _rows, "operator"),
    ("age", "#/fleet?colour=age", _rows, "operator"),
    ("under-way", "#/fleet?colour=under way", _rows, "operator"),
    ("question", "#/fleet", _asked, "operator"),
    ("reader", "#/fleet", _rows, "reader"),
    ("node", "#/nodes/r1n09", _node, "operator"),
    ("hardware", "#/nodes/r1n09", _hardware, "operator"),
    ("operations", "#/operations", _settled, "operator"),
    ("operation", "#/operations/1", _settled, "operator"),
    ("conductors", "#/conductors", _settled, "admin"),
    ("tasks", "#/tasks", _settled, "admin"),
    ("not-found", "#/nonsense", _settled, "reader"),
    ("login", "", _login, None),
    ("no-role", "", _no_role, "nobody"),
    ("lost", "#/fleet", _lost, "reader"),
)
#: Fleets by name. Pictures of the large fleets show only all nodes.
FLEETS: Final[dict[str, dict[str, Any]]] = {
    "small": {"racks": 4, "each": 12},
    "middle": {"racks": 12, "each": 32},
    "worn": {"racks": 4, "each": 12, "worn": True},
    "5000": {"racks": 100, "each": 50},
    "100000": {"racks": 1000, "each": 100},
}
_OF_LARGE: Final = ("fleet", "health")
SIZES: Final = {
    "light": {"width": 1280, "height": 800},
    "dark": {"width": 1280, "height": 800, "dark": True},
    "narrow": {"width": 360, "height": 740},
}


def pictures(words: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield fleet, state and size of each requested picture."""
    for fleet in FLEETS:
        for state, *_ in STATES:
            for size, how in SIZES.items():
                if fleet.isdigit() and state not in _OF_LARGE:
                    continue
                if not words or any(word in f"{fleet}-{state}-{size}" for word in words):
                    yield fleet, state, {"size": size, **how}


def tell(site: Site) -> None:
    """Make some events for the pictures."""
    site.ask("power off", "r1n[02-03]", "the new boards come")
    site.conductor.failures["r2n02"] = "BMC says: power supply 2 has failed"
    site.ask("power on", "r2n[01-04]", "back after the move")
    site.ask("rebooting", "r1n09", "its fan was changed")
    site.wait_for_operations()
    site.switch(["r1n09"], "power off")
    site.switch(["r1n09"], "power on")
    site.silence([f"r3n{place:02}" for place in (1, 2, 3)], "BMC does not answer within 9.75 s")
    with site.database.write() as connection:
        conductors.save_tasks(connection, site.conductor.head.worker, list(_tasks()))


def _tasks() -> Iterator[TaskReport]:
    now, why = utcnow(), "BMC does not answer within 9.75 s"
    yield TaskReport("conductor.sync_power_status", "late", 60.0, now, 71.2, 4711, 0, 9, 3, None)
    yield TaskReport("fake.check_status", "failing", 300.0, now, 0.6, 1234, 12, 0, 0, why)
    yield TaskReport("fake.collect_sensors", "disabled", 60.0, None, None, 0, 0, 0, 0, None)
    yield TaskReport("fake.collect_inventory", "idle", 3600.0, now, 5.1, 78, 0, 0, 0, None)


def write(folder: Path, words: Sequence[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    wanted = list(pictures(words))
    with launched() as browser:
        for fleet in dict.fromkeys(fleet for fleet, *_ in wanted):
            with ExitStack() as stack:
                place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                site = stack.enter_context(Site(place, users=True, **FLEETS[fleet]))
                if "worn" not in FLEETS[fleet]:
                    tell(site)
                for its, state, how in wanted:
                    if its == fleet:
                        _write_one(browser, site, f"{fleet}-{state}", dict(how), folder)


def _write_one(browser: Browser, site: Site, name: str, how: dict[str, Any], folder: Path) -> None:
    size = how.pop("size")
    state = name.partition("-")[2]
    _, where, pose, user = next(one for one in STATES if one[0] == state)
    windows = Windows(browser)
    try:
        page = windows(site.url, where, user=user, password=PASSWORD, **how)
        try:
            pose(page, site)
        except AssertionError as error:
            sys.stderr.write(f"{name}-{size}: {str(error).splitlines()[0]}\n")
        file = folder / f"{name}-{size}.png"
        page.screenshot(path=file)
        if (shown := SHOWN.get(f"{name}-{size}")) is not None:
            DOCS.mkdir(exist_ok=True)
            shutil.copy(file, DOCS / shown)
    finally:
        windows.close()
        if state == "lost":
            site.door.start()


if __name__ == "__main__":
    expect.set_options(timeout=20_000)
    write(Path(sys.argv[1]), sys.argv[2:])
