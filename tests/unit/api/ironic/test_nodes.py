"""Reading nodes: fields by version, filters, pages, secrets."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from podium import states
from podium.db import api, power
from podium.db.engine import Database
from power_requests import C1


def names(answer: Any) -> list[str]:
    return [node["name"] for node in answer["nodes"]]


def test_a_list_shows_few_fields_and_a_node_all_of_them(http: Any, enrol: Any) -> None:
    (node,) = enrol("n1", power_state="power on")
    (brief,) = http.get("/v1/nodes")["nodes"]
    assert brief.keys() == {
        *("uuid", "name", "instance_uuid", "power_state", "provision_state", "maintenance", "links")
    }
    (whole,) = http.get("/v1/nodes/detail")["nodes"]
    assert whole == http.get("/v1/nodes/n1") == http.get(f"/v1/nodes/{node.uuid}/")
    assert (whole["power_state"], whole["provision_state"], whole["traits"]) == ("power on", "available", [])
    assert whole["links"][0] == {"href": f"http://api.example/v1/nodes/{node.uuid}", "rel": "self"}


def test_fields_are_hidden_below_the_version_that_brought_them(http: Any, enrol: Any) -> None:
    enrol("n1", owner="me")
    http.version = "1.49"
    shown = http.get("/v1/nodes/n1")
    assert "conductor" in shown and not shown.keys() & {"owner", "lessee", "health", "shard"}
    http.version = "1.50"
    assert http.get("/v1/nodes/n1")["owner"] == "me"
    assert http("GET", "/v1/nodes?lessee=me").status_code == 406
    http.version = "1.1"
    assert "name" not in http.get("/v1/nodes")["nodes"][0]


def test_what_a_version_does_not_have_is_not_acceptable(http: Any) -> None:
    """As fields to show, and as what pages are sorted by."""
    for version, status in (("1.49", 406), ("1.50", 200)):
        http.version = version
        for query in ("fields=uuid,owner", "sort_key=owner"):
            answer = http("GET", f"/v1/nodes?{query}")
            assert (answer.status_code, status == 200 or "owner" in answer.text) == (status, True)


@pytest.mark.parametrize("query", ["fields=uuid", "detail=true"])
def test_a_page_of_all_fields_is_not_asked_for_some(http: Any, enrol: Any, query: str) -> None:
    enrol("n1")
    http("POST", "/v1/chassis", json={"uuid": "31111111-2222-3333-4444-555555555501"})
    chassis = "/v1/chassis/31111111-2222-3333-4444-555555555501"
    for path in ("/v1/nodes", f"{chassis}/nodes", "/v1/ports", "/v1/nodes/n1/ports", "/v1/chassis"):
        assert http("GET", f"{path}/detail?{query}").status_code == 400
        assert http("GET", f"{path}/detail?limit=1").status_code == 200


def test_below_1_2_an_available_node_has_no_provision_state(http: Any, enrol: Any) -> None:
    (node,) = enrol("n1")
    other = enrol("n2", provision_state="active")[0]
    for http.version, state in (("1.1", None), ("1.2", "available")):
        shown = {one["uuid"]: one["provision_state"] for one in http.get("/v1/nodes")["nodes"]}
        assert shown == {node.uuid: state, other.uuid: "active"}
        for path in ("", "/states"):
            assert http.get(f"/v1/nodes/{node.uuid}{path}")["provision_state"] == state


def test_a_node_whose_name_is_its_uuid_has_none(http: Any, enrol: Any) -> None:
    uuid = "11111111-2222-3333-4444-555555555555"
    enrol(uuid, uuid=uuid)
    assert http.get(f"/v1/nodes/{uuid}")["name"] is None


def test_no_answer_has_a_secret(http: Any, enrol: Any) -> None:
    enrol(
        "n1",
        driver_info={"fake_password": "hunter2", "fake_latency": 0},
        extra={"api_key": "hunter2"},
        record={"instance_info": {"configdrive_password": "hunter2"}},
    )
    answer = http("GET", "/v1/nodes/detail")
    assert "hunter2" not in answer.text
    (node,) = answer.json()["nodes"]
    assert node["driver_info"] == {"fake_password": "******", "fake_latency": 0}


@pytest.mark.parametrize(
    "query, found",
    [
        ("driver=fake", ["a", "b", "c"]),
        ("driver=ipmi", []),
        ("owner=o1", ["a"]),
        ("project=o1", ["a", "b"]),
        ("lessee=o1", ["b"]),
        ("maintenance=true", ["b"]),
        ("maintenance=False", ["a", "c"]),
        ("retired=true", ["c"]),
        ("retired=false", ["a", "b"]),
        ("resource_class=big", ["a"]),
        ("conductor_group=", ["a", "b"]),
        ("conductor_group=east", ["c"]),
        ("description_contains=BROKEN", ["c"]),
        ("description_contains=%25", []),
        ("associated=true", ["b"]),
        ("associated=false", ["a", "c"]),
        ("instance_uuid=99999999-2222-3333-4444-555555555555", ["b"]),
        ("shard=s1,s2", ["a", "b"]),
        ("sharded=false", ["c"]),
        ("provision_state=enroll", ["c"]),
        ("fault=power+failure", ["b"]),
        ("include_children=true", ["a", "b", "c", "child"]),
        ("parent_node=p", ["child"]),
        ("instance_name=web", ["b"]),
        ("conductor=nobody", []),
        ("owner=o1&maintenance=true", []),
    ],
)
def test_nodes_are_filtered(http: Any, enrol: Any, query: str, found: list[str]) -> None:
    enrol("a", owner="o1", resource_class="big", shard="s1")
    enrol(
        "b",
        lessee="o1",
        maintenance=True,
        fault="power failure",
        instance_uuid="99999999-2222-3333-4444-555555555555",
        instance_name="web",
        shard="s2",
    )
    enrol("c", retired=True, conductor_group="east", description="a broken fan", provision_state="enroll")
    enrol("child", driver="other", parent_node="p", conductor_group="west", maintenance=True, shard="s3")
    assert names(http.get(f"/v1/nodes?{query}")) == found


@pytest.mark.parametrize("order", ["", "&sort_key=name", "&sort_key=owner&sort_dir=desc", "&sort_dir=desc"])
def test_pages_follow_each_other_and_keep_what_was_asked_for(http: Any, enrol: Any, order: str) -> None:
    for number in range(12):
        enrol(f"n{number:02}", owner=f"o{number % 3}" if number % 4 else None, lessee="me")
    enrol("other", lessee="you")
    path, found = f"/v1/nodes?lessee=me&fields=name,owner,links&limit=4{order}", []
    for _ in range(3):
        answer = http.get(path)
        assert all(node.keys() == {"name", "owner", "links"} for node in answer["nodes"])
        found += names(answer)
        if "next" in answer:
            link = urlsplit(answer["next"])
            path = f"{link.path}?{link.query}"
    assert "next" not in answer
    assert sorted(found) == [f"n{number:02}" for number in range(12)]


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=-1", "limit=many", "sort_key=driver_info", "sort_dir=up", "fields=nothing"),
        *(
            "provision_state=nothing",
            "marker=no-uuid",
            "unknown=1",
            "maintenance=perhaps",
            "detail=true&fields=name",
            "limit=1&limit=2",
            "fields=",
        ),
    ],
)
def test_a_wrong_query_is_refused_and_named(http: Any, query: str) -> None:
    answer = http("GET", f"/v1/nodes?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.text or "fields" in answer.text


def test_an_unknown_node_is_not_found(http: Any) -> None:
    answer = http("GET", "/v1/nodes/ghost")
    assert answer.status_code == 404
    assert "ghost" in answer.text


def test_a_change_under_way_shows_the_state_it_reaches(http: Any, enrol: Any, database: Database) -> None:
    (node,) = enrol("n1", power_state="power on")
    with database.write() as connection:
        power.ask(connection, [node], states.REBOOTING, who="bob@here")
    shown = http.get("/v1/nodes/n1")
    assert (shown["power_state"], shown["target_power_state"]) == ("rebooting", "power on")


def test_a_change_of_credentials_is_no_state_that_is_to_be_reached(http: Any, enrol: Any) -> None:
    enrol("n1", power_state="power on", target_power_state="change credentials", reservation=C1)
    shown = http.get("/v1/nodes/n1")
    assert (shown["power_state"], shown["target_power_state"]) == ("power on", None)
    assert shown["reservation"] == "c1"


def test_a_text_that_was_rendered_before_is_not_shown_after_a_change(
    http: Any, enrol: Any, database: Database
) -> None:
    (node,) = enrol("n1", extra={"rack": 1})
    assert http.get("/v1/nodes/n1")["extra"] == {"rack": 1}
    with database.write() as connection:
        api.update_nodes(connection, {node.id: {"extra": {"rack": 2}}})
    assert http.get("/v1/nodes/n1")["extra"] == {"rack": 2}


def test_every_answer_says_which_versions_there_are(http: Any) -> None:
    for version, path, status in (
        ("1.60", "/v1/nodes", 200),
        ("1.60", "/v1/nodes/ghost", 404),
        ("1.60", "/v1/elsewhere", 404),
        ("1.999", "/v1/nodes", 406),
    ):
        http.version = version
        answer = http("GET", path)
        assert answer.status_code == status
        assert answer.headers["X-OpenStack-Ironic-API-Maximum-Version"] == "1.115"
        agreed = None if "elsewhere" in path or status == 406 else version
        assert answer.headers.get("X-OpenStack-Ironic-API-Version") == agreed


def test_every_answer_has_an_identifier_of_its_own(http: Any) -> None:
    found = {http("GET", path).headers["X-OpenStack-Request-ID"] for path in ("/v1/nodes", "/v1/nodes/ghost")}
    assert len(found) == 2
    assert all(one.startswith("req-") for one in found)


def test_a_node_is_found_by_its_uuid_in_any_form_and_by_no_unprintable_name(http: Any, enrol: Any) -> None:
    (node,) = enrol("n1")
    assert http.get(f"/v1/nodes/{node.uuid.upper()}")["name"] == "n1"
    assert http("GET", "/v1/nodes/n%011").status_code == 404
    http.version = "1.4"
    assert http("GET", "/v1/nodes/n1").status_code == 404
