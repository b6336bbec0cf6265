"""Which nodes are meant, the same in every call that has ``nodes``."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import pytest

from podium import errors
from podium.client.calls.call import Call
from podium.client.calls.changes import FollowChanges
from podium.client.calls.enrolment import EnrolNodes
from podium.client.calls.nodes import Filter
from podium.client.calls.table import CALLS
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
    if "nodes" in call.__struct_fields__ and call is not EnrolNodes  # whose nodes are new
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
