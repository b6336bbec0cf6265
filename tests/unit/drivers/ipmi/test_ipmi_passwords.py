"""Another password for the user of an IPMI BMC: what is sent, what a refusal means, and who still logs in."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import virtual_time
from podium import errors, states
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import packet
from podium.simulator.accounts import Accounts
from podium.simulator.nodes import address_range
from podium.simulator.server import Simulator
from podium.testing import make_node

ADDRESS = "127.20.8.1"
OLD, NEW = "podium-sim", "another one"
LONG = "twenty bytes of it.."
OPTIONS = SimpleNamespace(
    command_retry_timeout=30,
    retransmit_interval=10,  # nothing is sent twice
    authentication_retry_interval=600,
    session_close_timeout=5,
    inventory_interval=86400,
)


#: For what meets sessions that the BMC has forgotten, with silence.
EAGER = {"retransmit_interval": 0.05}


def run(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    virtual_time.run(main, virtual_time.UDP)


@asynccontextmanager
async def started(**changes: Any) -> AsyncIterator[IPMIDriver]:
    driver = IPMIDriver("ipmi", SimpleNamespace(**vars(OPTIONS) | changes))
    await driver.start()
    try:
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def simulated(
    *placed: str, **changes: Any
) -> AsyncIterator[tuple[IPMIDriver, Simulator, Callable[..., base.Node]]]:
    """The driver, one BMC, and what makes its node."""
    async with (
        Simulator(address_range(ADDRESS, 1), placed=[f"{fault}:1" for fault in placed]) as sim,
        started(**changes) as driver,
    ):

        def node(password: str = OLD, **changes: Any) -> base.Node:
            info = {"ipmi_address": ADDRESS, "ipmi_port": sim.port, "ipmi_username": "admin"}
            return make_node("ipmi", info | {"ipmi_password": password} | changes, name="n1")

        yield driver, sim, node


def accounts(sim: Simulator) -> Accounts:
    return sim.bmc(ADDRESS).accounts


def test_the_driver_offers_it() -> None:
    assert base.sets_password(IPMIDriver)


@pytest.mark.parametrize("password", ["x", "sixteen bytes of", LONG])
def test_the_new_password_counts_for_the_next_login(password: str) -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            await driver.set_password(node(), password)
            assert (await driver.check_login(node(password))).power_state == states.POWER_OFF
            assert accounts(sim).own.password == password.encode()
            assert (accounts(sim).changes, accounts(sim).wrong_logins) == (1, 0)

    run(main)


def test_the_session_with_the_old_password_goes_on_until_the_node_has_the_new_one() -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            before = node()
            await driver.set_password(before, NEW)
            assert await driver.get_power_state(before) == states.POWER_OFF
            logins = accounts(sim).logins
            assert await driver.get_power_state(node(NEW)) == states.POWER_OFF
            assert (logins, accounts(sim).logins, accounts(sim).wrong_logins) == (1, 2, 0)

    run(main)


def test_nobody_logs_in_with_the_old_password_after_the_change() -> None:
    async def main() -> None:
        async with simulated("password-ends-sessions", **EAGER) as (driver, sim, node):
            before, other = node(), node(ipmi_priv_level="OPERATOR")
            await driver.set_password(before, NEW)
            for stale in (before, other):
                with pytest.raises(errors.DriverError, match="no login with the old one"):
                    await driver.set_power_state(stale, states.POWER_ON)
            assert accounts(sim).wrong_logins == 0

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
        async with simulated("password-lies", **EAGER) as (driver, sim, node):
            before = node()
            await driver.set_password(before, NEW)
            sim.channel(ADDRESS).forget_sessions()
            with pytest.raises(errors.DriverError, match="no login with the old one"):
                await driver.set_power_state(before, states.POWER_ON)
            await driver.check_login(before)
            await driver.set_power_state(before, states.POWER_ON)
            assert (sim.bmc(ADDRESS).power_on, accounts(sim).wrong_logins) == (True, 0)

    run(main)


@pytest.mark.parametrize("fault", ["password-silent", "password-lost"])
def test_a_change_that_is_given_up_is_not_tried_with_another_login(fault: str) -> None:
    async def main() -> None:
        async with simulated(fault, **EAGER) as (driver, sim, node):
            before = node()
            commands = sim.bmc(ADDRESS).commands
            changing = asyncio.ensure_future(driver.set_password(before, NEW))
            # Set Session Privilege Level, twice Get User Access, twice Get User Name, Set User Password.
            while sim.bmc(ADDRESS).commands < commands + 6:
                await asyncio.sleep(0.01)
            changing.cancel()
            sim.channel(ADDRESS).forget_sessions()
            with pytest.raises(errors.DriverError, match="no login with the old one"):
                await driver.set_power_state(before, states.POWER_ON)
            assert (accounts(sim).logins, accounts(sim).wrong_logins) == (1, 0)
            assert accounts(sim).changes == (fault == "password-silent")

    run(main)


@pytest.mark.parametrize(
    ("form", "password", "sizes"), [(20, NEW, [16, 20]), (16, NEW, [16]), (20, LONG, [20])]
)
def test_a_bmc_is_given_the_form_that_it_takes(form: int, password: str, sizes: list[int]) -> None:
    async def main() -> None:
        async with simulated(f"password-form={form}") as (driver, sim, node):
            await driver.set_password(node(), password)
            assert accounts(sim).own.password == password.encode()
            assert accounts(sim).own.is_long == (sizes[-1] == 20)

    run(main)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("password-refused=length", errors.PasswordRefused, "request data length invalid"),
        ("password-refused=complexity", errors.PasswordRefused, "its rules for the length, the characters"),
        ("password-refused=80", errors.PasswordRefused, "a code of this command .*80h"),
        ("password-refused=7e", errors.PasswordRefused, "a code of the BMC's maker .*7Eh"),
        ("password-refused=d6", errors.DriverError, "does not let passwords be changed over IPMI"),
        ("password-refused=d4", errors.DriverError, "check ipmi_priv_level, and the level that the user has"),
        ("password-refused=d1", errors.DriverError, "firmware update mode"),
        ("password-refused=ff", errors.BMCUnreachable, "whether it has the new password is unknown"),
        ("password-refused=ce", errors.BMCUnreachable, "whether it has the new password is unknown"),
        ("operator-session", errors.AuthenticationRefused, "does not give this user the privilege level"),
    ],
)
def test_a_refusal_is_told_for_what_it_is(fault: str, kind: type[Exception], words: str) -> None:
    async def main() -> None:
        async with simulated(fault) as (driver, sim, node):
            with pytest.raises(errors.DriverError, match=words) as raised:
                await driver.set_password(node(), NEW)
            assert type(raised.value) is kind or (kind is errors.DriverError and not isinstance(
                raised.value, errors.PasswordRefused | errors.BMCUnreachable
            ))  # fmt: skip
            assert (accounts(sim).changes, NEW in str(raised.value)) == (0, False)

    run(main)


def test_after_a_refusal_the_old_password_is_used_as_before() -> None:
    async def main() -> None:
        async with simulated("password-refused=history") as (driver, sim, node):
            before = node()
            with pytest.raises(errors.PasswordRefused):
                await driver.set_password(before, NEW)
            await driver.get_power_state(node(ipmi_priv_level="OPERATOR"))
            assert (accounts(sim).logins, accounts(sim).wrong_logins) == (2, 0)

    run(main)


@pytest.mark.parametrize("password", ["x" * 21, "a\nb", "a\0b"])
def test_what_is_no_password_of_ipmi_is_not_sent(password: str) -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            with pytest.raises(errors.PasswordRefused, match="at most 20 bytes"):
                await driver.set_password(node(), password)
            assert accounts(sim).logins == 0

    run(main)


def test_a_node_with_less_than_administrator_is_told_so_without_a_login() -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            with pytest.raises(errors.DriverError, match="set ipmi_priv_level to ADMINISTRATOR"):
                await driver.set_password(node(ipmi_priv_level="OPERATOR"), NEW)
            assert accounts(sim).logins == 0

    run(main)


def test_of_several_users_of_a_name_the_enabled_one_gets_the_password() -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            accounts(sim).at(1).name = b"admin"
            await driver.set_password(node(), NEW)
            assert (accounts(sim).own.password, accounts(sim).at(1).password) == (NEW.encode(), b"")

    run(main)


def test_a_user_that_the_bmc_does_not_list_is_told() -> None:
    async def main() -> None:
        async with simulated() as (driver, sim, node):
            driver_node = node()
            await driver.get_power_state(driver_node)
            accounts(sim).own.name = b"renamed"
            with pytest.raises(errors.DriverError, match="no user 'admin' among its 10 user IDs"):
                await driver.set_password(driver_node, NEW)

    run(main)


def test_the_user_without_a_name_is_the_first(fake_bmc: Any) -> None:
    async def main() -> None:
        async with with_users(fake_bmc)() as bmc, started() as driver:
            bmc.user = b""
            await driver.set_password(node_of(bmc, ipmi_username=""), NEW)
            assert bmc.given == [b"\x01\x02" + NEW.encode().ljust(16, b"\0")]

    run(main)


def test_a_refusal_of_what_was_sent_twice_says_nothing_of_the_first_time(fake_bmc: Any) -> None:
    async def main() -> None:
        async with with_users(fake_bmc)() as bmc, started(retransmit_interval=0.05) as driver:
            bmc.refuses_the_same, bmc.loses = True, True
            with pytest.raises(errors.BMCUnreachable, match="whether it has the new password is unknown"):
                await driver.set_password(node_of(bmc), NEW)
            assert len(bmc.given) == 1

    run(main)


@pytest.mark.parametrize("answer", [b"", b"\x0a"])
def test_too_short_an_answer_is_told(fake_bmc: Any, answer: bytes) -> None:
    async def main() -> None:
        async with with_users(fake_bmc)() as bmc, started() as driver:
            bmc.access = answer
            with pytest.raises(errors.DriverError, match="too short an answer"):
                await driver.set_password(node_of(bmc), NEW)
            assert bmc.given == []

    run(main)


@given(access=st.binary(max_size=6), name=st.binary(max_size=18), code=st.sampled_from([0, 0x80, 0xC7, 0xCB]))
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_answer_raises_anything_else_than_a_failure_of_the_driver(
    fake_bmc: Any, access: bytes, name: bytes, code: int
) -> None:
    async def main() -> None:
        async with with_users(fake_bmc)() as bmc, started() as driver:
            bmc.access, bmc.name = access, name
            bmc.codes |= {packet.GET_USER_NAME: code, packet.SET_USER_PASSWORD: code}
            with contextlib.suppress(errors.DriverError):
                await driver.set_password(node_of(bmc), NEW)

    run(main)


def node_of(bmc: Any, **changes: Any) -> base.Node:
    info = {"ipmi_username": "podium", "ipmi_password": "secret"}
    return make_node("ipmi", {"ipmi_address": bmc.host, "ipmi_port": bmc.port} | info | changes, name="n1")


def with_users(fake_bmc: type[Any]) -> type[Any]:
    """A BMC whose first user is the one that logs in."""

    class Users(fake_bmc):  # type: ignore[misc]
        access = b"\x0a\x41\x00\x34"
        name: bytes | None = None  #: of every user ID; by default that of the user
        refuses_the_same = False  #: as one with a history, which does not know a command that comes again
        loses = False  #: the answer to the first Set User Password

        def __init__(self) -> None:
            super().__init__()
            self.given: list[bytes] = []

        def _in_session(self, session: dict[str, Any], datagram: bytes) -> bytes:
            if self.refuses_the_same:
                session["last"] = None
            return bytes(super()._in_session(session, datagram))

        def _execute(self, session: dict[str, Any], command: tuple[int, int], data: bytes) -> bytes:
            if command == packet.SET_USER_PASSWORD:
                self.given.append(data)
                if self.refuses_the_same:
                    self.codes[command] = 0xCC
                if self.loses:
                    self.lose_answers = 1
            if command == packet.GET_USER_ACCESS:
                return self.access
            if command == packet.GET_USER_NAME:
                return (self.user if self.name is None else self.name).ljust(16, b"\0")
            return bytes(super()._execute(session, command, data))

    return Users
