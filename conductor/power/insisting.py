"""Repeats commands that do no harm when sent twice, until the hardware has done them or the time is over."""

from collections.abc import Awaitable, Callable
from typing import Any

from podium.conductor.power.sending import GAPS, PAUSES, PERMANENT, Failed, Refused, Sender, Unheard


async def make_so(
    sender: Sender,
    what: str,
    seconds: float,
    method: Callable[..., Any],
    *args: Any,
    look: Callable[[], Awaitable[str | None]],
) -> None:
    """Send a repeatable command until a read shows that it took effect.

    :param look: returns None if the command took effect, or what there is instead
    :raises Failed: the command did not take effect in time
    """
    start = sender.now()
    end, send_at, accepted, failed = start + seconds, start, False, ""
    gaps, pauses = iter(GAPS), iter(PAUSES)
    while True:
        if sender.now() >= send_at:
            try:
                await sender.send(what, end, method, *args)
            except (Refused, Unheard) as failure:
                failed, send_at = str(failure), sender.now() + next(gaps)
            else:
                # Once more later, in case the hardware acknowledged the command and forgot it.
                send_at = float("inf") if accepted else sender.now() + seconds / 3
                accepted, pauses = True, iter(PAUSES)
        try:
            seen = await look()
        except Exception as error:
            seen = f"it cannot be read: {sender.words(error)}"
            if isinstance(error, PERMANENT):
                raise Failed(seen) from None
        if seen is None:
            return
        if sender.now() >= end:
            story = f"{what} was accepted, but {seconds:g} s later" if accepted else f"{failed};"
            raise Failed(f"{story} {seen}")
        await sender.rest(next(pauses), end)


async def insist(sender: Sender, what: str, end: float, method: Callable[..., Any], *args: Any) -> None:
    """Send a repeatable command until the hardware accepts it.

    :raises Refused, Unheard: the hardware did not accept it
    """
    gaps = iter(GAPS)
    while True:
        try:
            await sender.patiently(end, lambda: sender.send(what, end, method, *args))
        except Unheard:
            if sender.now() >= end:
                raise
        else:
            return
        await sender.rest(next(gaps), end)
