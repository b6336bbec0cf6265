"""Collections as walks read them: in pages, without $expand where it fails, and never for another's."""

import asyncio
from typing import Any

import pytest

from bmc_tree import CHASSIS, EXPANDS, ROOT, SYSTEM, TreeBMC, collection, link
from podium import errors
from podium.drivers.redfish.http.answers import Refused
from podium.drivers.redfish.machine.walk import Places, Walk

ALL = f"{ROOT}/Chassis"
QUERY = "?$expand=.($levels=1)"


def walk(bmc: TreeBMC, places: Places | None = None, now: float = 1000.0, requests: int = 64) -> Walk:
    return Walk(bmc, requests, 60.0, lambda: now, places)


def related(tree: dict[str, Any]) -> tuple[list[str], list[str]]:
    bmc = TreeBMC({ROOT: {"Chassis": link(ALL)}, **tree})
    return asyncio.run(walk(bmc).related({}, "Chassis", "Chassis", 4)), bmc.asked


def test_the_first_pages_only_chassis_is_not_the_systems_where_there_is_another() -> None:
    pages = {ALL: {**collection(CHASSIS), "Members@odata.nextLink": "/more"}}
    assert related({**pages, "/more": collection("/other")})[0] == []
    assert related({**pages, "/more": collection()})[0] == [CHASSIS]
    assert related({**pages, "/more": Refused("not now", 500)})[0] == []
    assert related({ALL: {**collection(CHASSIS), "Members@odata.count": 2}})[0] == []
    assert related({ALL: {**collection(CHASSIS), "Members@odata.count": 1}})[0] == [CHASSIS]


@pytest.mark.parametrize("following", [ALL, "/more", "//evil", "https://192.0.2.1/more", "/a b", 7])
def test_pages_that_lead_in_a_circle_or_off_the_bmc_end_there(following: Any) -> None:
    more = {**collection(), "Members@odata.nextLink": following}
    paths, asked = related({ALL: {**collection(CHASSIS), "Members@odata.nextLink": "/more"}, "/more": more})
    assert (paths, len(asked)) == ([], 2)


def test_members_of_all_pages_are_read_up_to_the_limit() -> None:
    pages = {
        f"/p{number}": {**collection(f"/m{number}"), "@odata.nextLink": f"/p{number + 1}"}
        for number in range(100)
    }
    bmc = TreeBMC({**pages, **{f"/m{number}": {"Name": str(number)} for number in range(100)}})
    found = asyncio.run(walk(bmc, requests=1000).members("/p0", 40))
    assert [entry["Name"] for entry in found] == [str(number) for number in range(40)]
    bmc.asked.clear()
    asyncio.run(walk(bmc, requests=1000).members("/p0", 1000))
    assert len(bmc.asked) == 2 * 64


@pytest.mark.parametrize(
    "failure", [Refused("no", 500), Refused("no", 501), errors.BMCUnreachable("silence"), {"error": {}}, {}]
)
def test_an_expand_that_fails_is_done_without_in_the_same_walk_and_for_an_hour(failure: Any) -> None:
    places = Places()
    fans = {f"/fans{QUERY}": failure or {"Name": "Fans"}, "/fans": collection("/fan"), "/fan": {"Name": "F"}}
    bmc = TreeBMC({ROOT: EXPANDS, **fans})
    for now, asked in (
        (1000.0, [f"/fans{QUERY}", "/fans", "/fan", "/fans", "/fan"]),
        (4599.0, ["/fans", "/fan"] * 2),
        (4600.0, [f"/fans{QUERY}", "/fans", "/fan", "/fans", "/fan"]),
    ):
        bmc.asked.clear()
        one = walk(bmc, places, now)
        for _ in range(2):
            assert asyncio.run(one.members("/fans", 9)) == [{"Name": "F"}]
        assert bmc.asked == asked


def test_a_collection_that_is_not_there_says_nothing_about_expand() -> None:
    places = Places()
    bmc = TreeBMC({ROOT: EXPANDS, SYSTEM: {}})
    assert asyncio.run(walk(bmc, places).members("/none", 9)) == []
    assert places == Places()


def test_a_root_that_lacks_what_is_looked_for_is_read_again_for_it() -> None:
    class Starting(TreeBMC):
        async def root(self, needed: str = "") -> dict[str, Any]:
            return await super().root() if needed == "Chassis" else {}

    bmc = Starting({ROOT: {"Chassis": link(ALL)}, ALL: collection(CHASSIS)})
    assert asyncio.run(walk(bmc).related({}, "Chassis", "Chassis", 4)) == [CHASSIS]
