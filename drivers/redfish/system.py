"""The computer system of one node: where it is, what its power was, how it is reset.

A read costs one request, and less where the BMC allows: ``$select`` leaves out all but the power, an ETag the
whole body, and a stream of events the request itself. Each is given up where it turns out not to work.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any, Final

from oslo_log import log

from podium import errors, states
from podium.drivers import base
from podium.drivers.redfish import power, resources
from podium.drivers.redfish.http.client import BMC, Refused, Response
from podium.drivers.redfish.machine.sensors import Places

LOG = log.getLogger(__name__)

_SELECT: Final = "?$select=PowerState"
_WITHOUT_SELECT: Final = frozenset({400, 404, 501})  # how a BMC may refuse a query that it said it knows
_ETAG_TRUST: Final = 600.0  # seconds after which an ETag must show again that it follows the power
_SETTLING: Final = 60.0  # seconds after a reset in which the power may still pass through other states
_AWAITED: Final = 600.0  # seconds after which a reset that did not lead where it should is given up
_NOT_FOUND: Final = 404
_NOT_MODIFIED: Final = 304
_NAMED: Final = 8  # systems named when the choice is not clear


class System:
    """The computer system of one node, on a BMC that other nodes may share.

    :param path: the system's; empty to find it on a BMC that has only one
    :param confirm_interval: seconds for which a reading stands while events report every change
    :param clock: seconds, monotonic
    """

    __slots__ = (
        "_awaited_until", "_clock", "_configured", "_confirm_interval", "_etag", "_etag_until", "_etag_word",
        "_etags", "_expected", "_fresh_until", "_info_resets", "_read_path", "_settling_until", "_state",
        "_stream_alive", "bmc", "fingerprint", "path", "places", "was_read",
    )  # fmt: skip

    def __init__(
        self, bmc: BMC, path: str, confirm_interval: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.bmc = bmc
        self.path = path
        #: Whether the last attempt to read the power succeeded: the BMC answers, and takes the login.
        self.was_read = False
        self.fingerprint = ""  #: of the machine, when its health was looked at last
        self.places = Places()
        self._clock = clock
        self._confirm_interval = confirm_interval
        self._configured = bool(path)
        self._stream_alive = False
        self._read_path = ""
        self._state: str | None = None  # of the last PowerState that stays
        self._fresh_until = 0.0
        self._etags = True
        self._etag: str | None = None
        self._etag_word = ""  # the PowerState that came with it
        self._etag_until = 0.0
        self._info_resets: tuple[str, ...] = ()
        self._expected: str | None = None  # where the last reset leads
        self._settling_until = self._awaited_until = 0.0

    @property
    def stream_alive(self) -> bool:
        """Whether events report every change; set by whoever follows them."""
        return self._stream_alive

    @stream_alive.setter
    def stream_alive(self, alive: bool) -> None:
        self._stream_alive = alive
        self._distrust()  # nobody watched until now

    async def read_power(self, node: base.Node, *, force: bool = False) -> str:
        """Read the power state. For one that only passes, return the last that stayed.

        :param force: ask the BMC for the power itself, whatever events and ETags say
        :raises podium.errors.DriverError: the BMC does not answer, or gives no power state
        """
        now = self._clock()
        alive = self._stream_alive
        if alive and not force and now < self._fresh_until and self._state:
            return self._state
        etag = None if force or alive or now >= self._etag_until else self._etag
        try:
            response = await self._get_power(etag)
            unchanged = etag is not None and response.status == _NOT_MODIFIED
            word = self._etag_word if unchanged else self._learn(response, now)
        except (errors.DriverError, asyncio.CancelledError):
            self.was_read = False
            self._distrust()
            raise
        self.was_read = True
        state = power.SETTLED.get(word)
        if state is None:
            self._distrust()
            return self._state or _known(node) or power.PASSING[word]
        before, self._state = self._state, state
        if now < self._awaited_until and (now < self._settling_until or state != self._expected):
            self._distrust()
        elif alive and state == before:  # what is new is read twice before it stands
            self._fresh_until = now + self._confirm_interval
        return state

    async def change_power(self, action: str) -> None:
        """Have the BMC reset the system in a way that it allows.

        :param action: one that podium.drivers.redfish.power.resets knows
        :raises podium.errors.UnsupportedPowerState: it allows none that does this
        :raises podium.errors.DriverError: it refuses or does not answer
        """
        system = await self._get_system()
        current = system.get("PowerState")
        if action == states.SOFT_POWER_OFF and power.is_under_way(action, current):
            return
        reset = resources.part(system, "Actions", "#ComputerSystem.Reset")
        allowed = await self._allowed(reset)
        usable = [kind for kind in power.resets(action, current) if not allowed or kind in allowed]
        target = resources.member(reset, "target", str)
        target = target or f"{self.path.rstrip('/')}/Actions/ComputerSystem.Reset"
        refusal = f"BMC {self.bmc.target} allows {self.path} no reset but {', '.join(allowed[:_NAMED])}"
        for kind in usable:
            self._expect(action)
            try:
                await self.bmc.post(target, {"ResetType": kind}, repeatable=kind in power.REPEATABLE)
                return
            except Refused as refused:
                self._info_resets = ()
                if await self._is_under_way(action):
                    return
                if not power.is_unsupported(refused.status, refused.messages):
                    raise
                refusal = str(refused)
        remedy = f"; {states.POWER_CYCLE} does it in two steps" if action == states.REBOOTING else ""
        raise errors.UnsupportedPowerState(f"{refusal}; asked for {action}{remedy}")

    async def _get_power(self, etag: str | None) -> Response:
        """Ask for the resource that has the power, and for nothing else of it where the BMC can select."""
        path = self._read_path or await self._find()
        if path == self.path:
            return await self._get(path, etag)
        try:
            response = await self.bmc.get(path, etag=etag)
            if response.status == _NOT_MODIFIED or "PowerState" in response.body:
                return response
        except Refused as refused:
            if refused.status not in _WITHOUT_SELECT:
                raise
        response = await self._get(self.path, None)
        LOG.info("BMC %s does not do $select on %s: all of it is read", self.bmc.target, self.path)
        self._read_path, self._etag = self.path, None
        return response

    async def _get_system(self) -> dict[str, Any]:
        if not self._read_path:
            await self._find()
        return (await self._get(self.path, None)).body

    async def _get(self, path: str, etag: str | None) -> Response:
        try:
            return await self.bmc.get(path, etag=etag)
        except Refused as refused:
            if refused.status != _NOT_FOUND:
                raise
        if self._configured:
            raise errors.DriverError(
                f"BMC {self.bmc.target} has no {path}; set redfish_system_id to one of its systems"
            )
        self.path = self._read_path = ""  # new firmware may have given it another name
        raise errors.DriverError(f"BMC {self.bmc.target} has no {path} any more")

    async def _find(self) -> str:
        root = await self.bmc.root()
        if not self.path:
            self.path = await _only_system(self.bmc, root)
        selects = resources.member(resources.part(root, "ProtocolFeaturesSupported"), "SelectQuery", bool)
        self._read_path = f"{self.path}{_SELECT}" if selects else self.path
        return self._read_path

    def _learn(self, response: Response, now: float) -> str:
        """The PowerState of a whole answer; also learns whether ETags can be trusted with it."""
        word = response.body.get("PowerState")
        if not isinstance(word, str) or not (word in power.SETTLED or word in power.PASSING):
            raise errors.DriverError(
                f"BMC {self.bmc.target} tells no power state of {self.path}: "
                f"PowerState is {resources.line(repr(word), 40)}"
            )
        if self._etags:
            etag = response.etag
            if etag and etag == self._etag and word != self._etag_word:
                LOG.warning(
                    "BMC %s has ETags that do not change with the power of %s: done without them",
                    self.bmc.target,
                    self.path,
                )
                self._etags, etag = False, None
            self._etag, self._etag_word, self._etag_until = etag, word, now + _ETAG_TRUST
        return word

    def _distrust(self) -> None:
        """Have the next read ask the BMC for the power itself."""
        self._fresh_until = self._etag_until = 0.0

    def _expect(self, action: str) -> None:
        """Have all reads ask the BMC for the power itself until the action has led where it should."""
        now = self._clock()
        self._expected = states.REACHED.get(action, self._state)
        self._settling_until, self._awaited_until = now + _SETTLING, now + _AWAITED
        self._distrust()

    async def _is_under_way(self, action: str) -> bool:
        with contextlib.suppress(errors.DriverError):
            return power.is_under_way(action, (await self._get_system()).get("PowerState"))
        return False

    async def _allowed(self, reset: dict[str, Any]) -> tuple[str, ...]:
        """The ResetTypes that the BMC allows; empty when it does not list them."""
        listed = _words(reset, "ResetType@Redfish.AllowableValues")
        info = resources.member(reset, "@Redfish.ActionInfo", str)
        if listed or not info:
            return listed
        if not self._info_resets:
            with contextlib.suppress(Refused):
                self._info_resets = _parameter_values((await self.bmc.get(info)).body)
        return self._info_resets


async def _only_system(bmc: BMC, root: dict[str, Any]) -> str:
    collection = resources.link(root, "Systems")
    if collection is None:
        raise errors.DriverError(f"BMC {bmc.target} has no systems in its service root")
    systems = resources.links((await bmc.get(collection)).body, "Members")
    if not systems:
        raise errors.DriverError(f"BMC {bmc.target} has no system")
    if len(systems) > 1:
        raise errors.InvalidDriverInfo(
            f"driver_info lacks redfish_system_id: BMC {bmc.target} has {len(systems)} systems, "
            f"{', '.join(systems[:_NAMED])}"
        )
    return systems[0]


def _known(node: base.Node) -> str | None:
    return node.power_state if node.power_state in (states.POWER_ON, states.POWER_OFF) else None


def _words(body: dict[str, Any], key: str) -> tuple[str, ...]:
    words = resources.member(body, key, list) or []
    return tuple(word for word in words[: resources.MAX_ENTRIES] if isinstance(word, str))


def _parameter_values(info: dict[str, Any]) -> tuple[str, ...]:
    """What an ActionInfo allows for ResetType (DSP0266, section on the ActionInfo resource)."""
    for parameter in resources.objects(info, "Parameters"):
        if parameter.get("Name") == "ResetType":
            return _words(parameter, "AllowableValues")
    return ()
