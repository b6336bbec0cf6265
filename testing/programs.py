"""Runs a driver's programs in a test, or returns the answers that the test prepared."""

import concurrent.futures
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from podium.drivers import command
from podium.drivers.command import CommandResult, Pending

#: A prepared answer: a result, an error to raise, or a function of argv and input that makes the result.
Answer = CommandResult | Exception | Callable[[Sequence[str], str], CommandResult]


class Programs:
    """Runs programs, and records the argv and the input of each."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.inputs: list[str] = []
        self._answers: dict[tuple[str, ...], Answer] = {}

    def answer(self, answers: Mapping[tuple[str, ...], Answer]) -> None:
        """Prepare answers, by the first words of argv; the longest match counts."""
        self._answers.update(answers)

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float,
        input: str,
        env: Mapping[str, str] | None,
        max_output: int,
    ) -> Pending[CommandResult]:
        """As :meth:`podium.drivers.base.Manager.run_command`, but a prepared answer replaces the program."""
        self.commands.append(list(argv))
        self.inputs.append(input)
        matching = [words for words in self._answers if tuple(argv[: len(words)]) == words]
        if matching:
            return _answered(self._answers[max(matching, key=len)], argv, input)
        work = partial(command.run, argv, timeout=timeout, input=input, env=env, max_output=max_output)
        return command.in_thread(work, "testing-command")


def _answered(answer: Answer, argv: Sequence[str], input: str) -> Pending[CommandResult]:
    future: concurrent.futures.Future[CommandResult] = concurrent.futures.Future()
    try:
        if isinstance(answer, Exception):
            raise answer
        future.set_result(answer if isinstance(answer, CommandResult) else answer(argv, input))
    except Exception as error:
        future.set_exception(error)
    return Pending(future)
