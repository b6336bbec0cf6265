"""Which nodes are meant, the same in every call that has ``nodes``."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import pytest

from podium import errors
from podium.client.calls.call import Call
from podium.client.calls.changes import FollowChanges, NodeChange
from podium.client.calls.enrolment import EnrolNodes
from podium.client.calls.nodes import Filter, ListNodes
from podium.client.calls.selection import CheckSelection
from podium.client.calls.table import CALLS
from podium.client.calls.updating import Listed
from podium.client.podium import Podium
from podium.db.api import NodeRecord

Enrol = Callable[..., list[NodeRecord]]

#: What calls need besides.
_OTHERS: Final[Mapping[str, Mapping[str, Any]]] = {
    "AskPower": {"action": "power off", "where": Filter(driver="fake")},
    "Provision": {"target": "manage"},
    "SetCredentials": {"password": "n3w-hunter", "where": Filter(driver="fake")},
    "SettleCredentials": {"where": Filter(driver="fake")},
    "SetNodes": {"set": {"description": "a"}},
}
_CHOOSING: Final = [
    call
    for call in CALLS
    # Those of files have the nodes themselves; one only says what is wrong with what was typed.
    if "nodes" in call.__struct_fields__
    and not (call in (EnrolNodes, CheckSelection) or issubclass(call, Listed))
]


@pytest.mark.parametrize("nodes", [[], ["n[1-2]&n[3-4]"]])
@pytest.mark.parametrize("call", _CHOOSING)
def test_nobody_means_all_by_naming_none(
    podium: Podium, enrol: Enrol, call: type[Call[Any]], nodes: list[str] | str
) -> None:
    enrol("n1", "n2")
    asked = call(**_OTHERS.get(call.__name__, {}), nodes=nodes)  # type: ignore[call-arg]
    with pytest.raises(errors.BadRequest, match="name at least one|cannot be in a name"):
        next(podium.follow(asked)) if isinstance(asked, FollowChanges) else podium.ask(asked)
    assert [node.name for node in podium.nodes()] == ["n1", "n2"]


@pytest.mark.parametrize("call", _CHOOSING)
def test_only_what_is_left_out_can_mean_all(call: type[Call[Any]]) -> None:
    (field,) = (one for one in msgspec.structs.fields(call) if one.name == "nodes")
    assert field.default in (None, msgspec.NODEFAULT)


def test_a_filter_is_empty_without_any_condition() -> None:
    assert Filter().is_empty and Filter(extra={}).is_empty
    assert not any(
        one.is_empty for one in (Filter(stale=0), Filter(maintenance=False), Filter(extra={"a": ""}))
    )


_MEETING: Final = [call for call in CALLS if "where" in call.__struct_fields__ and call is not CheckSelection]


def refusal(podium: Podium, call: type[Call[Any]], where: str | list[str]) -> str:
    """Return the text with which a call is refused that names no nodes, and has these conditions."""
    asked = call(**{**_OTHERS.get(call.__name__, {}), "nodes": None, "where": where})
    with pytest.raises(errors.BadRequest) as caught:
        next(podium.follow(asked)) if isinstance(asked, FollowChanges) else podium.ask(asked)
    return str(caught.value)


def test_a_faulty_condition_is_told_with_its_place_by_every_call(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2")
    for call in _MEETING:
        first, *lines = refusal(podium, call, "name=n1 or colour=red").split("\n")
        assert "there is no field colour; --where help lists the fields" in first, call
        assert lines == ["  name=n1 or colour=red", "             ^^^^^^"], call


def test_no_condition_is_never_taken_for_all_nodes(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2")
    for call in _MEETING:
        for where in ([], "", " "):
            assert "where: " in refusal(podium, call, where), call


def listed(podium: Podium, *args: Any, **conditions: Any) -> list[str]:
    return [node.name for node in podium.nodes(*args, **conditions)]


def test_nodes_are_chosen_by_patterns_of_names(podium: Podium, enrol: Enrol) -> None:
    enrol("r1n1", "r1n2", "r2n1", "R1n3", "x_y", "xzy")
    assert listed(podium, "r1n*") == ["r1n1", "r1n2"]
    assert listed(podium, "r?n1") == ["r1n1", "r2n1"]
    assert listed(podium, "r[1-2]n1*,x_?") == ["r1n1", "r2n1", "x_y"]
    assert listed(podium, ["xzy", "r1*", "r1n1"]) == ["xzy", "r1n1", "r1n2"]
    assert listed(podium, "r*", where="name!=r1n1", limit=1) == ["r1n2"]
    with pytest.raises(errors.NotUnderstood, match="200 patterns of names, and the most are 128; write some"):
        listed(podium, "r[1-200]n*")
    with pytest.raises(errors.NodeNotFound, match="no node has a name that fits z"):
        listed(podium, ["r1*", "z*"])


def test_patterns_are_read_in_pages(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3", "m1")
    first = podium.ask(ListNodes("n*", limit=2))
    assert [one.name for one in first.items] == ["n1", "n2"]
    rest = podium.ask(ListNodes("n*", limit=2, marker=first.next))
    assert ([one.name for one in rest.items], rest.next) == (["n3"], None)


def test_nodes_are_chosen_by_conditions_beside_all_others(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", power_state="power off", extra={"rack": "r1"})
    enrol("n2", power_state="power on", extra={"rack": "r1"}, owner="a")
    enrol("n3", power_state="power off", maintenance=True)
    assert listed(podium, where="power_state=off and extra.rack=r1") == ["n1"]
    assert listed(podium, "n[2-3]", where="power_state=off") == ["n3"]
    assert listed(podium, where=["power_state=off", "not maintenance"]) == ["n1"]
    assert listed(podium, where="power_state=off", maintenance=True) == ["n3"]
    assert listed(podium, where="owner=a") == ["n2"]


def test_what_changes_nodes_takes_conditions_alone(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "n2", owner="a")
    enrol("n3", "m1")
    assert podium.set_maintenance(where="owner=a").changed == 2
    assert podium.set_nodes("n*", {"description": "b"}, where="not maintenance").changed == 1
    assert podium.set_nodes(set={"owner": "c"}, where="description=b").changed == 1
    assert [node.owner for node in podium.nodes("n3", fields=["owner"])] == ["c"]
    asked = podium.power("power off", where="owner in (a, c)")
    assert asked.requested == 3
    assert [one.node["name"] for one in podium.export_nodes(where="owner=c")] == ["n3"]
    assert podium.delete_nodes(where="name=m1").changed == 1
    assert podium.delete_nodes(where="name=m1").changed == 0
    assert listed(podium) == ["n1", "n2", "n3"]


def test_a_long_list_of_conditions_is_no_url(podium: Podium, enrol: Enrol) -> None:
    enrol("n1")
    where = [f"name!='{'ä' * 60}{number}'" for number in range(20)]
    assert listed(podium, where=where) == ["n1"]


def test_conditions_cannot_guess_what_is_hidden(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", extra={"password": "guess"})
    for where in (
        "extra.password=guess",
        "extra.password~'g*'",
        "properties.bmc_token>5",
        "extra.password!=none",
        "extra.console='https://root:guess@10.0.0.1'",
        "extra.bmc='{a: 1}'",
    ):
        with pytest.raises(errors.BadRequest, match="is, or has, a secret|lists and objects"):
            listed(podium, where=where)


def test_nodes_are_found_by_their_bmc(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", driver="ipmi", driver_info={"ipmi_address": "192.0.2.1", "ipmi_password": "guess"})
    enrol("n2", driver="ipmi", driver_info={"ipmi_address": "192.0.2.20", "ipmi_port": 6230})
    enrol("n3", driver="redfish", driver_info={"redfish_address": "https://root:guess@192.0.2.1"})
    enrol("n4", driver="gone", driver_info={"ipmi_address": "192.0.2.1"})
    enrol("n5", driver="fake", driver_info={"ipmi_address": "192.0.2.1", "note": "guess"})
    assert listed(podium, where="driver_info.ipmi_address=192.0.2.1") == ["n1"]
    assert listed(podium, where="driver_info.ipmi_address~'192.0.2.*'") == ["n1", "n2"]
    assert listed(podium, where="driver_info.ipmi_port>6000") == ["n2"]
    assert listed(podium, where="driver_info.ipmi_port=none") == ["n1"]
    assert listed(podium, where="driver_info.redfish_address~'*192*'") == []
    for where in (
        "driver_info.ipmi_password=guess",
        "driver_info.ipmi_password=none",
        "driver_info.redfish_address='https://root:guess@192.0.2.1'",
    ):
        with pytest.raises(errors.NotUnderstood, match="is, or has, a secret"):
            listed(podium, where=where)
    with pytest.raises(errors.NotUnderstood, match=r"no driver .* knows note$"):
        listed(podium, where="driver_info.note=guess")
    with pytest.raises(errors.NotUnderstood, match=r"knows ipmi_adress; did you mean ipmi_address\?"):
        listed(podium, where="driver_info.ipmi_adress=192.0.2.1")


def test_a_pattern_never_fits_an_address_with_a_password(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", extra={"console": "https://root:guess@10.0.0.1"})
    assert listed(podium, where="extra.console~'https:*'") == []


def test_events_are_followed_of_the_nodes_that_met_the_conditions_at_the_beginning(
    podium: Podium, enrol: Enrol
) -> None:
    enrol("n1", "n2", owner="a")
    enrol("m1")
    uuids = {node.name: node.uuid for node in podium.nodes()}
    first = podium.news(where="owner=a")
    assert first.nodes is not None and set(first.nodes) == {uuids["n1"], uuids["n2"]}
    assert podium.news("n*").nodes == first.nodes
    podium.set_nodes("n*", {"owner": "b"})
    assert podium.news(first.nodes, after=first.last).nodes == first.nodes
    with pytest.raises(errors.NodeNotFound, match="no node meets these conditions"):
        podium.news(where="owner=a")


def test_changes_are_followed_by_patterns_and_conditions(podium: Podium, enrol: Enrol) -> None:
    enrol("n1", "m1", owner="a")
    stream = podium.changes(nodes="n?", where="owner=a", fields=["name"], kinds=["nodes"])
    next(stream)
    enrol("n2", owner="a")
    enrol("m2", owner="a")
    podium.set_nodes("n1", {"owner": "b"})
    seen = {}
    while seen.get("n1") is not True:
        change = next(stream)
        assert isinstance(change, NodeChange)
        seen[change.node.name] = change.gone
    stream.close()
    assert seen == {"n2": False, "n1": True}
