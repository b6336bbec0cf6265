"""Lists over HTTP: pages, lines, fields, compression, and answers that did not change."""

import gzip
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from podium import errors
from podium.client.calls import wire
from podium.client.calls.nodes import ListNodes
from podium.client.remote import exchange
from podium.client.remote.remote import Remote
from podium.client.remote.server import Server
from podium.db import node_list
from podium.db.api import NodeRecord

Enrol = Callable[..., list[NodeRecord]]
Http = Callable[..., Any]

NODES = "/podium/v1/nodes"
LINES = {"Accept": wire.NDJSON}


def names(items: list[Any]) -> list[str]:
    return [one["name"] for one in items]


def test_a_list_comes_in_pages_whose_marker_leads_to_the_next(http: Any, enrol: Enrol) -> None:
    enrol(*(f"n{number}" for number in range(7, 14)))
    first = http.get(NODES)
    assert (names(first["items"]), first["next"]) == ([f"n{number}" for number in range(7, 12)], "n11")
    second = http.get(f"{NODES}?marker=n11")
    assert (names(second["items"]), second["next"]) == (["n12", "n13"], None)


def test_nodes_that_come_and_go_between_pages_move_no_other(http: Any, enrol: Enrol) -> None:
    enrol("n1", "n2", "n4", "n5")
    marker = http.get(f"{NODES}?limit=2")["next"]
    enrol("n0", "n3")
    http("POST", f"{NODES}/delete", json={"nodes": "n2"})
    assert names(http.get(f"{NODES}?marker={marker}")["items"]) == ["n3", "n4", "n5"]


def test_a_marker_that_is_none_of_the_nodes_does_not_begin_them_again(http: Any, enrol: Enrol) -> None:
    enrol("n1", "n2", "n3")
    for marker in ("n3", "no"):
        answer = http("GET", f"{NODES}?nodes=n[1-2]&limit=1&marker={marker}")
        assert answer.status_code == 400
        assert answer.json()["error"]["message"].startswith("the marker is not next of another page")


@pytest.mark.parametrize("fields", ["power_state", "uuid,power_state", "health"])
def test_pages_without_names_go_on_all_the_same(http: Any, enrol: Enrol, fields: str) -> None:
    enrol("n1", "n2", "n3")
    page = http.get(f"{NODES}?fields={fields}&limit=2")
    assert {*page["items"][0]} == {*fields.split(",")}
    assert page["next"] == "n2"


def test_fields_may_repeat_or_stand_in_one_parameter(http: Any, enrol: Enrol) -> None:
    enrol("n1")
    for query in ("fields=name,driver", "fields=name&fields=driver"):
        assert http.get(f"{NODES}?{query}")["items"] == [{"name": "n1", "driver": "fake"}]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("fields=colour", "nodes have no field colour"),
        ("limit=0", "limit: "),
        ("limit=x", "limit: "),
        ("limit=1&limit=2", "limit is given twice"),
        ("colour=red", "unknown: colour; there are "),
        ("power_state=odd", "power_state: "),
        ("extra.a%22=b", "extra: "),
        ("stale=-1", "stale: "),
    ],
)
def test_a_wrong_parameter_is_named(http: Any, query: str, fault: str) -> None:
    answer = http("GET", f"{NODES}?{query}")
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "BadRequest")
    assert error["message"].startswith(fault)


def test_all_items_come_in_lines_past_the_limit_of_pages(http: Any, enrol: Enrol) -> None:
    enrol(*(f"n{number}" for number in range(7)))
    answer = http("GET", f"{NODES}?fields=name", headers=LINES)
    assert answer.headers["Content-Type"] == wire.NDJSON
    assert [json.loads(line)["name"] for line in answer.text.splitlines()] == [f"n{n}" for n in range(7)]
    assert len(http("GET", f"{NODES}?limit=6", headers=LINES).text.splitlines()) == 6


def test_lines_begin_with_an_error_if_there_is_one(http: Any) -> None:
    answer = http("GET", f"{NODES}?nodes=n9", headers=LINES)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NodeNotFound")


def test_an_answer_that_did_not_change_is_not_sent_again(http: Any, enrol: Enrol) -> None:
    enrol("n1")
    path = f"{NODES}?fields=name,power_state"
    tag = http("GET", path).headers["ETag"]
    same = http("GET", path, headers={"If-None-Match": tag})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    enrol("n2")
    changed = http("GET", path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed.headers["ETag"] != tag) == (200, True)


def test_long_answers_are_compressed_for_those_who_take_that(http: Any, enrol: Enrol) -> None:
    enrol("n1", "n2")
    plain = http("GET", NODES, headers={"Accept-Encoding": "identity"})
    small = http("GET", NODES, headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers
    assert (small.headers["Content-Encoding"], small.json()) == ("gzip", plain.json())
    assert int(small.headers["Content-Length"]) < len(gzip.compress(plain.content, 0))
    assert "Accept-Encoding" in small.headers["Vary"]
    short = http("GET", f"{NODES}?fields=name", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in short.headers


def test_names_that_are_too_many_for_a_url_are_sent_as_a_body(http: Any, enrol: Enrol) -> None:
    enrol("n1", "n2")
    body = {"nodes": ["n2", "n1"], "fields": ["name"], "extra": {}}
    answer = http("POST", f"{NODES}/query", json=body)
    assert answer.json()["items"] == [{"name": "n2"}, {"name": "n1"}]
    lines = http("POST", f"{NODES}/query", json=body, headers=LINES)
    assert lines.text == '{"name":"n2"}\n{"name":"n1"}\n'


def test_the_client_sends_many_names_so_and_few_in_the_url() -> None:
    with Remote(Server(url="http://localhost:1")) as remote:
        few = exchange.request(remote._client, ListNodes("n[1-9]"), "application/json")
        many = exchange.request(remote._client, ListNodes([f"n{one}x" for one in range(2000)]), "x")
    assert (few.method, few.url.path, few.url.params["nodes"]) == ("GET", NODES, "n[1-9]")
    assert (many.method, many.url.path) == ("POST", f"{NODES}/query")
    assert len(json.loads(many.content)["nodes"]) == 2000


def test_many_names_are_found_by_the_client(http: Any) -> None:
    wanted = [f"n{number}" for number in range(2000)]
    answer = http("POST", f"{NODES}/query", json={"nodes": wanted})
    assert answer.json()["error"]["code"] == errors.NodeNotFound.__name__


def test_lists_are_answered_by_the_threads_that_read(
    http: Any, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol("n1")
    names_of_threads = []
    select = node_list.select_nodes

    def noted(*arguments: Any, **options: Any) -> Any:
        names_of_threads.append(threading.current_thread().name)
        return select(*arguments, **options)

    monkeypatch.setattr(node_list, "select_nodes", noted)
    http.get(NODES)
    http("GET", NODES, headers=LINES)
    http("POST", f"{NODES}/query", json={"nodes": ["n1"]})
    assert [name.partition("_")[0] for name in names_of_threads] == ["reads"] * 3


@pytest.mark.parametrize("marker", ["9" * 19, "9" * 5000, "x"])
def test_a_marker_that_no_list_has_is_refused(http: Any, marker: str) -> None:
    for path in ("operations", "operations/1/requests", "nodes/n1/history"):
        assert http("GET", f"/podium/v1/{path}?marker={marker}").status_code == 400, path


@pytest.mark.parametrize("query", ["extra=1&extra.a=1", "extra.a=1&extra=1", "extra.a=1&extra.a=2"])
def test_a_condition_of_extra_that_is_given_twice_is_refused(http: Any, query: str) -> None:
    answer = http("GET", f"{NODES}?{query}")
    assert (answer.status_code, "is given twice" in answer.text) == (400, True)


def test_conditions_of_extra_are_few(http: Any) -> None:
    few = {f"k{number}": "x" for number in range(20)}
    more = {**few, "k20": "x"}
    for conditions, status in ((few, 202), (more, 400)):
        query = "&".join(f"extra.{key}={value}" for key, value in conditions.items())
        assert http("GET", f"{NODES}?{query}").status_code == (200 if status == 202 else 400)
        body = {"action": "power on", "where": {"extra": conditions}}
        assert http("POST", "/podium/v1/operations", json=body).status_code == status
