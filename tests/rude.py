"""Errors and answers of drivers that cannot be converted to text."""

from podium import errors


class Rude(Exception):
    """An error, or an answer, whose ``str`` and ``repr`` raise this."""

    def __init__(self, fault: BaseException | None = None) -> None:
        super().__init__()
        self._fault = fault or RuntimeError("no words")

    def __str__(self) -> str:
        raise self._fault

    __repr__ = __str__


class RudeDriverError(Rude, errors.DriverError):
    """A rude error of a type that drivers may raise."""


class RudeTimeout(Rude, TimeoutError):
    """A rude timeout."""
