"""The options of a driver as type checkers see them."""

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

    For a type checker ``self.options.timeout`` is a float then, and ``self.options.tiemout`` an error.

    :returns: the options as a tuple, which only a type checker takes for their values
    :raises TypeError: for what is no option of oslo.config
    """
    for option in options:
        if not isinstance(option, cfg.Opt):
            raise TypeError(f"{option!r} is no option of oslo.config, such as cfg.FloatOpt(...)")
    return options
