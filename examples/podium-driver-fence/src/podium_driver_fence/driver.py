"""The driver ``fence``. podium.drivers.base describes the purpose of each method.

The methods are synchronous, because they wait for a program, the agent. The conductor runs them in threads.
"""

import urllib.parse
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from oslo_config import cfg
from oslo_log import log
from podium import errors, masking, states
from podium.drivers import base
from podium.drivers.command import CommandResult
from podium.drivers.context import RunContext

from podium_driver_fence import agent

LOG = log.getLogger(__name__)

_ACTIONS: Final = {states.POWER_ON: "on", states.POWER_OFF: "off", states.REBOOTING: "reboot"}
_READINGS: Final = {0: states.POWER_ON, 2: states.POWER_OFF}


class FenceDriver(base.Driver):
    """Everything that ClusterLabs' fence agents can switch."""

    properties: ClassVar[Mapping[str, base.Property]] = {
        "fence_agent": base.Property(
            "the agent's name, such as fence_ipmilan", required=True, type=agent.agent_name
        ),
        "fence_options": base.Property(
            "the agent's own options, see its manual page: a mapping, or a text such as ip=192.0.2.1 plug=3",
            default={},
            type=agent.public_options,
        ),
        "fence_password": base.Property("the agent's option password", secret=True),
        "fence_secret_options": base.Property(
            "more options of the agent whose values are secrets, such as an SNMP community",
            default={},
            secret=True,
            type=agent.agent_options,
        ),
    }
    options: Any = (
        cfg.FloatOpt("timeout", default=50, min=0.1, help="Seconds that an agent may take, for any action."),
    )
    supported_power_states = tuple(_ACTIONS)

    def __init__(self, name: str, options: Any) -> None:
        super().__init__(name, options)
        #: The faults of agents in use, and the options of each agent without a fault.
        self._faults: dict[str, str] = {}
        self._known: dict[str, frozenset[str]] = {}

    def identity(self, node: base.Node) -> str | None:
        """The device that the agent talks to, and the plug or machine behind it."""
        device = self._device(node)
        plug = self._given(node, "plug", "port")
        if not device:
            return None
        return f"fence:{device}#{urllib.parse.quote(plug)}" if plug else f"fence:{device}"

    def endpoint(self, node: base.Node) -> str:
        """The device. One conductor talks to it on behalf of all its nodes."""
        return self._device(node) or super().endpoint(node)

    def _device(self, node: base.Node) -> str:
        device, port = self._given(node, "ip", "ipaddr"), self._given(node, "ipport")
        return urllib.parse.quote(device.lower()) + (f":{port}" if device and port else "")

    def _given(self, node: base.Node, *keys: str) -> str:
        options = self.parse_driver_info(node)["fence_options"]
        return str(next((options[key] for key in keys if options.get(key)), ""))

    def get_power_state(self, node: base.Node) -> str:
        result = self._call(node, "status")
        if result.returncode not in _READINGS:
            raise self._failure(node, result)
        return _READINGS[result.returncode]

    def set_power_state(self, node: base.Node, target: str) -> None:
        if target not in _ACTIONS:
            raise errors.UnsupportedPowerState(f"fence agents do not know {target!r}")
        result = self._call(node, _ACTIONS[target])
        if result.returncode:
            raise self._failure(node, result)

    @base.node_periodic_task(spacing=300, max_in_flight=4)
    def check_health(self, node: base.Node, manager: base.Manager, context: RunContext) -> None:
        """Report whether the agent reaches the device, and whether it has all the given options."""
        name, given = self._request(node)
        known = self._known.get(name)
        unknown = [key for key in given if known is not None and key.replace("-", "_") not in known]
        reasons = [f"{name} has no option {', '.join(unknown)}"] if unknown else []
        try:
            result = agent.call(name, "monitor", given, self.options.timeout)
            if result.returncode not in _READINGS:  # 2 means that the device answers and is off
                raise self._failure(node, result)
        except errors.DriverError as fault:
            reasons.append(str(fault))
        manager.report_health(node, base.Health("Warning" if reasons else "OK", tuple(reasons)))

    @base.driver_periodic_task(spacing=3600, run_immediately=True)
    def check_agents(self, manager: base.Manager, context: RunContext) -> None:
        """Find nodes' agents that are missing or broken, and save the options of the others."""
        names = {str(node.driver_info.get("fence_agent")) for node in manager.nodes(self)}
        faults, known = {}, {}
        for name in sorted(names):
            try:
                result = agent.call(agent.agent_name(name), "metadata", {}, self.options.timeout)
                if result.returncode:
                    raise errors.DriverError(agent.complaint(name, result))
                known[name] = agent.known_options(result.stdout)
            except (errors.DriverError, ValueError) as fault:
                faults[name] = str(fault)
                if self._faults.get(name) != str(fault):
                    LOG.error("Nodes with the agent %s cannot be switched: %s", name, fault)
        for name in self._faults.keys() - faults.keys():
            LOG.info("The agent %s works again, or is no longer used", name)
        self._faults, self._known = faults, known

    def _call(self, node: base.Node, action: str) -> CommandResult:
        name, given = self._request(node)
        return agent.call(name, action, given, self.options.timeout)

    def _request(self, node: base.Node) -> tuple[str, dict[str, str]]:
        """Return the name of a node's agent, and all options for it."""
        info = self.parse_driver_info(node)
        given: dict[str, str] = info["fence_options"] | info["fence_secret_options"]
        if info["fence_password"] is not None:
            given["password"] = info["fence_password"]
        return info["fence_agent"], given

    def _failure(self, node: base.Node, result: CommandResult) -> errors.DriverError:
        # Agents print every unknown option together with its value.
        secret = frozenset(name for name, declared in self.properties.items() if declared.secret)
        text = agent.complaint(str(node.driver_info["fence_agent"]), result)
        text = masking.scrub(text, node.driver_info, secret)
        kind = (
            errors.BMCUnreachable if "timed out" in text or "onnection lost" in text else errors.DriverError
        )
        return kind(text)
