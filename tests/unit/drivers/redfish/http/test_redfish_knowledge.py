"""What is remembered of a BMC is asked for again, and what an answer says counts more than its status."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import virtual_time
from podium import errors
from podium.drivers.redfish.http.answers import Refused

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SYSTEMS = {"@odata.id": "/redfish/v1/Systems"}
LINKS = {"Sessions": {"@odata.id": SESSIONS}}


class Now:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


def test_a_root_that_lacks_what_is_needed_is_read_again_over_the_same_connection(http_bmc: Any) -> None:
    async def main() -> None:
        clock = Now()
        async with http_bmc(None) as bmc, bmc.connected(clock=clock) as (_, one):
            bmc.resources[ROOT] = {"Links": LINKS}
            assert "Systems" not in await one.root("Systems")
            bmc.resources[ROOT] = {"Links": LINKS, "Systems": SYSTEMS}
            assert "Systems" not in await one.root("Systems")  # it was read just now
            clock.now += 5
            assert "Systems" in await one.root("Systems")
            clock.now += 5
            await one.root("Systems")
            assert (len(bmc.asked(ROOT)), bmc.accepted, bmc.logins) == (2, 1, 1)

    run(main)


def test_a_root_is_remembered_for_an_hour(http_bmc: Any) -> None:
    async def main() -> None:
        clock = Now()
        async with http_bmc(None) as bmc, bmc.connected(clock=clock) as (_, one):
            for seconds in (0, 3599, 1, 3599):
                clock.now += seconds
                await one.root()
            assert len(bmc.asked(ROOT)) == 2

    run(main)


def test_a_bmc_that_offered_no_session_while_it_started_is_asked_for_one_again(http_bmc: Any) -> None:
    async def main() -> None:
        clock = Now()
        async with http_bmc(None) as bmc, bmc.connected(clock=clock) as (_, one):
            bmc.resources[ROOT] = {}
            bmc.answer = lambda request: bmc.reply(404) if request.method == "POST" else None
            await one.get(SYSTEM)
            assert not one.has_session
            bmc.resources[ROOT] = {"Links": LINKS}
            bmc.answer = lambda request: None
            await one.get(SYSTEM)
            assert not one.has_session
            clock.now += 3600
            await one.get(SYSTEM)
            assert one.has_session
            assert bmc.accepted == 1

    run(main)


def test_user_name_and_password_that_are_not_accepted_any_more_lead_to_a_session(http_bmc: Any) -> None:
    async def main() -> None:
        clock = Now()
        async with http_bmc(None) as bmc, bmc.connected(clock=clock) as (_, one):
            bmc.answer = lambda request: bmc.reply(501) if request.method == "POST" else None
            await one.get(SYSTEM)
            clock.now += 60
            bmc.answer = lambda request: bmc.reply(401) if "authorization" in request.headers else None
            await one.get(SYSTEM)
            assert one.has_session

    run(main)


def test_a_wrong_password_is_tried_once_where_there_are_no_sessions(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected(password="wrong") as (_, one):
            bmc.answer = lambda request: bmc.reply(501) if request.method == "POST" else None
            with pytest.raises(errors.AuthenticationRefused):
                await one.get(SYSTEM)
            assert len([request for request in bmc.requests if "authorization" in request.headers]) == 1

    run(main)


def test_an_error_with_a_status_of_success_is_a_refusal_in_the_bmcs_words(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            body = bmc.error(("Base.1.8.InternalError", "The fan controller does not answer."))
            bmc.resources |= {SYSTEM: body}
            with pytest.raises(Refused, match=r"refuses GET .*HTTP 200.*: The fan controller") as refused:
                await one.get(SYSTEM)
            assert refused.value.messages == ("Base.1.8.InternalError",)
            bmc.resources |= {SYSTEM: {**body, "PowerState": "On"}}
            assert (await one.get(SYSTEM)).body["PowerState"] == "On"

    run(main)


@pytest.mark.parametrize("status", [200, 204])
def test_an_empty_body_in_the_place_of_a_resource_is_an_error_that_says_so(
    http_bmc: Any, status: int
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(status, b"")
            with pytest.raises(errors.DriverError, match=rf"the body is empty \(HTTP {status}\)"):
                await one.get(SYSTEM)

    run(main)


def message(name: str, severity: str | None = None, key: str = "MessageId") -> dict[str, Any]:
    return {key: name, "Message": f"About {name}", **({"Severity": severity} if severity else {})}


def told(*messages: dict[str, Any], code: str = "iLO.0.10.ExtendedInfo") -> dict[str, Any]:
    return {"error": {"code": code, "message": "See", "@Message.ExtendedInfo": list(messages)}}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        {},
        {"TaskState": "Completed"},
        told(message("Base.1.4.Success")),
        told(message("Base.0.10.Success", key="MessageID")) | {"Messages": [], "Type": "ExtendedError.0.9.6"},
        told(message("Base.1.8.Success", "OK"), message("Base.1.8.ResetRequired", "Warning")),
        told(message("Acme.1.0.Started", "OK")),
        told(code="Base.1.0.Success"),
        {"@Message.ExtendedInfo": [message("Base.1.8.Success", "OK")]},
        {"@Message.ExtendedInfo": [message("Acme.1.0.Started")]},
    ],
    ids=str,
)
def test_a_success_in_the_form_of_an_error_is_one(http_bmc: Any, body: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(200, body) if request.path == RESET else None
            assert (await one.post(RESET, {"ResetType": "On"}, repeatable=True)).status == 200

    run(main)


@pytest.mark.parametrize(
    "body",
    [
        told(message("Base.1.8.ActionNotSupported")),
        told(message("Base.1.8.Success", "OK"), message("Base.1.8.InternalError", "Critical")),
        told(message("Acme.1.0.Oops", "Warning")),
        told(),
        {"error": {}},
        {"error": "The host is not ready."},
        {"@Message.ExtendedInfo": [message("Base.1.8.ActionNotSupported", "Critical")]},
    ],
    ids=str,
)
def test_an_action_that_is_answered_with_an_error_was_not_done(http_bmc: Any, body: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(200, body) if request.path == RESET else None
            with pytest.raises(Refused, match=r"refuses POST .*HTTP 200"):
                await one.post(RESET, {"ResetType": "On"}, repeatable=True)

    run(main)


@pytest.mark.parametrize("status", [400, 409, 500, 503])
def test_a_refusal_that_calls_itself_a_success_is_a_refusal(http_bmc: Any, status: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            body = told(message("Base.1.8.Success", "OK"))
            bmc.answer = lambda request: bmc.reply(status, body) if request.path == RESET else None
            with pytest.raises(Refused):
                await one.post(RESET, {"ResetType": "On"}, repeatable=True)

    run(main)


def test_a_not_modified_that_nobody_asked_for_is_asked_about_once_more(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            await one.root()
            bmc.answer = lambda request: bmc.reply(304)
            with pytest.raises(Refused, match="HTTP 304"):
                await one.get(SYSTEM)
            assert len(bmc.asked(SYSTEM)) == 2

    run(main)


def test_an_action_goes_with_the_etag_that_it_is_for(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, bmc.connected() as (_, one):
            bmc.resources[RESET] = {}
            await one.post(RESET, {"ResetType": "On"}, repeatable=True, etag='W/"1"')
            (request,) = bmc.asked(RESET, "POST")
            assert request.headers["if-match"] == 'W/"1"'
            assert request.body == {"ResetType": "On"}
            with pytest.raises(errors.DriverError, match="ETag"):
                await one.post(RESET, {}, repeatable=True, etag='"1"\r\nX-Auth-Token: me')

    run(main)
