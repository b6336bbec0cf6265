"""A session that ended is renewed in whatever form that is said, and no refusal costs a login each time."""

import contextlib
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import virtual_time
from podium import errors
from podium.drivers.redfish.http.client import Refused, Timing

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
PAGE = b"\r\n<!DOCTYPE html><html><body>Log in</body></html>"


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def told(name: str) -> dict[str, Any]:
    return {
        "error": {
            "code": f"Base.1.8.{name}",
            "message": "See",
            "@Message.ExtendedInfo": [{"MessageId": f"Base.1.8.{name}"}],
        }
    }


#: Status, body and headers of what a BMC answers to whoever it does not know.
FORMS: dict[str, tuple[int, Any, dict[str, str]]] = {
    "401": (401, None, {}),
    "403 no session": (403, told("NoValidSession"), {}),
    "403 privilege": (403, told("InsufficientPrivilege"), {}),
    "403 alone": (403, None, {}),
    "403 page": (403, PAGE, {"Content_Type": "text/html"}),
    "400": (400, told("GeneralError"), {}),
    "400 token": (400, told("AuthenticationTokenRequired"), {}),
    "404": (404, told("ResourceMissingAtURI"), {}),
    "404 alone": (404, None, {}),
    "405": (405, None, {}),
    "410": (410, None, {}),
    "419": (419, None, {}),
    "440": (440, None, {}),
    "498": (498, None, {}),
    "500": (500, None, {}),
    "503": (503, told("NoValidSession"), {}),
    "303 login": (303, None, {"Location": "/login.html"}),
    "302 login": (302, None, {"Location": "/login.html"}),
    "302 elsewhere": (302, None, {"Location": "https://sso.example/login"}),
    "302 nowhere": (302, None, {}),
    "302 in a circle": (302, None, {"Location": "/login?again"}),
    "200 page": (200, PAGE, {"Content_Type": "text/html"}),
    "200 error": (200, told("NoValidSession"), {}),
    "200 other error": (200, told("GeneralError"), {}),
    "200 empty": (200, b"", {}),
    "204": (204, None, {}),
    "200 text": (200, b"Unauthorized", {"Content_Type": "text/plain"}),
    "200 null": (200, b"null", {}),
    "200 nothing": (200, {}, {}),
    "200 message": (200, {"code": 401, "message": "session timed out"}, {}),
}
#: Forms that are objects, so that who asks for something may be content with them.
OBJECTS = ("200 nothing", "200 message")


class Odd:
    """Has a BMC answer in one form whoever it does not know, but for root and login page."""

    def __init__(self, bmc: Any, form: str) -> None:
        self.bmc = bmc
        status, body, headers = FORMS[form]
        self.refusal = bmc.reply(status, body, **headers)
        self.always: tuple[str, ...] = ()  # paths that are answered so to everybody

    def __call__(self, request: Any) -> bytes | None:
        if request.path == "/login.html":
            return bytes(self.bmc.reply(200, PAGE, Content_Type="text/html"))
        if request.path == "/login?again":
            return bytes(self.bmc.reply(302, Location="/login?and=again"))
        if request.path == "/login?and=again":
            return bytes(self.bmc.reply(302, Location="/login?again"))
        if request.path == ROOT or (request.path, request.method) == (SESSIONS, "POST"):
            return None
        known = request.headers.get("x-auth-token") in self.bmc.sessions
        return None if known and request.path not in self.always else self.refusal


@pytest.mark.parametrize("form", FORMS)
def test_the_end_of_a_session_costs_one_login_in_whatever_form_it_is_told(fake_bmc: Any, form: str) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            bmc.answer = Odd(bmc, form)
            bmc.resources[RESET] = {}
            for number in range(1, 4):
                assert (await one.get(SYSTEM)).body["PowerState"] == "On"
                await one.post(RESET, {"ResetType": "On"}, repeatable=True)
                assert bmc.logins == number and client.statistics()["sessions"] == 1
                bmc.sessions.clear()
            assert not any("authorization" in request.headers for request in bmc.requests)

    run(main)


@pytest.mark.parametrize(
    "form",
    ["401", "403 no session", "403 privilege", "404", "440", "400", "302 login", "303 login", "302 elsewhere"]
    + ["200 page", "200 error"],
)
def test_what_was_certainly_not_done_is_done_after_the_login(http_bmc: Any, form: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = Odd(bmc, form)
            bmc.resources[RESET] = {}
            await one.get(SYSTEM)
            bmc.sessions.clear()
            await one.post(RESET, {"ResetType": "ForceRestart"}, repeatable=False)
            assert bmc.logins == 2 and len(bmc.asked(RESET, "POST")) == 2

    run(main)


@pytest.mark.parametrize("form", ["500", "302 nowhere", "200 empty", "204", "503"])
def test_what_may_have_been_done_is_not_repeated(http_bmc: Any, form: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            odd = bmc.answer = Odd(bmc, form)
            if form == "503":
                odd.refusal = bmc.reply(503)
            await one.get(SYSTEM)
            bmc.sessions.clear()
            with contextlib.suppress(errors.DriverError):
                await one.post(RESET, {"ResetType": "ForceRestart"}, repeatable=False)
            assert len(bmc.asked(RESET, "POST")) == 1

    run(main)


@pytest.mark.parametrize(
    "form", [form for form in FORMS if form not in ("401", "419", "440", "498", *OBJECTS)]
)
def test_an_answer_that_means_what_it_says_costs_no_login(http_bmc: Any, form: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            odd = bmc.answer = Odd(bmc, form)
            odd.always = ("/denied", "/forbidden")
            await one.get(SYSTEM)
            for path in ("/denied", "/denied", "/forbidden"):
                with pytest.raises(errors.DriverError):
                    await one.get(path)
            says_so = form in ("403 no session", "400 token", "503", "200 error")
            assert bmc.logins == 1 + says_so
            bmc.requests.clear()
            with pytest.raises(errors.DriverError):
                await one.get("/denied")
            assert [request.path for request in bmc.requests if "/login" not in request.path] == ["/denied"]

    run(main)


def test_a_page_in_answer_to_a_reset_is_no_reason_to_repeat_it(http_bmc: Any) -> None:
    """Though the session cannot be seen: what BMCs answer to something done may be anything."""

    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: {
                RESET: bmc.reply(200, b"<html>OK</html>"),
                f"{SESSIONS}/1": bmc.reply(200, PAGE),
            }.get(request.path)
            await one.get(SYSTEM)
            await one.post(RESET, {"ResetType": "ForceRestart"}, repeatable=False)
            assert len(bmc.asked(RESET, "POST")) == 1
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"

    run(main)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_bmc_in_trouble_keeps_its_session_and_is_given_no_password(http_bmc: Any, status: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)
            bmc.answer = lambda request: bmc.reply(status)
            for _ in range(3):
                with pytest.raises(Refused, match=f"HTTP {status}"):
                    await one.get(SYSTEM)
            bmc.answer = lambda request: None
            await one.get(SYSTEM)
            assert bmc.logins == 1 and not bmc.asked(f"{SESSIONS}/1", "DELETE")
            assert not any("authorization" in request.headers for request in bmc.requests)

    run(main)


def test_a_user_without_the_right_costs_one_login_although_the_session_cannot_be_seen(http_bmc: Any) -> None:
    async def main() -> None:
        now = [0.0]
        async with http_bmc(None) as bmc, bmc.connected(clock=lambda: now[0]) as (client, one):
            denied = bmc.reply(403, told("InsufficientPrivilege"))
            bmc.answer = lambda request: (
                denied
                if request.path in ("/denied", f"{SESSIONS}/1", f"{SESSIONS}/2") and request.method == "GET"
                else None
            )
            await one.get(SYSTEM)
            for _ in range(5):
                with pytest.raises(Refused, match="HTTP 403"):
                    await one.get("/denied")
                now[0] += 30
            assert bmc.logins == 2 and len(bmc.sessions) == client.statistics()["sessions"] == 1
            now[0] += 600
            with pytest.raises(Refused):
                await one.get("/denied")
            assert bmc.logins == 3

    run(main)


def test_a_login_that_does_not_help_is_not_repeated_and_a_wrong_password_is_counted(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = Odd(bmc, "403 no session")
            await one.get(SYSTEM)
            bmc.sessions.clear()
            bmc.password = "another"
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused, match="refuses the login of user"):
                    await one.get(SYSTEM)
            bmc.requests.clear()
            with pytest.raises(errors.AuthenticationRefused, match="left alone"):
                await one.get(SYSTEM)
            assert not bmc.requests

    run(main)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("303 login", "200 text")])
def test_a_stream_is_opened_after_one_login_in_whatever_form_its_refusal_comes(
    http_bmc: Any, form: str
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            odd = Odd(bmc, form)
            begun = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n"
            bmc.answer = lambda request: odd(request) or (begun if request.path == "/events" else None)
            await one.get(SYSTEM)
            bmc.sessions.clear()
            async with one.stream("/events") as pieces:
                assert await anext(pieces) == b"data: 1\n\n"
            assert bmc.logins == 2

    run(main)


@pytest.mark.parametrize("closes_for", ["strangers", "all"])
def test_a_bmc_that_closes_the_connection_instead_is_given_one_login(fake_bmc: Any, closes_for: str) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):

            def answer(request: Any) -> bytes | None:
                known = request.headers.get("x-auth-token") in bmc.sessions
                nobody = not known and request.path != ROOT and request.method != "POST"
                bmc.closes = nobody or (closes_for == "all" and request.path == "/denied")
                return b"" if bmc.closes else None

            bmc.answer = answer
            for number in (1, 2):
                assert (await one.get(SYSTEM)).body["PowerState"] == "On"
                assert bmc.logins == number
                bmc.sessions.clear()
            await one.get(SYSTEM)
            for _ in range(3 if closes_for == "all" else 0):
                with pytest.raises(errors.BMCUnreachable, match="closed the connection"):
                    await one.get("/denied")
            assert bmc.logins == 3 + (closes_for == "all") and len(bmc.sessions) == 1
            assert client.statistics()["sessions"] == 1

    run(main)


def test_a_bmc_that_answers_nobody_is_given_no_login(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)
            bmc.closes, bmc.answer = True, lambda request: b""
            bmc.requests.clear()
            with pytest.raises(errors.BMCUnreachable):
                await one.get(SYSTEM)
            assert not any(request.method == "POST" for request in bmc.requests)
            bmc.closes, bmc.answer = False, lambda request: None
            await one.get(SYSTEM)
            assert bmc.logins == 1

    run(main)


def test_a_bmc_that_closes_for_its_users_and_fails_for_all_others_is_given_no_login(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.get(SYSTEM)

            def answer(request: Any) -> bytes | None:
                bmc.closes = request.path == SYSTEM
                return b"" if bmc.closes else bytes(bmc.reply(503))

            bmc.answer = answer
            with pytest.raises(errors.BMCUnreachable):
                await one.get(SYSTEM)
            assert bmc.logins == 1 and not bmc.asked(f"{SESSIONS}/1", "DELETE")
            bmc.closes, bmc.answer = False, lambda request: None

    run(main)


def test_an_object_that_is_no_resource_costs_one_login_and_then_means_what_it_says(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: (
                bmc.reply(200, {"name": "thing"})
                if request.path in ("/own", f"{SESSIONS}/1") and request.method == "GET"
                else None
            )
            await one.get(SYSTEM)
            for _ in range(3):
                assert (await one.get("/own")).body == {"name": "thing"}
            assert bmc.logins == 2 and len(bmc.sessions) == 1

    run(main)


def test_a_session_that_is_never_shown_takes_nothing_from_an_answer(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(Timing(read=0.2)) as (_, one):
            bmc.answer = lambda request: (
                b"" if (request.method, request.path) == ("GET", f"{SESSIONS}/1") else None
            )
            await one.get(SYSTEM)
            for _ in range(3):
                with pytest.raises(Refused, match="HTTP 404"):
                    await one.get("/missing")
            assert len(bmc.asked(f"{SESSIONS}/1")) == 1 and bmc.logins == 1

    run(main)
