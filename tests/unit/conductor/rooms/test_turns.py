import asyncio

from podium.conductor.rooms.turns import Turns


def test_one_node_is_spoken_to_by_one_at_a_time_and_people_go_first() -> None:
    order: list[str] = []

    async def speak(turns: Turns, who: str, urgent: bool, let_go: asyncio.Event) -> None:
        async with turns.turn("node", urgent=urgent):
            order.append(who)
            await let_go.wait()

    async def main() -> None:
        turns, let_go = Turns(), asyncio.Event()
        first = asyncio.create_task(speak(turns, "first", False, let_go))
        await asyncio.sleep(0)
        waiting = [
            asyncio.create_task(speak(turns, who, urgent, let_go))
            for who, urgent in (("sweep", False), ("task", False), ("person", True))
        ]
        await asyncio.sleep(0)
        assert order == ["first"]
        let_go.set()
        await asyncio.gather(first, *waiting)

    asyncio.run(main())
    assert order == ["first", "person", "sweep", "task"]


def test_nodes_do_not_wait_for_each_other() -> None:
    async def main() -> None:
        turns = Turns()
        async with turns.turn("one"), asyncio.timeout(5), turns.turn("two"):
            pass

    asyncio.run(main())


def test_who_gives_up_waiting_does_not_keep_the_turn() -> None:
    async def main() -> None:
        turns = Turns()

        async def wait() -> None:
            async with turns.turn("node"):
                pass

        async with turns.turn("node"):
            impatient, patient = asyncio.create_task(wait()), asyncio.create_task(wait())
            await asyncio.sleep(0)
            impatient.cancel()
        async with asyncio.timeout(5):
            await patient
        async with turns.turn("node"):
            late = asyncio.create_task(wait())
            await asyncio.sleep(0)
        late.cancel()  # in the moment in which it was given the turn
        await asyncio.wait({late})
        async with asyncio.timeout(5), turns.turn("node"):
            pass

    asyncio.run(main())


def test_somebody_urgent_has_who_speaks_in_the_background_give_up_once() -> None:
    async def main() -> list[str]:
        turns, told = Turns(), list[str]()

        async def urgent(who: str) -> None:
            async with turns.turn("node", urgent=True):
                told.append(who)

        assert turns.take("node", background=lambda: told.append("give up"))
        waiting = [asyncio.create_task(turns.wait("node", background=lambda: told.append("give up too")))]
        await asyncio.sleep(0)
        assert told == []
        people = [asyncio.create_task(urgent(who)) for who in ("one", "two")]
        await asyncio.sleep(0)
        turns.pass_on("node")
        await asyncio.gather(*people, *waiting)
        late = asyncio.create_task(urgent("three"))
        await asyncio.sleep(0)
        turns.pass_on("node")
        await late
        return told

    assert asyncio.run(main()) == ["give up", "one", "two", "give up too", "three"]


def test_a_node_that_is_free_again_has_nobody_left_to_give_up() -> None:
    async def main() -> None:
        turns = Turns()
        turns.take("node", background=lambda: told.append("too late"))
        turns.pass_on("node")
        async with turns.turn("node"):
            late = asyncio.create_task(turns.wait("node", urgent=True))
            await asyncio.sleep(0)
        await late

    told: list[str] = []
    asyncio.run(main())
    assert told == []
