"""Bodies of POST /podium/v1/nodes, which may be larger than those of other requests."""

import json
from typing import Any

import pytest

from podium import conf

NODES = "/podium/v1/nodes"


def row(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "driver": "fake", **more}


@pytest.fixture(autouse=True)
def sizes(config: conf.Config) -> None:
    config.set_override("max_json_body_size", 2000, group="api")
    config.set_override("max_import_size", 20_000, group="api")


def test_an_import_may_be_larger_than_other_requests(http: Any) -> None:
    body = {"nodes": [row(f"n{number}", extra={"note": "x" * 100}) for number in range(50)]}
    answer = http("POST", NODES, json=body)
    assert (answer.status_code, answer.json()) == (201, {"enrolled": 50, "unchanged": 0})
    other = http("PATCH", NODES, json={"nodes": "n1", "set": {"extra": {"note": "x" * 3000}}})
    assert (other.status_code, "2000 bytes, [api] max_json_body_size" in other.text) == (413, True)


def test_what_is_larger_than_an_import_may_be_is_refused(http: Any) -> None:
    answer = http("POST", NODES, json={"nodes": [row("n1", extra={"note": "x" * 20_000})]})
    assert (answer.status_code, "20000 bytes, [api] max_import_size" in answer.text) == (413, True)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"nodes": [',
        b'{"nodes": [{]}',
        b'{"nodes": [{"name": NaN}]}',
        b'{"nodes": [{"name": 1e999}]}',
        b'{"nodes": [{"name": "\\ud800"}]}',
        b'{"nodes": ["\xff"]}',
        b'{"\xff": []}',
        b'{"nodes": ' + b"[" * 5000,
        b'{"nodes": ' + b"[" * 30 + b"]" * 30 + b"}",
        b"[]",
        b"7",
        b'"nodes"',
        b"[" * 5000,
        b"\xff",
        b'{"nodes": {}}',
        b'{"nodes": null}',
        b"{}",
        b"",
    ],
)
def test_what_is_no_list_of_nodes_is_refused_in_one_line(http: Any, body: bytes) -> None:
    answer = http("POST", NODES, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert "\n" not in answer.json()["error"]["message"]


def test_white_space_and_the_order_of_keys_do_not_matter(http: Any) -> None:
    text = json.dumps({"keep": True, "nodes": [row("n1"), row("n2")], "chassis": []}, indent=4)
    assert http("POST", NODES, content=f"\n {text} \n".encode()).status_code == 201
    assert http("POST", NODES, content=text.encode()).json() == {"enrolled": 0, "unchanged": 2}
