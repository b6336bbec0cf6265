"""The only system of a BMC: in collections of one page and of many, whole and not."""

import asyncio
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium import errors
from podium.drivers.redfish.finding import only_system
from podium.drivers.redfish.http.answers import Refused, Response

SYSTEMS = "/redfish/v1/Systems"
ONE, TWO = f"{SYSTEMS}/1", f"{SYSTEMS}/2"


class Documents:
    """A BMC that has these documents."""

    target = "https://bmc"

    def __init__(self, documents: dict[str, Any], root: dict[str, Any] | None = None) -> None:
        self.documents = documents
        self.root_document = {"Systems": {"@odata.id": SYSTEMS}} if root is None else root
        self.asked: list[str] = []

    async def root(self, needed: str = "") -> dict[str, Any]:
        return self.root_document

    async def get(self, path: str) -> Response:
        self.asked.append(path)
        if path not in self.documents:
            raise Refused(f"no {path}", 404)
        return Response(200, [], self.documents[path])


def page(*members: str, following: Any = None, count: Any = None) -> dict[str, Any]:
    made: dict[str, Any] = {"Members": [{"@odata.id": member} for member in members]}
    if following is not None:
        made["Members@odata.nextLink"] = following
    if count is not None:
        made["Members@odata.count"] = count
    return made


def find(bmc: Documents) -> str:
    return asyncio.run(only_system(bmc))  # type: ignore[arg-type]


def skip(number: int) -> str:
    return f"{SYSTEMS}?$skip={number}"


def test_a_second_page_may_have_a_second_system() -> None:
    bmc = Documents({SYSTEMS: page(ONE, following=skip(1)), skip(1): page(TWO)})
    with pytest.raises(errors.InvalidDriverInfo, match="has 2 systems, /redfish/v1/Systems/1, .*/2"):
        find(bmc)


@pytest.mark.parametrize("empty", [{}, page(), {"Members": None}])
def test_the_only_system_may_be_on_the_last_page(empty: dict[str, Any]) -> None:
    pages = {SYSTEMS: {**empty, "@odata.nextLink": skip(1)}, skip(1): page(following=skip(2))}
    assert find(Documents({**pages, skip(2): page(ONE, f"{ONE}/", ONE, count=1)})) == ONE


@pytest.mark.parametrize(
    "first",
    [
        page(ONE, count=2),
        page(ONE, count="2"),
        page(count=1),
        {"Members@odata.count": 1},
        {"Members": [{"@odata.id": ONE}, {"href": TWO}]},
        {"Members": [{"@odata.id": ONE}, None]},
        {"Members": [{"@odata.id": ONE}, TWO]},
    ],
)
def test_a_collection_that_does_not_list_all_that_it_has_is_an_error(first: dict[str, Any]) -> None:
    with pytest.raises(errors.DriverError, match=r"lists [01] of the [12] systems .*; set redfish_system_id"):
        find(Documents({SYSTEMS: first}))


@pytest.mark.parametrize("count", [1, 1.0, 0, -7, True, None, "many", "1", [], "9" * 5000, 10**400])
def test_a_count_that_is_none_changes_nothing(count: Any) -> None:
    assert find(Documents({SYSTEMS: page(ONE, count=count)})) == ONE


@pytest.mark.parametrize(
    ("following", "words"),
    [
        (SYSTEMS, "in a circle"),
        (skip(1), "in a circle"),
        (
            "https://192.0.2.1/redfish/v1/Systems?$skip=1",
            "BMC https://bmc sent a link that is no path on itself",
        ),
        ("//192.0.2.1/redfish", "BMC https://bmc sent a link that is no path on itself"),
        ("/a b", "BMC https://bmc sent a link that is no path on itself"),
        (7, "BMC https://bmc sent a link that is no path on itself"),
        (skip(9), "no /redfish"),
    ],
)
def test_pages_that_lead_nowhere_leave_no_system_to_be_mistaken(following: Any, words: str) -> None:
    bmc = Documents({SYSTEMS: page(ONE, following=skip(1)), skip(1): page(following=following)})
    with pytest.raises(errors.DriverError, match=words):
        find(bmc)
    assert len(bmc.asked) <= 3


def test_the_link_to_the_next_page_may_be_an_object_as_all_others_are() -> None:
    pages = {SYSTEMS: page(following={"@odata.id": skip(1)}), skip(1): page(ONE)}
    assert find(Documents(pages)) == ONE
    with pytest.raises(errors.DriverError, match="BMC https://bmc sent a link that is no path on itself"):
        find(Documents({SYSTEMS: page(following={"@odata.id": "https://192.0.2.1/redfish/v1/Systems"})}))


def test_pages_without_an_end_are_given_up() -> None:
    pages = {skip(number): page(following=skip(number + 1)) for number in range(1000)}
    bmc = Documents({SYSTEMS: page(ONE, following=skip(0)), **pages})
    with pytest.raises(errors.DriverError, match="more than 64 pages"):
        find(bmc)
    assert len(bmc.asked) == 64


def test_of_thousands_of_systems_a_few_are_named() -> None:
    pages = {
        skip(number): page(*(f"{SYSTEMS}/{number}-{each}" for each in range(20)), following=skip(number + 1))
        for number in range(1000)
    }
    bmc = Documents({SYSTEMS: page(following=skip(0)), **pages})
    with pytest.raises(errors.InvalidDriverInfo, match="has more than 8 systems, ") as told:
        find(bmc)
    assert len(bmc.asked) == 2
    assert str(told.value).count(SYSTEMS) == 8


@pytest.mark.parametrize("root", [{}, {"Links": {"Systems": {"@odata.id": "/else"}}}, {"Systems": None}])
def test_systems_that_the_root_does_not_link_to_are_looked_for(root: dict[str, Any]) -> None:
    assert find(Documents({SYSTEMS: page(ONE), "/else": page(ONE)}, root)) == ONE


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)
PAGE = st.fixed_dictionaries(
    {},
    optional={
        "Members": JSON | st.lists(st.fixed_dictionaries({"@odata.id": st.sampled_from([ONE, TWO]) | JSON})),
        "Members@odata.nextLink": JSON | st.sampled_from([SYSTEMS, skip(1), skip(2)]),
        "Members@odata.count": JSON | st.integers(0, 3),
    },
)


@given(first=PAGE, second=PAGE, third=PAGE)
@example({"Members": {"": None}, "Members@odata.nextLink": skip(2)}, {}, {"Members": [{"@odata.id": ONE}]})
def test_whatever_the_pages_are_there_is_one_system_or_an_error(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    bmc = Documents({SYSTEMS: first, skip(1): second, skip(2): third})
    try:
        found = find(bmc)
    except errors.DriverError:
        return
    finally:
        assert len(bmc.asked) <= 4
    listed = [
        members for path in bmc.asked if isinstance(members := bmc.documents[path].get("Members"), list)
    ]
    assert {entry["@odata.id"].rstrip("/") for members in listed for entry in members} == {found.rstrip("/")}
