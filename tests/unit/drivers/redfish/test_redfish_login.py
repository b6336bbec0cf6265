"""A login that is tried beside the session that is held: what it says, and that it costs one attempt."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

import virtual_time
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.testing import make_driver, make_node
from rounds import only_long

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEM = "/redfish/v1/Systems/1"
SERVICE = "/redfish/v1/AccountService"
ACCOUNTS = f"{SERVICE}/Accounts"


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.TCP)


@asynccontextmanager
async def started(**options: Any) -> AsyncIterator[RedfishDriver]:
    driver = make_driver(RedfishDriver, "redfish", **options)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.close()


def node_of(bmc: Any, **changes: Any) -> base.Node:
    info = {
        "redfish_address": f"http://{bmc.host}:{bmc.port}",
        "redfish_system_id": SYSTEM,
        "redfish_username": "podium",
        "redfish_password": "secret",
    }
    return make_node("redfish", info | changes, name="n1")


def has_account(bmc: Any, role: str = "Administrator", **more: Any) -> None:
    """Let the BMC show its accounts, the second of which is the one that logs in."""
    links = {"Links": {"Role": {"@odata.id": f"{SERVICE}/Roles/{role}"}}}
    bmc.resources |= {
        SERVICE: {"@odata.id": SERVICE, "Accounts": {"@odata.id": ACCOUNTS}},
        ACCOUNTS: {"Members": [{"@odata.id": f"{ACCOUNTS}/{number}"} for number in (1, 2)]},
        f"{ACCOUNTS}/1": {"@odata.id": f"{ACCOUNTS}/1", "UserName": "", "RoleId": "None"},
        f"{ACCOUNTS}/2": {
            "@odata.id": f"{ACCOUNTS}/2",
            "UserName": bmc.user,
            "RoleId": role,
            **links,
            **more,
        },
        f"{SERVICE}/Roles/Rack": {
            "@odata.id": f"{SERVICE}/Roles/Rack",
            "AssignedPrivileges": ["Login", "ConfigureSelf"],
        },
    }


def attempts(bmc: Any) -> int:
    """How many requests said who asks, and how many of them were not known: the wrong logins."""
    opened = len([one for one in bmc.asked(SESSIONS, "POST") if one.body != right(bmc)])
    return opened + len([one for one in bmc.requests if "authorization" in one.headers])


def right(bmc: Any) -> dict[str, str]:
    return {"UserName": bmc.user, "Password": bmc.password}


async def refusal(driver: RedfishDriver, node: base.Node) -> str:
    with pytest.raises(errors.AuthenticationRefused) as refused:
        await driver.check_login(node)
    return str(refused.value)


def without_sessions(bmc: Any) -> None:
    """Have the BMC take user name and password with each request, and nothing else."""
    bmc.resources[ROOT] = {"@odata.id": ROOT}


def test_a_login_says_who_it_was_in_which_role_and_what_the_power_is(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            has_account(bmc)
            report = await driver.check_login(node_of(bmc))
            assert report == base.LoginReport(
                "podium", "Administrator", states.POWER_ON, protocol="Redfish, session"
            )
            assert bmc.logins == 1 and not bmc.sessions

    run(main)


def test_the_session_that_is_held_goes_on(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node = node_of(bmc)
            await driver.get_power_state(node)
            held = dict(bmc.sessions)
            await driver.check_login(node)
            await driver.get_power_state(node)
            assert bmc.sessions == held and bmc.logins == 2

    run(main)


def test_it_is_the_password_that_is_proved_and_not_the_session(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node = node_of(bmc)
            await driver.get_power_state(node)
            bmc.password = "another"
            assert "check redfish_username and redfish_password" in await refusal(driver, node)
            assert await driver.get_power_state(node) == states.POWER_ON
            assert (await driver.check_login(node_of(bmc, redfish_password="another"))).username == "podium"

    run(main)


@pytest.mark.parametrize("auth", ["auto", "session", "basic"])
@pytest.mark.parametrize("wrong", [{"redfish_password": "wrong"}, {"redfish_username": "nobody"}])
def test_a_wrong_login_is_one_attempt(http_bmc: Any, auth: str, wrong: dict[str, str]) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            await refusal(driver, node_of(bmc, redfish_auth_type=auth, **wrong))
            assert attempts(bmc) == 1

    run(main)


def test_a_wrong_login_is_one_attempt_where_there_are_no_sessions(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            without_sessions(bmc)
            await refusal(driver, node_of(bmc, redfish_password="wrong"))
            assert attempts(bmc) == 1
            report = await driver.check_login(node_of(bmc))
            assert (report.protocol, report.remarks) == ("Redfish, Basic", ())

    run(main)


def test_a_wrong_login_is_one_attempt_where_the_service_root_needs_one(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            bmc.answer = lambda request: None if bmc._knows(request) else bmc.reply(401)
            await refusal(driver, node_of(bmc, redfish_password="wrong"))
            assert attempts(bmc) == 1
            assert (await driver.check_login(node_of(bmc))).protocol == "Redfish, Basic"

    run(main)


def test_a_session_that_is_not_known_at_once_is_not_opened_again(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            bmc.answer = lambda request: bmc.reply(401) if request.path == SYSTEM else None
            with pytest.raises(errors.DriverError, match="the login was accepted") as caught:
                await driver.check_login(node_of(bmc))
            assert not isinstance(caught.value, errors.AuthenticationRefused)
            assert bmc.logins == 1

    run(main)


def test_a_system_that_everybody_sees_proves_nothing(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            bmc.answer = lambda request: bmc.reply(200, bmc.resources.get(request.path, {}))
            report = await driver.check_login(node_of(bmc, redfish_auth_type="basic"))
            assert "nothing proves the password" in report.remarks[-1]

    run(main)


def test_a_bmc_without_logins_is_read_all_the_same(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node = node_of(bmc, redfish_username="", redfish_password="")
            assert "give redfish_username" in await refusal(driver, node)
            bmc.answer = lambda request: bmc.reply(200, bmc.resources.get(request.path, {}))
            report = await driver.check_login(node)
            assert report == base.LoginReport(
                None, None, states.POWER_ON, protocol="Redfish, without a login"
            )

    run(main)


@pytest.mark.parametrize(
    ("role", "more", "remarks"),
    [
        ("Operator", {}, []),
        ("ReadOnly", {}, ["ReadOnly may not switch the power; that takes ConfigureComponents"]),
        ("Rack", {}, ["Rack may not switch the power; that takes ConfigureComponents"]),
        ("Auditor", {}, []),
        ("Operator", {"PasswordExpiration": "2030-01-01T00:00:00Z"}, ["the password expires at 2030-01-01T"]),
        ("Operator", {"PasswordChangeRequired": True}, ["the BMC wants another password"]),
    ],
)
def test_what_a_role_does_not_allow_is_told(
    http_bmc: Any, role: str, more: dict[str, Any], remarks: list[str]
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            has_account(bmc, role, **more)
            report = await driver.check_login(node_of(bmc))
            assert report.privilege == role and len(report.remarks) == len(remarks)
            assert all(found.startswith(one) for found, one in zip(report.remarks, remarks, strict=True))

    run(main)


def test_a_bmc_that_does_not_show_its_accounts_is_checked_without_the_role(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            report = await driver.check_login(node_of(bmc))
            assert (report.privilege, report.power_state) == (None, states.POWER_ON)

    run(main)


def test_a_bmc_that_opens_no_session_leaves_open_whether_the_password_is_right(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            bmc.most_sessions = 0
            with pytest.raises(errors.BMCUnreachable, match="opens no session"):
                await driver.check_login(node_of(bmc, redfish_auth_type="session"))

    run(main)


def test_silence_leaves_open_whether_the_password_is_right(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started(command_timeout=0.3) as driver:
            bmc.answer = lambda request: b"" if request.path == SESSIONS else None
            with pytest.raises(errors.BMCUnreachable, match="does not answer"):
                await driver.check_login(node_of(bmc))

    run(main)


def test_a_login_that_is_accepted_is_right_whatever_comes_afterwards(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:

            def hangs_up(request: Any) -> bytes | None:
                if request.path != SYSTEM:
                    return None
                for peer in list(bmc.peers):
                    peer.abort()
                return b""

            bmc.answer = hangs_up
            with pytest.raises(errors.DriverError, match="the login was accepted, and then") as caught:
                await driver.check_login(node_of(bmc))
            assert not isinstance(caught.value, errors.BMCUnreachable)

    run(main)


@only_long
def test_a_login_that_is_accepted_is_right_if_silence_follows(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started(command_timeout=3) as driver:
            bmc.answer = lambda request: b"" if request.path == SYSTEM else None
            with pytest.raises(errors.DriverError, match="accepted the login") as caught:
                await driver.check_login(node_of(bmc))
            assert not isinstance(caught.value, errors.BMCUnreachable)

    run(main)


def test_refused_logins_of_a_password_that_is_tried_leave_the_bmc_alone(
    http_bmc: Any,
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node, wrong = node_of(bmc), node_of(bmc, redfish_password="wrong")
            await driver.get_power_state(node)
            for _ in range(2):
                await refusal(driver, wrong)
            bmc.requests.clear()
            for password in ("wrong", "wrong too", "secret"):
                assert "is left alone" in await refusal(driver, node_of(bmc, redfish_password=password))
            assert not bmc.requests
            await driver.get_power_state(node)

    run(main)


def test_checks_and_reads_of_a_node_share_their_guard(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node = node_of(bmc, redfish_password="wrong")
            await refusal(driver, node)
            with pytest.raises(errors.AuthenticationRefused):
                await driver.get_power_state(node)
            bmc.requests.clear()
            for ask in (driver.check_login, driver.get_power_state):
                with pytest.raises(errors.AuthenticationRefused, match="is left alone"):
                    await ask(node)
            assert not bmc.requests

    run(main)


def test_a_right_check_starts_the_count_anew(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node = node_of(bmc)
            bmc.password = "another"
            with pytest.raises(errors.AuthenticationRefused):
                await driver.get_power_state(node)
            bmc.password = "secret"
            await driver.check_login(node)
            bmc.password = "another"
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused) as refused:
                    await driver.get_power_state(node)
                assert "left alone" not in str(refused.value)

    run(main)


def test_a_check_that_is_cancelled_ends_and_holds_up_nobody(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc, started() as driver:
            node = node_of(bmc)
            bmc.answer = lambda request: b""
            checking = asyncio.create_task(driver.check_login(node))
            await bmc.arrived.wait()
            checking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await checking
            bmc.answer = lambda request: None
            assert await driver.get_power_state(node) == states.POWER_ON

    run(main)
