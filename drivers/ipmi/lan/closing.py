"""Closes a hundred thousand sessions in seconds: the next is closed before the answer of the last one."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from podium.drivers.bmc.closing import paced
from podium.drivers.ipmi.lan.session import Session

_ROUNDS: Final = 2  # a BMC that closed the session, and whose answer was lost, is silent from then on


async def close_sessions(sessions: Iterable[Session], gap: float, deadline: float) -> int:
    """Close all sessions, and again those that did not answer; return how many never answered.

    :param gap: seconds for the last answers of a round
    :param deadline: in the loop's clock
    """
    left = list(sessions)
    for _ in range(_ROUNDS):
        if left:
            left = await _close_once(left, gap, deadline)
    return len(left)


async def _close_once(sessions: Sequence[Session], gap: float, deadline: float) -> list[Session]:
    """Return those that did not answer."""
    loop = asyncio.get_running_loop()
    asked: list[tuple[Session, asyncio.Future[Any]]] = []
    left: list[Session] = []
    async for session in paced(sorted(sessions, key=lambda one: one.endpoint.busy)):
        patience = min(gap, deadline - loop.time())
        try:
            asked.append((session, await _ask(session, patience)))
        except (TimeoutError, OSError):
            left.append(session)
    waiting = [answer for _, answer in asked if not answer.done()]
    if waiting:
        await asyncio.wait(waiting, timeout=max(0.0, min(gap, deadline - loop.time())))
    for session, answer in asked:
        if not answer.done():
            answer.cancel()
            left.append(session)
        elif answer.result() is None:
            left.append(session)
    return left


async def _ask(session: Session, patience: float) -> "asyncio.Future[Any]":
    """Send Close Session; the turn ends with the answer."""
    endpoint = session.endpoint
    if patience <= 0:
        raise TimeoutError
    if endpoint.busy:
        await endpoint.turn(patience)
    endpoint.busy = True
    try:
        session.prepare_close()
        now = asyncio.get_running_loop().time()
        answer = endpoint.transmit(session, now, patience, now + patience)
    except OSError:
        endpoint.release()
        raise
    answer.add_done_callback(lambda _: endpoint.release())
    return answer
