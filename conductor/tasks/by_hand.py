"""Runs of a task for single nodes that users requested. They run beside the task's scheduled runs."""

import concurrent.futures
import contextlib
from collections.abc import Callable
from typing import Any, Final, Protocol

from podium import errors
from podium.conductor.rooms.run import Run

#: Called at the end of a requested run, with its error (or None) and its duration in seconds.
Done = Callable[[str | None, float], None]

#: Concurrent runs; runs beyond the task's max_in_flight wait.
_MOST: Final = 64


class _Timers(Protocol):
    """The part of the conductor's event loop that is used here."""

    def time(self) -> float: ...
    def post(self, callback: Callable[[], Any]) -> Any: ...


class ByHand:
    """The runs of one task for single nodes. Only the conductor's loop may use it.

    They do not count as runs of the task: its counts, its last run and its state are those of runs for all
    nodes.

    :param name: the task's full name
    :param scrubbed: returns the text of an error without secrets
    """

    def __init__(self, name: str, timers: _Timers, scrubbed: Callable[[str], str]) -> None:
        self._name = name
        self._timers = timers
        self._scrubbed = scrubbed
        self._runs: dict[str, Run] = {}  # by the UUID of the node

    def start(self, node: str, start: Callable[[], Run], done: Done) -> None:
        """Start a run for a node.

        :raises podium.errors.PodiumError: a run for the node is under way, or too many runs for other nodes
            are
        """
        if node in self._runs:
            raise errors.PodiumError(
                f"{self._name} runs for this node already, because somebody asked; wait for its end"
            )
        if len(self._runs) >= _MOST:
            raise errors.PodiumError(
                f"{self._name} runs for {_MOST} single nodes already; ask again when some of these have ended"
            )
        began = self._timers.time()
        self._runs[node] = run = start()
        run.future.add_done_callback(lambda future: self._post_end(node, began, done, future))

    def cancel(self) -> "list[concurrent.futures.Future[Any]]":
        """Cancel the runs under way; return the futures of their ends."""
        runs = list(self._runs.values())
        for run in runs:
            run.cancel()
        return [run.future for run in runs]

    def _post_end(
        self, node: str, began: float, done: Done, future: "concurrent.futures.Future[Any]"
    ) -> None:
        with contextlib.suppress(RuntimeError):  # the conductor has ended
            self._timers.post(lambda: self._end(node, began, done, future.exception()))

    def _end(self, node: str, began: float, done: Done, error: BaseException | None) -> None:
        self._runs.pop(node, None)
        text = None if error is None else errors.one_line(error, self._scrubbed)
        if isinstance(error, concurrent.futures.CancelledError):
            text = "the conductor stops"
        done(text, self._timers.time() - began)
