"""The contract can fail: each of these drivers breaks one promise, and that promise's test alone fails."""

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import threading
import time
import unittest
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from oslo_config import cfg

from podium import errors, states
from podium.drivers import base
from promises import REFUSING, SILENT, Good, broken_promises, contract


def with_properties(**changes: base.Property) -> dict[str, base.Property]:
    return {**Good.properties, **changes}


class Undescribed(Good):
    __doc__ = ""


class WithoutHelp(Good):
    """Broken."""

    properties = with_properties(acme_port=base.Property(" "))


class ShowsAPassword(Good):
    """Broken."""

    properties = with_properties(acme_token=base.Property("token"))


class OptionWithoutHelp(Good):
    """Broken."""

    options = (cfg.IntOpt("retries"),)


class OwnWords(Good):
    """Broken."""

    supported_power_states = (*Good.supported_power_states, states.POWER_CYCLE)


class RefusesWhatIsValid(Good):
    """Broken."""

    def validate(self, node: base.Node) -> None:
        raise errors.InvalidDriverInfo("never enough")


class AcceptsNothing(Good):
    """Broken."""

    def validate(self, node: base.Node) -> None:
        pass


class AsksDNSInValidate(Good):
    """Broken."""

    def validate(self, node: base.Node) -> None:
        info = self.parse_driver_info(node)
        with contextlib.suppress(Exception):
            socket.getaddrinfo(info["acme_address"], 80)


class TellsASecret(Good):
    """Broken."""

    def validate(self, node: base.Node) -> None:
        info = self.parse_driver_info(node)
        if len(info["acme_password"] or "") > 20:
            raise errors.InvalidDriverInfo(f"acme_password {info['acme_password']} is too long")


class LogsASecret(Good):
    """Broken."""

    def validate(self, node: base.Node) -> None:
        logging.getLogger(__name__).debug("validating %s", dict(node.driver_info))
        super().validate(node)


class NeverSwitches(Good):
    """Broken."""

    async def set_power_state(self, node: base.Node, target: str) -> None:
        if target not in self.supported_power_states:
            raise errors.UnsupportedPowerState(f"it cannot do {target}")


class TakesEveryTarget(Good):
    """Broken."""

    async def set_power_state(self, node: base.Node, target: str) -> None:
        self.on[node.name] = states.REACHED[target] == states.POWER_ON


class KeyErrorWithoutAddress(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        return await super().get_power_state(node) if node.driver_info["acme_address"] else ""


class WaitsForEver(Good):
    """Broken."""

    async def silence(self) -> None:
        await asyncio.Event().wait()


class CallsRefusalSilence(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        try:
            return await super().get_power_state(node)
        except errors.AuthenticationRefused:
            raise errors.BMCUnreachable("something went wrong") from None


class TellsThePassword(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        try:
            return await super().get_power_state(node)
        except errors.AuthenticationRefused:
            raise errors.AuthenticationRefused(f"{node.driver_info['acme_password']} is wrong") from None


class Exits(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        raise SystemExit(0)


class SwallowsCancellation(Good):
    """Broken."""

    async def silence(self) -> None:
        try:
            await super().silence()
        except asyncio.CancelledError:
            raise errors.BMCUnreachable("it does not answer") from None


class OneAtATime(Good):
    """Broken."""

    reading = False

    async def get_power_state(self, node: base.Node) -> str:
        if self.reading:
            raise errors.DriverError("a read is under way")
        self.reading = True
        try:
            await asyncio.sleep(0)
            return await super().get_power_state(node)
        finally:
            self.reading = False


class TaskFails(Good):
    """Broken."""

    @base.node_periodic_task(spacing=60)
    async def look(self, node: base.Node, manager: base.Manager, context: Any) -> None:
        raise KeyError("fans")


class FailsWhenANodeIsGone(Good):
    """Broken."""

    async def node_removed(self, node: base.Node) -> None:
        del self.on[f"{node.name} is not there"]


class Sleeps(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        time.sleep(0.001)  # noqa: ASYNC251
        return await super().get_power_state(node)


class RunsAProgram(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        subprocess.run(["true"], check=True)  # noqa: ASYNC221
        return await super().get_power_state(node)


class ConnectsInPlace(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname()).close()
        return await super().get_power_state(node)


class WaitsForALock(Good):
    """Broken."""

    async def get_power_state(self, node: base.Node) -> str:
        if node.name == "r":
            threading.Event().wait(2)  # twice as long as the contract allows
        return await super().get_power_state(node)


class LeavesATask(Good):
    """Broken."""

    async def start(self) -> None:
        self.task = asyncio.ensure_future(asyncio.Event().wait())


class LeavesAThread(Good):
    """Broken."""

    over = threading.Event()  #: the test

    def start(self) -> None:
        threading.Thread(target=self.over.wait, name="acme-poller", daemon=True).start()


class LeavesASocket(Good):
    """Broken."""

    def start(self) -> None:
        one, other = socket.socketpair()
        with one, other:
            os.dup(one.fileno())  # no finaliser closes a bare number


class ReadsTogether(Good):
    """Machines, several of which have one controller."""

    def endpoint(self, node: base.Node) -> str:
        return str(self.parse_driver_info(node)["acme_address"])

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        return {node.uuid: await self.outcome(node) for node in nodes}

    async def outcome(self, node: base.Node) -> str | Exception:
        try:
            return await self.get_power_state(node)
        except errors.DriverError as error:
            return error


class ReadsTogetherInThreads(ReadsTogether):
    """The same, with a blocking library."""

    def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        time.sleep(0.001)
        return asyncio.run(super().get_power_states(nodes))


class EachItsOwnEndpoint(ReadsTogether):
    """Broken."""

    endpoint = base.Driver.endpoint


class AnswersByName(ReadsTogether):
    """Broken."""

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        found = await super().get_power_states(nodes)
        by_uuid = {node.uuid: node.name for node in nodes}
        return found if len(nodes) == 1 else {by_uuid[uuid]: state for uuid, state in found.items()}


class AnswersWithoutNames(ReadsTogether):
    """Broken."""

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Any:
        found = await super().get_power_states(nodes)
        return found if len(nodes) == 1 else list(found.values())


class SeesOthersOn(ReadsTogether):
    """Broken."""

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        found = await super().get_power_states(nodes)
        return {uuid: states.POWER_ON if len(nodes) > 1 else state for uuid, state in found.items()}


class TakesSilenceForOff(ReadsTogether):
    """Broken."""

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        found = await super().get_power_states(nodes)
        silent = {uuid for uuid, one in found.items() if isinstance(one, errors.BMCUnreachable)}
        return {**found, **dict.fromkeys(silent, states.POWER_OFF)}


class SwallowsCancellationTogether(ReadsTogether):
    """Broken."""

    async def get_power_states(self, nodes: Sequence[base.Node]) -> Mapping[str, str | Exception]:
        try:
            return await super().get_power_states(nodes)
        except asyncio.CancelledError:
            return {}


class HasSensors(Good):
    """Machines with a fan."""

    async def get_sensors(self, node: base.Node) -> Any:
        await self.get_power_state(node)
        return [base.Sensor("Fan", "fan", 4200.0)]


class SensorsWithOneName(HasSensors):
    """Broken."""

    async def get_sensors(self, node: base.Node) -> Any:
        return 2 * await super().get_sensors(node)


class SensorsOfItsOwn(HasSensors):
    """Broken."""

    async def get_sensors(self, node: base.Node) -> Any:
        return [replace(one, kind="whirl") for one in await super().get_sensors(node)]


BROKEN = {
    EachItsOwnEndpoint: "test_its_endpoint_names_what_is_spoken_to",
    AnswersByName: "test_many_nodes_are_read_in_one_call",
    AnswersWithoutNames: "test_many_nodes_are_read_in_one_call",
    SeesOthersOn: "test_many_nodes_are_read_in_one_call",
    SensorsWithOneName: "test_its_sensors_are_read",
    SensorsOfItsOwn: "test_its_sensors_are_read",
    TakesSilenceForOff: "test_hardware_that_does_not_answer_is_told",
    SwallowsCancellationTogether: "test_a_cancelled_read_ends",
    Undescribed: "test_it_is_described",
    WithoutHelp: "test_its_properties_are_documented",
    ShowsAPassword: "test_its_secrets_are_marked",
    OptionWithoutHelp: "test_its_options_are_documented",
    OwnWords: "test_its_power_states_are_in_the_vocabulary",
    RefusesWhatIsValid: "test_a_valid_driver_info_is_accepted",
    AcceptsNothing: "test_an_empty_driver_info_is_refused",
    AsksDNSInValidate: "test_validate_does_no_input_or_output",
    TellsASecret: "test_validate_shows_no_secret",
    LogsASecret: "test_validate_shows_no_secret",
    NeverSwitches: "test_set_then_get_agrees",
    TakesEveryTarget: "test_an_unsupported_power_state_is_refused",
    KeyErrorWithoutAddress: "test_a_read_without_driver_info_fails_as_such",
    WaitsForEver: "test_hardware_that_does_not_answer_is_told",
    TellsThePassword: "test_hardware_that_refuses_the_login_is_told",
    CallsRefusalSilence: "test_hardware_that_refuses_the_login_is_told",
    SwallowsCancellation: "test_a_cancelled_read_ends",
    OneAtATime: "test_many_nodes_are_read_at_once",
    FailsWhenANodeIsGone: "test_it_follows_its_nodes",
    TaskFails: "test_its_periodic_tasks_run",
    Sleeps: "test_no_async_method_blocks",
    RunsAProgram: "test_no_async_method_blocks",
    ConnectsInPlace: "test_no_async_method_blocks",
    WaitsForALock: "test_no_async_method_blocks",
    LeavesATask: "test_nothing_is_left_after_close",
    LeavesAThread: "test_nothing_is_left_after_close",
    LeavesASocket: "test_nothing_is_left_after_close",
}


class UsesAsyncio(Good):
    """Machines behind programs, sockets and blocking libraries, all in asyncio's way."""

    async def get_power_state(self, node: base.Node) -> str:
        program = await asyncio.create_subprocess_exec("true", stdout=subprocess.PIPE)
        await program.communicate()
        await asyncio.to_thread(time.sleep, 0.001)
        async with await asyncio.start_server(lambda _, writer: writer.close(), "localhost", 0) as server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("localhost", port)
            await reader.read()
            writer.close()
            await writer.wait_closed()
        return await super().get_power_state(node)


class Plain(base.Driver):
    """Machines with plain methods that all block."""

    properties = Good.properties

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        self.on: dict[str, bool] = {}

    def get_power_state(self, node: base.Node) -> str:
        address = self.parse_driver_info(node)["acme_address"]
        time.sleep(0.001)
        if address == SILENT:
            raise errors.BMCUnreachable("it does not answer")
        if address == REFUSING:
            raise errors.AuthenticationRefused("it refuses the login")
        return states.POWER_ON if self.on.get(node.name) else states.POWER_OFF

    def set_power_state(self, node: base.Node, target: str) -> None:
        if target not in self.supported_power_states:
            raise errors.UnsupportedPowerState(f"it cannot do {target}")
        subprocess.run(["true"], check=True)
        self.on[node.name] = states.REACHED[target] == states.POWER_ON


@pytest.mark.parametrize(
    "driver", [Good, UsesAsyncio, Plain, HasSensors, ReadsTogether, ReadsTogetherInThreads]
)
def test_a_good_driver_breaks_no_promise(driver: type[base.Driver]) -> None:
    assert broken_promises(driver) == {}


@pytest.mark.parametrize(("driver", "promise"), BROKEN.items(), ids=lambda one: getattr(one, "__name__", ""))
def test_a_broken_promise_is_told_by_its_own_test(driver: type[base.Driver], promise: str) -> None:
    LeavesAThread.over.clear()
    try:
        assert list(broken_promises(driver)) == [promise]
    finally:
        LeavesAThread.over.set()


def test_a_driver_that_exits_fails_its_tests_and_does_not_end_them() -> None:
    assert broken_promises(Exits)["test_a_power_state_is_read"] == "SystemExit was raised: 0"


def test_what_needs_hardware_is_skipped_without_it() -> None:
    suite = contract(NeverSwitches)
    type(suite).reads_hardware = False
    with pytest.raises(unittest.SkipTest, match="no hardware that answers"):
        suite.test_set_then_get_agrees()
