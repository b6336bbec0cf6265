"""The output of a driver's trial: a line for everything that happens, from any thread, without secrets."""

import json
import logging
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from podium import errors, masking
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms import hiding
from podium.drivers.context import RunContext


class Transcript:
    """Prints lines ``WHO: TEXT``; WHO is the call that a line belongs to, or the driver.

    :param driver: the driver's name
    :param write: prints one line
    :param values: where the secrets are: the node's driver_info, and the driver's options
    :param secret: names of values that are declared as secret
    :param with_time: begin each line with the time of day
    :param with_tracebacks: print tracebacks of errors, and log lines of the level DEBUG
    """

    def __init__(
        self,
        driver: str,
        write: Callable[[str], None],
        values: Mapping[str, Any],
        secret: frozenset[str],
        *,
        with_time: bool = False,
        with_tracebacks: bool = False,
    ) -> None:
        self._driver = driver
        self._write = write
        self._values = values
        self._secret = secret
        self._with_time = with_time
        self._with_tracebacks = with_tracebacks
        self._lock = threading.Lock()
        #: Whether anything failed.
        self.has_failed = False

    def line(self, text: str, who: str | None = None) -> None:
        """Print a text; by default it belongs to the call that this thread or task is part of."""
        time = f"{datetime.now(UTC):%H:%M:%SZ} " if self._with_time else ""
        shown = self.clean(f"{who or self.who()}: {text}")
        with self._lock:
            self._write(time + shown)

    def failure(
        self, error: Exception, seconds: float, who: str | None = None, *, counts: bool = True
    ) -> None:
        """Print that a call failed, with the traceback if tracebacks are wanted.

        :param seconds: how long it took
        :param counts: whether the error makes the trial a failure
        """
        self.has_failed = self.has_failed or counts
        text = errors.one_line(error)
        if not isinstance(error, errors.PodiumError | TimeoutError):
            text = f"fault of the driver: {text}"
        self.line(f"failed after {seconds:.3f} s: {text}", who)
        self.trace(error, who)

    def trace(self, error: BaseException, who: str | None = None) -> None:
        """Print an error's traceback if tracebacks are wanted."""
        for line in traceback.format_exception(error) if self._with_tracebacks else ():
            for part in line.splitlines():
                self.line(part, who)

    def who(self) -> str:
        """Return the name of the call that this thread or task is part of, or else the driver's."""
        request = contexts.current()
        return request.task if isinstance(request, RunContext) and request.task else self._driver

    def hides(self, text: str) -> bool:
        """Return whether there is a secret in a text."""
        return masking.scrub(text, self._values, self._secret) != text

    def clean(self, value: Any) -> Any:
        """Return a copy without secrets, and with printable characters only."""
        if isinstance(value, str):
            text = masking.scrub(value, self._values, self._secret)
            return "".join(one if one.isprintable() else " " for one in text)
        if isinstance(value, Mapping):
            masked = masking.mask(value, self._secret)
            return {self.clean(key): self.clean(one) for key, one in masked.items()}
        return [self.clean(one) for one in value] if isinstance(value, list | tuple) else value

    def json(self, values: Mapping[str, Any]) -> str:
        """Return values in one line, without secrets."""
        return json.dumps(self.clean(values), ensure_ascii=False)

    @contextmanager
    def logs(self) -> Iterator[None]:
        """Print what is logged inside the ``with``, here and nowhere else."""
        root = logging.getLogger()
        handlers, level = root.handlers, root.level
        root.handlers = [_LogLines(self)]
        root.setLevel(logging.DEBUG if self._with_tracebacks else logging.INFO)
        try:
            yield
        finally:
            root.handlers = handlers
            root.setLevel(level)


class _LogLines(logging.Handler):
    """Prints each record of a log as a line."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__()
        self.addFilter(hiding.HideSecrets())
        self._transcript = transcript

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        try:
            text = record.getMessage()
            if error is not None and (words := errors.one_line(error)) not in text:
                text = f"{text}: {words}"
        except Exception as fault:  # for instance because the arguments do not fit
            text = f"this line cannot be shown: {type(fault).__name__}"
        if record.levelno >= logging.ERROR and record.name.startswith("podium.conductor."):
            self._transcript.has_failed = True  # as in the driver's close()
        self._transcript.line(f"{record.levelname} {record.name}: {text}")
        if error is not None:
            self._transcript.trace(error)
