import threading

from peers import PATIENCE
from podium.conductor.rooms.threads import DaemonThreads


class Work:
    """Work that goes on until it is let go."""

    def __init__(self) -> None:
        self.began, self.let_go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self) -> None:
        self.began.set()
        assert self.let_go.wait(PATIENCE)
        self.ended.set()


def test_work_that_no_thread_has_begun_can_be_taken_back_and_is_not_done() -> None:
    pool, first, second, third = DaemonThreads("p"), Work(), Work(), Work()
    pool.submit(first, most=1)
    assert first.began.wait(PATIENCE)
    for work in (second, third):
        work.let_go.set()
        pool.submit(work, most=1)
    assert pool.withdraw(second)
    assert not pool.withdraw(first)
    first.let_go.set()
    assert third.ended.wait(PATIENCE)
    assert not second.began.is_set()
    pool.close()


def test_work_never_waits_for_a_thread_that_ends_because_there_are_too_many() -> None:
    pool, many = DaemonThreads("p"), [Work() for _ in range(20)]
    for work in many:
        pool.submit(work, most=20)
    for work in many:
        assert work.began.wait(PATIENCE)
        work.let_go.set()
    for _ in range(200):
        last = Work()
        last.let_go.set()
        pool.submit(last, most=1)
        assert last.ended.wait(PATIENCE)
    pool.close()


def test_threads_that_are_too_many_end() -> None:
    pool, many = DaemonThreads("too-many"), [Work() for _ in range(5)]
    for work in many:
        pool.submit(work, most=5)
        assert work.began.wait(PATIENCE)
    threads = [one for one in threading.enumerate() if one.name == "too-many"]
    assert len(threads) == 5
    last = Work()
    pool.submit(last, most=1)
    for work in (*many, last):
        work.let_go.set()
    assert last.ended.wait(PATIENCE)
    while sum(one.is_alive() for one in threads) > 1:
        threads[0].join(0.001)
    pool.close()
    for one in threads:
        one.join(PATIENCE)
