"""The driver: what it takes for driver_info, and what it does with simulated BMCs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from peers import PATIENCE
from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish.driver import RedfishDriver
from podium.simulator.nodes import address_range
from podium.simulator.redfish.bmc import Settings
from podium.simulator.redfish.server import RedfishSimulator
from podium.testing import make_driver

LOGIN = {"redfish_username": "admin", "redfish_password": "podium-sim"}
BMC = "127.21.8.1"


def parsed(**info: Any) -> dict[str, Any]:
    node = base.Node("n1", "n1", "redfish", driver_info={"redfish_address": "192.0.2.1", **LOGIN} | info)
    driver = make_driver(RedfishDriver, "redfish")
    driver.validate(node)
    return driver.parse_driver_info(node)


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.1", ("https", "192.0.2.1", 443)),
        ("bmc-1.example.org", ("https", "bmc-1.example.org", 443)),
        ("BMC_1:8443", ("https", "bmc_1", 8443)),
        ("https://192.0.2.1/", ("https", "192.0.2.1", 443)),
        ("https://bmc:", ("https", "bmc", 443)),
        ("HTTP://bmc", ("http", "bmc", 80)),
        ("http://bmc:8000", ("http", "bmc", 8000)),
        ("2001:db8::1", ("https", "2001:db8::1", 443)),
        ("[2001:db8::1]:8443", ("https", "2001:db8::1", 8443)),
        ("https://[2001:db8::1]", ("https", "2001:db8::1", 443)),
        ("https://[fe80::1%25eth0]", ("https", "fe80::1%eth0", 443)),  # as RFC 6874 writes a zone
        ("fe80::1%25", ("https", "fe80::1%25", 443)),
    ],
)
def test_an_address_may_be_bare_or_a_url(address: str, origin: tuple[str, str, int]) -> None:
    assert parsed(redfish_address=address)["redfish_address"] == origin


@pytest.mark.parametrize(
    "address",
    [
        "https://bmc/redfish/v1",
        "https://bmc?x=1",
        "https://user@bmc",
        "https://user:secret@bmc:x",
        "b\nmc",
        "https://bmc:70000",
        "https://bmc:0",
        "https://bmc:https",
        "ftp://bmc",
        "https://",
        "https://[fe80::zz]",
        "https://[::1",
        "two words",
        "bmc\r\nHost: other",
        "-bmc",
        True,
    ],
)
def test_an_address_that_leads_nowhere_is_refused(address: Any) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="redfish_address is wrong") as refused:
        parsed(redfish_address=address)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("system_id", "path"),
    [
        ("/redfish/v1/Systems/1", "/redfish/v1/Systems/1"),
        ("1", "/redfish/v1/Systems/1"),
        (1, "/redfish/v1/Systems/1"),
        ("System.Embedded.1", "/redfish/v1/Systems/System.Embedded.1"),
        ("", None),
        (None, None),
    ],
)
def test_a_system_is_named_by_its_path_or_its_name(system_id: Any, path: str | None) -> None:
    assert parsed(redfish_system_id=system_id)["redfish_system_id"] == path


@pytest.mark.parametrize(
    ("verify", "meant"),
    [
        (None, True),
        (True, True),
        (False, False),
        ("False", False),
        ("no", False),
        ("on", True),
        ("/etc/ssl/racks.pem", "/etc/ssl/racks.pem"),
    ],
)
def test_certificates_are_verified_unless_told_otherwise(verify: Any, meant: bool | str) -> None:
    assert parsed(redfish_verify_ca=verify)["redfish_verify_ca"] == meant


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"redfish_address": None}, "lacks redfish_address"),
        ({"redfish_system_id": "Systems/1"}, "redfish_system_id is wrong: neither a path"),
        ({"redfish_system_id": "/redfish/v1/Systems/../Managers/1"}, "redfish_system_id is wrong"),
        ({"redfish_system_id": "/redfish/v1/Systems/1?$select=x"}, "redfish_system_id is wrong"),
        ({"redfish_system_id": "//elsewhere/1"}, "redfish_system_id is wrong"),
        ({"redfish_system_id": "1 2"}, "redfish_system_id is wrong"),
        ({"redfish_system_id": "é"}, "redfish_system_id is wrong"),
        ({"redfish_verify_ca": "racks.pem"}, "redfish_verify_ca is wrong: neither true nor false"),
        ({"redfish_verify_ca": ["x"]}, "redfish_verify_ca is wrong"),
        ({"redfish_auth_type": "digest"}, "redfish_auth_type is wrong"),
        ({"redfish_auth_type": "session", "redfish_username": ""}, "lacks redfish_username.*session"),
        ({"redfish_auth_type": "Basic", "redfish_username": ""}, "lacks redfish_username.*basic"),
        ({"redfish_username": "a\nb"}, "redfish_username is wrong"),
        ({"redfish_pasword": "x"}, "did you mean redfish_password"),
    ],
)
def test_wrong_driver_info_names_the_property(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=words):
        parsed(**changes)


@pytest.mark.parametrize("password", ["secret\n", "secret" * 50, ["secret"], True])
def test_a_wrong_password_is_refused_without_being_shown(password: Any) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match="redfish_password has a wrong value") as caught:
        parsed(redfish_password=password)
    assert "secret" not in str(caught.value)


def test_a_password_that_yaml_took_for_a_number_is_a_password() -> None:
    assert parsed(redfish_password=123456)["redfish_password"] == "123456"


def test_no_user_name_is_needed_where_there_is_no_login() -> None:
    assert parsed(redfish_auth_type="none", redfish_username="")["redfish_username"] == ""
    assert parsed(redfish_username="")["redfish_auth_type"] == "auto"


@asynccontextmanager
async def started(*faults: str, settings: Settings | None = None) -> AsyncIterator[tuple[Any, Any]]:
    """A driver that has started, and one simulated BMC with these faults."""
    placed = [f"{fault}:1" for fault in faults]
    async with RedfishSimulator(address_range(BMC, 1), settings=settings, placed=placed) as simulator:
        driver = make_driver(RedfishDriver, "redfish", connect_timeout=PATIENCE)
        assert isinstance(driver, RedfishDriver)
        await driver.start()
        try:
            yield driver, simulator
        finally:
            await driver.close()


def node_of(simulator: RedfishSimulator, name: str = "n1", **changes: Any) -> base.Node:
    info = {"redfish_address": simulator.url(BMC), "redfish_verify_ca": False, **LOGIN}
    return base.Node(name, name, "redfish", driver_info=info | changes)


def run(main: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(main(), PATIENCE))


@pytest.mark.parametrize(
    ("faults", "resets"),
    [
        ([], ["On", "ForceRestart", "Nmi", "GracefulShutdown", "On", "ForceOff"]),
        (["odd-resets"], ["On", "PowerCycle", None, "PushPowerButton", "On", "ForceOff"]),
        (["wrong-type", "half-closes", "no-sessions", "no-etags"],
         ["On", "ForceRestart", "Nmi", "GracefulShutdown", "On", "ForceOff"]),
    ],
)  # fmt: skip
def test_power_is_changed_with_the_resets_that_the_bmc_allows(
    faults: list[str], resets: list[str | None]
) -> None:
    async def main() -> None:
        async with started(*faults) as (driver, simulator):
            node = node_of(simulator)
            assert await driver.get_power_state(node) == states.POWER_OFF
            for action, state in [
                (states.REBOOTING, states.POWER_ON),
                (states.REBOOTING, states.POWER_ON),
                (states.INJECT_NMI, states.POWER_ON),
                (states.SOFT_POWER_OFF, states.POWER_OFF),
                (states.POWER_ON, states.POWER_ON),
                (states.POWER_OFF, states.POWER_OFF),
            ]:
                if action != states.INJECT_NMI:
                    await driver.set_power_state(node, action)
                elif None not in resets:
                    await driver.inject_nmi(node)
                else:
                    with pytest.raises(errors.UnsupportedPowerState, match="asked for inject nmi"):
                        await driver.inject_nmi(node)
                assert await driver.get_power_state(node) == state
            assert list(simulator.machine(BMC).log) == [reset for reset in resets if reset]

    run(main)


def test_a_reset_that_becomes_a_task_is_followed_to_its_end() -> None:
    async def main() -> None:
        async with started("tasks") as (driver, simulator):
            await driver.set_power_state(node_of(simulator), states.POWER_ON)
            assert await driver.get_power_state(node_of(simulator)) == states.POWER_ON

    run(main)


@pytest.mark.parametrize(
    "fault", ["redirects", "wrong-type", "half-closes", "no-sessions", "no-etags", "forgets-sessions=3"]
)
def test_an_odd_bmc_is_read_again_and_again(fault: str) -> None:
    async def main() -> None:
        async with started(fault) as (driver, simulator):
            node, machine = node_of(simulator), simulator.machine(BMC)
            for on in (True, False) * 4:
                machine.power_on = on
                assert await driver.get_power_state(node) == (states.POWER_ON if on else states.POWER_OFF)

    run(main)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("null-power", errors.DriverError, "PowerState is null"),
        ("foreign-links", errors.DriverError, "link"),
        ("cuts", errors.BMCUnreachable, "BMC https://127.21.8.1"),
        ("busy=60", errors.DriverError, "busy"),
        ("wrong-password", errors.AuthenticationRefused, "'admin'"),
    ],
)
def test_a_bmc_that_tells_no_power_is_an_error(
    fault: str, kind: type[errors.DriverError], words: str
) -> None:
    async def main() -> None:
        async with started(fault) as (driver, simulator):
            with pytest.raises(kind, match=words):
                await driver.get_power_state(node_of(simulator))

    run(main)


def test_the_systems_of_one_bmc_share_its_session() -> None:
    async def main() -> None:
        async with started(settings=Settings(systems=3)) as (driver, simulator):
            with pytest.raises(errors.InvalidDriverInfo, match="has 3 systems, /redfish/v1/Systems/1, "):
                await driver.get_power_state(node_of(simulator))
            first, second = (node_of(simulator, f"n{number}", redfish_system_id=number) for number in (1, 2))
            await driver.set_power_state(second, states.POWER_ON)
            assert await driver.get_power_state(first) == states.POWER_OFF
            assert await driver.get_power_state(second) == states.POWER_ON
            assert simulator.status()["sessions"] == driver.statistics()["sessions"] == 1

    run(main)


def test_closing_the_driver_ends_its_sessions() -> None:
    async def main() -> None:
        async with started() as (driver, simulator):
            await driver.get_power_state(node_of(simulator))
            assert simulator.status()["sessions"] == 1
            await driver.close()
            assert simulator.status()["sessions"] == 0

    run(main)


def test_a_session_ends_with_the_last_of_its_nodes_that_is_released() -> None:
    async def main() -> None:
        async with started(settings=Settings(systems=2)) as (driver, simulator):
            first, second = (node_of(simulator, f"n{number}", redfish_system_id=number) for number in (1, 2))
            await driver.release(first)  # nothing is held
            for node in (first, second):
                await driver.get_power_state(node)
            await driver.release(first)
            assert simulator.status()["sessions"] == 1
            await driver.release(second)
            assert (simulator.status()["sessions"], driver.statistics()["connections"]) == (0, 0)
            await driver.get_power_state(first)
            assert simulator.status()["sessions"] == 1

    run(main)


def test_a_change_of_driver_info_ends_the_old_session() -> None:
    async def main() -> None:
        async with started() as (driver, simulator):
            await driver.get_power_state(node_of(simulator))
            assert await driver.get_power_state(node_of(simulator, redfish_auth_type="basic"))
            await driver.close()
            status = simulator.status()
            assert (status["sessions_opened"], status["sessions"]) == (1, 0)

    run(main)


def test_a_certificate_is_believed_by_the_authority_that_is_named(tmp_path: Path) -> None:
    async def main() -> None:
        async with started() as (driver, simulator):
            with pytest.raises(errors.BMCUnreachable, match="set redfish_verify_ca to"):
                await driver.get_power_state(node_of(simulator, redfish_verify_ca=True))
            authority = tmp_path / "racks.pem"
            authority.write_text(simulator.certificate)
            node = node_of(simulator, redfish_verify_ca=str(authority))
            assert await driver.get_power_state(node) == states.POWER_OFF

    run(main)


def test_a_power_state_that_the_driver_lacks_sends_nothing() -> None:
    async def main() -> None:
        async with started() as (driver, simulator):
            with pytest.raises(
                errors.UnsupportedPowerState, match="cannot do 'soft rebooting', only power on"
            ):
                await driver.set_power_state(node_of(simulator), states.SOFT_REBOOTING)
            assert simulator.status()["requests"] == 0

    run(main)
