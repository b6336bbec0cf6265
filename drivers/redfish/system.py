"""The computer system of one node: its last known power, and how it is reset.

A read costs one request, and less if the BMC allows: ``$select`` leaves out all but the power, an ETag the
whole body, and an event stream the request itself. A feature that fails is not used for a while.
"""

import asyncio
import contextlib
import math
from collections.abc import Callable
from typing import Final

from oslo_log import log

from podium import errors, states
from podium.clocks import boottime
from podium.drivers import base
from podium.drivers.redfish import conditions, finding, power, resets, resources
from podium.drivers.redfish.http.answers import ENDS
from podium.drivers.redfish.http.client import BMC, Refused, Response
from podium.drivers.redfish.machine.log_place import LogPlace
from podium.drivers.redfish.machine.walk import Places

LOG = log.getLogger(__name__)

_SELECT: Final = "?$select=PowerState"
_WITHOUT: Final = 3600.0  # seconds for which a feature that failed is not used, or not looked for again
_LYING: Final = 86400.0  # the same for ETags that hid a change of the power
_ETAG_TRUST: Final = 600.0  # seconds after which an ETag must show again that it follows the power
_SETTLING: Final = 60.0  # seconds after a reset in which the power may still pass through other states
_AWAITED: Final = 600.0  # seconds after which a reset that did not have its effect is given up
_GONE: Final = (404, 410)
_NOT_MODIFIED: Final = 304
_NAMED: Final = 8  # ResetTypes named in an error


class System:
    """The computer system of one node, on a BMC that other nodes may share.

    :param path: the system's path; empty to find it on a BMC that has only one
    :param confirm_interval: seconds for which a reading is valid while events report every change
    :param clock: seconds of a clock that is never set
    """

    __slots__ = (
        "_awaited_until", "_clock", "_conditions_until", "_configured", "_confirm_interval", "_etag",
        "_etag_until", "_etag_word", "_etag_worked", "_etags_from", "_expected", "_find_at", "_fresh_until",
        "_logged", "_read_path", "_select_from", "_select_worked", "_settling_until", "_state",
        "_stream_alive", "bmc", "clock_due", "fingerprint", "log", "path", "places", "was_read",
    )  # fmt: skip

    def __init__(
        self, bmc: BMC, path: str, confirm_interval: float, clock: Callable[[], float] = boottime
    ) -> None:
        self.bmc = bmc
        self.path = path
        #: Whether the last attempt to read the power succeeded: the BMC answers, and accepts the login.
        self.was_read = False
        self.fingerprint = ""  #: of the machine, when its health was looked at last
        self.places = Places()
        self.log = LogPlace()
        self.clock_due = -math.inf  #: when the BMC's clock is to be looked at again, by time.monotonic()
        self._clock = clock
        self._confirm_interval = confirm_interval
        self._configured = bool(path)
        self._stream_alive = False
        self._read_path = ""
        self._find_at = -math.inf  # when to find out again what the BMC has and offers
        self._state: str | None = None  # of the last lasting PowerState
        self._fresh_until = 0.0
        self._etag: str | None = None
        self._etag_word = ""  # the PowerState that came with it
        self._etag_until = 0.0
        self._select_from = self._etags_from = -math.inf  # until when they are not used
        self._select_worked = self._etag_worked = False  # since the last failure
        self._conditions_until = -math.inf  # until when a reset names an ETag without being asked to
        self._logged: tuple[str, ...] = ()  # the features not used, or demanded
        self._expected: str | None = None  # the goal of the last reset
        self._settling_until = self._awaited_until = 0.0

    @property
    def stream_alive(self) -> bool:
        """Whether events report every change; set by the follower of the events."""
        return self._stream_alive

    @stream_alive.setter
    def stream_alive(self, alive: bool) -> None:
        self._stream_alive = alive
        self._distrust()  # nobody watched until now

    async def read_power(self, node: base.Node, *, force: bool = False) -> str:
        """Read the power state. For a transitional state, return the last lasting one.

        :param force: ask the BMC for the power itself, whatever events and ETags say
        :raises podium.errors.DriverError: the BMC does not answer, or gives no power state
        """
        now = self._clock()
        alive = self._stream_alive
        if alive and not force and now < self._fresh_until and self._state:
            return self._state
        etag = None if force or alive or now >= self._etag_until else self._etag
        try:
            word = await self._read(etag, now)
        except (errors.DriverError, asyncio.CancelledError):
            self.was_read = self._select_worked = self._etag_worked = False
            self._find_at = -math.inf
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
        elif alive and state == before:  # a new state is read twice before it is accepted
            self._fresh_until = now + self._confirm_interval
        return state

    async def change_power(self, action: str) -> None:
        """Reset the system in a way that the BMC allows.

        :param action: one that podium.drivers.redfish.power.resets knows
        :raises podium.errors.UnsupportedPowerState: the BMC allows no reset that does this
        :raises podium.errors.DriverError: it refuses or does not answer
        """
        response = await self.resource()
        current = power.known(response.body.get("PowerState"))
        if action == states.SOFT_POWER_OFF and power.is_under_way(action, current):
            return
        reset = resources.part(response.body, "Actions", "#ComputerSystem.Reset")
        allowed = await resets.allowed(self.bmc, reset)
        own = resources.member(response.body, "@odata.id", str)
        target, etags = resets.target(reset, self.path, own), conditions.etags(response)

        async def send(kind: resets.Kind) -> None:
            self._expect(action)
            await self._reset(target, kind, etags)

        kinds = resets.choices(power.resets(action, current), allowed)
        refused = await resets.attempt(kinds, send, lambda: self._is_under_way(action))
        if kinds and refused is None:
            return
        listed = f"BMC {self.bmc.target} allows {self.path} no reset but {', '.join(allowed[:_NAMED])}"
        remedy = f"; {states.POWER_CYCLE} does it in two steps" if action == states.REBOOTING else ""
        raise errors.UnsupportedPowerState(f"{refused or listed}; asked for {action}{remedy}")

    async def resource(self) -> Response:
        """Return the system's resource as it is now, wherever it is.

        :raises podium.errors.DriverError: the BMC does not answer, or refuses
        """
        if not self._configured:
            self.path = await finding.located(self.bmc, self.path)
        return await self._get_system()

    async def _read(self, etag: str | None, now: float, *, is_renamed: bool = False) -> str:
        """Read the resource with the power, and only that part of it if the BMC can select.

        :returns: the PowerState
        """
        path = self._read_path
        if now >= self._find_at:
            path = await self._find(now)
            etag = etag and self._etag  # that of another path is of no use
        try:
            response = await self.bmc.get(path, etag=etag, links=False)
            if etag is not None and response.status == _NOT_MODIFIED:
                self._etag_worked = True
                return self._etag_word
            word = power.known(response.body.get("PowerState"))
            if word is not None:
                return self._learn(response, word, now)
            failure: errors.DriverError = power.missing(self.bmc.target, self.path, response.body)
        except errors.BMCUnreachable as silence:
            # A BMC may be silent because of a feature that it offers; if the feature worked before, the BMC
            # is down.
            if self._select_worked if etag is None else self._etag_worked:
                raise
            failure = silence
        except ENDS:
            raise
        except errors.DriverError as odd:
            failure = odd
        try:
            return await self._read_plainly(path, etag, now, failure)
        except Refused as refused:
            if refused.status not in _GONE or is_renamed:
                raise
            await self._find_again(refused)
        return await self._read(None, now, is_renamed=True)

    async def _read_plainly(
        self, path: str, etag: str | None, now: float, failure: errors.DriverError
    ) -> str:
        """Read again without the features that may have failed, and avoid them for a while if that helps.

        :param failure: raised if nothing helps, unless a later failure is raised
        """
        without = [("conditional requests", path)] if etag is not None else []
        if path != self.path:
            without.append(("$select", self.path))
        for feature, plain in without:
            try:
                response = await self.bmc.get(plain, links=False)
            except ENDS:
                raise
            except errors.DriverError as again:
                failure = again
                continue
            word = power.known(response.body.get("PowerState"))
            if word is not None:
                self._etag = None
                if plain != path:
                    self._read_path = plain
                    self._find_at = self._select_from = now + _WITHOUT
                else:
                    self._etags_from = now + _WITHOUT
                self._log_once(f"does not do {feature}, done without for a while", failure)
                return self._learn(response, word, now)
            failure = power.missing(self.bmc.target, self.path, response.body)
        raise failure

    async def _find(self, now: float) -> str:
        """Find out where the power is read, and with which features."""
        if not self._configured:
            self.path = await finding.located(self.bmc, self.path)
        selects = await finding.selects(self.bmc)
        path = f"{self.path}{_SELECT}" if selects and now >= self._select_from else self.path
        if path != self._read_path:
            self._read_path, self._etag, self._select_worked = path, None, False
        self._find_at = math.inf if self._configured and path != self.path else now + _WITHOUT
        return path

    async def _find_again(self, refused: Refused) -> None:
        """Find the system under another name."""
        self.path = await finding.renamed(self.bmc, self.path, refused, is_configured=self._configured)
        self._find_at = -math.inf

    async def _get_system(self) -> Response:
        try:
            return await self.bmc.get(self.path)
        except Refused as refused:
            if refused.status not in _GONE:
                raise
            await self._find_again(refused)
        return await self.bmc.get(self.path)

    async def _reset(self, target: str, kind: resets.Kind, etags: tuple[str, ...]) -> None:
        """Post a reset, with the ETag of the system if the BMC demands it."""
        demanded = self._clock() < self._conditions_until
        refused = await resets.send(self.bmc, target, kind, etags if demanded else (None, *etags))
        if refused is not None:
            self._conditions_until = self._clock() + _WITHOUT
            self._log_once("demands the ETag of a system for a reset", refused)

    def _learn(self, response: Response, word: str, now: float) -> str:
        """Record the PowerState of a whole answer, and whether ETags can be trusted with it."""
        self._select_worked = True
        if now >= self._etags_from:
            etag = response.etag
            if etag and etag == self._etag and word != self._etag_word:
                LOG.warning(
                    "BMC %s has ETags that do not change with the power of %s: done without them",
                    self.bmc.target,
                    self.path,
                )
                self._etags_from, etag = now + _LYING, None
            self._etag, self._etag_word, self._etag_until = etag, word, now + _ETAG_TRUST
        return word

    def _log_once(self, what: str, failure: errors.DriverError) -> None:
        if what not in self._logged:
            self._logged += (what,)
            LOG.info("BMC %s %s: %s: %s", self.bmc.target, what, self.path, errors.one_line(failure))

    def _distrust(self) -> None:
        """Make the next read ask the BMC for the power itself."""
        self._fresh_until = self._etag_until = 0.0

    def _expect(self, action: str) -> None:
        """Make all reads ask the BMC for the power itself until the action has had its effect."""
        now = self._clock()
        self._expected = states.REACHED.get(action, self._state)
        self._settling_until, self._awaited_until = now + _SETTLING, now + _AWAITED
        self._distrust()

    async def _is_under_way(self, action: str) -> bool:
        with contextlib.suppress(errors.DriverError):
            body = (await self._get_system()).body
            return power.is_under_way(action, power.known(body.get("PowerState")))
        return False


def _known(node: base.Node) -> str | None:
    return node.power_state if node.power_state in (states.POWER_ON, states.POWER_OFF) else None
