"""Any PATCH of a node: it is done whole, or refused and changes nothing; no secret is lost or shown."""

import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.api.ironic.node_values import PATCH
from podium.client.enrolling import enrolment
from podium.client.enrolling.catalog import Catalog
from podium.client.records import node_fields
from podium.db import api
from podium.db.api import NodeRecord
from podium.db.engine import Database

SECRET = "hunter2"
START: dict[str, Any] = {
    "driver_info": {"fake_password": SECRET, "fake_latency": 0},
    "extra": {"token": SECRET, "a": {"b": [1]}},
    "instance_uuid": "11111111-2222-3333-4444-555555555555",
    "record": {"instance_info": {"x": {"password": SECRET}}, "traits": ["CUSTOM_A"]},
}

_KEYS = st.sampled_from(
    ["fake_password", "fake_latency", "token", "a", "b", "x", "password", "-", "0", "/~1"]
)
_FIELDS = st.sampled_from([*PATCH, "uuid", "traits", "power_state", "none"])
_PATHS = st.builds(lambda field, keys: "/".join(["", field, *keys]), _FIELDS, st.lists(_KEYS, max_size=3))
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4),
    st.sampled_from(["******", "true", "fake", "ipmi", "n2", "\0", "\ud800", START["instance_uuid"]]),
)


def _of(key: str) -> st.SearchStrategy[Any]:
    """Values for a key: nothing that looks like a secret but what is shown instead of one."""
    return st.just("******") if key in ("fake_password", "token", "password") else _SCALARS


_OBJECTS = st.fixed_dictionaries(
    {}, optional={key: _of(key) for key in ("fake_password", "fake_latency", "token", "a", "password")}
)
_VALUES = (
    _SCALARS | _OBJECTS | st.lists(_OBJECTS | _SCALARS, max_size=2) | st.fixed_dictionaries({"x": _OBJECTS})
)


def _without_new_secrets(step: dict[str, Any]) -> dict[str, Any]:
    is_secret = step["path"].rpartition("/")[2] in ("fake_password", "token", "password")
    return {**step, "value": "******"} if is_secret else step


_STEPS = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "replace", "remove"]), "path": _PATHS, "value": _VALUES}
).map(_without_new_secrets)


def secrets(value: Any) -> list[Any]:
    """What is kept under the names of secrets."""
    if isinstance(value, list):
        return [found for one in value for found in secrets(one)]
    if not isinstance(value, dict):
        return []
    found = [one for key, one in value.items() if key in ("fake_password", "token", "password")]
    return found + [one for inner in value.values() for one in secrets(inner)]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(_STEPS, max_size=4), st.sampled_from(["latest", "1.1", "1.50"]))
def test_any_patch_is_done_whole_or_changes_nothing(
    http: Any, enrol: Any, database: Database, config: Any, patch: list[Any], version: str
) -> None:
    with database.write() as connection:
        api.delete_nodes(connection, [node.id for node in api.list_nodes(connection)])
    (before,) = enrol("n1", **START)
    http.version = version
    answer = http("PATCH", f"/v1/nodes/{before.uuid}", content=json.dumps(patch))
    with database.read() as connection:
        (after,) = api.list_nodes(connection)
    assert answer.status_code in (200, 400, 406, 409), answer.text
    assert SECRET not in answer.text
    if answer.status_code == 200:
        assert answer.json() == http.get(f"/v1/nodes/{before.uuid}")
        _check_valid(after, Catalog(config, print))
    else:
        assert after == before
    kept = [*secrets(after.driver_info), *secrets(after.extra), *secrets(after.record)]
    assert {*kept} <= {SECRET}


def _check_valid(node: NodeRecord, catalog: Catalog) -> None:
    row = {name: getattr(node, name) for name in node_fields.FIELDS}
    settled, faults = enrolment.settle(row, catalog)
    assert faults == []
    assert {name: getattr(node, name) for name in settled} == settled
