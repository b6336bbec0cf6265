"""Reads the hardware of several nodes, some at a time, while somebody waits."""

import argparse
import threading
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from queue import SimpleQueue
from typing import Any, ClassVar, Final, Generic, TypeVar

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress

from podium import errors, node_ranges
from podium.cli import arguments, command, converters
from podium.cli.showing.words import one_line
from podium.client.podium import Podium
from podium.client.waiting.steps import AWAY

T = TypeVar("T")

#: Nodes that are read at the same time.
AT_ONCE: Final = 16
#: The most lines about nodes that could not be read.
_SHOWN: Final = 50
#: The shortest wait in seconds, the longest, and the usual one.
_SHORTEST: Final = 0.1
_LONGEST: Final = 50.0
WAIT: Final = 40.0
#: Errors that do not concern one node, and would recur for the next.
_OF_ALL: Final = (*AWAY, errors.LoginRefused, errors.NotAllowed, errors.OtherFleet, errors.SchemaMismatch)


def add_timeout(parser: argparse.ArgumentParser, usual: float = WAIT) -> None:
    """Add the option --timeout of a command that waits for conductors to read something.

    :param usual: seconds to wait without the option
    """
    parser.add_argument(
        "--timeout",
        type=_wait,
        default=usual,
        metavar="TIME",
        help=f"how long to wait for the answer in seconds, at most {_LONGEST:g} (default: {usual:g})",
    )


def _wait(text: str) -> float:
    return converters.within(text, _SHORTEST, _LONGEST)


class ReadingNodes(command.Lister):
    """A command that reads the hardware of nodes now, and shows what could be read.

    The exit status is 1 if anything could not be read.
    """

    #: Seconds to wait without --timeout.
    usual_wait: ClassVar[float] = WAIT
    _failed = False

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        add_timeout(parser, self.usual_wait)
        return parser

    def names(self, podium: Podium, parsed_args: argparse.Namespace) -> list[str]:
        """Return the names of the chosen nodes, and report if there are none."""
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        found = [node.name for node in podium.nodes(nodes, fields=["name"], where=where)]
        if not found:
            self._failed = True
            self.none_meant("read")
        return found

    def found(self, names: Sequence[str], read: Callable[[str], T]) -> list[tuple[str, T]]:
        """Return what could be read of each node, and report the nodes that could not be read.

        :raises podium.errors.PodiumError: if nobody answers, whichever node is meant
        """
        found: list[tuple[str, T]] = []
        failures: list[tuple[str, str]] = []
        for name, one in self._read_all(names, read):
            if isinstance(one, errors.PodiumError):
                failures.append((name, str(one)))
            else:
                found.append((name, one))
        self._failed |= bool(failures)
        self.tell(failures)
        return found

    def produce_output(
        self, parsed_args: argparse.Namespace, column_names: Sequence[str], data: Iterable[Any]
    ) -> int:
        rows = [*data]
        if self._failed and not rows and parsed_args.formatter == "table":
            return 0  # do not report that there is nothing: that is not known
        return super().produce_output(parsed_args, column_names, rows)

    def run(self, parsed_args: argparse.Namespace) -> int:
        self.check_columns(parsed_args)  # before anything is read
        return super().run(parsed_args) or int(self._failed)

    def _read_all(
        self, names: Sequence[str], read: Callable[[str], T]
    ) -> Iterator[tuple[str, T | errors.PodiumError]]:
        """Yield the result for each node, with a progress bar on a terminal.

        :raises podium.errors.PodiumError: if nobody answers, whichever node is meant
        """
        with Progress(
            *Progress.get_default_columns(),
            MofNCompleteColumn(),
            console=Console(file=self.app.stderr),
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            disable=len(names) < 2 or not self.app.stderr.isatty(),
        ) as progress:
            bar = progress.add_task("reading", total=len(names))
            every: dict[str, T | errors.PodiumError] = {}
            for name, found in side_by_side(names, read):
                if isinstance(found, _OF_ALL):
                    raise found
                every[name] = found
                progress.advance(bar)
        return ((name, every[name]) for name in names)

    def tell(self, failures: Iterable[tuple[str, str]], more: str = "") -> None:
        """Report why nodes could not be read, and add ``more``; nodes with the same reason share a line."""
        reasons = node_ranges.by_reason((name, why.removeprefix(f"{name}: ")) for name, why in failures)
        for reason, names in reasons[:_SHOWN]:
            self.warn(one_line(f"{node_ranges.fold(names)}: {reason}{more}"))
        if reasons[_SHOWN:]:
            self.warn(f"and {len(reasons) - _SHOWN} more")


class Reading(ReadingNodes, Generic[T]):
    """A command that reads one thing from the hardware of nodes, and shows it as rows."""

    @abstractmethod
    def read(self, podium: Podium, node: str, wait: float) -> T:
        """Return what is read of a node."""

    @abstractmethod
    def rows(self, name: str, found: T, *, for_people: bool) -> Iterable[Sequence[Any]]:
        """Return the rows about a node."""

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        for_people = parsed_args.formatter == "table"
        with self.podium() as podium:
            names = self.names(podium, parsed_args)
            every = self.found(names, lambda name: self.read(podium, name, parsed_args.timeout))
        rows = [row for name, found in every for row in self.rows(name, found, for_people=for_people)]
        return self.column_names, rows


def side_by_side(
    names: Sequence[str], read: Callable[[str], T]
) -> Iterator[tuple[str, T | errors.PodiumError]]:
    """Yield the result or the error for each node, as it arrives.

    The threads that read end with the process, so that Ctrl-C does not wait for hardware.
    """
    left = deque(names)
    answers: SimpleQueue[tuple[str, T | Exception]] = SimpleQueue()

    def work() -> None:
        while True:
            try:
                name = left.popleft()
            except IndexError:
                return
            try:
                answers.put((name, read(name)))
            except Exception as fault:
                answers.put((name, fault))

    for _ in range(min(AT_ONCE, len(names))):
        threading.Thread(target=work, daemon=True).start()
    try:
        for _ in names:
            name, found = answers.get()
            if isinstance(found, Exception) and not isinstance(found, errors.PodiumError):
                raise found
            yield name, found
    finally:
        left.clear()
