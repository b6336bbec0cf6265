"""The contract of drivers as tests. A driver's own tests subclass :class:`DriverContract`."""

import contextlib
import inspect
import unittest
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from podium import errors
from podium.drivers import base
from podium.testing import abilities, behaviour, making, structure, watch
from podium.testing.manager import FakeManager

_MANY: Final = 20
_LONGEST: Final = 50.0  # seconds for one test

_Part = Callable[[base.Driver], Awaitable[None]]


class DriverContract:
    """Tests of one driver. Name a subclass ``Test...``, and set its ``driver_class`` and ``driver_info``.

    :cvar driver_class: the driver's class
    :cvar driver_name: the name of the driver's entry point
    :cvar driver_info: of a valid node, whose hardware answers if ``reads_hardware`` is True
    :cvar driver_options: values of options that differ from their defaults
    :cvar action_arguments: the arguments of the driver's own actions, by the action's name; by default the
        first choice of each argument that is required
    :cvar reads_hardware: False skips the tests that need hardware, or a simulator, that answers
    :cvar patience: seconds that the hardware may take for one answer
    """

    driver_class: ClassVar[type[base.Driver]]
    driver_name: ClassVar[str] = "acme"
    driver_info: ClassVar[Mapping[str, Any]] = {}
    driver_options: ClassVar[Mapping[str, Any]] = {}
    action_arguments: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    reads_hardware: ClassVar[bool] = True
    patience: ClassVar[float] = 10.0

    def make_driver(self) -> base.Driver:
        """Make a driver, without starting it. Override it if the class and its options are not enough."""
        return making.make_driver(self.driver_class, self.driver_name, **self.driver_options)

    def make_node(self, name: str = "node1") -> base.Node:
        """Make a node that answers. Override it if each node has hardware of its own."""
        return making.make_node(self.driver_name, self.driver_info, name=name)

    def make_silent_node(self) -> base.Node | None:
        """Make a node whose hardware never answers. None skips the tests that need one."""
        return None

    def make_refusing_node(self) -> base.Node | None:
        """Make a node whose hardware refuses the login. None skips the tests that need one."""
        return None

    def make_wrong_login(self, node: base.Node) -> base.Node | None:
        """Make a node with a password that its hardware refuses. None skips the tests that need one.

        By default the password is changed in the property that ``login`` names.

        :param node: a node that works
        """
        login = base.login_of(self.driver_class)
        if login is None:
            return None
        return replace(node, driver_info={**node.driver_info, login.password: "wrong-password"})

    async def fill_log(self, driver: base.Driver, node: base.Node) -> None:
        """Make a node's hardware log at least three events. By default the log is left as it is."""

    @contextlib.asynccontextmanager
    async def hardware(self) -> AsyncIterator[None]:
        """Provide the nodes' hardware, such as a simulator, in the driver's event loop."""
        yield

    def test_it_is_described(self) -> None:
        structure.enforce(structure.described(self.make_driver()))

    def test_what_it_declares_can_be_used(self) -> None:
        structure.enforce(structure.declarations_usable(self.make_driver()))

    def test_its_properties_are_documented(self) -> None:
        structure.enforce(structure.properties_documented(self.make_driver()))

    def test_its_secrets_are_marked(self) -> None:
        structure.enforce(structure.secrets_marked(self.make_driver()))

    def test_its_options_are_documented(self) -> None:
        structure.enforce(structure.options_documented(self.make_driver()))

    def test_its_power_states_are_in_the_vocabulary(self) -> None:
        structure.enforce(structure.power_states_known(self.make_driver()))

    def test_its_methods_can_be_called(self) -> None:
        structure.enforce(structure.signatures_fit(self.make_driver()))

    def test_its_periodic_tasks_can_be_called(self) -> None:
        structure.enforce(structure.tasks_fit(self.make_driver()))

    def test_its_abilities_are_whole(self) -> None:
        structure.enforce(structure.abilities_whole(self.make_driver()))

    def test_its_actions_can_be_asked_for(self) -> None:
        structure.enforce(structure.actions_fit(self.make_driver()))

    def test_a_valid_driver_info_is_accepted(self) -> None:
        self.make_driver().validate(self.make_node())

    def test_an_empty_driver_info_is_refused(self) -> None:
        structure.enforce(structure.empty_driver_info_refused(self.make_driver()))

    def test_validate_does_no_input_or_output(self) -> None:
        structure.enforce(structure.validate_does_no_input_output(self.make_driver(), self.make_node()))

    def test_validate_shows_no_secret(self) -> None:
        structure.enforce(structure.secrets_kept(self.make_driver(), self.make_node()))

    def test_its_identity_names_the_machine(self) -> None:
        structure.enforce(structure.identity_names_the_machine(self.make_driver(), self.make_node()))

    def test_its_endpoint_names_what_is_spoken_to(self) -> None:
        structure.enforce(structure.endpoint_names_what_is_spoken_to(self.make_driver(), self.make_node()))

    def test_a_power_state_is_read(self) -> None:
        async def part(driver: base.Driver) -> None:
            await behaviour.read(driver, self.make_node(), self.patience)

        self._run(part)

    def test_set_then_get_agrees(self) -> None:
        self._run(lambda driver: behaviour.set_agrees_with_get(driver, self.make_node(), self.patience))

    def test_an_unsupported_power_state_is_refused(self) -> None:
        self._run(lambda driver: behaviour.refuses_unsupported(driver, self.make_node(), self.patience))

    def test_a_read_without_driver_info_fails_as_such(self) -> None:
        if not any(declared.required for declared in self.driver_class.properties.values()):
            raise unittest.SkipTest("no property is required")
        self._fails_with(
            lambda: making.make_node(self.driver_name), errors.InvalidDriverInfo, "an empty driver_info"
        )

    def test_hardware_that_does_not_answer_is_told(self) -> None:
        self._fails_with(self.make_silent_node, errors.BMCUnreachable, "make_silent_node")

    def test_hardware_that_refuses_the_login_is_told(self) -> None:
        self._fails_with(self.make_refusing_node, errors.AuthenticationRefused, "make_refusing_node")

    def test_a_cancelled_read_ends(self) -> None:
        asynchronous = inspect.iscoroutinefunction(self.driver_class.get_power_state)
        together = base.reads_together(self.driver_class) and inspect.iscoroutinefunction(
            self.driver_class.get_power_states
        )
        if not (asynchronous or together):
            raise unittest.SkipTest("get_power_state is plain: nothing can cancel it")

        async def part(driver: base.Driver) -> None:
            node = self.make_silent_node() or self.make_node()
            if asynchronous:
                await behaviour.hears_cancellation(driver.get_power_state, node)
            if together:
                await behaviour.hears_cancellation(driver.get_power_states, [node])

        self._run(part)

    def test_many_nodes_are_read_at_once(self) -> None:
        async def part(driver: base.Driver) -> None:
            nodes = [self.make_node(f"node{number}") for number in range(1, _MANY + 1)]
            await behaviour.answers_for_many(driver, nodes, self.patience)

        self._run(part)

    def test_many_nodes_are_read_in_one_call(self) -> None:
        if not base.reads_together(self.driver_class):
            raise unittest.SkipTest("there is no get_power_states")

        async def part(driver: base.Driver) -> None:
            nodes = [self.make_node(f"node{number}") for number in range(1, _MANY + 1)]
            await behaviour.agrees_with_single_reads(driver, nodes, self.patience)

        self._run(part)

    def test_its_sensors_are_read(self) -> None:
        if not base.reads_sensors(self.driver_class):
            raise unittest.SkipTest("there is no get_sensors")
        self._run(lambda driver: behaviour.sensors_are_read(driver, self.make_node(), self.patience))

    def test_a_boot_device_is_set_and_read(self) -> None:
        self._can("boot device", abilities.boot_device_is_set)

    def test_it_identifies_a_machine(self) -> None:
        self._can("identify", abilities.identifies)

    def test_its_log_is_read(self) -> None:
        self._can("log", self._filled(abilities.log_is_read))

    def test_its_log_is_cleared(self) -> None:
        self._can("clear log", self._filled(abilities.log_is_cleared))

    def test_its_clock_is_read(self) -> None:
        self._can("clock", abilities.clock_is_read)

    def test_its_clock_is_set(self) -> None:
        self._can("set clock", abilities.clock_is_set)

    def test_its_own_actions_are_carried_out(self) -> None:
        async def part(driver: base.Driver) -> None:
            await abilities.actions_are_carried_out(
                driver, self.make_node(), self.action_arguments, self.patience
            )

        self._run(part)

    def test_what_is_asked_without_driver_info_fails_as_such(self) -> None:
        if not any(declared.required for declared in self.driver_class.properties.values()):
            raise unittest.SkipTest("no property is required")
        self._all_fail_with(
            lambda: making.make_node(self.driver_name), errors.InvalidDriverInfo, "an empty driver_info"
        )

    def test_what_is_asked_of_silent_hardware_fails_as_such(self) -> None:
        self._all_fail_with(self.make_silent_node, errors.BMCUnreachable, "make_silent_node")

    def test_what_is_asked_with_a_refused_login_fails_as_such(self) -> None:
        self._all_fail_with(self.make_refusing_node, errors.AuthenticationRefused, "make_refusing_node")

    def test_what_is_asked_and_cancelled_ends(self) -> None:
        async def part(driver: base.Driver) -> None:
            node = self.make_silent_node() or self.make_node()
            await abilities.hear_cancellation(driver, node, self.action_arguments)

        self._run(part)

    def test_a_login_is_tried_and_nothing_changes(self) -> None:
        self._checks(lambda driver: behaviour.login_is_checked(driver, self.make_node(), self.patience))

    def test_a_wrong_login_is_refused_and_nothing_changes(self) -> None:
        async def part(driver: base.Driver) -> None:
            node = self.make_node()
            wrong = self.make_wrong_login(node)
            if wrong is None:
                raise unittest.SkipTest("make_wrong_login makes no node")
            await behaviour.wrong_login_is_refused(driver, node, wrong, self.patience)

        self._checks(part)

    def test_a_login_that_is_not_answered_leaves_the_password_open(self) -> None:
        async def part(driver: base.Driver) -> None:
            node, unknown = self.make_silent_node(), errors.BMCUnreachable
            if node is None:
                raise unittest.SkipTest("make_silent_node makes no node")
            await behaviour.check_fails(driver, node, self.patience, unknown, "make_silent_node")

        self._checks(part)

    def test_its_periodic_tasks_run(self) -> None:
        self._run(lambda driver: behaviour.tasks_run(driver, self.make_node(), self.patience))

    def test_it_follows_its_nodes(self) -> None:
        if not self.reads_hardware:
            raise unittest.SkipTest("reads_hardware is False: there is no hardware that answers")

        async def main() -> None:
            async with self.hardware():
                await behaviour.follows_nodes(self.make_driver(), self.make_node(), self.patience)

        watch.run(main, patience=_LONGEST)

    def test_no_async_method_blocks(self) -> None:
        blocked: list[str] = []

        async def main() -> None:
            async with self.hardware():
                with watch.no_blocking() as tried:
                    await self._exercise(self.make_driver())
            blocked.extend(dict.fromkeys(tried))

        watch.run(main, patience=_LONGEST, stalls=True)
        structure.enforce(f"an async method blocks its event loop: {place}" for place in blocked)

    def test_nothing_is_left_after_close(self) -> None:
        left: list[str] = []

        async def main() -> None:
            async with self.hardware():
                leaks = watch.Leaks()
                await self._exercise(self.make_driver())
                left.extend(await leaks.left())

        watch.run(main, patience=_LONGEST)
        structure.enforce(f"left after close(): {what}" for what in left)

    def _run(self, part: _Part) -> None:
        """Run a part of the contract with a started driver and its hardware."""
        if not self.reads_hardware:
            raise unittest.SkipTest("reads_hardware is False: there is no hardware that answers")

        async def main() -> None:
            async with self.hardware():
                driver, manager = self.make_driver(), FakeManager()
                await manager.start(driver)
                try:
                    await part(driver)
                finally:
                    await manager.close(driver)

        watch.run(main, patience=_LONGEST)

    def _can(self, ability: str, part: Callable[[base.Driver, base.Node, float], Awaitable[object]]) -> None:
        if not base.can(self.driver_class, ability):
            raise unittest.SkipTest(f"it has not the ability: {ability}")

        async def main(driver: base.Driver) -> None:
            await part(driver, self.make_node(), self.patience)

        self._run(main)

    def _filled(
        self, part: Callable[[base.Driver, base.Node, float], Awaitable[None]]
    ) -> Callable[[base.Driver, base.Node, float], Awaitable[None]]:
        async def filled(driver: base.Driver, node: base.Node, patience: float) -> None:
            await self.fill_log(driver, node)
            await part(driver, node, patience)

        return filled

    def _checks(self, part: _Part) -> None:
        if not base.checks_login(self.driver_class):
            raise unittest.SkipTest("there is no check_login")
        self._run(part)

    def _fails_with(
        self, make: Callable[[], base.Node | None], expected: type[errors.DriverError], why: str
    ) -> None:
        async def part(driver: base.Driver) -> None:
            node = make()
            if node is None:
                raise unittest.SkipTest(f"{why} makes no node")
            await behaviour.fails_with(driver, node, self.patience, expected, why)

        self._run(part)

    def _all_fail_with(
        self, make: Callable[[], base.Node | None], expected: type[errors.DriverError], why: str
    ) -> None:
        async def part(driver: base.Driver) -> None:
            node = make()
            if node is None:
                raise unittest.SkipTest(f"{why} makes no node")
            given = self.action_arguments, self.patience
            await abilities.fails_with(driver, node, *given, expected, why)

        self._run(part)

    async def _exercise(self, driver: base.Driver) -> None:
        """Use a driver from start to close; other tests judge what it returns or raises."""
        nodes = [self.make_node(f"node{number}") for number in range(1, 4)] if self.reads_hardware else []
        failing = [self.make_silent_node(), self.make_refusing_node()] if self.reads_hardware else []
        manager = FakeManager(nodes)
        await behaviour.attempt(self.patience, manager.start, driver)
        for node in [*nodes, *failing]:
            if node is not None:
                await behaviour.attempt(self.patience, driver.get_power_state, node)
        if base.reads_together(driver):
            for those in behaviour.by_endpoint(driver, nodes):
                await behaviour.attempt(self.patience, driver.get_power_states, those)
        for node in nodes[:1]:
            for target in driver.supported_power_states:
                await behaviour.attempt(self.patience, driver.set_power_state, node, target)
            for one in abilities.askings(driver, self.action_arguments):
                await behaviour.attempt(self.patience, one.method, node, *one.given)
            if base.checks_login(driver):
                await behaviour.attempt(self.patience, driver.check_login, node)
            for task, _ in base.periodic_tasks(driver):
                await behaviour.attempt(self.patience, manager.run_task, driver, task.name)
        await behaviour.attempt(self.patience, manager.close, driver)
