"""Ports over HTTP: written, shown by version, filtered, in pages, and without secrets."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from podium.db import ports

MAC = "52:54:00:12:34:56"


@pytest.fixture
def node(enrol: Any) -> Any:
    return enrol("n1", shard="s1")[0]


def post(http: Any, node: Any, **values: Any) -> Any:
    answer = http("POST", "/v1/ports", json={"address": MAC, "node_uuid": node.uuid, **values})
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_port_is_written_shown_and_forgotten(http: Any, node: Any) -> None:
    answer = http("POST", "/v1/ports", json={"address": "52-54-00-AB-34-56", "node_uuid": node.uuid})
    port = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"http://api.example/v1/ports/{port['uuid']}"
    assert (port["address"], port["node_uuid"]) == ("52:54:00:ab:34:56", node.uuid)
    assert (port["pxe_enabled"], port["is_smartnic"], port["extra"]) == (True, False, {})
    assert port["portgroup_uuid"] is None and port["updated_at"] is None
    assert port["links"][0]["href"] == answer.headers["Location"]
    for ident in (port["uuid"], port["uuid"].upper(), port["address"]):
        assert http.get(f"/v1/ports/{ident}") == port
    assert http("DELETE", f"/v1/ports/{port['uuid']}").status_code == 204
    assert http("GET", f"/v1/ports/{port['uuid']}").status_code == 404
    assert http("DELETE", f"/v1/ports/{port['uuid']}").status_code == 404


def test_a_list_shows_few_fields_and_the_detail_all_of_them(http: Any, node: Any) -> None:
    port = post(http, node, name="eth0", vendor="acme")
    (brief,) = http.get("/v1/ports")["ports"]
    assert brief == {name: port[name] for name in ("uuid", "address", "links")}
    assert http.get("/v1/ports/detail")["ports"] == [port] == http.get("/v1/ports?detail=True")["ports"]
    (chosen,) = http.get("/v1/ports?fields=name,node_uuid")["ports"]
    assert chosen == {name: port[name] for name in ("name", "node_uuid", "links")}
    assert http.get("/v1/ports/eth0?fields=vendor") == {"vendor": "acme", "links": port["links"]}


@pytest.mark.parametrize(
    "field, since, value",
    [
        ("local_link_connection", 19, {"port_id": "1", "switch_id": "0a:1b:2c:3d:4e:5f"}),
        ("pxe_enabled", 19, False),
        ("physical_network", 34, "net1"),
        ("is_smartnic", 53, False),
        ("name", 88, "eth0"),
        ("description", 97, "left"),
        ("vendor", 100, "acme"),
        ("category", 101, "fast"),
        ("available_for_dynamic_portgroup", 111, False),
    ],
)
def test_a_field_is_hidden_and_refused_below_the_version_that_brought_it(
    http: Any, node: Any, field: str, since: int, value: Any
) -> None:
    http.version = f"1.{since}"
    port = post(http, node, **{field: value})
    assert port[field] == value
    http.version = f"1.{since - 1}"
    assert field not in http.get(f"/v1/ports/{port['uuid']}")
    if since > 8:
        assert http("GET", f"/v1/ports?fields={field}").status_code == 406
    body = {"address": "52:54:00:00:00:01", "node_uuid": node.uuid, field: value}
    answer = http("POST", "/v1/ports", json=body)
    assert answer.status_code == 406
    assert field in answer.text


@pytest.mark.parametrize(
    "values, word",
    [
        ({"address": "52:54:00"}, "address"),
        ({"address": None}, "address"),
        ({"node_uuid": "ghost"}, "node_uuid"),
        ({"node_uuid": "11111111-2222-3333-4444-555555555555"}, "11111111"),
        ({"node_uuid": None}, "node_uuid"),
        ({"node_ident": "n1"}, "node_ident"),
        ({"physical_network": ""}, "physical_network"),
        ({"extra": []}, "extra"),
        ({"pxe_enabled": "perhaps"}, "pxe_enabled"),
        ({"portgroup_uuid": "11111111-2222-3333-4444-555555555555"}, "port groups"),
        ({"is_smartnic": True}, "hostname"),
        ({"local_link_connection": {"port_id": "1"}}, "switch_id"),
        ({"local_link_connection": {"port_id": "1", "switch_id": "here"}}, "switch_id"),
        ({"local_link_connection": {"colour": "red"}}, "colour"),
        ({"local_link_connection": {"network_type": "some"}}, "network_type"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_wrong_values_are_refused_and_named(http: Any, node: Any, values: Any, word: str) -> None:
    answer = http("POST", "/v1/ports", json={"address": MAC, "node_uuid": node.uuid, **values})
    assert answer.status_code == 400
    assert word in answer.text
    assert http.get("/v1/ports") == {"ports": []}


OVN = {"port_id": "1", "vtep-logical-switch": "a", "vtep-physical-switch": "b"}


@pytest.mark.parametrize(
    ("version", "status"), [("1.89", 406), ("1.90", 201), ("1.104", 201), ("1.105", 406)]
)
def test_a_link_says_something_of_ovn_in_some_versions(
    http: Any, node: Any, version: str, status: int
) -> None:
    body = {"address": MAC, "node_uuid": node.uuid, "local_link_connection": OVN}
    http.version = version
    assert http("POST", "/v1/ports", json=body).status_code == status
    half = {"port_id": "1", "switch_id": MAC, "vtep-logical-switch": "a"}
    http.version = "1.90"
    answer = http("POST", "/v1/ports", json={**body, "local_link_connection": half})
    assert (answer.status_code, "together" in answer.text) == (400, True)


def test_a_link_that_says_something_of_ovn_is_empty_in_other_versions(http: Any, node: Any) -> None:
    http.version = "1.104"
    own = post(http, node, local_link_connection=OVN)["uuid"]
    for http.version, link in (("1.89", {}), ("1.90", OVN), ("1.104", OVN), ("latest", {})):
        assert http.get(f"/v1/ports/{own}")["local_link_connection"] == link
    step = {"op": "replace", "path": "/extra", "value": {"a": 1}}
    assert http("PATCH", f"/v1/ports/{own}", json=[step]).json()["local_link_connection"] == {}
    http.version = "1.104"
    assert http.get(f"/v1/ports/{own}")["local_link_connection"] == OVN


def test_an_address_uuid_or_name_of_another_port_is_a_conflict(http: Any, node: Any) -> None:
    port = post(http, node, name="eth0")
    for same in ({"address": MAC.upper()}, {"uuid": port["uuid"]}, {"name": "eth0"}):
        body = {"address": "52:54:00:00:00:01", "node_uuid": node.uuid, **same}
        answer = http("POST", "/v1/ports", json=body)
        assert answer.status_code == 409
        assert next(iter(same)) in answer.text


def test_a_node_may_be_named_instead_of_its_uuid(http: Any, node: Any) -> None:
    body = {"address": MAC, "node_ident": "n1"}
    http.version = "1.93"
    assert http("POST", "/v1/ports", json=body).status_code == 406
    http.version = "1.94"
    assert http("POST", "/v1/ports", json=body).json()["node_uuid"] == node.uuid


def test_ports_are_filtered(http: Any, enrol: Any, node: Any) -> None:
    (other,) = enrol("n2", conductor_group="east")
    post(http, node, name="a", description="To the left")
    post(http, other, name="b", address="52:54:00:00:00:01")
    for query, found in (
        ("node=n1", ["a"]),
        (f"node={other.uuid.upper()}", ["b"]),
        (f"node_uuid={other.uuid}", ["b"]),
        (f"address={MAC.upper()}", ["a"]),
        ("address=00-00-00-00-00-00", []),
        ("shard=s1,s2", ["a"]),
        ("conductor_groups=east", ["b"]),
        ("description_contains=LEFT", ["a"]),
    ):
        ports = http.get(f"/v1/ports?fields=name&{query}")["ports"]
        assert [port["name"] for port in ports] == found
    assert [port["name"] for port in http.get("/v1/nodes/n2/ports/detail")["ports"]] == ["b"]
    assert [port["address"] for port in http.get(f"/v1/nodes/{node.uuid}/ports")["ports"]] == [MAC]
    for path, status in (
        ("/v1/ports?node=ghost", 404),
        ("/v1/nodes/ghost/ports", 404),
        ("/v1/ports?portgroup=p", 404),
        ("/v1/ports?colour=red", 400),
        ("/v1/ports?sort_key=extra", 400),
        ("/v1/ports?address=here", 400),
        ("/v1/ports?marker=11111111-2222-3333-4444-555555555555", 404),
    ):
        assert http("GET", path).status_code == status


def test_pages_follow_each_other_and_keep_what_was_asked_for(http: Any, enrol: Any, node: Any) -> None:
    for number in range(7):
        post(http, node, address=f"52:54:00:00:00:0{number}")
    post(http, enrol("n2")[0])
    path, found = f"/v1/ports?node={node.uuid}&limit=3&sort_key=address&sort_dir=desc", []
    for _ in range(3):
        answer = http.get(path)
        found += [int(port["address"][-1]) for port in answer["ports"]]
        link = urlsplit(answer.get("next", ""))
        path = f"{link.path}?{link.query}"
    assert found == [6, 5, 4, 3, 2, 1, 0]
    assert "next" not in answer


def test_no_answer_has_a_secret(http: Any, node: Any) -> None:
    port = post(http, node, extra={"api_key": "hunter2", "rack": 1})
    assert port["extra"] == {"api_key": "******", "rack": 1}
    assert "hunter2" not in http("GET", "/v1/ports/detail").text


def patch(http: Any, port: Any, *steps: Any) -> Any:
    return http("PATCH", f"/v1/ports/{port['uuid']}", json=list(steps))


def test_a_port_is_changed(http: Any, enrol: Any, node: Any) -> None:
    (other,) = enrol("n2")
    port = post(http, node, extra={"api_key": "hunter2", "rack": 1}, pxe_enabled=False, vendor="acme")
    answer = patch(
        http,
        port,
        {"op": "replace", "path": "/address", "value": "66-55-44-33-22-11"},
        {"op": "add", "path": "/extra/answer", "value": 42},
        {"op": "remove", "path": "/extra/rack"},
        {"op": "remove", "path": "/pxe_enabled"},
        {"op": "add", "path": "/is_smartnic", "value": None},
        {"op": "add", "path": "/name", "value": "eth0"},
        {"op": "replace", "path": "/node_uuid", "value": other.uuid},
    )
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    assert changed == http.get("/v1/ports/eth0")
    assert (changed["address"], changed["node_uuid"]) == ("66:55:44:33:22:11", other.uuid)
    assert (changed["extra"], changed["pxe_enabled"]) == ({"api_key": "******", "answer": 42}, True)
    assert changed["vendor"] == "acme" and changed["updated_at"] is not None
    assert patch(http, port, {"op": "remove", "path": "/name"}).json()["name"] is None


def test_a_secret_that_is_sent_back_masked_stays(http: Any, node: Any, database: Any) -> None:
    port = post(http, node, extra={"api_key": "hunter2"})
    masked = {"op": "replace", "path": "/extra", "value": {"api_key": "******", "rack": 1}}
    assert patch(http, port, masked).status_code == 200
    with database.read() as connection:
        kept = ports.find(connection, port["uuid"])
    assert kept is not None and kept.record["extra"] == {"api_key": "hunter2", "rack": 1}
    answer = patch(http, port, {"op": "add", "path": "/extra/password", "value": "******"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "step, word",
    [
        ({"op": "replace", "path": "/uuid", "value": MAC}, "uuid"),
        ({"op": "replace", "path": "/links", "value": []}, "links"),
        ({"op": "add", "path": "/colour", "value": "red"}, "colour"),
        ({"op": "replace", "path": "/address", "value": "here"}, "address"),
        ({"op": "remove", "path": "/address"}, "address"),
        ({"op": "remove", "path": "/node_uuid"}, "node_uuid"),
        ({"op": "replace", "path": "/node_uuid", "value": "11111111-2222-3333-4444-555555555555"}, "1111"),
        ({"op": "replace", "path": "/physical_network", "value": ""}, "physical_network"),
        ({"op": "replace", "path": "/is_smartnic", "value": True}, "hostname"),
        ({"op": "add", "path": "/local_link_connection/port_id", "value": "1"}, "switch_id"),
        ({"op": "remove", "path": "/extra/nothing"}, "nothing"),
    ],
)
def test_a_wrong_change_is_refused_and_changes_nothing(http: Any, node: Any, step: Any, word: str) -> None:
    port = post(http, node)
    answer = patch(http, port, {"op": "add", "path": "/extra/a", "value": 1}, step)
    assert answer.status_code == 400
    assert word in answer.text
    assert http.get(f"/v1/ports/{port['uuid']}") == port


def test_a_change_is_refused_where_it_collides_or_is_too_new(http: Any, node: Any) -> None:
    post(http, node, name="eth0")
    port = post(http, node, address="52:54:00:00:00:01")
    for field, value in (("address", MAC), ("name", "eth0")):
        answer = patch(http, port, {"op": "replace", "path": f"/{field}", "value": value})
        assert answer.status_code == 409
        assert field in answer.text
    assert patch(http, port, {"op": "replace", "path": "/address", "value": port["address"]}).json() == port
    assert http("PATCH", f"/v1/ports/{MAC[:-1]}0", json=[]).status_code == 404
    http.version = "1.87"
    assert patch(http, port, {"op": "add", "path": "/name", "value": "x"}).status_code == 406
