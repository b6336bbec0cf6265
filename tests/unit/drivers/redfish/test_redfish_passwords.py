"""Another password for the account of a Redfish BMC: what is sent, what refusals mean, who still logs in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.drivers.redfish.passwords import set_password
from podium.simulator.accounts import Accounts
from podium.simulator.nodes import address_range
from podium.simulator.redfish.bmc import Settings
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import make_driver, make_node
from rounds import ONLY_LONG

BMC = "127.21.8.1"
OLD, NEW = "podium-sim", 'A "new" one: \\ß'
INFO = {"redfish_username": "admin", "redfish_password": OLD, "redfish_verify_ca": False}


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@asynccontextmanager
async def simulated(
    *placed: str, systems: int = 1
) -> AsyncIterator[tuple[Any, RedfishSimulator, Callable[..., base.Node]]]:
    """The driver, one BMC without TLS, and what makes a node of it."""
    options: dict[str, Any] = {
        "settings": Settings(systems=systems),
        "placed": [f"{fault}:1" for fault in placed],
    }
    async with RedfishSimulator(address_range(BMC, 1), tls=False, **options) as sim:
        driver: Any = make_driver(RedfishDriver, "redfish", connect_timeout=PATIENCE)
        await driver.start()

        def node(password: str = OLD, name: str = "n1", **changes: Any) -> base.Node:
            info = {**INFO, "redfish_address": sim.url(BMC), "redfish_password": password}
            return make_node("redfish", info | changes, name=name)

        try:
            yield driver, sim, node
        finally:
            await driver.close()


def accounts(sim: RedfishSimulator) -> Accounts:
    return sim.bmc(BMC).accounts


def test_the_driver_offers_it() -> None:
    assert base.sets_password(RedfishDriver)


@pytest.mark.parametrize("auth", ["auto", "basic", "session"])
@pytest.mark.parametrize(
    "faults",
    [
        "",
        "pages",
        "demands-etags",
        pytest.param("tasks", marks=ONLY_LONG),  # followed once a second
        "absolute-links",
        "no-etags",
        "password-expired",
        "cut-actions",
        "redirects",
        "odd-heads odd-json",
        "password-ends-sessions",
    ],
)
def test_the_new_password_counts_for_the_next_login(faults: str, auth: str) -> None:
    async def main() -> None:
        async with simulated(*faults.split()) as (driver, sim, node):
            changing = driver.set_password(node(redfish_auth_type=auth), NEW)
            if (faults, auth) == ("tasks", "basic"):  # there is no login with which to ask what became of it
                with pytest.raises(errors.BMCUnreachable, match="whether it has the new password is unknown"):
                    await changing
            else:
                await changing
            report = await driver.check_login(node(NEW, redfish_auth_type=auth))
            assert (report.power_state, accounts(sim).wrong_logins) == (states.POWER_OFF, 0)
            assert (accounts(sim).own.password, accounts(sim).changes) == (NEW.encode(), 1)

    run(main)


@pytest.mark.parametrize("auth", ["auto", "basic"])
def test_nobody_logs_in_with_the_old_password_after_the_change(auth: str) -> None:
    async def main() -> None:
        async with simulated("password-ends-sessions") as (driver, sim, node):
            before, other = node(redfish_auth_type=auth), node(name="n2", redfish_system_id="1")
            await driver.get_power_state(other)
            await driver.set_password(before, NEW)
            for stale in (before, other):
                with pytest.raises(errors.DriverError, match="no login with the old one"):
                    await driver.set_power_state(stale, states.POWER_ON)
            assert await driver.get_power_state(node(NEW)) == states.POWER_OFF
            assert accounts(sim).wrong_logins == 0

    run(main)


def test_a_session_goes_on_and_nodes_behind_one_bmc_share_the_next() -> None:
    async def main() -> None:
        async with simulated(systems=2) as (driver, sim, node):
            names = ("n1", "n2")
            before = [node(name=name, redfish_system_id=name[1:]) for name in names]
            for one in before:
                await driver.get_power_state(one)
            await driver.set_password(before[0], NEW)
            for one in before:
                await driver.get_power_state(one)
            assert accounts(sim).logins == 1
            for one in before:
                after = make_node("redfish", {**one.driver_info, "redfish_password": NEW}, name=one.name)
                await driver.get_power_state(after)
            assert (accounts(sim).logins, accounts(sim).wrong_logins) == (2, 0)

    run(main)


def test_an_old_password_that_is_given_back_by_hand_is_used_again() -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            await driver.set_password(node(), NEW)
            await driver.get_power_state(node(NEW))
            accounts(sim).own.password = OLD.encode()
            assert await driver.get_power_state(node()) == states.POWER_OFF
            assert accounts(sim).wrong_logins == 0

    run(main)


def test_a_bmc_that_lied_is_logged_into_again_once_a_check_has_worked() -> None:
    async def main() -> None:
        async with simulated("password-lies") as (driver, sim, node):
            before = node()
            await driver.set_password(before, NEW)
            sim.bmc(BMC).sessions.forget()
            with pytest.raises(errors.DriverError, match="no login with the old one"):
                await driver.set_power_state(before, states.POWER_ON)
            await driver.check_login(before)
            await driver.set_power_state(before, states.POWER_ON)
            assert (sim.machine(BMC).power_on, accounts(sim).wrong_logins) == (True, 0)

    run(main)


@pytest.mark.parametrize(("fault", "taken"), [("password-silent", True), ("password-lost", False)])
def test_after_silence_it_is_unknown_which_password_counts(fault: str, taken: bool) -> None:
    async def main() -> None:
        async with simulated(fault) as (driver, sim, node):
            before = node()
            with pytest.raises(errors.BMCUnreachable, match="carried out PATCH .* is unknown"):
                await driver.set_password(before, NEW)
            sim.bmc(BMC).sessions.forget()
            with pytest.raises(errors.DriverError, match="no login with the old one"):
                await driver.set_power_state(before, states.POWER_ON)
            assert (accounts(sim).changes, accounts(sim).wrong_logins) == (taken, 0)

    run(main)


@pytest.mark.parametrize(
    ("reason", "words"),
    [("length", "it needs 1 to 64 characters"), ("history", "used before"), ("complexity", "a digit")],
)
def test_a_refusal_is_told_in_the_bmcs_words(reason: str, words: str) -> None:
    async def main() -> None:
        async with simulated(f"password-refused={reason}") as (driver, sim, node):
            with pytest.raises(errors.PasswordRefused, match=words) as raised:
                await driver.set_password(node(), NEW)
            sim.bmc(BMC).sessions.forget()
            await driver.set_power_state(node(), states.POWER_ON)
            assert (accounts(sim).changes, NEW in str(raised.value)) == (0, False)

    run(main)


@pytest.mark.parametrize("password", ["x" * 256, "a\nb"])
def test_what_is_no_password_of_redfish_is_not_sent(password: str) -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            with pytest.raises(errors.PasswordRefused, match="at most 255 characters"):
                await driver.set_password(node(), password)
            assert accounts(sim).logins == 0

    run(main)


@pytest.mark.parametrize(
    ("faults", "changes", "words"),
    [
        ("no-accounts", {}, "has no account service"),
        ("", {"redfish_auth_type": "none"}, "no password to change"),
    ],
)
def test_where_there_is_no_account_that_is_told(faults: str, changes: dict[str, str], words: str) -> None:
    async def main() -> None:
        async with simulated(*faults.split()) as (driver, sim, node):
            with pytest.raises(errors.DriverError, match=words):
                await driver.set_password(node(**changes), NEW)

    run(main)


def test_an_account_that_the_bmc_does_not_show_is_told() -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            before = node()
            await driver.get_power_state(before)
            accounts(sim).own.name = b"renamed"
            with pytest.raises(errors.DriverError, match="shows no account of user 'admin'"):
                await driver.set_password(before, NEW)

    run(main)


# -- a BMC that answers what the test wants

ACCOUNT = "/redfish/v1/AccountService/Accounts/1"
ECHO = "The value 'n3w-Secret!' for the property Password is of a different format."
TOLD: dict[str, Any] = {
    "PropertyValueFormatError": (400, ECHO, errors.PasswordRefused, r"The value '\*\*\*\*\*\*'"),
    "PropertyValueError": (200, "It was used before.", errors.PasswordRefused, "used before"),
    "GeneralError": (422, "Too short.", errors.PasswordRefused, "Too short"),
    "InsufficientPrivilege": (403, "You may not.", errors.DriverError, "lack the privilege"),
    "ResourceMissingAtURI": (404, "Nothing there.", errors.DriverError, "Nothing there"),
    "PropertyNotWritable": (405, "Never.", errors.DriverError, "Never"),
    "InternalError": (500, "Hm.", errors.BMCUnreachable, "whether it has the new password is unknown"),
    "NoValidSession": (401, "Who?", errors.BMCUnreachable, "whether it has the new password is unknown"),
    "ServiceShuttingDown": (200, "Bye.", errors.BMCUnreachable, "whether it has the new password is unknown"),
}


async def change(bmc: Any, answer: bytes) -> None:
    """Change the password of a BMC that answers this to a PATCH."""
    places = {"AccountService": ACCOUNT.rsplit("/", 2)[0], "Accounts": ACCOUNT.rsplit("/", 1)[0]}
    bmc.resources["/redfish/v1/"]["AccountService"] = {"@odata.id": places["AccountService"]}
    bmc.resources[places["AccountService"]] = {"Accounts": {"@odata.id": places["Accounts"]}}
    bmc.resources[places["Accounts"]] = {"Members": [{"@odata.id": "/hidden"}, {"@odata.id": ACCOUNT}]}
    bmc.resources[ACCOUNT] = {"@odata.id": ACCOUNT, "UserName": bmc.user}
    bmc.answer = lambda request: answer if request.method == "PATCH" else None
    async with bmc.connected() as (client, one):
        await set_password(one, client.network.withheld, "n3w-Secret!")


@pytest.mark.parametrize("name", TOLD)
def test_what_a_refusal_amounts_to(http_bmc: Any, name: str) -> None:
    status, text, kind, words = TOLD[name]

    async def main() -> None:
        async with http_bmc(None) as bmc:
            with pytest.raises(errors.DriverError, match=words) as raised:
                await change(bmc, bmc.reply(status, bmc.error((f"Base.1.8.{name}", text))))
            assert type(raised.value) is kind
            assert ("n3w-Secret!" in str(raised.value), len(bmc.asked(ACCOUNT, "PATCH"))) == (False, 1)
            assert bmc.logins == 1

    run(main)


def test_a_success_that_leaves_the_password_out_is_a_refusal(http_bmc: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            note = [
                {"MessageId": "Base.1.8.PropertyValueFormatError", "Message": ECHO, "Severity": "Critical"}
            ]
            with pytest.raises(errors.PasswordRefused, match=r"'\*\*\*\*\*\*' for the property"):
                await change(bmc, bmc.reply(200, {"Id": "1", "Password@Message.ExtendedInfo": note}))

    run(main)


@pytest.mark.parametrize("status", [200, 202, 204])
@pytest.mark.parametrize("body", [None, {"Id": "1", "Password": None}, b"", b"<html>"])
def test_success_has_many_forms(http_bmc: Any, status: int, body: Any) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            await change(bmc, bmc.reply(status, None if status == 204 else body))
            (sent,) = bmc.asked(ACCOUNT, "PATCH")
            assert (sent.body, "if-match" in sent.headers) == ({"Password": "n3w-Secret!"}, False)

    run(main)


@pytest.mark.parametrize("status", [412, 428])
def test_the_etag_is_given_where_it_is_demanded(http_bmc: Any, status: int) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            with pytest.raises(errors.DriverError, match="No such ETag"):
                await change(
                    bmc, bmc.reply(status, bmc.error(("Base.1.8.PreconditionFailed", "No such ETag")))
                )
            etags = [one.headers.get("if-match") for one in bmc.asked(ACCOUNT, "PATCH")]
            assert (etags[0], etags[1][:1], etags[2]) == (None, '"', "*")

    run(main)


@given(answer=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["error", "@Message.ExtendedInfo", "MessageId", "Message", "MessageArgs", "Members", "UserName",
             "@odata.id", "AccountService", "Accounts", "Password@Message.ExtendedInfo", "TaskState"]
        ),
        inner, max_size=4,
    ),
    max_leaves=12,
), status=st.sampled_from([200, 202, 400, 403, 412, 500]))  # fmt: skip
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_raises_anything_else_than_a_failure_of_the_driver(
    http_bmc: Any, answer: Any, status: int
) -> None:
    async def main() -> None:
        async with http_bmc(None) as bmc:
            with contextlib.suppress(errors.DriverError):
                await change(bmc, bmc.reply(status, answer))
        async with http_bmc(None) as bmc:
            bmc.resources |= {"/redfish/v1/AccountService": answer}
            with contextlib.suppress(errors.DriverError):
                async with bmc.connected() as (client, one):
                    await set_password(one, client.network.withheld, "n3w-Secret!")

    run(main)
