"""The texts of nodes: what nodes share is rendered once, and never shown of another node."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from podium import conf
from podium.api.ironic import node_fields
from podium.api.ironic.rendering import Form, Renderer, Template
from podium.client.enrolling.catalog import Catalog

NOW = datetime(2030, 1, 1, tzinfo=UTC)
MANY = 600  # more than are kept


@pytest.fixture
def template(config: conf.Config) -> Template:
    form = Form("http://here", 109, node_fields.shown(109), True)
    return Renderer(Catalog(config, print)).template(form)


def shown(template: Template, **values: Any) -> Mapping[str, Any]:
    """Return what is shown of a node with these values, and None or an empty mapping for all others."""
    texts = dict.fromkeys(("driver_info", "driver_internal_info", "properties", "extra"), "{}")
    node = texts | {"uuid": "u", "driver": "fake"} | values
    found: Mapping[str, Any] = json.loads(
        template.text(tuple(node.get(name) for name in template.columns), lambda: NOW)
    )
    return found


@pytest.mark.parametrize("name", ["owner", "record", "extra", "description", "power_state"])
def test_each_of_many_nodes_has_its_own_values(template: Template, name: str) -> None:
    def text(number: int) -> str:
        mapping = json.dumps({"retired_reason": f"{number}"})
        return mapping if name in ("record", "extra") else f"{number}"

    for number in [*range(MANY), *range(MANY)]:
        node = shown(template, **{name: text(number)})
        found = node["retired_reason"] if name == "record" else node[name]
        assert found == (json.loads(text(number)) if name == "extra" else f"{number}")


@pytest.mark.parametrize("column", ["driver_info", "driver_internal_info", "properties", "extra"])
@pytest.mark.parametrize(
    "text",
    [
        *('{"a": {"Api_Token": "hunter2"}}', '{"PASSWORD": "hunter2"}', r'{"\u0070assword": "hunter2"}'),
        *(
            '[{"credentials": "hunter2"}]',
            '{"x": "é", "ſecret": "hunter2"}',
            '{"fake_secret_word": "hunter2"}',
        ),
    ],
)
def test_secrets_are_hidden_wherever_they_are(template: Template, column: str, text: str) -> None:
    text = '{"in": ' + text + "}"
    node = shown(template, **{column: text})
    assert "hunter2" not in json.dumps(node)
    assert "******" in json.dumps(node[column])


@pytest.mark.parametrize("size", [10, 5000])
def test_secrets_of_a_record_are_hidden(template: Template, size: int) -> None:
    record = {"instance_info": {"image": "x" * size, "admin_phrase": "?", "password": "hunter2"}}
    node = shown(template, record=json.dumps(record))
    assert node["instance_info"] == {"image": "x" * size, "admin_phrase": "?", "password": "******"}
    assert node["protected"] is False


def test_all_is_secret_of_a_driver_that_is_not_known_here(template: Template) -> None:
    assert shown(template, driver="gone", driver_info='{"place": 1}')["driver_info"] == {"place": "******"}


@pytest.mark.parametrize("age, found", [(10, "OK"), (60, None)])
def test_a_health_is_shown_until_it_is_outdated(template: Template, age: float, found: str | None) -> None:
    at = NOW - timedelta(seconds=age)
    health = {"health": {"status": "OK"}, "health_checked_at": at, "health_lasts": 30.0}
    assert shown(template, **health)["health"] == found


def test_a_template_reads_only_what_it_shows(config: conf.Config) -> None:
    renderer = Renderer(Catalog(config, print))
    assert set(renderer.template(Form("", 109, ("power_state",), False)).columns) == {
        *("uuid", "power_state", "target_power_state")
    }
