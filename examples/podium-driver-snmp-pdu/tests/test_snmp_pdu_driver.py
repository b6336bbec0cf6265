"""Tests of the driver's guarantees to its users, with a real agent: Debian's snmpd."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, ClassVar

import pytest
from agent import AUTH_KEY, LOADS, PACKETS, POWERS, PRIV_KEY, READ, SNMPD, USERS, WRITE, Agent, state_of
from podium import errors, states
from podium.drivers import base
from podium.testing import DriverContract, FakeManager, make_driver, make_node

from podium_driver_snmp_pdu.driver import SNMPDriver
from podium_driver_snmp_pdu.pdus import KINDS

with_snmpd = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed (package snmpd)")
every_kind = pytest.mark.parametrize("kind", KINDS)
every_version = pytest.mark.parametrize("version", ["2c", "3"])

OFFLINE: dict[str, Any] = {
    "snmp_driver": "apc_rackpdu2",
    "snmp_address": "192.0.2.1",
    "snmp_outlet": 3,
    "snmp_community": "opensesame",
}
V3 = {"snmp_version": "3", "snmp_community": None, "snmp_user": "podium"}


def free_port() -> int:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def silence() -> Iterator[socket.socket]:
    """A port that receives requests and never answers."""
    with socket.socket(type=socket.SOCK_DGRAM) as nobody:
        nobody.bind(("127.0.0.1", 0))
        nobody.setblocking(False)
        yield nobody


def datagrams(silent: socket.socket) -> int:
    """Count the received datagrams."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while silent.recv(65536):
            count += 1
    return count


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    with Agent(tmp_path_factory.mktemp("snmpd"), "127.0.0.1", free_port(), outlets=240) as running:
        yield running


@pytest.fixture
def agent(running: Agent) -> Agent:
    running.reset()
    return running


def node(info: dict[str, Any], name: str = "m1") -> base.Node:
    return make_node("snmp", info, name=name)


def nodes(agent: Agent, kind: str, *outlets: int, **more: Any) -> list[base.Node]:
    return [node(agent.info(kind, outlet, **more), f"m{outlet}") for outlet in outlets]


@contextlib.asynccontextmanager
async def started(**options: Any) -> AsyncIterator[SNMPDriver]:
    # On a busy machine a request may be slow. It must not be repeated and counted twice.
    patient = {"udp_transport_timeout": 10, "udp_transport_retries": 0}
    driver = make_driver(SNMPDriver, "snmp", **(patient | options))
    await driver.start()
    try:
        yield driver
    finally:
        await driver.close()


def read(info: dict[str, Any], **options: Any) -> str:
    async def scenario() -> str:
        async with started(**options) as driver:
            return await driver.get_power_state(node(info))

    return asyncio.run(scenario())


def read_all(outlets: list[base.Node], **options: Any) -> dict[str, str | Exception]:
    """Return the results of a batch read, by node name."""

    async def scenario() -> dict[str, str | Exception]:
        async with started(**options) as driver:
            found = await driver.get_power_states(outlets)
            assert found.keys() == {one.uuid for one in outlets}
            return {one.name: found[one.uuid] for one in outlets}

    return asyncio.run(scenario())


def switch(info: dict[str, Any], target: states.Target, **options: Any) -> None:
    async def scenario() -> None:
        async with started(**options) as driver:
            await driver.set_power_state(node(info), target)

    asyncio.run(scenario())


class Contract(DriverContract):
    driver_class = SNMPDriver
    driver_name = "snmp"
    driver_info = OFFLINE
    driver_options: ClassVar[Mapping[str, Any]] = {"udp_transport_timeout": 10, "udp_transport_retries": 0}
    reads_hardware = SNMPD is not None
    patience = 30.0

    kind: str
    version: str

    @pytest.fixture(autouse=True)
    def _pdu(self, request: pytest.FixtureRequest) -> None:
        if self.reads_hardware:
            self.agent: Agent = request.getfixturevalue("agent")

    def make_node(self, name: str = "node1") -> base.Node:
        if not self.reads_hardware:
            return super().make_node(name)
        number = int(name.removeprefix("node"))
        return node(self.agent.info(self.kind, number, snmp_version=self.version), name)

    def make_refusing_node(self) -> base.Node:
        return node(self.agent.info(self.kind, snmp_version="3", snmp_auth_key="wrongwrong"), "refusing")


class TestAPCKeepsTheContract(Contract):
    kind, version = "apc_rackpdu2", "2c"

    @pytest.fixture(autouse=True)
    def _silence(self, request: pytest.FixtureRequest) -> Iterator[None]:
        """A PDU that is silent, for which nobody waits as long as for one that answers on a busy machine."""
        words = "silent", "not_answer", "nothing_is_left", "no_async_method_blocks"
        if any(word in request.node.name for word in words):
            self.driver_options = {**self.driver_options, "udp_transport_timeout": 3}  # type: ignore[misc]
        with silence() as self.silent:
            yield

    def make_silent_node(self) -> base.Node:
        return node(
            {**OFFLINE, "snmp_address": "127.0.0.1", "snmp_port": self.silent.getsockname()[1]}, "silent"
        )


class TestRaritanKeepsTheContractOverV3(Contract):
    kind, version = "raritan_pdu2", "3"


@with_snmpd
@every_version
@every_kind
def test_an_outlet_is_switched_and_its_neighbour_is_not(agent: Agent, kind: str, version: str) -> None:
    async def scenario() -> None:
        async with started() as driver:
            (one,) = nodes(agent, kind, 3, snmp_version=version)
            for target in (states.POWER_ON, states.POWER_OFF, states.REBOOTING):
                await driver.set_power_state(one, target)
                assert agent.is_on(kind, 3) is (target != states.POWER_OFF)
                assert not agent.is_on(kind, 2)
                assert await driver.get_power_state(one) == states.REACHED[target]

    asyncio.run(scenario())


@with_snmpd
@every_version
@every_kind
def test_all_outlets_are_read_together(agent: Agent, kind: str, version: str) -> None:
    for outlet in (2, 5):
        agent.switch_on(kind, outlet)
    found = read_all(nodes(agent, kind, *range(1, 9), snmp_version=version))
    on = {name for name, state in found.items() if state == states.POWER_ON}
    off = {name for name, state in found.items() if state == states.POWER_OFF}
    assert (on, off) == ({"m2", "m5"}, {"m1", "m3", "m4", "m6", "m7", "m8"})


@with_snmpd
@every_version
@pytest.mark.parametrize(("outlets", "requests"), [(240, 5), (48, 1)])
def test_a_sweep_of_a_pdu_takes_few_requests(agent: Agent, outlets: int, requests: int, version: str) -> None:
    async def scenario() -> None:
        async with started() as driver:
            every = nodes(agent, "apc_rackpdu2", *range(1, outlets + 1), snmp_version=version)
            await driver.get_power_states(every[:1])  # for v3, the agent's engine is discovered first
            before = await packets(driver, every[0])
            found = await driver.get_power_states(every)
            assert set(found.values()) == {states.POWER_OFF}
            assert len(found) == outlets
            assert await packets(driver, every[0]) - before == requests + 1  # plus this read

    async def packets(driver: SNMPDriver, one: base.Node) -> Any:
        return (await driver._client.read(driver._outlet(one)[0].agent, [PACKETS]))[0]

    asyncio.run(scenario())


@with_snmpd
def test_two_outlets_of_many_are_asked_for_in_one_request(agent: Agent) -> None:
    async def scenario() -> None:
        async with started() as driver:
            await driver.get_power_states(nodes(agent, "apc_rackpdu2", 199, 201))
            assert driver.statistics() == {"requests": 1}

    asyncio.run(scenario())


@with_snmpd
@pytest.mark.parametrize("user", USERS)
def test_a_user_of_v3_may_have_each_sha(agent: Agent, user: str) -> None:
    info = agent.info("apc_rackpdu2", snmp_version="3", snmp_user=user, snmp_auth_protocol=user)
    assert read(info) == states.POWER_OFF


@with_snmpd
def test_users_of_one_name_have_their_own_keys_at_each_pdu(agent: Agent) -> None:
    async def scenario() -> None:
        async with started(udp_transport_retries=0) as driver:
            wrong = node(agent.info("apc_rackpdu2", snmp_version="3", snmp_auth_key="wrongwrong"))
            with pytest.raises(errors.AuthenticationRefused):
                await driver.get_power_state(wrong)
            right = node(agent.info("apc_rackpdu2", snmp_version="3"))
            assert await driver.get_power_state(right) == states.POWER_OFF
            with pytest.raises(errors.AuthenticationRefused):
                await driver.get_power_state(wrong)

    asyncio.run(scenario())


@with_snmpd
@every_kind
def test_an_outlet_that_the_pdu_does_not_have_is_named(agent: Agent, kind: str) -> None:
    number = "1.777" if kind == "raritan_pdu2" else "777"
    missing = f"has no outlet {number} of the kind {kind}"
    with pytest.raises(errors.DriverError, match=f"{missing}; see snmp_outlet and snmp_driver"):
        read(agent.info(kind, 777))
    with pytest.raises(errors.DriverError, match=f"{missing} that can be switched"):
        switch(agent.info(kind, 777), states.POWER_ON)
    found = read_all(nodes(agent, kind, 1, 777))
    assert found["m1"] == states.POWER_OFF
    assert missing in str(found["m777"])


@with_snmpd
def test_a_pdu_of_another_kind_is_not_read_as_off(agent: Agent) -> None:
    agent.put(state_of("apc_masterswitch", 1), None)
    with pytest.raises(errors.DriverError, match="no outlet 1 of the kind apc_masterswitch"):
        read(agent.info("apc_masterswitch", 1))


@with_snmpd
@pytest.mark.parametrize("value", [9, "on"])
def test_a_state_that_no_mib_knows_is_an_error_of_that_outlet_alone(agent: Agent, value: object) -> None:
    agent.put(state_of("apc_rackpdu2", 2), value)
    with pytest.raises(errors.DriverError, match=f"state of outlet 2 is {value!r}, which is unknown"):
        read(agent.info("apc_rackpdu2", 2))
    found = read_all(nodes(agent, "apc_rackpdu2", 1, 2, 3))
    assert (found["m1"], found["m3"]) == (states.POWER_OFF, states.POWER_OFF)
    assert isinstance(found["m2"], errors.DriverError)


@with_snmpd
@pytest.mark.parametrize(("kind", "value"), [("apc_masterswitch", 4), ("raritan_pdu2", -1)])
def test_an_outlet_whose_state_the_pdu_cannot_tell_is_in_error(agent: Agent, kind: str, value: int) -> None:
    agent.put(state_of(kind, 2), value)
    assert read(agent.info(kind, 2)) == states.ERROR


@with_snmpd
def test_a_wrong_community_is_answered_by_nobody_and_the_error_tells_so(agent: Agent) -> None:
    wrong = agent.info("apc_rackpdu2", snmp_community_read="wrong-one")
    with pytest.raises(errors.BMCUnreachable, match="do not answer a wrong community") as raised:
        read(wrong, udp_transport_timeout=0.3, udp_transport_retries=0)
    assert "wrong-one" not in str(raised.value)


@with_snmpd
@every_kind
def test_a_community_that_may_only_read_is_refused_a_change(agent: Agent, kind: str) -> None:
    with pytest.raises(errors.AuthenticationRefused, match="may not do that"):
        switch(agent.info(kind, snmp_community_write=READ), states.POWER_ON)
    assert not agent.is_on(kind, 1)


@with_snmpd
@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"snmp_user": "nobody"}, errors.AuthenticationRefused),
        ({"snmp_auth_key": "wrongwrong"}, errors.AuthenticationRefused),
        ({"snmp_auth_protocol": "sha"}, errors.AuthenticationRefused),
        ({"snmp_priv_key": "wrongwrong"}, (errors.AuthenticationRefused, errors.BMCUnreachable)),
        ({"snmp_priv_key": None}, errors.AuthenticationRefused),
    ],
    ids=["user", "authentication key", "authentication protocol", "privacy key", "no privacy"],
)
def test_a_login_of_v3_that_is_refused_is_told_without_its_keys(
    agent: Agent, caplog: pytest.LogCaptureFixture, wrong: dict[str, Any], kind: Any
) -> None:
    info = agent.info("apc_rackpdu2", snmp_version="3", **wrong)
    seconds = 10 if kind is errors.AuthenticationRefused else 0.3  # what is silence may be so for less
    with caplog.at_level(logging.DEBUG), pytest.raises(kind) as raised:
        read(info, udp_transport_timeout=seconds, udp_transport_retries=0)
    told = f"{raised.value!r} {raised.value.__cause__!r} {caplog.text}"
    for secret in (AUTH_KEY, PRIV_KEY, "wrongwrong"):
        assert secret not in told


@pytest.mark.parametrize("retries", [0, 2])
def test_a_question_is_repeated_and_a_command_is_not(retries: int) -> None:
    options = {"udp_transport_timeout": 0.1, "udp_transport_retries": retries}
    with silence() as nobody:
        info = {**OFFLINE, "snmp_address": "127.0.0.1", "snmp_port": nobody.getsockname()[1]}
        with pytest.raises(errors.BMCUnreachable, match="does not answer"):
            read(info, **options)
        assert datagrams(nobody) == 1 + retries
        with pytest.raises(errors.BMCUnreachable, match="does not answer"):
            switch(info, states.REBOOTING, **options)
        assert datagrams(nobody) == 1


@pytest.mark.parametrize("turns", range(5))
def test_an_answer_that_comes_while_the_driver_closes_troubles_nobody(turns: int) -> None:
    """:param turns: of the event loop between the answer and the end"""
    troubles: list[dict[str, Any]] = []

    async def scenario(nobody: socket.socket) -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        info = {**OFFLINE, "snmp_address": "127.0.0.1", "snmp_port": nobody.getsockname()[1]}
        async with started() as driver:
            reading = asyncio.create_task(driver.get_power_state(node(info)))
            question, sender = await asyncio.get_running_loop().sock_recvfrom(nobody, 65536)
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            nobody.sendto(question, sender)
            for _ in range(turns):
                await asyncio.sleep(0)

    with silence() as nobody:
        asyncio.run(scenario(nobody))
    assert troubles == []


def test_a_port_at_which_nobody_listens_is_unreachable() -> None:
    info = {**OFFLINE, "snmp_address": "127.0.0.1", "snmp_port": free_port()}
    with pytest.raises(errors.BMCUnreachable):
        read(info, udp_transport_timeout=0.1, udp_transport_retries=0)


def test_a_command_to_a_name_that_cannot_be_looked_up_was_not_carried_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def look_up(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    info = {**OFFLINE, "snmp_address": "pdu1.example.com"}
    with pytest.raises(errors.DriverError) as raised:
        switch(info, states.POWER_ON)
    assert not isinstance(raised.value, errors.BMCUnreachable)
    with pytest.raises(errors.BMCUnreachable):
        read(info)


def test_when_a_pdu_is_silent_each_of_its_nodes_has_failed() -> None:
    with silence() as nobody:
        info = {**OFFLINE, "snmp_address": "127.0.0.1", "snmp_port": nobody.getsockname()[1]}
        outlets = [node({**info, "snmp_outlet": outlet}, f"m{outlet}") for outlet in (1, 2)]
        found = read_all(outlets, udp_transport_timeout=0.1, udp_transport_retries=0)
    assert {type(fault) for fault in found.values()} == {errors.BMCUnreachable}


def test_a_node_that_is_enrolled_wrongly_does_not_spoil_the_batch() -> None:
    found = read_all([node({"snmp_driver": "apc_rackpdu2"}, "m1")])
    assert isinstance(found["m1"], errors.InvalidDriverInfo)


@with_snmpd
@pytest.mark.parametrize(
    ("kind", "value", "status"),
    [
        ("apc_rackpdu", 1, "OK"),
        ("apc_rackpdu", 3, "Warning"),
        ("apc_rackpdu2", 2, "OK"),
        ("apc_rackpdu2", 4, "Critical"),
        ("raritan_pdu2", 4, "OK"),
        ("raritan_pdu2", 5, "Warning"),
        ("raritan_pdu2", 6, "Critical"),
    ],
)
def test_the_load_of_the_pdu_is_the_health_of_its_nodes(
    agent: Agent, kind: str, value: int, status: str
) -> None:
    agent.put(LOADS[kind], value)
    manager = loads(nodes(agent, kind, 1, 2))
    assert {health.status for health in manager.healths.values()} == {status}
    assert manager.healths.keys() == {"m1", "m2"}


@with_snmpd
@pytest.mark.parametrize("value", [5, None], ids=["not supported", "no such table"])
def test_a_pdu_that_does_not_say_what_its_load_is_tells_no_health(agent: Agent, value: int | None) -> None:
    agent.put(LOADS["apc_rackpdu2"], value)
    assert loads(nodes(agent, "apc_rackpdu2", 1)).healths == {}


@with_snmpd
@pytest.mark.parametrize(("kind", "watts"), [("apc_rackpdu2", 102.0), ("raritan_pdu2", 100.2)])
def test_the_power_of_each_outlet_is_a_sensor_of_its_node(agent: Agent, kind: str, watts: float) -> None:
    outlets = nodes(agent, kind, 1, 2)
    assert loads(outlets).sensors["m2"] == [base.Sensor("Outlet", "power", watts)]
    assert sensors(outlets[1]) == [base.Sensor("Outlet", "power", watts)]


@with_snmpd
def test_an_outlet_that_is_not_measured_has_no_sensor(agent: Agent) -> None:
    agent.put(POWERS["apc_rackpdu2"].format(1), -1)
    assert sensors(*nodes(agent, "apc_rackpdu2", 1)) == []
    assert sensors(*nodes(agent, "apc_masterswitch", 1)) == []


@with_snmpd
def test_a_pdu_without_meters_reports_no_sensors(agent: Agent) -> None:
    manager = loads(nodes(agent, "apc_masterswitch", 1))
    assert (manager.sensors, manager.healths) == ({}, {})


def sensors(outlet: base.Node) -> list[base.Sensor]:
    async def scenario() -> list[base.Sensor]:
        async with started() as driver:
            return await driver.get_sensors(outlet)

    return asyncio.run(scenario())


def loads(outlets: list[base.Node]) -> FakeManager:
    async def scenario() -> FakeManager:
        async with started() as driver:
            manager = FakeManager(outlets)
            assert await manager.run_task(driver, "read_loads") == [one.name for one in outlets]
            return manager

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("info", "endpoint", "identity"),
    [
        ({"snmp_address": "PDU1."}, "pdu1:161", "snmp:pdu1:161#3"),
        ({"snmp_address": "2001:DB8::0:1"}, "[2001:db8::1]:161", "snmp:[2001:db8::1]:161#3"),
        (
            {"snmp_address": "[2001:db8::1]", "snmp_port": 1161},
            "[2001:db8::1]:1161",
            "snmp:[2001:db8::1]:1161#3",
        ),
        ({"snmp_driver": "apc_masterswitch", "snmp_pdu": 4}, "192.0.2.1:161", "snmp:192.0.2.1:161#3"),
        ({"snmp_driver": "raritan_pdu2"}, "192.0.2.1:161", "snmp:192.0.2.1:161#1.3"),
        ({"snmp_driver": "raritan_pdu2", "snmp_pdu": "2"}, "192.0.2.1:161", "snmp:192.0.2.1:161#2.3"),
    ],
)
def test_the_machine_is_an_outlet_of_the_pdu(info: dict[str, Any], endpoint: str, identity: str) -> None:
    driver = make_driver(SNMPDriver, "snmp")
    one = node(OFFLINE | info)
    assert (driver.endpoint(one), driver.identity(one)) == (endpoint, identity)


@pytest.mark.parametrize(
    ("info", "fault"),
    [
        ({"snmp_driver": "apc"}, "apc_masterswitch, apc_rackpdu, apc_rackpdu2, raritan_pdu2"),
        ({"snmp_version": "1"}, "2c, 3"),
        ({"snmp_community": None}, "lacks snmp_community, or snmp_community_read and snmp_community_write"),
        ({"snmp_community": None, "snmp_community_read": "public"}, "lacks snmp_community"),
        (V3 | {"snmp_user": None}, "lacks snmp_user"),
        (V3 | {"snmp_auth_key": "short"}, "snmp_auth_key .*8 characters or more"),
        (V3 | {"snmp_priv_key": "longenough"}, "lacks snmp_auth_key"),
        (V3 | {"snmp_auth_protocol": "sha3"}, "sha512"),
        ({"snmp_outlet": 0}, "at least 1"),
        ({"snmp_address": "2001:db8::x"}, "snmp_address"),
    ],
)
def test_a_node_that_cannot_work_is_refused_when_it_is_enrolled(info: dict[str, Any], fault: str) -> None:
    with pytest.raises(errors.InvalidDriverInfo, match=fault):
        make_driver(SNMPDriver, "snmp").validate(node(OFFLINE | info))


def test_numbers_and_users_of_a_file_may_be_numbers() -> None:
    info = OFFLINE | V3 | {"snmp_version": 3, "snmp_user": 1234, "snmp_auth_key": 12345678}
    make_driver(SNMPDriver, "snmp").validate(node(info))


def test_logins_are_in_no_text_of_an_agent() -> None:
    driver = make_driver(SNMPDriver, "snmp")
    for login in (
        {"snmp_community": None, "snmp_community_read": READ, "snmp_community_write": WRITE},
        V3 | {"snmp_auth_key": AUTH_KEY, "snmp_priv_key": PRIV_KEY},
    ):
        agent = driver._outlet(node(OFFLINE | login))[0].agent
        for secret in (READ, WRITE, AUTH_KEY, PRIV_KEY):
            assert secret not in f"{agent} {agent!r}"
