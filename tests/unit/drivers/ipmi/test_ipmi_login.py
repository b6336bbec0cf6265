"""A login that is tried beside the session that is held: what it says, and that it costs one attempt."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest

import virtual_time
from podium import errors, states
from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.ipmi.lan import crypto, packet
from podium.testing import make_node
from rounds import only_long

OPTIONS = SimpleNamespace(
    command_retry_timeout=30,
    retransmit_interval=10,  # nothing is sent twice
    authentication_retry_interval=600,
    session_close_timeout=5,
    inventory_interval=86400,
)
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


def node_of(bmc: Any, **changes: Any) -> base.Node:
    info = {"ipmi_username": "podium", "ipmi_password": "secret"}
    return make_node("ipmi", {"ipmi_address": bmc.host, "ipmi_port": bmc.port} | info | changes, name="n1")


async def refusal(driver: IPMIDriver, node: base.Node) -> str:
    with pytest.raises(errors.AuthenticationRefused) as refused:
        await driver.check_login(node)
    return str(refused.value)


def logins(bmc: Any) -> int:
    """How often somebody said who he is: RAKP messages 1."""
    kinds = [packet.unwrap_plain(one)[0] for one in bmc.datagrams if not packet.unpack_header(one)[1]]
    return kinds.count(packet.RAKP_1)


def test_a_login_says_who_it_was_at_which_level_and_what_the_power_is(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            report = await driver.check_login(node_of(bmc))
            assert report == base.LoginReport(
                "podium", "ADMINISTRATOR", states.POWER_ON, protocol="IPMI 2.0, cipher suite 17"
            )
            assert not bmc.sessions and logins(bmc) == 1

    run(main)


def test_the_session_that_is_held_goes_on(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node = node_of(bmc)
            await driver.get_power_state(node)
            held = dict(bmc.sessions)
            await driver.check_login(node)
            assert bmc.sessions == held and bmc.opened == 2
            await driver.get_power_state(node)
            assert bmc.opened == 2

    run(main)


def test_it_is_the_password_that_is_proved_and_not_the_session(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node = node_of(bmc)
            await driver.get_power_state(node)
            bmc.password = b"another"
            assert "check ipmi_password" in await refusal(driver, node)
            assert await driver.get_power_state(node) == states.POWER_ON
            assert (await driver.check_login(node_of(bmc, ipmi_password="another"))).username == "podium"

    run(main)


@pytest.mark.parametrize(
    "wrong", [{"ipmi_password": "wrong"}, {"ipmi_username": "nobody"}, {"ipmi_hex_kg_key": "4b" * 20}]
)
def test_a_wrong_login_is_one_attempt(fake_bmc: Any, wrong: dict[str, str]) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            await refusal(driver, node_of(bmc, **wrong))
            assert logins(bmc) == 1

    run(main)


@pytest.mark.parametrize(
    ("highest", "privilege", "remarks"),
    [
        (packet.PRIVILEGE_OPERATOR, "OPERATOR", ["asks for ADMINISTRATOR"]),
        (packet.PRIVILEGE_USER, "USER", ["asks for ADMINISTRATOR", "may not switch the power"]),
    ],
)
def test_a_user_with_less_than_was_asked_for_is_told(
    fake_bmc: Any, highest: int, privilege: str, remarks: list[str]
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.highest = highest
            report = await driver.check_login(node_of(bmc))
            assert report.privilege == privilege and len(report.remarks) == len(remarks)
            assert all(words in remark for words, remark in zip(remarks, report.remarks, strict=True))

    run(main)


def test_a_level_that_is_not_granted_in_the_session_is_not_told_as_granted(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.codes = {packet.SET_SESSION_PRIVILEGE_LEVEL: 0x81}
            assert (await driver.check_login(node_of(bmc))).privilege == "USER"

    run(main)


def test_a_bmc_that_has_only_another_cipher_suite_is_checked_in_that(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.suites = [crypto.SUITE_3]
            node = node_of(bmc)
            await driver.get_power_state(node)
            opened = len(bmc.datagrams)
            assert (await driver.check_login(node)).protocol == "IPMI 2.0, cipher suite 3"
            asked = [packet.unwrap_plain(one)[0] for one in bmc.datagrams[opened : opened + 3]]
            assert asked == [packet.OPEN_SESSION_REQUEST, packet.RAKP_1, packet.RAKP_3]

    run(main)


def test_lost_packets_are_sent_again(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started(**EAGER) as driver:
            bmc.lose_requests = 1
            bmc.lose_answers = 1
            assert (await driver.check_login(node_of(bmc))).power_state == states.POWER_ON

    run(main)


def test_a_bmc_that_opens_no_session_leaves_open_whether_the_password_is_right(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            for change in ({"most_sessions": 0}, {"suites": []}):
                vars(bmc).update(change)
                with pytest.raises(errors.BMCUnreachable):
                    await driver.check_login(node_of(bmc))

    run(main)


def test_silence_leaves_open_whether_the_password_is_right(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started(command_retry_timeout=0.2, **EAGER) as driver:
            bmc.lose_requests = 1000
            with pytest.raises(errors.BMCUnreachable, match="does not answer"):
                await driver.check_login(node_of(bmc))

    run(main)


def test_a_login_that_is_accepted_is_right_whatever_comes_afterwards(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            bmc.codes = {packet.GET_CHASSIS_STATUS: 0xD4}
            with pytest.raises(errors.DriverError, match="insufficient privilege") as caught:
                await driver.check_login(node_of(bmc))
            assert not isinstance(caught.value, errors.AuthenticationRefused | errors.BMCUnreachable)

    run(main)


@only_long
def test_a_login_that_is_accepted_is_right_if_silence_follows(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started(command_retry_timeout=3, **EAGER) as driver:
            bmc._in_session = lambda session, datagram: None
            with pytest.raises(errors.DriverError, match="accepted the login") as caught:
                await driver.check_login(node_of(bmc))
            assert not isinstance(caught.value, errors.BMCUnreachable)

    run(main)


def test_refused_logins_of_a_password_that_is_tried_leave_the_bmc_alone(
    fake_bmc: Any,
) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node, wrong = node_of(bmc), node_of(bmc, ipmi_password="wrong")
            await driver.get_power_state(node)
            for _ in range(2):
                await refusal(driver, wrong)
            bmc.datagrams.clear()
            for password in ("wrong", "wrong too", "secret"):
                assert "is left alone" in await refusal(driver, node_of(bmc, ipmi_password=password))
            assert not bmc.datagrams
            await driver.get_power_state(node)

    run(main)


def test_checks_and_reads_of_a_node_share_their_guard(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node = node_of(bmc, ipmi_password="wrong")
            with pytest.raises(errors.AuthenticationRefused):
                await driver.get_power_state(node)
            await refusal(driver, node)
            bmc.datagrams.clear()
            for ask in (driver.check_login, driver.get_power_state):
                with pytest.raises(errors.AuthenticationRefused, match="is left alone"):
                    await ask(node)
            assert not bmc.datagrams

    run(main)


def test_checks_before_the_first_read_count_in_it(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node = node_of(bmc, ipmi_password="wrong")
            for _ in range(2):
                await refusal(driver, node)
            bmc.datagrams.clear()
            with pytest.raises(errors.AuthenticationRefused, match="is left alone"):
                await driver.get_power_state(node)
            assert not bmc.datagrams

    run(main)


def test_a_right_check_starts_the_count_anew(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started() as driver:
            node = node_of(bmc)
            bmc.password = b"another"
            with pytest.raises(errors.AuthenticationRefused):
                await driver.get_power_state(node)
            bmc.password = b"secret"
            await driver.check_login(node)
            bmc.password = b"another"
            for _ in range(2):
                with pytest.raises(errors.AuthenticationRefused) as refused:
                    await driver.get_power_state(node)
                assert "left alone" not in str(refused.value)

    run(main)


def test_a_check_that_is_cancelled_leaves_no_session_and_holds_up_nobody(fake_bmc: Any) -> None:
    async def main() -> None:
        async with fake_bmc() as bmc, started(**EAGER) as driver:
            node = node_of(bmc)
            bmc.hold = asyncio.Event()
            checking = asyncio.create_task(driver.check_login(node))
            await bmc.arrived.wait()
            checking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await checking
            bmc.hold.set()
            assert await driver.get_power_state(node) == states.POWER_ON

    run(main)
