"""Nodes, asked on the database and over HTTP."""

import asyncio
import re
from collections.abc import Callable

import pytest

from podium import errors
from podium.client.calls.nodes import ListNodes
from podium.client.podium import AsyncPodium, Podium
from podium.db.api import NodeRecord
from podium.drivers.base import Property
from podium.drivers.fake import FakeDriver

Enrol = Callable[..., list[NodeRecord]]


def test_nodes_are_listed_by_range_and_condition(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3", power_state="power on")
    enrol("n4", power_state="power off")
    assert [node.name for node in podium.nodes(["n[2-4]"], power_state="power on")] == ["n2", "n3"]


def test_a_page_says_where_the_next_begins(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3")
    first = podium.ask(ListNodes(limit=2, fields=["name"]))
    second = podium.ask(ListNodes(limit=2, fields=["name"], marker=first.next))
    assert [node.name for node in (*first.items, *second.items)] == ["n1", "n2", "n3"]
    assert second.next is None


def test_a_node_that_does_not_exist_is_named(podium: Podium) -> None:
    with pytest.raises(errors.NodeNotFound, match="no node has the name or UUID n9"):
        podium.node("n9")


def test_a_node_that_does_not_exist_is_answered_with_the_one_that_was_meant(
    podium: Podium, enrol: Enrol
) -> None:
    enrol("r1n01", "r1n02", "r1n03", "R2N5", "n07", "n007")
    for name, meant in (
        ("r1n1", "r1n01"),
        ("R1N01", "r1n01"),
        ("r1n[1-3]", "r1n[01-03]"),
        (["r1n001", "r2n5"], "R2N5,r1n01"),
    ):
        with pytest.raises(errors.NodeNotFound, match=f"; did you mean {re.escape(meant)}\\?$"):
            podium.ask(ListNodes(name))
    for name in ("n7", "r1n[1-4]", "r1m01", "é1"):
        with pytest.raises(errors.NodeNotFound) as refusal:
            podium.ask(ListNodes(name))
        assert "did you mean" not in str(refusal.value)
    with pytest.raises(errors.NodeNotFound, match=r"r1n1; did you mean r1n01\?"):
        podium.node("r1n1")


def test_secrets_are_masked(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", driver="ipmi", driver_info={"ipmi_address": "192.0.2.1", "ipmi_password": "geheim"})
    assert podium.node("n1").driver_info == {"ipmi_address": "192.0.2.1", "ipmi_password": "******"}


def test_an_entry_is_shown_without_the_rest_of_its_mapping(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", extra={"rack": "r1", "cpus": 4, "note": "far away"}, properties={"memory_mb": 8})
    enrol("n2", extra={"note": "no rack"})
    shown = [one.extra for one in podium.nodes(fields=["name", "extra.rack", "extra.cpus"])]
    assert shown == [{"rack": "r1", "cpus": 4}, {}]
    (node, _) = podium.nodes(fields=["extra", "extra.rack", "properties.memory_mb"])
    assert (node.extra, node.properties) == (
        {"rack": "r1", "cpus": 4, "note": "far away"},
        {"memory_mb": 8},
    )


def test_an_entry_that_is_missing_is_told_from_one_that_no_driver_knows(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", driver="ipmi", driver_info={"ipmi_address": "192.0.2.1"})
    enrol("n2", driver="absent", driver_info={"ipmi_port": 623})
    enrol("n3", driver="absent")
    shown = [one.driver_info for one in podium.nodes(fields=["driver_info.ipmi_port"])]
    assert shown == [{"ipmi_port": None}, {"ipmi_port": "******"}, {}]


def test_an_entry_that_is_secret_is_masked(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", driver="ipmi", driver_info={"ipmi_address": "192.0.2.1", "ipmi_password": "geheim"})
    (node,) = podium.nodes(fields=["driver_info.ipmi_password", "driver_info.ipmi_address"])
    assert node.driver_info == {"ipmi_address": "192.0.2.1", "ipmi_password": "******"}


def test_a_field_that_does_not_exist_is_named_with_those_that_do(podium: Podium) -> None:
    with pytest.raises(errors.BadRequest, match="no field colour; there are uuid, name"):
        list(podium.nodes(fields=["colour"]))


def test_an_event_loop_gets_the_same(async_podium: Callable[[], AsyncPodium], enrol: Enrol) -> None:
    enrol("n1", "n2")

    async def ask() -> list[str]:
        async with async_podium() as podium:
            assert (await podium.node("n1")).name == "n1"
            return [node.name async for node in podium.nodes()]

    assert asyncio.run(ask()) == ["n1", "n2"]


def test_nodes_are_listed_by_what_is_noted_of_them(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", extra={"rack": "r7"}, owner="physics", resource_class="large", provision_state="active")
    enrol("n2", extra={"rack": "r7", "row": 3}, owner="maths", health={"status": "Critical", "reasons": []})
    enrol("n3", conductor_group="north")
    for conditions, found in (
        ({"extra": {"rack": "r7"}}, ["n1", "n2"]),
        ({"extra": {"rack": "r7", "row": "3"}}, ["n2"]),
        ({"owner": "physics"}, ["n1"]),
        ({"resource_class": "large"}, ["n1"]),
        ({"provision_state": "active"}, ["n1"]),
        ({"health": "critical"}, ["n2"]),
        ({"health": "none"}, ["n1", "n3"]),
        ({"conductor_group": "north"}, ["n3"]),
        ({"conductor_group": ""}, ["n1", "n2"]),
    ):
        assert [node.name for node in podium.nodes(**conditions)] == found, conditions


@pytest.mark.parametrize("key", ['a"b', "a\\b", ""])
def test_an_entry_that_no_database_could_look_for_is_refused(podium: Podium, key: str) -> None:
    with pytest.raises(errors.BadRequest):
        list(podium.nodes(extra={key: "x"}))


@pytest.mark.parametrize(
    ("key", "value", "fault"),
    [
        ("password", "guess", "extra.password is, or has, a secret"),
        ("bmc_token", "guess", "extra.bmc_token is, or has, a secret"),
        ("console", "https://root:guess@10.0.0.1", "extra.console is, or has, a secret"),
        ("bmc", '{"password": "guess"}', "extra.bmc: nodes cannot be found by lists and objects"),
        ("bmc", ' [{"password": "guess"}]', "extra.bmc: nodes cannot be found by lists and objects"),
    ],
)
def test_a_hidden_value_cannot_be_guessed(
    podium: Podium, enrol: Enrol, key: str, value: str, fault: str
) -> None:
    enrol("n1", extra={key: value})
    with pytest.raises(errors.BadRequest, match=fault):
        list(podium.nodes(extra={key: value}))


def test_what_the_driver_of_a_node_calls_a_secret_cannot_be_guessed_either(
    podium: Podium, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("n1", extra={"colour": "red"})
    properties = {**FakeDriver.properties, "colour": Property("of the sky", secret=True)}
    monkeypatch.setattr(FakeDriver, "properties", properties)
    with pytest.raises(errors.BadRequest, match="extra.colour is, or has, a secret"):
        list(podium.nodes(extra={"colour": "red"}))


@pytest.mark.parametrize(
    "ask",
    [
        lambda podium: podium.node("n\0"),
        lambda podium: list(podium.nodes("n\0")),
        lambda podium: list(podium.nodes(owner="\0")),
        lambda podium: list(podium.nodes(extra={"rack": "r\0"})),
        lambda podium: list(podium.nodes(["n1", "\0"])),
        lambda podium: podium.set_maintenance("n1", reason="a\0"),
        lambda podium: podium.power("power on", "n1", reason="a\0"),
        lambda podium: podium.set_nodes("n1", set={"extra": {"a": ["\0"]}}),
        lambda podium: podium.set_nodes("n1", set={"extra": {"\0": 1}}),
        lambda podium: podium.revoke_token("a\0"),
    ],
)
def test_no_text_has_a_null_character(podium: Podium, enrol: Enrol, ask: Callable[[Podium], object]) -> None:
    enrol("n1")
    with pytest.raises(errors.BadRequest, match="null character"):
        ask(podium)


def test_a_text_may_speak_of_null_characters(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    podium.set_nodes("n1", set={"extra": {"a": "\\u0000", "\\\\u0000": 1}})
    assert podium.node("n1").extra == {"a": "\\u0000", "\\\\u0000": 1}


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"driver": "ipmo"}, r"there is no driver ipmo; did you mean ipmi\?"),
        ({"driver": "snmp"}, "there is no driver snmp; there are acme, fake, .*ipmi"),
        ({"provision_state": "activ"}, r"there is no provision state activ; did you mean active\?"),
        ({"conductor_group": "r9"}, r"there is no conductor group r9; there are r1"),
    ],
)
def test_a_condition_with_a_value_that_nobody_has_is_refused(
    podium: Podium, enrol: Enrol, condition: dict[str, str], told: str
) -> None:
    enrol("n1", driver="acme", conductor_group="r1")
    with pytest.raises(errors.BadRequest, match=told):
        list(podium.nodes(**condition))


@pytest.mark.parametrize(
    "condition",
    [{"driver": "acme"}, {"driver": "ipmi"}, {"provision_state": "enroll"}, {"conductor_group": ""}],
)
def test_a_condition_that_only_no_node_meets_is_not_refused(
    podium: Podium, enrol: Enrol, condition: dict[str, str]
) -> None:
    enrol("n1", driver="acme", conductor_group="r1")
    assert list(podium.nodes(owner="nobody", **condition)) == []
