"""Links and redirects in every form: those of the BMC itself are followed, and no other machine is asked."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from peers import PATIENCE
from podium import errors
from podium.drivers.redfish import resources
from podium.drivers.redfish.http import origin, requests
from podium.drivers.redfish.http.client import Refused, Target
from podium.drivers.redfish.http.connection import Answer
from rounds import ROUNDS

ROOT = "/redfish/v1/"
SYSTEMS = "/redfish/v1/Systems"
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
HERE = Target("https", "BMC-1.example", 443, "podium", "secret")
FORWARDED = Target("https", "192.0.2.7", 8443, "podium", "secret")


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize(
    ("link", "path"),
    [
        (SYSTEM, SYSTEM),
        ("/redfish/v1/Chassis/1/Thermal#/Fans/0", "/redfish/v1/Chassis/1/Thermal#/Fans/0"),
        (f"https://bmc-1.example{SYSTEM}", SYSTEM),
        (f"HTTPS://BMC-1.Example:443{SYSTEM}?$skip=2#/a", f"{SYSTEM}?$skip=2#/a"),
        (f"https://bmc-1.example.{SYSTEM}", SYSTEM),
        (f"//bmc-1.example{SYSTEM}", SYSTEM),
        (f"http://bmc-1.example{SYSTEM}", SYSTEM),
        (f"https://198.51.100.4{SYSTEM}", SYSTEM),
        (f"https://[::ffff:198.51.100.4]{SYSTEM}", SYSTEM),
        ("https://bmc-1.example", "/"),
        ("Systems/1", "/redfish/v1/Systems/Systems/1"),
        ("1", "/redfish/v1/Systems/1"),
        ("./1/", "/redfish/v1/Systems/1/"),
        ("../Chassis/1", "/redfish/v1/Chassis/1"),
        ("?$skip=50", "/redfish/v1/Systems/?$skip=50"),
        ("#/Members", "/redfish/v1/Systems/#/Members"),
        ("redfish/v1/Systems/1", SYSTEM),
        ("Actions/X.Reset", "/redfish/v1/Systems/Actions/X.Reset"),
    ],
)
def test_a_link_of_the_bmc_itself_becomes_a_path(link: str, path: str) -> None:
    assert origin.own_path(link, f"{SYSTEMS}/", HERE, "198.51.100.4") == path


FOREIGN = [
    "https://evil.example/redfish/v1/Systems/1",
    "https://192.0.2.1/redfish/v1/Systems/1",
    "//evil.example/redfish/v1",
    "https://bmc-1.example.evil.example/",
    "https://bmc-1.example@evil.example/",
    "https://podium:secret@bmc-1.example/",
    "https://evil.example\\@bmc-1.example/",
    "https://bmc-1.example:8443/redfish/v1",
    "http://bmc-1.example:443@evil.example/",
    "ftp://bmc-1.example/redfish/v1",
    "javascript:alert(1)",
    "bmc-1.example:443/redfish",
    "https:///redfish/v1",
    "https://bmc-1.example:99999/",
    "https://[::1/",
    "",
    " ",
    "/a b",
    "//",
    "[",
    "\\\\evil.example\\x",
    "///x",
    "Systems/1\r\nX: y",
    "\u0130",
    "https://bmc-1.example/a b",
    "https://bmc-1.example//evil.example/",
    "x" * 3000,
]


@pytest.mark.parametrize("link", FOREIGN)
@pytest.mark.parametrize("peer", ["", "198.51.100.4"])
def test_a_link_to_elsewhere_is_none(link: str, peer: str) -> None:
    assert origin.own_path(link, f"{SYSTEMS}/", HERE, peer) is None


@pytest.mark.parametrize(
    ("link", "is_own"),
    [
        ("https://192.0.2.7:8443/x", True),
        ("http://192.0.2.7:8443/x", True),
        ("https://192.0.2.7/x", False),
        ("https://192.0.2.7:443/x", False),
        ("http://192.0.2.7/x", False),
        ("https://192.0.2.7:8444/x", False),
    ],
)
def test_another_port_of_an_address_is_another_machine(link: str, is_own: bool) -> None:
    assert origin.own_path(link, ROOT, FORWARDED, "") == ("/x" if is_own else None)


@settings(max_examples=300 * ROUNDS)
@given(
    st.text(max_size=60) | st.lists(st.sampled_from([*"/.:@?#[]\\%x", "http", "bmc-1.example"])).map("".join)
)
@example("//bmc-1.example//evil")
@example("..//..///x")
def test_whatever_a_link_is_a_path_comes_of_it_or_nothing(link: str) -> None:
    path = origin.own_path(link, SYSTEM, HERE, "::1")
    assert path is None or requests.is_path(path)


def test_the_links_of_a_resource_become_paths_and_nothing_else_does() -> None:
    here = f"https://bmc-1.example{SYSTEM}"
    body: dict[str, Any] = {
        "@odata.id": "1",
        "Name": "https://bmc-1.example/x",
        "Members@odata.nextLink": "?$skip=1",
        "Members": [{"@odata.id": here}, {"@odata.id": "https://evil.example/x"}, 1, [{"@odata.id": "2"}]],
        "Actions": {"#Reset": {"target": "1/Reset", "@Redfish.ActionInfo": f"{here}/Info"}},
        "ServerSentEventUri": f"//bmc-1.example{SYSTEM}",
        "target": 7,
    }
    origin.settle(body, SYSTEM, lambda link, base: origin.own_path(link, base, HERE, ""))
    assert body == {
        "@odata.id": SYSTEM,
        "Name": "https://bmc-1.example/x",
        "Members@odata.nextLink": f"{SYSTEM}?$skip=1",
        "Members": [
            {"@odata.id": SYSTEM},
            {"@odata.id": "https://evil.example/x"},
            1,
            [{"@odata.id": f"{SYSTEMS}/2"}],
        ],
        "Actions": {"#Reset": {"target": f"{SYSTEM}/Reset", "@Redfish.ActionInfo": f"{SYSTEM}/Info"}},
        "ServerSentEventUri": SYSTEM,
        "target": 7,
    }
    with pytest.raises(errors.DriverError, match="no path on itself"):
        resources.links(body, "Members")


@pytest.mark.parametrize("base", [SYSTEM, f"{SYSTEM}/", f"{SYSTEM}?$select=Actions"])
def test_actions_are_beneath_their_resource_whether_its_path_ends_with_a_slash_or_not(base: str) -> None:
    assert origin.own_path("Actions/ComputerSystem.Reset", base, HERE, "") == RESET
    assert origin.own_path("./Actions/ComputerSystem.Reset", base, HERE, "") == RESET


@pytest.mark.parametrize("base", [SYSTEMS, f"{SYSTEMS}/", f"{SYSTEMS}?$skip=1"])
@pytest.mark.parametrize(
    ("link", "path"),
    [("1", SYSTEM), ("437XR1138R2", f"{SYSTEMS}/437XR1138R2"), (SYSTEM, SYSTEM), ("a:b", "a:b")],
)
def test_members_are_beneath_their_collection(base: str, link: str, path: str) -> None:
    body: dict[str, Any] = {"Members": [{"@odata.id": link}, 1, {}, {"@odata.id": 1}]}
    origin.settle(body, base, lambda link, base: origin.own_path(link, base, HERE, ""))
    assert body["Members"][0]["@odata.id"] == path


def test_links_are_relative_to_where_a_redirect_led(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: bmc.reply(308, Location="/b/c/") if request.path == "/a" else None
            bmc.resources["/b/c/"] = {
                "Next": {"@odata.id": "d"},
                "Far": {"@odata.id": str(one.target) + "/x"},
            }
            body = (await one.get("/a")).body
            assert resources.link(body, "Next") == "/b/c/d"
            assert resources.link(body, "Far") == "/x"

    run(main)


def test_a_bmc_whose_links_have_its_address_is_read_by_its_name(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(host="localhost") as (_, one):
            bmc.resources[SYSTEMS] = {"Members": [{"@odata.id": f"http://127.0.0.1:{bmc.port}{SYSTEM}"}]}
            assert resources.links((await one.get(SYSTEMS)).body, "Members") == [SYSTEM]

    run(main)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_post_is_redirected_to_the_same_path_with_a_slash(fake_bmc: Any, status: int) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):

            def answer(request: Any) -> Any:
                if request.method != "GET" and not request.path.endswith("/"):
                    return bmc.reply(status, Location=f"{request.path}/")
                request.path = request.path.rstrip("/") if request.path != ROOT else ROOT
                return None

            bmc.answer = answer
            bmc.resources[RESET] = {}
            response = await one.post(RESET, {"ResetType": "ForceRestart"}, repeatable=False)
            assert response.status == 204
            assert [request.body for request in bmc.asked(RESET, "POST")] == [
                {"ResetType": "ForceRestart"}
            ] * 2
            assert (one.has_session, bmc.logins) == (True, 1)
            assert not any("authorization" in request.headers for request in bmc.requests)
            await client.close()
            assert not bmc.sessions

    run(main)


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_is_redirected_with_its_body_to_another_path_of_the_bmc(http_bmc: Any, status: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            moved = {RESET: f"{one.target}/elsewhere", SESSIONS: "Logins"}
            bmc.answer = lambda request: (
                bmc.reply(status, Location=moved[request.path])
                if request.path in moved
                else logins(bmc, request)
            )
            bmc.resources["/elsewhere"] = {}
            await one.post(RESET, {"ResetType": "On"}, repeatable=True)
            assert bmc.asked("/elsewhere", "POST")[0].body == {"ResetType": "On"}
            assert bmc.asked("/redfish/v1/SessionService/Logins", "POST")[0].body["UserName"] == "podium"

    def logins(bmc: Any, request: Any) -> Any:
        if request.path != "/redfish/v1/SessionService/Logins":
            return None
        bmc.sessions["t"] = ""
        return bmc.reply(201, X_Auth_Token="t")

    run(main)


@pytest.mark.parametrize("seen", [200, 404, 405, 501])
def test_what_was_answered_with_303_is_done_and_not_repeated(http_bmc: Any, seen: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: {
                RESET: bmc.reply(303, Location="/done"),
                "/done": bmc.reply(seen, {"Name": "Done"}),
            }.get(request.path)
            await one.post(RESET, {"ResetType": "ForceRestart"}, repeatable=False)
            assert len(bmc.asked(RESET, "POST")) == len(bmc.asked("/done")) == 1

    run(main)


@pytest.mark.parametrize("status", [301, 302])
@pytest.mark.parametrize("location", ["/login.html", f"{SYSTEM}/Actions/Other", RESET, f"{RESET}?x=1"])
def test_a_post_is_not_repeated_where_it_is_not_clear_what_the_redirect_means(
    http_bmc: Any, status: int, location: str
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: (
                bmc.reply(status, Location=location) if request.method == "POST" else None
            )
            with pytest.raises(errors.DriverError, match=f"redirects POST {RESET} to"):
                await one.post(RESET, {"ResetType": "ForceRestart"}, repeatable=False)
            assert (
                len([request for request in bmc.requests if request.method == "POST"]) == 2
            )  # with the login

    run(main)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "kind",
    ["{scheme}://{host}:{other}{path}/", "//{host}:{other}{path}/", "{scheme}://localhost:{other}{path}/"],
)
def test_nothing_is_ever_sent_to_another_machine(fake_bmc: Any, status: int, kind: str) -> None:
    """Neither a token, nor a password, nor a reset, though redirects and links all lead there."""

    async def main() -> None:
        async with fake_bmc() as evil, fake_bmc() as bmc, bmc.connected() as (_, one):
            place = {"scheme": one.target.scheme, "host": bmc.host, "other": evil.port}
            bmc.answer = lambda request: bmc.reply(status, Location=kind.format(path=request.path, **place))
            for ask in (
                one.get(SYSTEM),
                one.post(RESET, {}, repeatable=True),
                one.post(RESET, {}, repeatable=False),
            ):
                with pytest.raises((errors.DriverError, Refused)):
                    await ask
            with pytest.raises(errors.DriverError):
                async with one.stream("/events"):
                    pass
            bmc.answer = lambda request: None
            link = kind.format(path=SYSTEM, **place)
            bmc.resources[SYSTEMS] = {"Members": [{"@odata.id": link}], "target": link}
            with pytest.raises(errors.DriverError, match="no path on itself"):
                resources.links((await one.get(SYSTEMS)).body, "Members")
            for ask in (one.get(link), one.post(link, {}, repeatable=True)):
                with pytest.raises(errors.DriverError, match="no path of its own"):
                    await ask
            assert not evil.requests and not evil.accepted

    run(main)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_redirects_in_a_circle_come_to_an_end(http_bmc: Any, method: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="none") as (_, one):
            bmc.answer = lambda request: bmc.reply(307, Location={"/a": "/b"}.get(request.path, "/a"))
            with pytest.raises(errors.DriverError, match="again and again, last from"):
                await (one.get("/a") if method == "GET" else one.post("/a", {}, repeatable=False))
            assert len(bmc.requests) == 4
            bmc.answer = lambda request: bmc.reply(307, Location=request.path)
            with pytest.raises(errors.DriverError, match="redirects"):
                await (one.get("/a") if method == "GET" else one.post("/a", {}, repeatable=False))
            assert len(bmc.requests) == 5

    run(main)


def test_basic_authentication_because_of_an_odd_answer_is_logged_with_the_reason(
    http_bmc: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: (
                bmc.reply(302, Location="/login.html") if request.method == "POST" else None
            )
            for _ in range(2):
                await one.get(SYSTEM)
            (record,) = [record for record in caplog.records if "opens no session" in record.getMessage()]
            assert "(HTTP 302): it redirects to '/login.html'; user name" in record.getMessage()
            assert record.levelname == "WARNING"

    run(main)


@pytest.mark.parametrize(
    "location", ["https://{host}{path}", "https://bmc.example{path}", "//bmc.example/login"]
)
def test_a_login_that_is_redirected_to_a_machine_is_no_reason_for_basic_authentication(
    http_bmc: Any, location: str
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: (
                bmc.reply(307, Location=location.format(path=request.path, host=request.headers["host"]))
                if request.method == "POST"
                else None
            )
            with pytest.raises(
                errors.DriverError, match=f"redirects POST {SESSIONS} to '.*set redfish_address"
            ):
                await one.get(SYSTEM)
            assert not any("authorization" in request.headers for request in bmc.requests)

    run(main)


def test_a_stream_is_redirected_too(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            moved = bmc.reply(307, Location="/events/")
            begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
            bmc.answer = lambda request: {"/events": moved, "/events/": begun}.get(request.path)
            async with one.stream("/events") as pieces:
                assert await anext(pieces) == b"data: 1\n\n"

    run(main)


def test_a_redirect_without_location_is_none() -> None:
    assert origin.redirected("GET", "/a", Answer(302, [], b""), lambda link, base: link) is None


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize(
    "place", ["Systems/2", "Systems/1/../2", "systems/%32", "Systems/11", "Systems"], ids=lambda place: place
)
def test_an_action_is_never_redirected_to_another_system(http_bmc: Any, status: int, place: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            other = f"/redfish/v1/{place}/Actions/ComputerSystem.Reset"
            bmc.resources[other] = {}
            bmc.answer = lambda request: bmc.reply(status, Location=other) if request.path == RESET else None
            with pytest.raises(errors.DriverError, match="not the same thing at another place"):
                await one.post(RESET, {"ResetType": "ForceOff"}, repeatable=True)
            assert not bmc.asked(other, "POST")

    run(main)
