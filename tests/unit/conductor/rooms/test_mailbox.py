import asyncio
import threading

from peers import PATIENCE
from podium.conductor.rooms.mailbox import Mailbox


def test_letters_of_many_threads_all_arrive_each_threads_in_order() -> None:
    got: list[tuple[int, int]] = []

    async def main() -> None:
        mailbox, everything = Mailbox(asyncio.get_running_loop()), asyncio.Event()

        def take(letter: tuple[int, int]) -> None:
            got.append(letter)
            if len(got) == 4000:
                everything.set()

        def write(thread: int) -> None:
            for number in range(1000):
                mailbox.post(lambda letter=(thread, number): take(letter))  # type: ignore[misc]

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        await asyncio.wait_for(everything.wait(), PATIENCE)
        for thread in threads:
            thread.join()

    asyncio.run(main())
    for thread in range(4):
        assert [number for sender, number in got if sender == thread] == list(range(1000))
