import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

import pytest

from fakes import PATIENCE, StillDriver, until
from podium import errors
from podium.conductor.rooms import context as contexts
from podium.conductor.rooms.calls import DriverFault
from podium.conductor.rooms.places import NotAsked
from podium.conductor.rooms.room import DriverRoom
from podium.conductor.rooms.watchdog import STALLED_AFTER
from podium.drivers import base

NODE = base.Node("u1", "n1", "still")


@contextmanager
def opened(driver: base.Driver) -> Iterator[DriverRoom]:
    room = DriverRoom(driver, size=2)
    room.open(PATIENCE)
    try:
        yield room
    finally:
        assert room.close(PATIENCE)


def result(room: DriverRoom, method: Any, *args: Any) -> Any:
    return room.run(method, *args, request=contexts.new()).future.result(PATIENCE)


class Mixed(StillDriver):
    def __init__(self) -> None:
        super().__init__("mixed")
        self.closed_in: int | None = None

    async def where_async(self) -> int:
        return threading.get_ident()

    def where_plain(self) -> int:
        return threading.get_ident()

    def exits(self) -> None:
        raise SystemExit(3)

    async def exits_async(self) -> None:
        raise SystemExit(3)

    async def cancels_async(self) -> None:
        raise asyncio.CancelledError

    def cancels(self) -> None:
        raise asyncio.CancelledError

    def stops_iteration(self) -> None:
        raise StopIteration

    async def close(self) -> None:
        self.closed_in = threading.get_ident()


def test_async_methods_share_the_rooms_loop_and_plain_ones_run_in_threads() -> None:
    driver = Mixed()
    with opened(driver) as room:
        loop_thread = result(room, driver.where_async)
        assert result(room, driver.where_async) == loop_thread
        assert result(room, driver.where_plain) not in (loop_thread, threading.get_ident())
    assert driver.closed_in == loop_thread


@pytest.mark.parametrize("method", ["exits", "exits_async", "cancels", "cancels_async", "stops_iteration"])
def test_what_would_end_a_program_stays_in_the_room(method: str) -> None:
    driver = Mixed()
    with opened(driver) as room:
        with pytest.raises((DriverFault, RuntimeError)):
            result(room, getattr(driver, method))
        assert result(room, driver.where_async)


def test_a_driver_whose_start_fails_is_named_with_the_cause() -> None:
    class Broken(StillDriver):
        async def start(self) -> None:
            raise OSError("no such device")

    room = DriverRoom(Broken("broken"))
    with pytest.raises(
        errors.DriverLoadError, match="driver broken: start.. failed: OSError: no such device"
    ):
        room.open(PATIENCE)


def test_a_driver_whose_start_never_ends_is_named_with_the_place_where_it_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    began, let_go = threading.Event(), threading.Event()

    class Slow(StillDriver):
        async def start(self) -> None:
            began.set()
            let_go.wait()

    room = DriverRoom(Slow("slow"))
    result = room._opened.result

    def result_of_what_began(timeout: float | None = None) -> None:
        assert began.wait(PATIENCE)
        result(timeout)

    monkeypatch.setattr(room._opened, "result", result_of_what_began)
    with pytest.raises(
        errors.DriverLoadError, match=r"slow: start\(\) did not end within 0 s in .*Slow.start"
    ):
        room.open(0.05)
    let_go.set()
    assert room.close(PATIENCE)


def test_plain_methods_that_never_return_leave_threads_for_others() -> None:
    let_go = threading.Event()
    began = threading.Semaphore(0)

    def hang() -> None:
        began.release()
        let_go.wait()

    driver = Mixed()
    with opened(driver) as room:
        hung = [room.run(hang, request=contexts.new()) for _ in range(2)]
        for _ in hung:
            assert began.acquire(timeout=PATIENCE)
        for run in hung:
            run.cancel()
        assert result(room, driver.where_plain)
        assert room.lost == 2
        let_go.set()
        for run in hung:
            run.future.exception(PATIENCE)
        assert room.lost == 0


def test_a_call_is_given_up_even_where_the_method_does_not_hear_of_it() -> None:
    let_go = threading.Event()
    driver = Mixed()
    with opened(driver) as room:
        node = base.Node(uuid="1", name="n1", driver="mixed")
        run = room.start(lambda: room.command(0.01, node, lambda _: let_go.wait()), contexts.new())
        with pytest.raises(TimeoutError):
            run.future.result(PATIENCE)
        let_go.set()


def test_a_node_whose_last_call_never_returned_is_not_called_again_until_it_has() -> None:
    let_go, calls = threading.Event(), []

    def hang(node: base.Node) -> str:
        calls.append(node.name)
        let_go.wait()
        return "answer"

    driver, node = Mixed(), base.Node(uuid="1", name="n1", driver="mixed")

    def command(seconds: float) -> Any:
        return room.start(lambda: room.command(seconds, node, hang), contexts.new()).future

    with opened(driver) as room:
        while not room.lost:  # a call that no thread has begun yet is not made
            with pytest.raises(TimeoutError, match="no answer within"):
                command(0.01).result(PATIENCE)
            assert result(room, driver.where_async)  # by now it is over, if it was not made
        with pytest.raises(TimeoutError, match="the last call for it has not returned"):
            command(0.01).result(PATIENCE)
        let_go.set()

        async def returned() -> None:
            await until(lambda: not room.lost)

        room.start(returned, contexts.new()).future.result(PATIENCE)
        assert command(PATIENCE).result(PATIENCE) == "answer"
    assert calls == ["n1", "n1"]


def test_a_stalled_loop_is_told_once_with_the_function_that_stalls_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    began, let_go = threading.Event(), threading.Event()

    class Blocking(StillDriver):
        async def block_the_loop(self) -> None:
            began.set()
            let_go.wait()

        async def nothing(self) -> None: ...

    caplog.set_level("INFO")
    driver = Blocking("blocking")
    with opened(driver) as room:
        run = room.run(driver.block_the_loop, request=contexts.new())
        assert began.wait(PATIENCE)
        for second in range(4):
            room.watch(second * (STALLED_AFTER + 1))
        assert room.stalled
        let_go.set()
        run.future.result(PATIENCE)
        result(room, driver.nothing)
        assert not room.stalled
    stalls = [one for one in caplog.messages if "stalls its own event loop" in one]
    assert len(stalls) == 1
    assert "Blocking.block_the_loop" in stalls[0]
    assert "Driver blocking: its event loop turns again" in caplog.messages


def test_a_room_whose_loop_turns_is_not_called_stalled(caplog: pytest.LogCaptureFixture) -> None:
    driver = Mixed()
    with opened(driver) as room:
        for second in range(4):
            room.watch(second * (STALLED_AFTER + 1))
            result(room, driver.where_async)
    assert caplog.messages == []


def test_a_room_that_does_not_close_in_time_says_so() -> None:
    let_go = threading.Event()

    class Stuck(StillDriver):
        async def close(self) -> None:
            let_go.wait()

    room = DriverRoom(Stuck("stuck"))
    room.open(PATIENCE)
    assert not room.close(0.05)
    let_go.set()
    assert room.close(PATIENCE)


def test_a_room_that_is_closed_before_its_thread_begins_ends_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begin, run = threading.Event(), asyncio.run

    def late(main: Any) -> None:
        begin.wait(PATIENCE)
        run(main)

    monkeypatch.setattr(asyncio, "run", late)
    room = DriverRoom(StillDriver("late"), size=2)
    with pytest.raises(errors.DriverLoadError, match="did not end"):
        room.open(0)
    assert not room.close(0)
    (thread,) = (one for one in threading.enumerate() if one.name == "late-loop")
    begin.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_tasks_left_in_a_room_are_cancelled_when_it_closes() -> None:
    cancelled = threading.Event()

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    driver = Mixed()
    with opened(driver) as room:
        room.run(forever, request=contexts.new())
        result(room, driver.where_async)
    assert cancelled.is_set()


def test_a_persons_command_does_not_wait_for_a_read_in_the_background() -> None:
    async def main() -> str:
        room = DriverRoom(StillDriver())

        async def read() -> None:
            task = asyncio.current_task()
            assert task is not None
            visit = room.visit(NODE, task)
            assert visit.take()
            try:
                await asyncio.Event().wait()
            finally:
                visit.end()

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        answer = await room.command(PATIENCE, NODE, room.driver.get_power_state, urgent=True)
        assert reading.cancelled()
        return str(answer)

    assert asyncio.run(main()) == "power off"


def test_a_plain_method_may_return_what_is_to_be_awaited() -> None:
    class Returning(StillDriver):
        def get_power_state(self, node: base.Node) -> Any:  # type: ignore[override]
            return super().get_power_state(node)

    driver = Returning()
    with opened(driver) as room:
        assert result(room, driver.get_power_state, NODE) == "power off"


class Hypervisors(StillDriver):
    """Plain calls to machines, those of which that are on ``hung`` hang until they are let go."""

    threads = 4

    def __init__(self) -> None:
        super().__init__("hyp")
        self.let_go = threading.Event()
        self.began = threading.Semaphore(0)
        self.called: list[str] = []

    def endpoint(self, node: base.Node) -> str:
        return str(node.driver_info["host"])

    def ask(self, node: base.Node) -> str:
        self.called.append(node.name)
        if node.name.startswith("hung"):
            self.began.release()
            self.let_go.wait()
        return "answer"


def machine(name: str, host: str = "hv1") -> base.Node:
    return base.Node(name, name, "hyp", driver_info={"host": host})


def asking(room: DriverRoom, node: base.Node, seconds: float = PATIENCE, **how: Any) -> Any:
    method = room.driver.ask  # type: ignore[attr-defined]
    return room.start(lambda: room.command(seconds, node, method, **how), contexts.new()).future


def lose(room: DriverRoom, driver: Hypervisors, node: base.Node) -> None:
    """Give up a call that hangs, once a thread has begun it: before that it would be no loss."""
    run = room.start(lambda: room.command(PATIENCE, node, driver.ask), contexts.new())
    assert driver.began.acquire(timeout=PATIENCE)
    run.cancel()
    with pytest.raises(CancelledError):
        run.future.result(PATIENCE)


@contextmanager
def hanging(*nodes: base.Node) -> Iterator[tuple[DriverRoom, Hypervisors, list[Any]]]:
    """A room in which calls for these nodes hang."""
    driver = Hypervisors()
    room = DriverRoom(driver)
    room.open(PATIENCE)
    calls = [asking(room, node) for node in nodes]
    for _ in nodes:
        assert driver.began.acquire(timeout=PATIENCE)
    try:
        yield room, driver, calls
    finally:
        driver.let_go.set()
        assert room.close(PATIENCE)


def test_a_plain_call_that_is_given_up_before_a_thread_begins_it_is_never_made() -> None:
    with hanging(*(machine(f"hung{number}", f"hv{number}") for number in range(4))) as (room, driver, hung):
        late = asking(room, machine("late", "hv9"), seconds=0.05)
        with pytest.raises(NotAsked, match="not asked: driver hyp had 4 other calls under way for 0.05 s"):
            late.result(PATIENCE)
        assert room.lost == 0
        driver.let_go.set()
        assert [call.result(PATIENCE) for call in hung] == ["answer"] * 4
        assert asking(room, machine("next", "hv9")).result(PATIENCE) == "answer"
        assert "late" not in driver.called


def test_a_plain_task_that_is_cancelled_before_there_is_a_thread_for_it_never_runs() -> None:
    with hanging(*(machine(f"hung{number}", f"hv{number}") for number in range(4))) as (room, driver, _):
        run = room.run(driver.ask, machine("late"), request=contexts.new())
        assert result(room, driver.get_power_state, NODE) == "power off"  # by now it waits
        run.cancel()
        with pytest.raises(NotAsked, match="not asked: driver hyp had no thread for it"):
            run.future.result(PATIENCE)
        driver.let_go.set()
        assert asking(room, machine("next")).result(PATIENCE) == "answer"
        assert "late" not in driver.called


def test_a_driver_is_closed_though_all_its_threads_are_in_calls_that_do_not_return() -> None:
    class Closing(Hypervisors):
        closed = False

        def close(self) -> None:
            self.closed = True

    room = DriverRoom(driver := Closing())
    room.open(PATIENCE)
    for number in range(6):
        asking(room, machine(f"hung{number}", f"hv{number}"), urgent=True)
        assert driver.began.acquire(timeout=PATIENCE)
    assert room.close(PATIENCE)
    assert driver.closed
    driver.let_go.set()


def test_people_do_not_wait_for_threads_that_are_all_in_other_calls() -> None:
    with hanging(*(machine(f"hung{number}", f"hv{number}") for number in range(4))) as (room, _, _hung):
        assert asking(room, machine("a", "hv9"), urgent=True).result(PATIENCE) == "answer"


def test_what_hangs_fills_its_own_share_of_the_threads_and_nothing_else() -> None:
    with hanging(machine("hung1", "hv2")) as (room, driver, (hung,)):  # a quarter of four threads
        behind, person = asking(room, machine("b", "hv2"), 0.05), []
        confirming = asking(room, machine("c", "hv2"), 0.05, urgent=True, first=lambda: person.append(1))
        assert asking(room, machine("a", "hv1")).result(PATIENCE) == "answer"
        for waiting in (behind, confirming):
            with pytest.raises(NotAsked, match="hv2 had 1 other call under way"):
                waiting.result(PATIENCE)
        assert person == []  # nothing was written down for a call that is not made
        driver.let_go.set()
        assert hung.result(PATIENCE) == "answer"


def test_nodes_of_what_does_not_return_are_refused_at_once_until_it_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.places._TRIES", [3600.0])
    with hanging() as (room, driver, _):
        lose(room, driver, machine("hung1", "hv2"))
        with pytest.raises(NotAsked, match="not asked: hv2 has 1 call that does not return"):
            asking(room, machine("b", "hv2")).result(PATIENCE)
        driver.let_go.set()

        async def returned() -> None:
            await until(lambda: not room.lost)

        room.start(returned, contexts.new()).future.result(PATIENCE)
        assert asking(room, machine("b", "hv2")).result(PATIENCE) == "answer"


def test_a_node_whose_endpoint_the_driver_cannot_say_is_spoken_to_itself() -> None:
    with hanging() as (room, _, _hung):
        nameless = base.Node("u7", "n7", "hyp")
        assert room.endpoint(nameless) == "u7"
        assert asking(room, nameless).result(PATIENCE) == "answer"


@pytest.mark.parametrize(("threads", "asked", "given"), [(4, 8, 3), (4, 2, 2), (1, 8, 1), (8, None, 2)])
def test_one_endpoint_never_gets_all_threads(threads: int, asked: int | None, given: int) -> None:
    class Plain(StillDriver):
        def endpoint(self, node: base.Node) -> str:
            return "hv"

        def get_power_state(self, node: base.Node) -> str:  # type: ignore[override]
            return "power off"

        def set_power_state(self, node: base.Node, target: str) -> None:  # type: ignore[override]
            pass

    Plain.threads, Plain.endpoint_calls = threads, asked
    assert DriverRoom(Plain()).endpoint_calls == given


def test_async_calls_to_an_endpoint_are_limited_where_the_driver_says_so() -> None:
    class Limited(StillDriver):
        endpoint_calls = 2
        now = most = 0

        def endpoint(self, node: base.Node) -> str:
            return "pdu"

        async def get_power_state(self, node: base.Node) -> str:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0)
            self.now -= 1
            return "power off"

    async def main() -> None:
        room = DriverRoom(driver := Limited())
        nodes = [base.Node(str(number), f"n{number}", "still") for number in range(9)]
        calls = (room.command(PATIENCE, node, driver.get_power_state) for node in nodes)
        assert await asyncio.gather(*calls) == ["power off"] * 9
        assert driver.most == 2

    asyncio.run(main())


def test_a_person_reaches_a_healthy_endpoint_though_reads_of_it_wait_for_threads() -> None:
    hung = [machine(f"hung{number}", f"hv{number}") for number in range(4)]
    with hanging(*hung) as (room, driver, _):
        waiting = [asking(room, machine(name, "good")) for name in ("a", "b")]
        assert result(room, driver.get_power_state, NODE) == "power off"  # by now they wait
        assert asking(room, machine("c", "good"), urgent=True).result(PATIENCE) == "answer"
        driver.let_go.set()
        assert [call.result(PATIENCE) for call in waiting] == ["answer"] * 2


def test_a_person_reaches_an_endpoint_though_its_failing_nodes_wait_for_their_share_of_the_threads() -> None:
    with hanging() as (room, driver, _):

        async def read(node: base.Node) -> Any:
            place = room.place(driver.ask, node, doubtful=True)
            assert place is not None
            try:
                await place.take(PATIENCE)
                return await room.bound(driver.ask)(node)
            finally:
                place.end()

        def reading(name: str, host: str) -> Any:
            return room.start(lambda: read(machine(name, host)), contexts.new()).future

        for host in ("hv1", "hv2"):  # all threads that doubtful calls may have
            reading(f"hung-{host}", host)
            assert driver.began.acquire(timeout=PATIENCE)
        failing = [reading(name, "good") for name in ("a", "b")]
        assert result(room, driver.get_power_state, NODE) == "power off"  # by now they wait
        assert asking(room, machine("c", "good"), urgent=True).result(PATIENCE) == "answer"
        driver.let_go.set()
        assert [call.result(PATIENCE) for call in failing] == ["answer"] * 2


def test_who_waits_for_a_thread_leaves_the_node_to_a_person_and_comes_after() -> None:
    order: list[str] = []

    async def task() -> None:
        order.append("task")

    async def person() -> None:
        order.append("person")

    with hanging(*(machine(f"hung{number}", f"hv{number}") for number in range(4))) as (room, driver, _):
        background = asking(room, machine("a", "good"), first=task)
        assert result(room, driver.get_power_state, NODE) == "power off"  # by now it waits
        assert asking(room, machine("a", "good"), urgent=True, first=person).result(PATIENCE) == "answer"
        assert order == ["person"]
        driver.let_go.set()
        assert background.result(PATIENCE) == "answer"
        assert order == ["person", "task"]


def test_a_whole_call_that_is_cancelled_twice_has_its_thread_until_it_returns() -> None:
    with hanging() as (room, driver, _):

        async def main() -> None:
            call = asyncio.create_task(room.call(driver.ask, machine("hung")))
            await until(lambda: bool(driver.called))
            for _ in range(2):
                call.cancel()
                await asyncio.sleep(0)
                await asyncio.sleep(0)
            await asyncio.wait({call})
            assert room.lost == 1
            driver.let_go.set()
            await until(lambda: not room.lost)

        room.start(main, contexts.new()).future.result(PATIENCE)


@pytest.mark.parametrize("is_confirmed", [False, True])
def test_an_endpoint_answers_again_only_if_its_driver_was_called(
    is_confirmed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.conductor.rooms.places._TRIES", [0.0, 600.0])

    async def confirm() -> None:
        if not is_confirmed:
            raise ValueError("no lease")

    with hanging() as (room, driver, _hung):
        for name in ("hung1", "hung2"):
            lose(room, driver, machine(name))
            tried = asking(room, machine("a"), first=confirm).exception(PATIENCE)
        # The first call after it was tried hung too: if it had answered, that is the first one in vain.
        assert isinstance(tried, type(None) if is_confirmed else NotAsked)
