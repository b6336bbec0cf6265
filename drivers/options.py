"""Types for the options of a driver, for type checkers."""

from typing import Any

from oslo_config import cfg


def declare_options(*options: cfg.Opt) -> Any:
    """Declare the options of a driver, with types for their values::

        class Options(Protocol):
            timeout: float


        class AcmeDriver(base.Driver):
            options: Options = base.declare_options(
                cfg.FloatOpt("timeout", default=5, help="Seconds for an answer."),
            )

    A type checker then treats ``self.options.timeout`` as a float, and ``self.options.tiemout`` as an error.

    :returns: the options as a tuple; only a type checker treats it as their values
    :raises TypeError: for anything but an option of oslo.config
    """
    for option in options:
        if not isinstance(option, cfg.Opt):
            raise TypeError(f"{option!r} is no option of oslo.config, such as cfg.FloatOpt(...)")
    return options
