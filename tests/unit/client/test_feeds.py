"""Switching machines at their feeds, asked on the database and over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest

from podium import errors
from podium.api.callers import Role
from podium.client.calls.operations import BootChoice
from podium.client.podium import Podium
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from readers import answering, owner
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


@pytest.fixture
def rack(enrol: Enrol) -> None:
    """Two machines with a feed each, and more that name nothing good."""
    enrol("f1", "f2", "f3")
    for name, feeds in {
        "n1": ["f1"],
        "n2": ["f2", "f3"],
        "n3": ["f1"],
        "n4": ["f9"],
        "n5": ["n5"],
        "n6": [],
    }.items():
        enrol(name, extra={"power_feeds": feeds})


@pytest.mark.usefixtures("rack")
def test_machines_are_switched_at_their_feeds_when_that_is_confirmed(podium: Podium) -> None:
    with pytest.raises(errors.NeedsConfirmation, match="needs confirmed = true") as refused:
        podium.power("power cycle", "n[1-2]", at="feed")
    assert refused.value.nodes == 2
    asked = podium.power("power cycle", "n[1-3]", at="feed", confirmed=True, reason="dead")
    assert (asked.requested, asked.refused) == (3, [])
    operation = podium.operation(asked.operation or 0)
    assert operation.what == "at feeds of n[1-3]"
    assert operation.arguments == {"at": "feed", "machines": ["n1", "n2", "n3"]}
    assert [one.node_name for one in podium.requests(operation.id)] == ["f1", "f2", "f3"]
    (event,) = podium.history("n2")
    assert event.reason == "power cycle at its feeds f2, f3; dead"
    assert (event.cause, event.operation_id) == ("request", operation.id)


@pytest.mark.usefixtures("rack")
def test_nodes_whose_feeds_cannot_be_switched_say_why(podium: Podium, database: Database) -> None:
    with database.write() as connection:
        (feed,) = api.find_keys(connection, ["f2"])
        api.update_node(connection, feed.id, {"disable_power_off": True})
        (feed,) = api.find_keys(connection, ["f1"])
        api.update_node(connection, feed.id, {"maintenance": True})
        (node,) = api.find_keys(connection, ["n1"])
        api.update_node(connection, node.id, {"disable_power_off": True})
    asked = podium.power("power cycle", "n[1-6]", at="feed", confirmed=True)
    assert (asked.operation, asked.requested) == (None, 0)
    stays = "its disable_power_off is true, so that it is never switched off; set that to false first"
    assert asked.refused == [
        f"n1: {stays}",
        "n4: its feed f9 is no node",
        "n5: its feed n5 is the node itself",
        "n6: it names no feeds, see extra.power_feeds",
        f"its feed f2: {stays}",
        "its feed f1: it is in maintenance; somebody may work at it",
    ]


def test_what_is_never_switched_off_keeps_its_feeds_on(podium: Podium, enrol: Enrol) -> None:
    enrol("main")
    enrol("n1", extra={"power_feeds": "main"})
    enrol("n2", extra={"power_feeds": "main"}, disable_power_off=True)
    asked = podium.power("power cycle", "n1", at="feed", confirmed=True)
    assert (asked.operation, asked.refused) == (
        None,
        [
            "n2 would lose its power, too: its disable_power_off is true, so that it is never switched off;"
            " set that to false first"
        ],
    )


def test_what_feeds_of_feeds_feed_is_named_and_no_feed_cuts_its_own_power(
    podium: Podium, enrol: Enrol
) -> None:
    enrol("main")
    enrol("pdu1", "pdu2", extra={"power_feeds": "main"})
    enrol("n1", "n2", extra={"power_feeds": "pdu1,pdu2"})
    enrol("sw", extra={"power_feeds": "main"})
    enrol("n3", extra={"power_feeds": "main,pdu1"})
    assert podium.feeds("sw").feeds[0].others == ["n1", "n2", "n3", "pdu1", "pdu2"]
    asked = podium.power("power cycle", "n3", at="feed", confirmed=True)
    assert asked.refused == ["its feed pdu1 would lose its own power, and could not be switched on"]


@pytest.mark.usefixtures("rack")
@pytest.mark.parametrize(
    ("action", "more", "error"),
    [
        ("power off", {}, "at = feed goes with power cycle alone"),
        (
            "power cycle",
            {"boot": BootChoice(device="pxe")},
            "at = feed goes with power cycle alone, and without boot and stagger",
        ),
        ("power cycle", {"stagger": (1, 2.0)}, "without boot and stagger"),
    ],
)
def test_nothing_else_is_done_at_feeds(podium: Podium, action: Any, more: dict[str, Any], error: str) -> None:
    with pytest.raises(errors.BadRequest, match=error):
        podium.power(action, "n1", at="feed", confirmed=True, **more)


def test_only_so_many_are_switched_at_their_feeds_as_somebody_can_look_at(
    podium: Podium, enrol: Enrol
) -> None:
    enrol(*(f"n{number:02}" for number in range(11)))
    with pytest.raises(errors.BadRequest, match="11 nodes are more than 10"):
        podium.power("power cycle", "n[00-10]", at="feed", confirmed=True)


@pytest.mark.usefixtures("rack")
def test_readers_may_read_feeds_and_each_feed_has_its_own_error(
    podium: Podium, database: Database, everybody: Everybody
) -> None:
    everybody.role = Role.READER
    with answering(database, owner(database)):
        found = podium.feeds("n2")
    assert [(feed.name, feed.watts, feed.error) for feed in found.feeds] == [
        ("f2", None, "it does not measure its power"),
        ("f3", None, "it does not measure its power"),
    ]
    assert (found.watts, found.words) == (None, "its feeds do not say what they draw")
    assert podium.feeds("f1").words is None


@pytest.mark.usefixtures("rack")
def test_feeds_that_nobody_reads_in_time_do_not_say(podium: Podium, database: Database) -> None:
    assert podium.feeds("n1").feeds[0].error == "no conductor has f1 now; see: podium conductor list"
    owner(database)
    found = podium.feeds("n1", wait=0.1)
    assert found.feeds[0].error == "the conductor c1 has not answered"
    assert found.words == "its feed f1 also feeds n3"


@pytest.mark.parametrize("count", [1, 40], ids=["one", "many"])
def test_whose_feeds_are_shared_is_known_by_whole_names(podium: Podium, enrol: Enrol, count: int) -> None:
    names = [f"f{number}" for number in range(10, 10 + count)]
    enrol(*names, "f1", "f100")
    enrol("n1", extra={"power_feeds": names[:16]})
    enrol("n2", extra={"power_feeds": ["f100", "xf10"], "rack": "f10"})
    enrol("n3", extra={"power_feeds": "f1,F10"})
    enrol("n4", extra={"rack": "power_feeds f10"})
    assert {other for feed in podium.feeds("n1").feeds for other in feed.others} == set()
    enrol("n5", extra={"power_feeds": "f9, f10"})
    assert {other for feed in podium.feeds("n1").feeds for other in feed.others} == {"n5"}
