"""A trial of ``set_password``: gives the machine another password, proves it, and restores its own."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Final, Protocol

from podium import errors
from podium.cli.trials.caller import Call, Caller, Outcome
from podium.cli.trials.transcript import Transcript
from podium.drivers import base

_UNKNOWN: Final = (
    "which password the machine has is unknown: the one of driver_info, or that of --set-password. Try each"
    " with --check-login, with time between"
)


class Calls(Protocol):
    """Makes the calls of a trial, see :class:`podium.cli.trials.trial.Trial`."""

    def login(self, node: base.Node) -> Call: ...

    def giving(self, node: base.Node, method: Callable[[base.Node], Any]) -> Call: ...


class Passwords:
    """One trial of ``set_password``, with one login at a time, none of which is repeated.

    :param node: the node with the password that the machine has
    :param other: the node with the other password
    """

    def __init__(
        self,
        driver: base.Driver,
        calls: Calls,
        caller: Caller,
        transcript: Transcript,
        node: base.Node,
        other: base.Node,
    ) -> None:
        self._driver = driver
        self._calls = calls
        self._caller = caller
        self._transcript = transcript
        self._old, self._new = node, other

    def run(self) -> None:
        """Change the password and change it back; if that fails, print which one the machine has."""
        if not self._logs_in(self._old):
            self._say("nothing was sent: the present password is not proved")
            return
        sent = self._give(self._old, self._new)
        if _is_refusal(sent.error):
            if not self._logs_in(self._old):
                self._say(_UNKNOWN)
            return
        if not self._logs_in(self._new):
            self._say("it has the password of before" if self._logs_in(self._old) else _UNKNOWN)
            return
        self._give(self._new, self._old)
        if not self._logs_in(self._old):
            self._say(_UNKNOWN)

    def _give(self, node: base.Node, new: base.Node) -> Outcome:
        call = self._calls.giving(node, _giving(self._driver, new))
        outcome = self._caller.made(call)
        self._caller.show(call, outcome)
        return outcome

    def _logs_in(self, node: base.Node) -> bool:
        return self._caller.once(self._calls.login(node))

    def _say(self, text: str) -> None:
        self._transcript.has_failed = True
        self._transcript.line(text, f"{self._driver.name}.set_password")


def _is_refusal(error: Exception | None) -> bool:
    """Return whether the machine still has the old password, as drivers promise for such an error."""
    return isinstance(error, errors.DriverError) and not isinstance(error, errors.BMCUnreachable)


def _giving(driver: base.Driver, new: base.Node) -> Callable[[base.Node], Any]:
    """Return the driver's ``set_password`` with the password of another node, which no log shows."""
    assert driver.login is not None
    method, name = driver.set_password, driver.login.password
    if not inspect.iscoroutinefunction(method):
        return functools.wraps(method)(lambda node: method(node, new.driver_info[name]))

    @functools.wraps(method)
    async def give(node: base.Node) -> None:
        await method(node, new.driver_info[name])

    return give
