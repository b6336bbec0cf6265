"""Operations, asked on the database and over HTTP."""

import asyncio
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
import msgspec
import pytest

from heads import Head
from podium import conf, errors
from podium.api.callers import Role
from podium.client.calls.nodes import Filter
from podium.client.calls.operations import AskPower, ListOperations, ListRequests
from podium.client.local.operations import patience_for
from podium.client.podium import AsyncPodium, Podium
from podium.client.remote.remote import Remote
from podium.client.remote.server import Server
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.drivers.fake import FakeDriver
from served import Everybody

Enrol = Callable[..., list[NodeRecord]]


def test_nodes_are_switched_as_one_operation(podium: Podium, enrol: Enrol, head: Head) -> None:
    head.go_online()
    enrol("n1", "n2", "n3")
    asked = podium.power("power on", "n[1-2]", reason="fan", timeout=20.5, stagger=(1, 2.0))
    assert (asked.operation, asked.requested, asked.replaced) == (1, 2, 0)
    assert (asked.refused, asked.warnings) == ([], [])
    found = podium.operation(1)
    assert (found.action, found.nodes, found.waiting, found.unfinished) == ("power on", 2, 2, 2)
    assert (found.reason, found.timeout) == ("fan", 20.5)
    first, second = podium.requests(1)
    assert (first.node_name, second.node_name, first.outcome) == ("n1", "n2", "not begun yet")
    assert (second.not_before - first.not_before).total_seconds() == 2.0
    assert podium.operation(1).requested_by.count("@") == 1


def test_nodes_are_chosen_by_conditions_among_those_named(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", power_state="power off")
    enrol("n3", power_state="power on")
    podium.power("power on", ["n[1,3]"], where=Filter(power_state="power off"))
    podium.power("power on", where=Filter(power_state="power off"))
    assert [request.node_name for request in podium.requests(1)] == ["n1"]
    assert [request.node_name for request in podium.requests(2)] == ["n1", "n2"]


@pytest.mark.parametrize("nodes", [[], "n[1-2]&n[3-4]", ["n[1-2]!n[1-2]"]])
def test_names_that_come_out_empty_are_never_all_nodes(
    podium: Podium, enrol: Enrol, nodes: str | list[str]
) -> None:
    enrol("n1", "n2", "n3")
    with pytest.raises(errors.BadRequest):
        podium.power("power off", nodes, where=Filter(driver="fake"))
    assert [*podium.operations()] == []


def test_conditions_that_no_node_meets_ask_nothing(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    asked = podium.power("power on", where=Filter(driver="ipmi"))
    assert (asked.operation, asked.requested) == (None, 0)


@pytest.mark.parametrize("where", [None, Filter()])
def test_without_nodes_and_conditions_nothing_is_meant(podium: Podium, where: Filter | None) -> None:
    with pytest.raises(errors.BadRequest, match="must say which nodes are meant"):
        podium.power("power off", where=where)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"action": "power on", "then_off": True}, "then_off goes with soft power off and soft rebooting"),
        ({"action": "power on", "reason": "a\nb"}, "reason contains characters that cannot be printed"),
    ],
)
def test_what_makes_no_sense_is_refused(
    podium: Podium, enrol: Enrol, fields: dict[str, Any], fault: str
) -> None:
    enrol("n1")
    with pytest.raises(errors.BadRequest, match=fault):
        podium.power(nodes="n1", **fields)


def test_a_condition_that_there_is_not_is_never_taken_for_none() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.json.decode(b'{"action": "power off", "where": {"colour": "red"}}', type=AskPower)


def test_what_a_driver_cannot_do_is_refused_for_all_nodes(
    podium: Podium, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("n1", "n2")
    monkeypatch.setattr(FakeDriver, "supported_power_states", ("power on", "power off"))
    with pytest.raises(errors.UnsupportedPowerState, match=r"n\[1-2\]: the driver fake does not know soft"):
        podium.power("soft power off", "n[1-2]")


def test_so_many_nodes_need_a_confirmation(podium: Podium, enrol: Enrol) -> None:
    enrol(*[f"n{number:02}" for number in range(51)])
    with pytest.raises(errors.NeedsConfirmation, match="confirm_above = 50, and need confirmed") as refused:
        podium.power("power off", "n[00-50]")
    assert (refused.value.nodes, refused.value.limit) == (51, 50)
    assert not list(podium.operations())
    assert podium.power("power off", "n[00-50]", confirmed=True).requested == 51


def test_names_that_have_become_those_of_other_nodes_ask_nothing(
    podium: Podium, enrol: Enrol, database: Database
) -> None:
    first, second, _ = enrol("n1", "n2", "n3")
    seen = f"{uuid.UUID(first.uuid).int ^ uuid.UUID(second.uuid).int:032x}"
    with database.write() as connection:
        api.update_nodes(connection, {first.id: {"name": "old"}})
        api.update_nodes(connection, {second.id: {"name": "n1"}})
    for nodes in ("n1", "n[1,3]", ["n1", "old", "n3"]):
        with pytest.raises(errors.NodeConflict, match="other nodes than are meant; nothing was done"):
            podium.power("power off", nodes, uuids_xor=seen)
    assert not list(podium.operations())
    assert podium.power("power off", ["n1", "old"], uuids_xor=seen).requested == 2


def test_nodes_that_are_being_changed_are_refused_and_the_others_asked(
    podium: Podium, enrol: Enrol, head: Head
) -> None:
    enrol("n1", "n2")
    podium.power("power on", "n1")
    head.begin(1)
    asked = podium.power("power off", "n[1-2]")
    assert (asked.operation, asked.requested) == (2, 1)
    (refused,) = asked.refused
    assert refused.startswith("n1: power on is under way, asked for by ")


def test_nodes_that_nobody_serves_are_warned_of(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    assert podium.power("power on", "n1").warnings == [
        "warning: no conductor with the driver fake is online; nothing happens to n1 until one runs"
    ]


class Lossy(httpx.BaseTransport):
    """Carries every request to the server, and loses the first answer."""

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self.carried = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        self.carried += 1
        if self.carried == 1:
            response.close()
            raise httpx.ReadError("the connection was reset", request=request)
        return response

    def close(self) -> None:
        self._inner.close()


def lossy(server: Server) -> tuple[Remote, Lossy]:
    transport = Lossy(server.transport())
    leading_there = SimpleNamespace(where=server.where, transport=lambda: transport, options=server.options)
    return Remote(cast(Server, leading_there), sleep=lambda _: None), transport


def test_a_request_whose_answer_was_lost_is_one_operation(server: Server, enrol: Enrol) -> None:
    enrol("n1", "n2")
    podium, transport = lossy(server)
    with podium:
        asked = podium.power("power on", "n[1-2]")
        assert transport.carried == 2
        assert (asked.operation, asked.requested, asked.replaced) == (1, 2, 0)
        assert [one.id for one in podium.operations()] == [1]


def test_a_cancellation_whose_answer_was_lost_says_what_it_did(server: Server, enrol: Enrol) -> None:
    enrol("n1")
    with Remote(server) as podium:
        podium.power("power on", "n1")
    podium, _ = lossy(server)
    with podium:
        assert podium.cancel(1).cancelled == 1


def test_a_key_stands_for_one_request(server: Server, enrol: Enrol) -> None:
    enrol("n1")
    headers = {"Idempotency-Key": "mine"}
    with httpx.Client(transport=server.transport(), **server.options()) as client:
        on = {"action": "power on", "nodes": "n1"}
        first = client.post("/podium/v1/operations", json=on, headers=headers)
        again = client.post("/podium/v1/operations", json=on, headers=headers)
        other = client.post("/podium/v1/operations", json={**on, "action": "power off"}, headers=headers)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 400)
    assert first.json() == again.json()
    assert "the idempotency key mine was used for another request" in other.json()["error"]["message"]


def test_switching_takes_an_operator(server: Server, enrol: Enrol, everybody: Everybody) -> None:
    enrol("n1")
    with Remote(server) as podium:
        everybody.role = Role.OPERATOR
        podium.power("power on", "n1")
        everybody.role = Role.READER
        assert podium.operation(1).waiting == 1
        with pytest.raises(errors.NotAllowed):
            podium.power("power off", "n1")
        with pytest.raises(errors.NotAllowed):
            podium.cancel(1)
        everybody.role = Role.OPERATOR
        assert podium.cancel(1).cancelled == 1


def test_operations_and_requests_have_pages(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3")
    for _ in range(3):
        podium.power("power on", "n[1-3]")
    first = podium.ask(ListOperations(limit=2))
    second = podium.ask(ListOperations(limit=2, marker=first.next))
    assert [[one.id for one in page.items] for page in (first, second)] == [[3, 2], [1]]
    assert second.next is None
    page = podium.ask(ListRequests(3, limit=2))
    rest = podium.ask(ListRequests(3, limit=2, marker=page.next))
    assert [one.node_name for one in (*page.items, *rest.items)] == ["n1", "n2", "n3"]
    assert rest.next is None


def test_requests_are_chosen_by_their_state(podium: Podium, enrol: Enrol, head: Head) -> None:
    enrol("n1", "n2", "n3")
    podium.power("power on", "n[1-3]")
    head.carry_out({"n2": "refused"})
    (failed,) = podium.requests(1, state=["failed"])
    assert (failed.node_name, failed.outcome) == ("n2", "failed: refused")
    assert [one.outcome for one in podium.requests(1, state=["done"])] == ["power on"] * 2


def test_what_nobody_has_begun_is_cancelled(podium: Podium, enrol: Enrol, head: Head) -> None:
    enrol("n1", "n2")
    podium.power("power on", "n[1-2]")
    head.begin(1)
    done = podium.cancel(1)
    assert (done.cancelled, done.under_way, done.ended) == (1, 1, 0)
    found = podium.operation(1)
    assert (found.cancelled, found.begun) == (1, 1)
    assert found.cancelled_by == found.requested_by


@pytest.mark.parametrize("ask", ["operation", "requests", "cancel", "prospects"])
def test_an_operation_that_there_is_not_is_an_error(podium: Podium, ask: str) -> None:
    with pytest.raises(errors.NotFound, match="there is no operation 7; see: podium operation list"):
        list(getattr(podium, ask)(7))


def test_waiting_ends_with_the_operation(podium: Podium, enrol: Enrol, head: Head) -> None:
    enrol("n1", "n2")
    podium.power("power on", "n[1-2]")
    seen: list[int] = []
    with head.carrying_out({"n2": "refused"}):
        waited = podium.wait(1, seen=lambda found: seen.append(found.nodes))
    assert (waited.reached, waited.given_up, waited.operation.failed) == (False, None, 1)
    assert set(seen) == {2}


def test_waiting_in_an_event_loop(async_podium: Callable[[], AsyncPodium], enrol: Enrol, head: Head) -> None:
    enrol("n1")

    async def switch() -> bool:
        async with async_podium() as podium:
            asked = await podium.power("power on", "n1")
            assert asked.operation == 1
            return (await podium.wait(1)).reached

    with head.carrying_out({}):
        assert asyncio.run(switch())


@pytest.mark.parametrize(
    ("action", "timeout", "seconds"),
    [
        ("power on", None, 2 * 120 + 600 + 30),
        ("power cycle", 10.0, 2 * 10 + 600 + 30),
        ("soft power off", None, 2 * 120 + 300 + 600 + 30),
        ("soft rebooting", 10.0, 3 * 10 + 600 + 30),
    ],
)
def test_waiting_is_as_patient_as_the_conductor_may_take(
    config: conf.Config, action: str, timeout: float | None, seconds: float
) -> None:
    config.set_override("soft_power_off_timeout", 300, group="conductor")
    config.set_override("power_on_limits", {"rack7": "2/1", "hall2": "1/600"}, group="conductor")
    assert patience_for(config, action, timeout) == seconds


def test_what_is_to_be_booted_is_waited_for_too(config: conf.Config) -> None:
    given = {"boot": {"device": "pxe"}}
    assert patience_for(config, "rebooting", 100.0, given) == patience_for(config, "rebooting", 100.0) + 100


def test_waiting_is_not_given_up_before_it_shows_whether_a_conductor_lives(config: conf.Config) -> None:
    config.set_override("heartbeat_timeout", 70, group="conductor")
    assert patience_for(config, "power on", 5.0) > 70 + 1
