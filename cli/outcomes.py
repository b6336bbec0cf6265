"""Waits for the end of power operations, and shows the results of many nodes in few lines."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from podium import node_ranges
from podium.cli import command
from podium.client.calls.operations import Operation, Request, RequestState
from podium.client.podium import Podium
from podium.client.waiting.operation import Waited

#: Lines of results, past which ``podium operation show`` has the rest.
_SHOWN: Final = 50
#: The states of requests in the order in which their nodes are shown.
_STATES: Final[tuple[RequestState, ...]] = ("done", "replaced", "cancelled", "waiting", "begun", "failed")


def folded(requests: Iterable[Request]) -> dict[str, str]:
    """Return the outcomes of requests; outcomes that differ only in an address become one."""
    alike: dict[str, dict[str, str]] = {}
    for request in sorted(requests, key=lambda request: _STATES.index(request.state)):
        outcome = request.outcome
        alike.setdefault(_anonymous(outcome), {})[request.node_name] = outcome
    return {
        node_ranges.fold(members): anonymous if len({*members.values()}) > 1 else next(iter(members.values()))
        for anonymous, members in alike.items()
    }


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
            self.say(line)
        if len(lines) > _SHOWN:
            self.say(f"and {len(lines) - _SHOWN} more; see: podium operation show {number}")
        if waited.given_up:
            self.warn(f"operation {number}: {waited.given_up}; {_see(number)}")
        return waited.reached

    def _watch(self, podium: Podium, number: int) -> Waited:
        """Wait, with a bar on a terminal."""
        with Progress(
            *Progress.get_default_columns(),
            MofNCompleteColumn(),
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=not self.app.stderr.isatty(),
        ) as progress:
            bar = progress.add_task(f"operation {number}", total=None)

            def seen(found: Operation) -> None:
                progress.update(bar, total=found.nodes, completed=found.nodes - found.unfinished)

            def tell(line: str) -> None:
                progress.console.print(f"podium: {line}", markup=False, highlight=False, soft_wrap=True)

            return podium.wait(number, seen=seen, tell=tell)


def _see(number: int) -> str:
    return (
        f"look: podium operation show {number}; cancel what has not begun: podium operation cancel {number}"
    )
