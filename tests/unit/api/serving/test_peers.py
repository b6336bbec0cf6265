"""Users of the host are found out in threads, and remembered."""

import asyncio
import os
import threading

import pytest

from apis import in_a_loop
from peers import PATIENCE
from podium.api.faults import Fault
from podium.api.serving.peers import Peer, Peers, look_up


def test_the_users_of_this_host_are_known_with_their_groups() -> None:
    name, uid, groups = look_up(0, 0)
    assert (name, uid) == ("root", 0)
    assert "root" in groups


def test_a_user_without_a_name_has_one_that_no_option_can_have() -> None:
    assert look_up(4_000_000_000, 4_000_000_000) == ("uid:4000000000", 4_000_000_000, ())


@in_a_loop
async def test_a_user_is_asked_for_once_by_many_and_then_remembered() -> None:
    asked: list[int] = []

    def ask(uid: int, gid: int) -> Peer:
        asked.append(uid)
        return "ann", uid, ("staff",)

    peers = Peers(ask)
    found = await asyncio.gather(*(peers.find(7, 7) for _ in range(5)))
    assert [*found, await peers.find(7, 7)] == [("ann", 7, ("staff",))] * 6
    assert asked == [7]


@in_a_loop
async def test_a_name_service_that_hangs_costs_an_answer_and_few_threads() -> None:
    release = threading.Event()

    def hang(uid: int, gid: int) -> Peer:
        release.wait(PATIENCE)
        return "late", uid, ()

    before, peers = threading.active_count(), Peers(hang, patience=0)
    try:
        for uid in range(50):
            with pytest.raises(Fault) as raised:
                await peers.find(uid, 0)
            assert raised.value.status == 503
            assert "Retry-After" in raised.value.headers
        assert threading.active_count() - before < 10
    finally:
        release.set()


@in_a_loop
async def test_a_name_service_that_fails_is_asked_again() -> None:
    answers = [OSError("away"), None]

    def ask(uid: int, gid: int) -> Peer:
        if (error := answers.pop(0)) is not None:
            raise error
        return "ann", uid, ()

    peers = Peers(ask)
    with pytest.raises(Fault):
        await peers.find(os.getuid(), 0)
    assert (await peers.find(os.getuid(), 0))[0] == "ann"
