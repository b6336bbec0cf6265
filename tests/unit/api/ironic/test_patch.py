"""JSON-PATCH by itself."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.api.faults import Fault
from podium.api.ironic.patch import apply, parse

EXTRA: Any = {"a": {"b": 1}, "l": [1, 2], "x/y": 1, "~": 2}
DOCUMENT = {"name": "n1", "owner": None, "extra": EXTRA}


def patched(*patch: Any) -> dict[str, Any]:
    return apply(DOCUMENT, parse(list(patch), DOCUMENT.keys()))


def change(op: str, path: str, *value: Any) -> dict[str, Any]:
    return {"op": op, "path": path, **({"value": value[0]} if value else {})}


@pytest.mark.parametrize(
    ("step", "extra"),
    [
        (change("add", "/extra/new", {"c": 1}), {**EXTRA, "new": {"c": 1}}),
        (change("replace", "/extra/a/b", 2), {**EXTRA, "a": {"b": 2}}),
        (change("remove", "/extra/a/b"), {**EXTRA, "a": {}}),
        (change("add", "/extra/l/-", 3), {**EXTRA, "l": [1, 2, 3]}),
        (change("add", "/extra/l/0", 0), {**EXTRA, "l": [0, 1, 2]}),
        (change("add", "/extra/l/2", 3), {**EXTRA, "l": [1, 2, 3]}),
        (change("replace", "/extra/l/1", 9), {**EXTRA, "l": [1, 9]}),
        (change("remove", "/extra/l/0"), {**EXTRA, "l": [2]}),
        (change("replace", "/extra/x~1y", 2), {**EXTRA, "x/y": 2}),
        (change("replace", "/extra/~0", 3), {**EXTRA, "~": 3}),
        (change("replace", "/extra", None), None),
        (change("remove", "/extra"), None),
    ],
)
def test_each_operation(step: Any, extra: Any) -> None:
    assert patched(step) == {**DOCUMENT, "extra": extra}


def test_a_field_without_a_value_may_be_added_replaced_and_removed() -> None:
    for op in ("add", "replace"):
        assert patched(change(op, "/owner", "me"))["owner"] == "me"
    assert patched(change("remove", "/owner"))["owner"] is None


def test_later_changes_see_earlier_ones() -> None:
    steps = (change("add", "/extra/n", []), change("add", "/extra/n/-", 1), change("remove", "/extra/a"))
    assert patched(*steps)["extra"] == {"l": [1, 2], "x/y": 1, "~": 2, "n": [1]}


@pytest.mark.parametrize(
    "patch",
    [
        None,
        {},
        ["x"],
        [[]],
        [{}],
        [change("add", "/extra/a")],
        [change("add", "extra", 1)],
        [change("add", "", {})],
        [change("add", "/", 1)],
        [change("add", "/extra/", 1)],
        [change("add", "//x", 1)],
        [change("add", "/nothing", 1)],
        [change("test", "/name", "n1")],
        [{"op": "move", "from": "/name", "path": "/owner"}],
        [{"op": "copy", "from": "/name", "path": "/owner"}],
        [{"op": ["add"], "path": "/name", "value": 1}],
        [{"op": "add", "path": 1, "value": 1}],
        [{**change("add", "/name", 1), "from": "/name"}],
        [change("replace", "/extra/none", 1)],
        [change("remove", "/extra/none")],
        [change("add", "/extra/none/x", 1)],
        [change("add", "/name/x", 1)],
        [change("add", "/owner/x", 1)],
        [change("add", "/extra/l/3", 1)],
        [change("add", "/extra/l/01", 1)],
        [change("add", "/extra/l/-1", 1)],
        [change("add", "/extra/l/x", 1)],
        [change("add", "/extra/l/\u0661", 1)],
        [change("add", f"/extra/l/{'9' * 5000}", 1)],
        [change("replace", "/extra/l/2", 1)],
        [change("remove", "/extra/l/-")],
        [change("remove", "/extra/l/-/x")],
        [change("add", "/extra" + "/a" * 20, 1)],
    ],
)
def test_what_is_refused(patch: Any) -> None:
    with pytest.raises(Fault) as found:
        apply(DOCUMENT, parse(patch, DOCUMENT.keys()))
    assert found.value.status == 400


_KEYS = st.sampled_from(["name", "owner", "extra", "a", "b", "l", "-", "0", "1", "x~1y", "~0", "new", ""])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=5,
)
_STEPS = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "replace", "remove"]),
        "path": st.lists(_KEYS, max_size=4).map(lambda keys: "".join(f"/{key}" for key in keys)),
        "value": _VALUES,
    }
)


@given(st.lists(_STEPS, max_size=5))
def test_any_patch_is_applied_or_refused_and_changes_nothing_else(patch: list[Any]) -> None:
    before, given = copy.deepcopy(DOCUMENT), copy.deepcopy(patch)
    try:
        found = apply(DOCUMENT, parse(patch, DOCUMENT.keys()))
    except Fault as fault:
        assert fault.status == 400
    else:
        assert found.keys() == DOCUMENT.keys()
        touched = {step["path"].split("/")[1] for step in patch}
        assert {name: found[name] for name in found if name not in touched} == {
            name: before[name] for name in before if name not in touched
        }
    assert (before, given) == (DOCUMENT, patch)
