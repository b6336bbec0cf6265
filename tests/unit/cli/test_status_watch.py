"""``podium status --watch``: the fleet in a picture that changes in place."""

import io
import threading

import msgspec
import pytest

from commands import Here
from ill_fleets import conducted, enrol, make_ill
from podium import errors
from podium.cli.showing.screen import Screen
from podium.cli.status import Show, Watch
from podium.client.calls.status import Status
from podium.db.engine import Database
from podium.db.worker import Worker
from terminals import Terminal

pytestmark = pytest.mark.usefixtures("xterm")


@pytest.fixture
def worker(database: Database) -> Worker:
    """A fleet that is well."""
    return conducted(database)


@pytest.fixture
def ill(database: Database, worker: Worker) -> Worker:
    """A fleet with everything that needs attention."""
    make_ill(database, worker)
    return worker


def test_a_fleet_that_is_watched_is_drawn_anew_in_place(
    podium_here: Here, database: Database, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, pictures, lines = threading.Semaphore(0), [""], Watch.lines

    def draw(self: Watch, screen: Screen) -> list[str]:
        found = lines(self, screen)
        pictures.append("\n".join(found))
        drawn.release()
        return found

    def sleep(seconds: float) -> None:
        assert seconds == 2
        if len(enrolled) == 1:
            enrol(database, enrolled.pop())
            return
        while "13: 13 on" not in pictures[-1]:
            assert drawn.acquire(timeout=60)
        raise KeyboardInterrupt

    enrolled = ["more"]
    monkeypatch.setattr(Watch, "lines", draw)
    monkeypatch.setattr(Show, "sleep", staticmethod(sleep))
    monkeypatch.setattr(Show, "clock", staticmethod(lambda: 0.0))  # what is shown is never old
    terminal = Terminal(podium_here)
    written = terminal.raw("status", "--watch", "2", columns=80, lines=24)
    assert (terminal.status, terminal.stderr) == (0, "")
    assert written.startswith("\x1b[?1049h") and written.endswith("\x1b[?1049l")
    assert pictures[1].startswith("podium status, every 2 s: 20")
    assert "12: 12 on" in pictures[1]


@pytest.mark.parametrize(("columns", "height"), [(80, 24), (40, 24), (80, 20)])
def test_a_fleet_that_is_watched_fits_the_screen(
    podium_here: Here, ill: Worker, columns: int, height: int
) -> None:
    seen = msgspec.json.decode(podium_here("status", "-f", "json").stdout, type=Status)
    lines = Watch(seen, 5.0, lambda: 0.0).lines(Screen(io.StringIO(), columns, height, False, "…"))
    assert len(lines) <= height
    assert lines[-1].startswith("conductors ")


@pytest.mark.parametrize(
    ("fault", "who"),
    [
        (errors.DatabaseUnavailable("no route"), "the database"),
        (errors.ApiUnavailable("no route"), "podium-api"),
    ],
)
def test_while_nobody_answers_it_is_said_how_old_is_what_is_shown(
    podium_here: Here, worker: Worker, fault: errors.PodiumError, who: str
) -> None:
    now = [1000.0]
    seen = msgspec.json.decode(podium_here("status", "-f", "json").stdout, type=Status)
    screen = Screen(io.StringIO(), 80, 24, False, "…")
    watch = Watch(seen, 5.0, lambda: now[0])
    now[0] += 42
    assert watch.lines(screen)[0] == "there is no answer yet, and this is 42 s old"
    watch.miss(fault)
    now[0] += 1
    assert watch.lines(screen)[0] == f"{who} is away, and this is 43 s old: no route"
    watch.take(seen)
    assert watch.lines(screen)[0].startswith("podium status, every 5 s: ")


@pytest.mark.parametrize("words", [("--watch",), ("--watch", "2", "-f", "json")])
def test_nothing_is_watched_without_a_terminal(podium_here: Here, words: tuple[str, ...]) -> None:
    done = podium_here("status", *words)
    assert done.returncode == 2
    assert "--watch shows lines that change in place, which takes a terminal" in done.stderr
