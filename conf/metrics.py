"""The group [metrics]: where Prometheus reads the conductor's metrics."""

from typing import Any

from oslo_config import cfg, types


class Listen(types.String):
    """An address to listen on, as ``HOST:PORT``; empty for none."""

    def __init__(self) -> None:
        super().__init__(type_name="HOST:PORT, with brackets around an IPv6 address")

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value)).strip()
        if text:
            address(text)
        return text


def address(listen: str) -> tuple[str, int]:
    """Return the host and the port of ``HOST:PORT``.

    :raises ValueError: if either is missing or invalid
    """
    from oslo_utils import netutils  # imports psutil, and most programs listen nowhere

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
        "[::1]:9109; empty for none. Everybody who can reach it can read the names of tasks and drivers and "
        "the number of nodes, without a password.",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="metrics")
