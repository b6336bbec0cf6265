"""Work that a BMC finishes later: status 202 and a monitor to poll (DSP0266, "Asynchronous operations")."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from podium import errors
from podium.drivers.redfish.http import answers, origin, requests
from podium.drivers.redfish.http.connection import Answer

ACCEPTED: Final = 202
_PAUSE: Final = 1.0  # seconds between two polls if the BMC names none
_GONE: Final = (404, 410)
_FAILED: Final = frozenset({"Exception", "Killed", "Cancelled"})  # Task schema, TaskState
_OVER: Final = _FAILED | {"Completed"}

Poll = Callable[[str, float], Awaitable[Answer]]


async def follow(
    who: str, method: str, path: str, answer: Answer, poll: Poll, own: origin.Own, deadline: float
) -> Answer:
    """Poll the monitor until the work is done; return the final answer.

    If a BMC names no monitor, or has forgotten it, the work counts as done: the caller reads the result
    anyway.

    :param who: the BMC, for errors
    :param method: of the request that began it, and ``path`` that it was sent to, for errors
    :param answer: with status 202
    :param own: converts the BMC's links to paths
    :param deadline: in the loop's clock
    :raises podium.drivers.redfish.http.answers.Refused: the work failed
    :raises podium.errors.DriverError: it is not done by the deadline
    """
    loop = asyncio.get_running_loop()
    begun = loop.time()
    monitor = _monitor(answer, path, own)
    while True:
        task = answers.resource(answer) or {}
        state = task.get("TaskState")
        if not isinstance(state, str):
            state = None
        if state in _FAILED:
            raise _failure(f"{who} did not finish {method} {path}: its task ended in {state}", answer, task)
        if answer.status != ACCEPTED and state is None:
            return answer
        if state in _OVER or monitor is None:
            return answer
        pause = answers.retry_after(answer)
        pause = _PAUSE if pause is None else max(pause, _PAUSE / 10)
        if loop.time() + pause >= deadline:
            raise errors.DriverError(
                f"{who} has not finished {method} {path} after {loop.time() - begun:.0f} s: "
                f"{monitor} is {answers.clean(state or 'not done')}"
            )
        await asyncio.sleep(pause)
        answer = await poll(monitor, deadline)
        if answer.status in _GONE:
            return Answer(ACCEPTED, answer.headers, b"")


def _monitor(answer: Answer, path: str, own: origin.Own) -> str | None:
    """Return the path to poll: from the head, or else from the task in the body."""
    place = answers.header(answer.headers, b"location") or ""
    found = own(place, path) or requests.own_path(place)
    task = answers.resource(answer) or {}
    for key in ("TaskMonitor", "@odata.id") if "TaskState" in task else ():
        link = task.get(key)
        found = found or (own(link, path) if isinstance(link, str) else None)
    return found


def _failure(what: str, answer: Answer, task: dict[str, Any]) -> answers.Refused:
    words = answers.clean(answers.words(task) or "it does not say why")
    return answers.Refused(f"{what}: {words}", answer.status, answers.message_ids(task))
