"""Waits for the end of operations, and shows the results of many nodes in few lines."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from podium import node_ranges
from podium.cli import command
from podium.cli.showing.words import one_line
from podium.client.calls.credentials import CredentialsAsked
from podium.client.calls.operations import Asked, Operation, Request, RequestState
from podium.client.podium import Podium
from podium.client.waiting.operation import Waited
from podium.client.waiting.steps import AWAY

#: The most lines of refusals, and of results; ``podium operation show`` has the rest of these.
_SHOWN: Final = 50
#: The most nodes that are named while waiting for them, and the seconds after which they are named.
SOME: Final = 20
_LONG: Final = 5.0
#: The states of requests in the order in which their nodes are shown.
_STATES: Final[tuple[RequestState, ...]] = (
    *("done", "replaced", "cancelled", "held", "waiting", "begun", "failed"),
)


def folded(requests: Iterable[Request]) -> dict[str, str]:
    """Return the outcomes of requests; outcomes that differ only in an address become one."""
    alike: dict[str, dict[str, str]] = {}
    for request in sorted(requests, key=_place):
        outcome = request.outcome
        alike.setdefault(_anonymous(outcome), {})[request.node_name] = outcome
    return {
        node_ranges.fold(members): anonymous if len({*members.values()}) > 1 else next(iter(members.values()))
        for anonymous, members in alike.items()
    }


def fold_names(requests: Iterable[Request]) -> str:
    """Return the names of the nodes of requests."""
    return node_ranges.fold([request.node_name for request in requests])


class Standstill:
    """Detects that the last nodes of an operation take long, so that these can be named to people."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._left = 0
        self._since = 0.0

    def begins(self, left: int) -> bool:
        """Return whether a few nodes are left and none has ended for a while; once per standstill."""
        now = self._clock()
        if left != self._left:
            self._left, self._since = left, now
        if not 0 < left <= SOME or now - self._since < _LONG:
            return False
        self._since = float("inf")
        return True


def _place(request: Request) -> tuple[int, str]:
    return _STATES.index(request.state), node_ranges.natural(request.node_name)


def _anonymous(outcome: str) -> str:
    failed, words = outcome.startswith("failed: "), node_ranges.anonymous(outcome.removeprefix("failed: "))
    return f"failed: {words}" if failed else words


class Waiting(command.Command):
    """A command that can wait for the end of an operation."""

    @contextmanager
    def going_on(self, number: int) -> Iterator[None]:
        """Print, at Ctrl-C inside the ``with``, that the operation continues."""
        try:
            yield
        except KeyboardInterrupt:
            self.warn(f"operation {number} goes on; {_see(number)}")
            raise

    def wait_for(self, podium: Podium, number: int) -> bool:
        """Wait until all of an operation has ended, and show the results.

        :returns: whether every node reached the requested state
        """
        waited = self._watch(podium, number)
        lines = [f"{names}: {outcome}" for names, outcome in folded(podium.requests(number)).items()]
        for line in lines[:_SHOWN]:
            self.say(one_line(line))
        if len(lines) > _SHOWN:
            self.say(f"and {len(lines) - _SHOWN} more; see: podium operation show {number}")
        if waited.given_up:
            self.warn(f"operation {number}: {waited.given_up}; {_see(number)}")
        return waited.reached

    def _watch(self, podium: Podium, number: int) -> Waited:
        """Wait, with a progress bar on a terminal."""
        with Progress(
            *Progress.get_default_columns(),
            MofNCompleteColumn(),
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self.app.stderr.isatty(),
        ) as progress:
            bar, standstill = progress.add_task(f"operation {number}", total=None), Standstill()

            def seen(found: Operation) -> None:
                progress.update(bar, total=found.nodes, completed=found.nodes - found.unfinished)
                if standstill.begins(found.unfinished) and not progress.disable:
                    with suppress(*AWAY):
                        left = podium.requests(number, state=("held", "waiting", "begun"), limit=SOME)
                        tell(f"operation {number} waits for {fold_names(left)}")

            def tell(line: str) -> None:
                progress.console.print(
                    f"podium: {one_line(line)}", markup=False, highlight=False, soft_wrap=True
                )

            return podium.wait(number, seen=seen, tell=tell)


class Requesting(Waiting):
    """A command that requests something for nodes."""

    def show(self, podium: Podium, asked: Asked | CredentialsAsked | None, *, wait: bool) -> int:
        """Show the outcome of a request, and its results if ``wait`` is set; return the exit status.

        :param asked: None if nothing was requested
        """
        already = asked.already if isinstance(asked, CredentialsAsked) else ()
        if already:
            self.say(f"{node_ranges.fold(already)}: had these credentials already")
        if asked is None or asked.operation is None:
            if already and asked is not None and not asked.refused:
                return 0
            self._show_refused(asked)
            if asked is not None and not (already or asked.refused):
                return self.none_meant("requested")
            self.warn("nothing was requested")
            return 1
        with self.going_on(asked.operation):
            replaced = asked.replaced if isinstance(asked, Asked) else 0
            more = f"; {replaced} replaced an earlier request" if replaced else ""
            self.say(f"operation {asked.operation}: {asked.requested} requested{more}")
            self._show_refused(asked)
            for warning in asked.warnings:
                self.warn(warning)
            reached = not wait or self.wait_for(podium, asked.operation)
        return 0 if reached and not asked.refused else 1

    def _show_refused(self, asked: Asked | CredentialsAsked | None) -> None:
        """Show why nodes were refused; those refused for the same reason share a line."""
        lines = node_ranges.folded_lines(() if asked is None else asked.refused)
        for line in lines[:_SHOWN]:
            self.warn(line)
        if len(lines) > _SHOWN:
            self.warn(f"and {len(lines) - _SHOWN} more")


def _see(number: int) -> str:
    return (
        f"look: podium operation show {number}; cancel what has not begun: podium operation cancel {number}"
    )
