"""A driver, installed from a folder, that leaks its nodes' secrets wherever it can."""

from pathlib import Path
from typing import Final

_DRIVER: Final = '''
"""A driver without any discretion."""

import asyncio, base64, datetime, gc, html, json, logging, urllib.parse
from oslo_config import types
from oslo_log import log
from podium import errors, states
from podium.drivers import base

LOG = log.getLogger(__name__)


def told(node):
    """Everything that there is to tell, as programs write it."""
    pin = node.driver_info["leaky_pin"]
    yield from (pin, repr(pin), repr(pin.encode()), json.dumps(pin), html.escape(pin))
    yield from (urllib.parse.quote(pin), urllib.parse.quote(pin, safe=""), urllib.parse.quote_plus(pin))
    yield f"Authorization: Basic {base64.b64encode(('admin:' + pin).encode()).decode()}"
    yield from (node.driver_info["leaky_address"], node.driver_info["leaky_number"])
    for info in (node.driver_info, node.properties, node.extra, node.driver_internal_info):
        yield from (dict(info), repr(info), json.dumps(dict(info)), urllib.parse.urlencode(dict(info)))
    yield node


def text(node):
    return "; ".join(map(str, told(node)))


def tell(node):
    for one in told(node):
        for level in (logging.DEBUG, logging.WARNING, logging.ERROR):
            LOG.log(level, "node %s has %s", node.name, one)
        LOG.info(f"it is {one}")
        logging.getLogger("third.party").debug("%r", one)
    LOG.info("%(leaky_pin)s opens %(leaky_address)s", dict(node.driver_info))


def fail(node, kind=errors.DriverError):
    try:
        try:
            raise ValueError(text(node))
        except ValueError as cause:
            cause.add_note(text(node))
            raise RuntimeError(dict(node.driver_info)) from cause
    except RuntimeError as cause:
        raise kind(f"no good: {text(node)}") from cause


class Leaky(base.Driver):
    """Tells all."""

    needs_api = (2, 1)
    login = base.Login(password="leaky_pin")
    properties = {
        "leaky_address": base.Property("where it is", required=True),
        "leaky_pin": base.Property("what opens it", required=True, secret=True),
        "leaky_number": base.Property("what opens it, too", secret=True, type=types.Integer()),
    }

    def start(self, manager):
        self._manager = manager
        self._reads = {}

    def node_added(self, node):
        tell(node)
        fail(node, KeyError)

    async def get_power_state(self, node):
        tell(node)
        count = self._reads[node.uuid] = self._reads.get(node.uuid, 0) + 1
        # The first read is good, because it decides whether a node is manageable.
        kinds = [errors.DriverError, None, errors.BMCUnreachable, None, OSError, None, RuntimeError, None]
        if kind := kinds[count % len(kinds)]:
            fail(node, kind)
        return states.POWER_OFF if count % 4 == 1 else text(node)

    def set_power_state(self, node, target):
        tell(node)
        fail(node, errors.DriverError if target == states.POWER_ON else TypeError)

    def get_sensors(self, node):
        tell(node)
        return [base.Sensor(text(node), "fan", 1.0), text(node)]

    def get_boot_device(self, node):
        tell(node)
        return base.Boot(base.BootDevice(text(node)), ["pxe"])

    async def set_boot_device(self, node, boot):
        tell(node)
        fail(node)

    def identify(self, node, seconds):
        tell(node)
        fail(node, errors.Unsupported)

    async def get_log(self, node, before, after, limit):
        tell(node)
        if before is not None:
            return text(node)
        now = datetime.datetime.now(datetime.UTC)
        its = [base.LogEntry(one, now, "OK", one, one, one.encode()[:250]) for one in map(str, told(node))]
        return base.Log([*{one.id: one for one in its}.values()])

    def clear_log(self, node, last):
        tell(node)
        fail(node, errors.LogChanged)

    def get_clock(self, node):
        tell(node)
        return text(node)

    async def set_clock(self, node):
        tell(node)
        fail(node, OSError)

    @base.action(help="Tell all")
    def confess(self, node, tone: str = "loud") -> str:
        tell(node)
        return text(node)

    def check_login(self, node):
        tell(node)
        fail(node, errors.AuthenticationRefused)

    def set_password(self, node, password):
        tell(node)
        LOG.error("gets %s, %r, %s", password, password, json.dumps(password))
        raise errors.PasswordRefused(f"no, not {password} {password!r} after {text(node)}")

    @base.node_periodic_task(spacing=1)
    async def each(self, node, manager, context):
        tell(node)
        manager.report_health(node, base.Health("Warning", tuple(map(str, told(node)))))
        manager.report_sensors(node, [base.Sensor(text(node), "fan", 1.0)])
        manager.save_properties(node, {"session_password": node.driver_info["leaky_pin"]})
        manager.save_driver_internal_info(node, {"auth_token": [node.driver_info["leaky_pin"]]})
        manager.spawn(self._later(node))
        asyncio.get_running_loop().create_task(self._later(node))
        fail(node, LookupError)

    @base.driver_periodic_task(spacing=1)
    def all(self, manager, context):
        gc.collect()  # asyncio tells of errors that nobody awaits once their tasks are collected
        for node in manager.nodes(self):
            tell(node)
            fail(node)

    async def _later(self, node):
        tell(node)
        fail(node, ArithmeticError)
'''


def install(folder: Path) -> None:
    """Write the driver ``leaky`` into a folder for ``PYTHONPATH``."""
    package = folder / "leaky-1.0.dist-info"
    package.mkdir(parents=True)
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: leaky\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[podium.drivers]\nleaky = leaky_driver:Leaky\n")
    (folder / "leaky_driver.py").write_text(_DRIVER)
