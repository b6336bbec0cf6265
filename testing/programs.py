"""Programs that a driver runs in a test: with answers that the test prepared, or for real."""

import concurrent.futures
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from podium.drivers import command
from podium.drivers.command import CommandResult, Pending

#: What a program does in a test: a result, an error, or a function of argv and input that makes the result.
Answer = CommandResult | Exception | Callable[[Sequence[str], str], CommandResult]


class Programs:
    """Runs programs, and records argv and input of each."""

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
        """Give the prepared answer or run the program, as :meth:`podium.drivers.base.Manager.run_command`."""
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
