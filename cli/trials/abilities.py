"""A trial of a driver's abilities besides power; answers are judged as the conductor judges them."""

import functools
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Protocol

from podium import errors
from podium.cli.trials import subject
from podium.cli.trials.caller import Call, Caller
from podium.cli.trials.transcript import Transcript
from podium.conductor.power.sending import LONGEST_CALL, PAUSES
from podium.conductor.tasks.hardware_answers import KINDS
from podium.drivers import base
from podium.wording import safe_repr

#: What can be asked, in the words of podium.drivers.base.ABILITIES.
QUESTIONS: Final = ("boot device", "log", "clock", "sensors")
#: The most entries of a log that are printed, and those that are printed before it is cleared.
_SHOWN_ENTRIES: Final = 20
_MOST_ENTRIES: Final = 1000
_LONGEST_READ: Final = 30.0  # seconds
#: Seconds until a new boot device must show, and by which a clock may be wrong after it was set.
_BOOT_TIMEOUT: Final = 30.0
_CLOCK_ERROR: Final = 5.0


class Command(Protocol):
    """Makes a call for the node in the driver's room, see :class:`podium.cli.trials.trial.Trial`."""

    def __call__(
        self, seconds: float, method: Callable[..., Any], *args: Any
    ) -> Coroutine[Any, Any, Any]: ...


class Abilities:
    """The abilities that people may try besides power, each once.

    :param agrees: returns whether something may be done; its argument says in words what
    """

    def __init__(
        self,
        driver: base.Driver,
        command: Command,
        caller: Caller,
        transcript: Transcript,
        agrees: Callable[[str], bool],
    ) -> None:
        self._driver = driver
        self._command = command
        self._caller = caller
        self._transcript = transcript
        self._agrees = agrees

    def ask(self, word: str) -> None:
        """Read something, one of :data:`QUESTIONS`, and print it."""
        self._read(word, limit=_SHOWN_ENTRIES)

    def boot(self, device: str) -> None:
        """Have the machine boot from something the next time, prove it, and undo it."""
        before = self._read("boot device")
        if before is None or not self._may(f"have the machine boot from {device}, and undo that"):
            return
        self._set_boot(base.BootDevice(device))
        was = before["device"] if before["device"] in before["supported"] else "default"
        self._set_boot(base.BootDevice(was, before["persistent"]))

    def _set_boot(self, boot: base.BootDevice) -> None:
        if not self._change(self._driver.set_boot_device, boot, words=f"{boot} accepted"):
            return
        begun, pauses, shown = self._caller.clock(), iter(PAUSES), ""
        while True:
            reading, found = self._reading("boot device")
            outcome = self._caller.made(reading)
            is_over = outcome.error is None and _is_chosen(found, boot)
            words = outcome.words if outcome.error is None else errors.one_line(outcome.error)
            if words != shown:
                shown = words
                self._caller.show(reading, outcome, counts=False)
            passed = self._caller.clock() - begun
            if is_over:
                return
            if passed >= _BOOT_TIMEOUT:
                self._transcript.failure(TimeoutError(f"it is not {boot}"), passed, reading.name)
                return
            self._caller.pause(next(pauses))

    def identify(self, seconds: float) -> None:
        """Have the LED blink."""
        self._change(self._driver.identify, seconds, words=f"for {seconds:g} s, accepted")

    def set_clock(self) -> None:
        """Set the clock, and read it before and afterwards."""
        if self._read("clock") is None or not self._may("set the clock of the machine's controller"):
            return
        if self._change(self._driver.set_clock):
            found = self._read("clock")
            if found is not None and abs(found["offset"]) > _CLOCK_ERROR:
                self._say("get_clock", f"failed: it is wrong by more than {_CLOCK_ERROR:g} s")

    def clear_log(self) -> None:
        """Print the log, and clear it."""
        found = self._read("log", limit=_MOST_ENTRIES)
        if not found:
            return
        if not found["entries"]:
            self._transcript.line("there is nothing to clear", f"{self._driver.name}.clear_log")
            return
        entries = found["entries"]
        may = self._may(f"clear the log, of which {len(entries)} entries are printed here")
        if may and self._change(self._driver.clear_log, entries[-1]["id"]):
            self._read("log", limit=_SHOWN_ENTRIES)

    def act(self, name: str, arguments: Iterable[tuple[str, str]]) -> None:
        """Carry out an action of the driver's own, see :func:`podium.cli.trials.subject.action`."""
        action, given = subject.action(self._driver, name, arguments)
        shown = " ".join(f"{key}={one}" for key, one in given.items())
        if self._may(f"carry out {self._driver.name}.{action.name} {shown}".rstrip()):
            method = functools.partial(getattr(self._driver, action.method), **given)
            self._caller.once(self._call(action.method, LONGEST_CALL, method, words=_result))

    def _may(self, what: str) -> bool:
        if not self._agrees(what):
            self._say("", "nothing was sent")
            return False
        return True

    def _change(self, method: Callable[..., Any], *args: Any, words: str = "accepted") -> bool:
        return self._caller.once(
            self._call(method.__name__, LONGEST_CALL, method, *args, words=lambda _: words)
        )

    def _read(self, word: str, **arguments: Any) -> dict[str, Any] | None:
        """Read something and print it; None if it cannot be read."""
        reading, found = self._reading(word, **arguments)
        if not self._caller.once(reading):
            return None
        for line in _lines(found):
            self._transcript.line(line, reading.name)
        return found

    def _reading(self, word: str, **arguments: Any) -> tuple[Call, dict[str, Any]]:
        """Return the call that reads something, and the mapping that its answer will fill."""
        kind, found = KINDS[word], dict[str, Any]()
        given = {"before": None, "after": None, **arguments}

        def words(answer: Any) -> str:
            found.update(kind.shown(answer, given, self._transcript.clean))
            return _IN_WORDS[word](found)

        name, method = base.ABILITIES[word][0], kind.method(self._driver)
        return self._call(name, _LONGEST_READ, method, *kind.called(given), words=words), found

    def _call(
        self,
        name: str,
        seconds: float,
        method: Callable[..., Any],
        *args: Any,
        words: Callable[[Any], str],
    ) -> Call:
        return Call(
            name=f"{self._driver.name}.{name}",
            make=lambda _: self._command(seconds, method, *args),
            deadline=seconds,
            words=words,
        )

    def _say(self, name: str, text: str) -> None:
        """Print why something failed."""
        self._transcript.has_failed = True
        self._transcript.line(text, f"{self._driver.name}.{name}" if name else self._driver.name)


def _is_chosen(found: Mapping[str, Any], boot: base.BootDevice) -> bool:
    is_as_long = boot.device == "default" or found["persistent"] == boot.persistent
    return found["device"] == boot.device and is_as_long


def _boot_words(found: Mapping[str, Any]) -> str:
    chosen = base.BootDevice(found["device"], found["persistent"], found["mode"])
    return f"{chosen}; it takes {', '.join(found['supported']) or 'nothing'}"


def _clock_words(found: Mapping[str, Any]) -> str:
    offset = round(found["offset"], 1)
    return f"{abs(offset):.1f} s {'behind' if offset < 0 else 'ahead'}"


def _log_words(found: Mapping[str, Any]) -> str:
    older = ", and there are older ones" if found["more"] else ""
    return f"{len(found['entries'])} entries{older}"


_IN_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "boot device": _boot_words,
    "clock": _clock_words,
    "log": _log_words,
    "sensors": lambda found: f"{len(found['sensors'])} sensors",
}


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    for one in found.get("entries", ()):
        at = (
            datetime.fromisoformat(one["clock_at"]).isoformat(timespec="seconds")
            if one["clock_at"]
            else "no time"
        )
        sensor = f" ({one['sensor']})" if one["sensor"] else ""
        yield f"{one['id']}: {at}, {one['severity']}: {one['message']}{sensor}"
    for one in found.get("sensors", ()):
        value = "no reading" if one["value"] is None else f"{one['value']:g} {one['unit']}"
        limits = one["thresholds"] or {}
        shown = ", ".join(f"{key} {limit:g}" for key, limit in limits.items() if limit is not None)
        yield f"sensor {one['name']}: {value}, {one['status']}{f' ({shown})' if shown else ''}"


def _result(answer: Any) -> str:
    if answer is None:
        return "done"
    if not isinstance(answer, str):
        raise errors.DriverError(f"it returned neither a line nor None, but {safe_repr(answer)}")
    return answer
