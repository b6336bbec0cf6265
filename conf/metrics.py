"""The group [metrics]: where Prometheus may ask how the conductor fares."""

from typing import Any

from oslo_config import cfg, types
from oslo_utils import netutils


class Listen(types.String):
    """Where to listen, as ``HOST:PORT``; nothing for nowhere."""

    def __init__(self) -> None:
        super().__init__(type_name="HOST:PORT, with the address in brackets when it is one of IPv6")

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value)).strip()
        if text:
            address(text)
        return text


def address(listen: str) -> tuple[str, int]:
    """Host and port of ``HOST:PORT``.

    :raises ValueError: when either is missing or cannot be one
    """
    host, port = netutils.parse_host_port(listen)
    if not host or port is None:
        raise ValueError("it has no port" if host else "it has no host")
    types.HostAddress()(host)
    types.Port(min=1)(port)
    return host, port


opts = [
    cfg.Opt(
        "listen",
        type=Listen(),
        default="",
        help="Address and port at which Prometheus may read metrics over HTTP, such as 127.0.0.1:9109 or "
        "[::1]:9109; empty for none. Whoever reaches it can read the names of tasks and drivers and how many "
        "nodes there are, without a password.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="metrics")
