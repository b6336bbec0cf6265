"""Tasks: what a BMC takes up and finishes later, or does not."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import virtual_time
from podium import errors
from podium.drivers.redfish.http.client import Refused

MONITOR = "/redfish/v1/TaskService/TaskMonitors/7"
RESET = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def task(state: object, *told: str) -> dict[str, Any]:
    messages = [{"MessageId": f"Task.{text}", "Message": text} for text in told]
    return {"@odata.id": "/redfish/v1/TaskService/Tasks/7", "TaskState": state, "Messages": messages}


def doing(bmc: Any, first: bytes, *later: bytes) -> None:
    """Have the BMC answer an action with the first, and then those who ask how it goes."""
    polls = list(later)

    def answer(request: Any) -> bytes | None:
        if request.method == "POST" and request.path == RESET:
            return first
        return polls.pop(0) if "/TaskService/" in request.path and polls else None

    bmc.answer = answer


def polls(bmc: Any) -> list[str]:
    return [request.path for request in bmc.requests if "/TaskService/" in request.path]


def test_a_task_is_followed_to_its_end(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (_, one):
            running = bmc.reply(202, task("Running"), Retry_After="0", Location=MONITOR)
            doing(bmc, running, running, running, bmc.reply(200, {"done": True}))
            assert (await one.post(RESET, {}, repeatable=False)).body == {"done": True}
            assert polls(bmc) == [MONITOR] * 3

    run(main)


@pytest.mark.parametrize("end", ["204", "completed", "completed in the first answer", "gone"])
def test_a_task_ends_well_in_several_ways(http_bmc: Any, end: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            begun = bmc.reply(202, task("New"), Retry_After="0", Location=f"http://bmc.example{MONITOR}")
            ends = {
                "204": bmc.reply(204),
                "completed": bmc.reply(200, task("Completed")),
                "gone": bmc.reply(410, bmc.error(("Base.1.8.ResourceMissingAtURI", "Gone"))),
            }
            first = bmc.reply(202, task("Completed"), Location=MONITOR) if end not in ends else begun
            doing(bmc, first, *(ends.get(name, b"") for name in (end,)))
            assert (await one.post(RESET, {}, repeatable=False)).status < 300
            assert len(polls(bmc)) == (end in ends)

    run(main)


@pytest.mark.parametrize("state", ["Exception", "Killed", "Cancelled"])
@pytest.mark.parametrize("status", [200, 202])
def test_a_task_that_fails_is_a_refusal_in_its_words(http_bmc: Any, state: str, status: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            begun = bmc.reply(202, Retry_After="0", Location=MONITOR)
            doing(bmc, begun, bmc.reply(status, task(state, "Too hot", "Give up")))
            with pytest.raises(Refused, match=f"its task ended in {state}: Too hot; Give up") as told:
                await one.post(RESET, {}, repeatable=False)
            assert told.value.messages == ("Task.Too hot", "Task.Give up")

    run(main)


@pytest.mark.parametrize("state", [[], {"Completed": 1}, 7, True, None])
def test_a_task_whose_state_is_no_word_is_done_when_its_status_says_so(http_bmc: Any, state: object) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            begun = bmc.reply(202, task(state), Retry_After="0", Location=MONITOR)
            doing(bmc, begun, bmc.reply(202, task(state), Retry_After="0"), bmc.reply(200, task(state)))
            assert (await one.post(RESET, {}, repeatable=False)).status == 200
            assert len(polls(bmc)) == 2

    run(main)


def test_a_monitor_that_answers_with_an_error_is_a_refusal(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            begun = bmc.reply(202, Retry_After="0", Location=MONITOR)
            doing(bmc, begun, bmc.reply(500, bmc.error(("Base.1.8.InternalError", "Broken"))))
            with pytest.raises(Refused, match=r"refuses POST .*HTTP 500\): Broken"):
                await one.post(RESET, {}, repeatable=False)

    run(main)


def test_the_task_itself_is_asked_when_there_is_no_monitor(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            begun = bmc.reply(202, task("Running"), Retry_After="0")
            doing(
                bmc,
                begun,
                bmc.reply(200, task("Running"), Retry_After="0"),
                bmc.reply(200, task("Completed")),
            )
            await one.post(RESET, {}, repeatable=False)
            assert polls(bmc) == ["/redfish/v1/TaskService/Tasks/7"] * 2

    run(main)


def test_an_answer_that_promises_without_saying_where_to_ask_is_believed(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            doing(bmc, bmc.reply(202, Location="elsewhere"))
            assert (await one.post(RESET, {}, repeatable=False)).status == 202

    run(main)


def test_a_task_without_end_is_an_error_when_patience_ends(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            running = bmc.reply(202, task("Running"), Retry_After="0", Location=MONITOR)
            doing(bmc, running, *[running] * 100)
            with pytest.raises(
                errors.DriverError, match=f"has not finished POST {RESET}.*{MONITOR} is Running"
            ):
                await one.post(RESET, {}, repeatable=False, patience=2)
            assert 2 <= len(polls(bmc)) <= 21

    run(main)


def test_others_are_answered_while_a_task_runs(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            running = bmc.reply(202, task("Running"), Retry_After="1", Location=MONITOR)
            doing(bmc, running, bmc.reply(204))
            doing_it = asyncio.create_task(one.post(RESET, {}, repeatable=False))
            while not bmc.asked(RESET, "POST"):
                await asyncio.sleep(0)
            await one.get("/redfish/v1/Systems/1")
            assert not doing_it.done()
            await doing_it

    run(main)


@pytest.mark.parametrize("status", [200, 201])
@pytest.mark.parametrize("later", [True, False])
def test_a_task_is_one_whatever_the_status_with_which_it_begins(
    http_bmc: Any, status: int, later: bool
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            failed = bmc.reply(200, task("Exception", "no power supply"))
            begun = bmc.reply(status, task("Running"), Retry_After="0", Location=MONITOR)
            doing(bmc, begun if later else failed, failed)
            with pytest.raises(Refused, match="its task ended in Exception: no power supply"):
                await one.post(RESET, {}, repeatable=False)

    run(main)
