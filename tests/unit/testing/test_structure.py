"""Findings about a driver without its hardware."""

import contextlib
import socket
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest
from oslo_config import cfg

from podium import errors, states
from podium.drivers import base
from podium.drivers.fake import FakeDriver
from podium.drivers.ipmi.driver import IPMIDriver
from podium.drivers.redfish.driver import RedfishDriver
from podium.testing import make_driver, structure


class Sound(base.Driver):
    """Machines."""

    properties: ClassVar[Mapping[str, base.Property]] = {}

    def get_power_state(self, node: base.Node) -> str:
        return states.POWER_OFF

    def set_power_state(self, node: base.Node, target: str) -> None:
        pass


class ClosesByName(Sound):
    """Machines."""

    def close(self, name: str) -> None:  # type: ignore[override]
        pass


class AsyncValidate(Sound):
    """Machines."""

    async def validate(self, node: base.Node) -> None:  # type: ignore[override]
        pass


class YieldsAState(Sound):
    """Machines."""

    def get_power_state(self, node: base.Node) -> Any:
        yield states.POWER_ON


class TaskOfNodeWithoutNode(Sound):
    """Machines."""

    @base.node_periodic_task()
    def look(self, manager: base.Manager, context: Any) -> None:
        pass


class TaskWithoutContext(Sound):
    """Machines."""

    @base.driver_periodic_task()
    def look(self, manager: base.Manager) -> None:
        pass


class YieldingTask(Sound):
    """Machines."""

    @base.driver_periodic_task()
    def look(self, manager: base.Manager, context: Any) -> Any:
        yield 1


class RefusesItsDefault(Sound):
    """Machines."""

    properties = {"acme_port": base.Property("port", default="none", type=int)}


class ShoutsAProperty(Sound):
    """Machines."""

    properties = {"ACME-ADDRESS": base.Property("address")}


class SecretOption(Sound):
    """Machines."""

    options = (cfg.StrOpt("vault_token", help="Token of the vault."),)


class YieldingAction(Sound):
    """Machines."""

    @base.action(help="Blink")
    def blink(self, node: base.Node) -> Any:
        yield 1


class SecretArgument(Sound):
    """Machines."""

    @base.action(help="Log in")
    def log_in(self, node: base.Node, user: str, password: str) -> None:
        pass


class SetsWhatIsNotRead(Sound):
    """Machines."""

    def get_boot_device(self, node: base.Node) -> Any:
        pass

    def clear_log(self, node: base.Node, last: str) -> None:
        pass

    def set_password(self, node: base.Node, password: str) -> None:
        pass


class Addressed(Sound):
    """Machines."""

    properties = {
        "acme_address": base.Property("address", required=True),
        "acme_password": base.Property("password", secret=True),
    }

    def identity(self, node: base.Node) -> Any:
        return f"acme:{self.parse_driver_info(node)['acme_address'].lower()}"


class AsyncIdentity(Addressed):
    """Machines."""

    async def identity(self, node: base.Node) -> str:
        return "acme:1"


class NamesByName(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> str:
        return f"acme:{node.name}"


class NamesBySecret(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> str:
        return f"acme:{hash(node.driver_info.get('acme_password'))}"


class NamesByNumber(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> int:
        return 7


class NamesWithoutAWord(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> str:
        return str(self.parse_driver_info(node)["acme_address"]).lower()


class NamesAsWritten(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> str:
        return f"acme:{self.parse_driver_info(node)['acme_address']}"


class NamesByCount(Addressed):
    """Machines."""

    calls = 0

    def identity(self, node: base.Node) -> str:
        self.calls += 1
        return f"acme:{self.calls}"


class NamesByResolving(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> str:
        with contextlib.suppress(OSError):
            socket.getaddrinfo("localhost", 1)
        return "acme:1"


class NamesByHost(Addressed):
    """Machines."""

    def identity(self, node: base.Node) -> str:
        return f"acme:{socket.gethostbyname('localhost')}"


class AsyncEndpoint(Addressed):
    """Machines."""

    async def endpoint(self, node: base.Node) -> str:  # type: ignore[override]
        return "192.0.2.1"


class ReachesByName(Addressed):
    """Machines."""

    def endpoint(self, node: base.Node) -> str:
        return node.name


class ReachesByCount(Addressed):
    """Machines."""

    calls = 0

    def endpoint(self, node: base.Node) -> str:
        self.calls += 1
        return str(self.calls)


class ReachesNothing(Addressed):
    """Machines."""

    def endpoint(self, node: base.Node) -> str:
        return ""


class ReachesByHost(Addressed):
    """Machines."""

    def endpoint(self, node: base.Node) -> str:
        return socket.gethostbyname("localhost")


_UNSTEADY = "endpoint is not the same for the same driver_info: it must not follow from anything else"


@pytest.mark.parametrize("driver", [FakeDriver, IPMIDriver, RedfishDriver, Sound, Addressed])
def test_nothing_is_found_in_a_sound_driver(driver: type[base.Driver]) -> None:
    assert list(structure.findings(make_driver(driver))) == []


@pytest.mark.parametrize(
    ("driver", "finding"),
    [
        (ClosesByName, "close cannot be called with (): missing a required argument: 'name'"),
        (YieldsAState, "get_power_state is a generator: it has a yield, and calling it does nothing"),
        (YieldingTask, "periodic task look is a generator: it has a yield, and calling it does nothing"),
        (YieldingAction, "action blink is a generator: it has a yield, and calling it does nothing"),
        (
            SecretArgument,
            "action log_in takes password, which is named like a secret: what an action is given is shown"
            " and recorded",
        ),
        (
            NamesByName,
            "identity is not the same for the same driver_info: it must not follow from anything else",
        ),
        (
            NamesByCount,
            "identity is not the same for the same driver_info: it must not follow from anything else",
        ),
        (
            NamesBySecret,
            "identity changes with the secret acme_password: it is saved and shown, and must not hold it",
        ),
        (NamesByNumber, "identity returns 7, which is neither None nor a text without blanks"),
        (
            NamesWithoutAWord,
            "identity returns '1', which does not begin with a word of the driver's own: acme:1",
        ),
        (
            NamesAsWritten,
            "identity changes with the case of acme_address: podium.example and PODIUM.example are one host,"
            " whose name belongs into it in lower case",
        ),
        (ReachesByName, _UNSTEADY),
        (ReachesByCount, _UNSTEADY),
        (ReachesNothing, "endpoint returns '', which is not a text without blanks"),
        (ShoutsAProperty, "property ACME-ADDRESS is not a lowercase identifier"),
        (SecretOption, "option vault_token is named like a secret; declare it with secret=True"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_a_fault_of_structure_is_found_once(driver: type[base.Driver], finding: str) -> None:
    assert list(structure.findings(make_driver(driver))) == [finding]


@pytest.mark.parametrize(
    ("driver", "method"),
    [(AsyncValidate, "validate"), (AsyncIdentity, "identity"), (AsyncEndpoint, "endpoint")],
)
def test_an_async_method_that_is_called_as_a_plain_one_is_found_though_nothing_would_load_the_driver(
    driver: type[base.Driver], method: str
) -> None:
    told = f"{method} is async; it is called as a plain method and does no input or output"
    assert list(structure.findings(driver("acme", None))) == [told]
    with pytest.raises(errors.DriverLoadError, match=f"driver acme: {told}"):
        make_driver(driver)


@pytest.mark.parametrize(
    ("driver", "method"),
    [(NamesByResolving, "identity"), (NamesByHost, "identity"), (ReachesByHost, "endpoint")],
)
def test_a_name_that_comes_from_the_resolver_is_found(driver: type[base.Driver], method: str) -> None:
    (finding,) = structure.findings(make_driver(driver))
    assert finding.startswith(f"{method} looks up a name: socket.get")


def test_methods_that_nothing_calls_are_found_with_what_they_lack() -> None:
    assert list(structure.abilities_whole(SetsWhatIsNotRead("acme", None))) == [
        "get_boot_device is never called without set_boot_device",
        "clear_log is never called without get_log",
        "set_password is never called without login",
    ]


@pytest.mark.parametrize(
    ("driver", "arguments"),
    [(TaskOfNodeWithoutNode, "node, manager, context"), (TaskWithoutContext, "manager, context")],
)
def test_a_task_that_the_conductor_cannot_call_is_found(driver: type[base.Driver], arguments: str) -> None:
    (found,) = structure.declarations_usable(driver("acme", None))
    assert found == f"periodic task look cannot be called with ({arguments}): too many positional arguments"


def test_a_default_that_its_own_type_refuses_is_found() -> None:
    found = list(structure.findings(make_driver(RefusesItsDefault)))
    assert "property acme_port: its type refuses its default with ValueError" in found
