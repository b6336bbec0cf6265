"""Logins: sessions that are opened, used again, renewed and closed, and what replaces them."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import virtual_time
from fakes import Clock
from peers import PATIENCE
from podium import errors
from podium.drivers.redfish.http.client import BMCBusy, Refused
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.sessions import Account
from podium.drivers.redfish.http.wire import Counts, Target, Timing

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEM = "/redfish/v1/Systems/1"
LONG = Timing(command=PATIENCE, connect=PATIENCE, read=PATIENCE, close=PATIENCE)


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def test_a_session_is_opened_used_again_and_closed(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            async with bmc.connected() as (client, one):
                assert not one.has_session
                for _ in range(10):
                    await one.get(SYSTEM)
                told = client.statistics()
                assert (bmc.logins, one.has_session, told["logins"], told["sessions"]) == (1, True, 1, 1)
                assert all("authorization" not in request.headers for request in bmc.requests)
            assert not bmc.sessions and bmc.asked(f"{SESSIONS}/1", "DELETE")

    run(main)


def test_a_session_that_the_bmc_forgot_is_renewed_once_for_all_who_wait(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            await one.get(SYSTEM)
            bmc.sessions.clear()
            bmc.resources["/reset"] = {}
            told = await asyncio.gather(
                one.get(SYSTEM), one.post("/reset", {}, repeatable=False), one.get(SYSTEM)
            )
            assert [response.status for response in told] == [200, 204, 200]
            assert (bmc.logins, client.statistics()["sessions"]) == (2, 1)

    run(main)


def test_sessions_are_opened_where_the_service_root_says(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.resources[ROOT]["Links"]["Sessions"]["@odata.id"] = "/redfish/v1/Elsewhere"
            bmc.answer = lambda request: (
                bmc.reply(201, X_Auth_Token="t") if request.path == "/redfish/v1/Elsewhere" else None
            )
            bmc.sessions["t"] = ""
            await one.get(SYSTEM)
            assert bmc.requests[-1].headers["x-auth-token"] == "t"

    run(main)


@pytest.mark.parametrize(
    "root",
    [{}, {"Links": 1}, {"Links": {"Sessions": []}}, {"Links": {"Sessions": {"@odata.id": "//x/y"}}}, None],
)
def test_sessions_are_opened_at_the_usual_path_when_the_root_does_not_say(http_bmc: Any, root: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.resources[ROOT] = root
            await one.get(SYSTEM)
            assert bmc.logins == 1

    run(main)


def test_a_root_that_is_only_for_who_is_logged_in_is_read_after_that(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: (
                bmc.reply(401) if request.path == ROOT and "x-auth-token" not in request.headers else None
            )
            assert (await one.root())["@odata.id"] == ROOT

    run(main)


@pytest.mark.parametrize(
    "location", ["{path}", "http://bmc-17.example{path}", "https://[::1]:8443{path}", None]
)
def test_a_session_is_closed_wherever_its_location_says_that_the_bmc_is(
    http_bmc: Any, location: str | None
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            path = f"{SESSIONS}/7"
            bmc.sessions["t"] = path
            headers = {"X_Auth_Token": "t"} | ({"Location": location.format(path=path)} if location else {})
            answer = bmc.reply(201, {"@odata.id": path}, **headers)
            bmc.answer = lambda request: answer if request.method == "POST" else None
            await one.get(SYSTEM)
            await client.close()
            assert bmc.asked(path, "DELETE") and not bmc.sessions

    run(main)


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (200, {"@odata.id": f"{SESSIONS}/7"}, {}),
        (201, {"@odata.id": "Sessions/7"}, {}),
        (201, {"Id": "7"}, {}),
        (201, b"", {"Location": "Sessions/7"}),
        (204, None, {"Location": f"{SESSIONS}/7"}),
        (303, None, {"Location": f"{SESSIONS}/7"}),
        (201, b"<html>", {"Location": f"{SESSIONS}/7/"}),
    ],
)
def test_a_session_is_held_and_closed_in_whatever_form_it_is_given(
    http_bmc: Any, status: int, body: Any, headers: dict[str, str]
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            bmc.sessions["t"] = f"{SESSIONS}/7"
            opened = bmc.reply(status, body, X_Auth_Token="t", **headers)
            bmc.answer = lambda request: opened if request.method == "POST" else None
            await one.get(SYSTEM)
            assert one.has_session
            await client.close()
            (deleted,) = [request.path for request in bmc.requests if request.method == "DELETE"]
            assert deleted.rstrip("/") == f"{SESSIONS}/7"

    run(main)


@pytest.mark.parametrize("token", ["", "x" * 10_000, "a\tb", "\xe4"])
def test_a_token_that_cannot_be_one_is_not_used(http_bmc: Any, token: str) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="session") as (_, one):
            bmc.answer = lambda request: (
                bmc.reply(201, X_Auth_Token=token) if request.method == "POST" else None
            )
            with pytest.raises(Refused, match="opens no session"):
                await one.get(SYSTEM)

    run(main)


def test_user_and_password_go_with_each_request_when_that_is_asked_for(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="basic") as (client, one):
            await one.get(SYSTEM)
            await client.close()
            assert [request.path for request in bmc.requests] == [SYSTEM]

    run(main)


def test_a_service_that_has_nothing_but_basic_authentication_for_all_of_it_is_found_out(
    http_bmc: Any,
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: None if "authorization" in request.headers else bmc.reply(401)
            for _ in range(3):
                assert (await one.root())["@odata.id"] == ROOT
                await one.get(SYSTEM)
            assert len(bmc.asked(SESSIONS, "POST")) == 1
            bmc.password = "another"
            with pytest.raises(errors.AuthenticationRefused, match="refuses the login of user 'podium'"):
                await one.get(SYSTEM)

    run(main)


def test_nothing_of_a_login_is_sent_when_that_is_asked_for(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="none") as (_, one):
            await one.root()
            assert not {"authorization", "x-auth-token"} & bmc.requests[0].headers.keys()
            with pytest.raises(errors.AuthenticationRefused, match="refuses whoever does not log in"):
                await one.get(SYSTEM)
            for _ in range(5):
                await one.root()

    run(main)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 500, 501, 503, 200])
def test_a_bmc_without_sessions_is_asked_with_user_and_password(http_bmc: Any, status: int) -> None:
    async def main() -> None:
        now = [0.0]
        async with http_bmc(None) as bmc, bmc.connected(clock=lambda: now[0]) as (_, one):
            name = "IDRAC.2.4.RAC0218" if status == 503 else "Base.1.8.SessionLimitExceeded"
            limit = bmc.error((name, "Too many"))
            bmc.answer = lambda request: bmc.reply(status, limit) if request.method == "POST" else None
            for _ in range(3):
                await one.get(SYSTEM)
            assert len(bmc.asked(SESSIONS, "POST")) == 1 and not one.has_session
            now[0] = 700.0
            bmc.answer = lambda request: None
            await one.get(SYSTEM)
            assert one.has_session == (status not in (404, 405, 501))

    run(main)


def test_a_full_session_table_is_an_error_when_only_sessions_are_wanted(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(auth="session") as (_, one):
            bmc.most_sessions = 0
            with pytest.raises(Refused, match=r"opens no session \(HTTP 503\): Too many sessions") as told:
                await one.get(SYSTEM)
            assert told.value.messages == ("Base.1.8.SessionLimitExceeded",)

    run(main)


def test_a_bmc_that_is_too_busy_for_a_login_is_left_alone(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: (
                bmc.reply(503, Retry_After="60") if request.method == "POST" else None
            )
            for _ in range(3):
                with pytest.raises(BMCBusy):
                    await one.get(SYSTEM)
            assert len(bmc.requests) == 2

    run(main)


@pytest.mark.parametrize("auth", ["auto", "session", "basic"])
def test_two_wrong_passwords_in_a_row_and_the_bmc_is_left_alone(http_bmc: Any, auth: str) -> None:
    async def main() -> None:
        now = [0.0]
        async with http_bmc(None) as bmc:
            settings = {"auth": auth, "password": "wrong", "clock": lambda: now[0]}
            async with bmc.connected(**settings) as (client, one):
                for _ in range(2):
                    with pytest.raises(
                        errors.AuthenticationRefused, match="refuses the login of user 'podium'"
                    ):
                        await one.get(SYSTEM)
                asked = len(bmc.requests)
                with pytest.raises(
                    errors.AuthenticationRefused, match="refuses the login.*2 refused logins in a row"
                ):
                    await one.get(SYSTEM)
                assert len(bmc.requests) == asked
                now[0] = 600.0
                with pytest.raises(errors.AuthenticationRefused, match="refuses the login"):
                    await one.get(SYSTEM)
                assert len(bmc.requests) > asked
                now[0] = 1200.0
                bmc.password = "wrong"
                await one.get(SYSTEM)
                bmc.password = "another"
                bmc.sessions.clear()
                with pytest.raises(errors.AuthenticationRefused, match="refuses the login"):
                    await one.get(SYSTEM)
                assert client.statistics()["sessions"] == 0

    run(main)


def test_a_bmc_that_does_not_know_the_session_that_it_just_opened_is_left_alone_too(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.answer = lambda request: bmc.reply(401) if request.path == SYSTEM else None
            for _ in range(3):
                with pytest.raises(errors.AuthenticationRefused):
                    await one.get(SYSTEM)
            asked = len(bmc.requests)
            with pytest.raises(errors.AuthenticationRefused, match="left alone"):
                await one.get(SYSTEM)
            assert len(bmc.requests) == asked

    run(main)


def test_what_the_user_may_not_do_is_refused_and_keeps_the_session(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            denied = bmc.error(("Base.1.8.InsufficientPrivilege", "Not enough rights"))
            bmc.answer = lambda request: bmc.reply(403, denied) if request.path == SYSTEM else None
            for _ in range(5):
                with pytest.raises(Refused, match=r"HTTP 403\): Not enough rights"):
                    await one.get(SYSTEM)
            assert bmc.logins == 1

    run(main)


def test_a_stream_that_is_refused_late_does_not_lose_the_session_that_was_opened_meanwhile(
    http_bmc: Any,
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            await one.get(SYSTEM)
            bmc.answer = lambda request: b"" if request.path == "/events" and len(bmc.sessions) else None
            bmc.arrived.clear()

            async def listen() -> None:
                async with one.stream("/events"):
                    pass

            listening = asyncio.create_task(listen())
            while not bmc.asked("/events"):
                await asyncio.sleep(0)
            stream = bmc.peers[-1]
            bmc.sessions.clear()
            await one.get(SYSTEM)
            bmc.answer = lambda request: None
            stream.send(bmc.reply(401))
            with pytest.raises(Refused, match="HTTP 404"):
                await listening
            assert (bmc.logins, client.statistics()["sessions"]) == (2, 1)

    run(main)


def test_a_session_is_not_lost_with_the_connection(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, bmc.connected() as (client, one):
            await one.get(SYSTEM)
            bmc.peers[0].abort()
            while client.statistics()["connections"]:
                await asyncio.sleep(0)
            await client.close()
            assert not bmc.sessions and (bmc.logins, bmc.accepted) == (1, 2)

    run(main)


def test_a_bmc_that_was_given_back_meanwhile_is_still_answered_and_then_forgotten(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (client, one):
            read = asyncio.create_task(one.get(SYSTEM))
            await bmc.arrived.wait()
            client.release(one)
            assert (await read).body["PowerState"] == "On"
            with pytest.raises(errors.BMCUnreachable, match="is not in use any more"):
                await one.get(SYSTEM)
            await client.close()
            assert not bmc.sessions

    run(main)


def test_hundreds_of_sessions_are_closed_at_once(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            bmc.most_sessions = 300
            async with bmc.connected(LONG) as (client, _):
                # The user name has no say with this BMC's sessions, and makes a target of its own each time.
                bmc.answer = lambda request: None if request.path != SESSIONS else bmc.usual(dated(request))
                ones = [client.connect(bmc.target(username=f"user{number}")) for number in range(300)]
                await asyncio.gather(*(one.get(SYSTEM) for one in ones))
                assert len(bmc.sessions) == 300
            assert not bmc.sessions and not bmc.peers

    def dated(request: Any) -> Any:
        request.content = b'{"UserName": "podium", "Password": "secret"}'
        return request

    asyncio.run(main())  # in real time: connections that find the queue full are tried again by the kernel


def test_a_late_answer_does_not_end_the_time_for_which_a_bmc_is_left_alone() -> None:
    clock, timing = Clock(), Timing(authentication_retry=600)
    account = Account(Target("https", "bmc", 443, "user", "wrong"), Counts(), timing, clock)
    for _ in range(3):
        with pytest.raises(errors.AuthenticationRefused):
            account.refuse(Answer(401, {}, b""))
    account.accept()
    assert account.left_alone
    clock.advance(601)
    account.accept()
    assert not account.left_alone


@pytest.mark.parametrize(
    ("status", "message"),
    [(400, "iLO.0.10.UnauthorizedLoginAttempt"), (200, "Base.1.8.ResourceAtUriUnauthorized")],
)
def test_a_wrong_password_is_tried_once_a_read_in_whatever_form_it_is_refused(
    http_bmc: Any, status: int, message: str
) -> None:
    """And not a second time as basic authentication, which would lock the account twice as soon."""

    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            refusal = bmc.reply(status, bmc.error((message, "no")))
            bmc.answer = lambda request: refusal if request.path == SESSIONS else None
            for _ in range(4):
                with pytest.raises(errors.AuthenticationRefused):
                    await one.get(SYSTEM)
            assert len(bmc.asked(SESSIONS, "POST")) == 2 and not bmc.asked(SYSTEM)

    run(main)


def test_the_full_stop_of_a_bmcs_sentence_does_not_come_before_the_remedy(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            denied = bmc.error(("Base.1.8.ResourceAtUriUnauthorized", "No such user."))
            bmc.answer = lambda request: bmc.reply(401, denied)
            with pytest.raises(errors.AuthenticationRefused, match=r": No such user; check redfish_username"):
                await one.get(SYSTEM)

    run(main)
