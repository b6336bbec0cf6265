"""Nodes and drivers for tests."""

import contextvars
import inspect
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from oslo_config import cfg

from podium.drivers import base, command, registry

_Driver = TypeVar("_Driver", bound=base.Driver)


def make_node(
    driver: str | base.Driver, driver_info: Mapping[str, Any] | None = None, **fields: Any
) -> base.Node:
    """Make a node of a driver. Its name is ``node1`` by default; its uuid is derived from the name.

    :param driver: the driver, or its name. A driver gets only nodes that have its name here.
    :param driver_info: by default empty
    :param fields: the other fields of :class:`podium.drivers.base.Node`
    """
    name = fields.pop("name", "node1")
    identity = fields.pop("uuid", None) or str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    driver_name = driver if isinstance(driver, str) else driver.name
    return base.Node(identity, name, driver_name, driver_info=dict(driver_info or {}), **fields)


def make_driver(driver_class: type[_Driver], name: str = "acme", **options: Any) -> _Driver:
    """Make a driver as the conductor does, without starting it.

    :param options: values of the driver's options, instead of their defaults
    :raises podium.errors.DriverLoadError: when the driver cannot be made
    """
    conf = cfg.ConfigOpts()
    conf([], project="podium", default_config_files=[], default_config_dirs=[])
    if options:  # before the driver is made, because it may read them then
        conf.register_opts(registry.options(name, driver_class), group=name)
    for option, value in options.items():
        conf.set_override(option, value, group=name)
    return registry.instance(name, driver_class, conf)


async def call(method: Callable[..., Any], *args: Any) -> Any:
    """Call a driver's method as the conductor does: an async method here, a plain one in a thread."""
    if inspect.iscoroutinefunction(method):
        return await method(*args)
    within = contextvars.copy_context()
    result = await command.in_thread(partial(within.run, method, *args), "testing-plain")
    return await result if inspect.isawaitable(result) else result
