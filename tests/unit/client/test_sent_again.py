"""Calls that are sent again with their keys: each is done once, and has one answer."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import httpx
import pytest
import sqlalchemy as sa

from crews import enter, settle
from peers import PATIENCE
from podium import conf, errors
from podium.client.calls import (
    conductors,
    credentials,
    drains,
    enrolment,
    node_changes,
    operations,
    provisioning,
    tasks,
    updating,
)
from podium.client.calls import tokens as token_calls
from podium.client.calls.call import Call, answer_of
from podium.client.calls.hardware import AskHardware
from podium.client.calls.table import CALLS
from podium.client.enrolling.catalog import Catalog
from podium.client.local.answers import answer
from podium.client.local.backend import Backend
from podium.client.remote.server import Server
from podium.db import kept_answers, tokens
from podium.db.api import NodeRecord
from podium.db.engine import Database
from podium.db.kept_answers import Kept, Key
from podium.db.models import nodes
from served import Everybody

KEY = "0123456789abcdef"
Send = Callable[..., httpx.Response]
Enrol = Callable[..., list[NodeRecord]]

CHANGED: Final = credentials.CredentialsAsked(
    operation=9, requested=1, refused=[], accounts=1, further=[], already=[], canaries=[], warnings=[]
)
#: A call of every kind that changes something, and an answer to it.
KEPT: list[tuple[Call[Any], Any]] = [
    (provisioning.Provision("gone", target="manage"), provisioning.Provisioned(nodes=[])),
    (tasks.RunTask("acme.poll"), tasks.TaskAsked(commands={"c1": [7]})),
    (tasks.EnableTask("acme.poll"), tasks.TaskAsked(commands={"c1": [7]})),
    (tasks.DisableTask("acme.poll"), tasks.TaskAsked(commands={"c1": [7]})),
    (drains.Drain("gone"), drains.Drained(changed=True, gone=True, unserved=[])),
    (drains.Undrain("gone"), drains.Undrained(changed=True)),
    (drains.Forget("gone"), drains.Forgotten(removed=True)),
    (
        drains.Avoid("gone", "10.0.0.0/24"),
        drains.Avoiding(subnet="10.0.0.0/24", changed=True, nodes=1, unserved=0),
    ),
    (drains.Unavoid("gone", "10.0.0.0/24"), drains.Returned(subnet="10.0.0.0/24", changed=True, nodes=1)),
    (conductors.Thaw(), conductors.Thawed(changed=True)),
    (node_changes.SetMaintenance("gone", maintenance=True), node_changes.Changed(changed=3)),
    (node_changes.SetNodes("gone", set={"name": "m1"}), node_changes.Changed(changed=3)),
    (
        updating.UpdateNodes(nodes=[]),
        updating.Updated(enrolled=1, changed=2, unchanged=3, deleted=4),
    ),
    (node_changes.DeleteNodes("gone"), node_changes.Changed(changed=3)),
    (token_calls.RevokeToken("gone"), None),
    (
        operations.AskPower("power on", nodes="gone"),
        operations.Asked(operation=9, requested=1, replaced=0, refused=[], warnings=[]),
    ),
    (credentials.SetCredentials("gone", password="hunter2"), CHANGED),
    (credentials.UndoOperation(99), CHANGED),
    (credentials.SettleCredentials("gone"), CHANGED),
    (operations.CancelOperation(99), operations.Cancelled(cancelled=1, under_way=0, ended=0)),
    (enrolment.EnrolNodes([{"name": "no driver"}]), enrolment.Enrolled(enrolled=1, unchanged=0)),
]


@pytest.fixture
def send(server: Server) -> Send:
    """Sends a request with the key."""

    def send(method: str, path: str, body: Any, key: str = KEY) -> httpx.Response:
        with httpx.Client(transport=server.transport(), base_url="http://podium") as client:
            headers = {"Idempotency-Key": key}
            return client.request(method, f"/podium/v1/{path}", json=body, headers=headers)

    return send


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def backend(config: conf.Config, database: Database, told: list[str]) -> Backend:
    return Backend(
        config=config,
        connect=lambda: database,
        drivers=lambda: Catalog(config, print),
        who="ada@desk",
        warn=told.append,
        key=Key("ada", KEY),
    )


def names(database: Database) -> list[str]:
    with database.read() as connection:
        return list(connection.scalars(sa.select(nodes.c.name).order_by(nodes.c.name)))


@pytest.mark.parametrize(("call", "kept"), KEPT, ids=lambda one: type(one).__name__)
def test_an_answer_that_was_kept_is_given_whatever_has_become_of_what_the_call_names(
    backend: Backend, database: Database, told: list[str], call: Call[Any], kept: Any
) -> None:
    with database.write() as connection:
        kind = answer_of(type(call))
        kept_answers.once(connection, Key("ada", KEY), call, kind, lambda _: Kept(kept, ["warning: mind"]))
    assert answer(backend, call) == kept
    assert told == ["warning: mind"]


def test_the_list_above_has_every_call_that_changes_something() -> None:
    changing = {call for call in CALLS if call.method != "GET" and not issubclass(call, AskHardware)}
    assert {type(call) for call, _ in KEPT} == changing - {token_calls.CreateToken, updating.PlanUpdate}


def test_who_repeats_a_request_over_another_address_is_the_same_person(
    send: Send, enrol: Enrol, everybody: Everybody
) -> None:
    enrol("n1")
    found = []
    for everybody.host in ("10.0.0.1", "10.0.0.2"):
        found.append(send("POST", "operations", {"action": "power on", "nodes": "n1"}).json()["operation"])
    assert found[0] == found[1]


def test_another_person_with_the_same_key_is_another_person(
    send: Send, enrol: Enrol, everybody: Everybody
) -> None:
    enrol("n1")
    found = []
    for everybody.name in ("ada", "bob", "ada@10.0.0.1"):
        found.append(send("POST", "operations", {"action": "power on", "nodes": "n1"}).json()["operation"])
    assert len(set(found)) == 3


def test_nodes_that_have_got_another_name_are_not_looked_for_again(
    send: Send, enrol: Enrol, database: Database
) -> None:
    enrol("n1")
    sent = [send("PATCH", "nodes", {"nodes": "n1", "set": {"name": "m1"}}) for _ in range(2)]
    assert [(one.status_code, one.json()["changed"]) for one in sent] == [(200, 1)] * 2
    assert names(database) == ["m1"]


def test_a_key_is_good_for_one_request(send: Send, enrol: Enrol, database: Database) -> None:
    enrol("n1", "n2")
    assert send("PATCH", "nodes", {"nodes": "n1", "set": {"name": "m1"}}).status_code == 200
    refused = send("PATCH", "nodes", {"nodes": "n2", "set": {"name": "m2"}})
    assert refused.status_code == 400 and "used for another request" in refused.json()["error"]["message"]
    assert names(database) == ["m1", "n2"]


def test_warnings_come_with_an_answer_each_time(send: Send) -> None:
    body = {"nodes": [{"name": "n1", "driver": "fake-hardware"}]}
    sent = [send("POST", "nodes", body) for _ in range(2)]
    assert [one.status_code for one in sent] == [201, 201]
    warned = [one.headers["Podium-Warnings"] for one in sent]
    assert warned[0] == warned[1] and "conductor" in warned[0]


def test_who_comes_too_late_to_find_the_answer_and_fails_for_that_has_it_nevertheless(
    backend: Backend, database: Database, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("n1")
    call = node_changes.SetNodes("n1", set={"name": "m1"})
    recall, raced = Backend.recall, []

    def late(self: Backend, call: Call[Any]) -> Any:
        found = recall(self, call)
        if not raced:  # between the look for the answer and that for the node
            raced.append(True)
            answer(backend, call)
        return found

    monkeypatch.setattr(Backend, "recall", late)
    assert answer(backend, call) == node_changes.Changed(changed=1)


def test_one_token_is_made_whose_secret_everybody_gets_who_sent_the_call(
    send: Send, database: Database
) -> None:
    body = {"name": "a", "role": "reader", "expires_in": None}
    found: list[httpx.Response] = []
    threads = [threading.Thread(target=lambda: found.append(send("POST", "tokens", body))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert [one.status_code for one in found] == [201] * 3
    (secret,) = {one.json()["secret"] for one in found}
    with database.read() as connection:
        assert tokens.valid(connection, secret) is not None
        rows = str(connection.execute(sa.select(kept_answers.kept_answers)).all())
    assert secret not in rows and KEY not in rows


def test_the_secret_of_a_token_is_not_made_of_a_key_that_can_be_guessed(send: Send) -> None:
    refused = send("POST", "tokens", {"name": "a", "role": "reader", "expires_in": None}, key="k")
    assert refused.status_code == 400 and "16 random characters" in refused.json()["error"]["message"]


def test_tokens_of_several_calls_have_secrets_of_their_own(send: Send) -> None:
    made = [
        send("POST", "tokens", {"name": name, "role": "reader", "expires_in": None}, key=KEY + name)
        for name in ("a", "b")
    ]
    assert len({one.json()["secret"] for one in made}) == 2


def test_a_call_of_several_steps_keeps_its_answer(backend: Backend, database: Database, enrol: Enrol) -> None:
    enrol("n1", provision_state="manageable")
    first = answer(backend, provisioning.Provision("n1", target="provide"))
    assert first.nodes[0].changed
    assert answer(backend, provisioning.Provision("n1", target="provide")) == first
    with pytest.raises(errors.BadRequest, match="used for another request"):
        answer(backend, provisioning.Provision("n1", target="manage"))


def test_a_subnet_that_a_conductor_is_kept_from_is_said_to_be_new_each_time(
    backend: Backend, database: Database, enrol: Enrol
) -> None:
    enrol("n1")
    settle(database, enter(database, "c1"))
    call = drains.Avoid("c1", "10.0.0.0/24")
    assert [answer(backend, call).changed for _ in range(2)] == [True, True]
    back = replace(backend, key=Key("ada", "another"))
    assert [answer(back, drains.Unavoid("c1", "10.0.0.0/24")).changed for _ in range(2)] == [True, True]
