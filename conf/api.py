"""The group [api], and two options of [DEFAULT] that say who may use it: where and how podium-api serves."""

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from oslo_config import cfg, types

from podium import errors
from podium.conf.default import AbsolutePath, Word
from podium.conf.sockets import open_folder

#: A user, a group of this host (with @ before it), or a token.
_WHO: Final = Word(r"[^\s,:]{1,250}|token:[^\s,:]{1,250}", "USER, @GROUP or token:NAME")
_WHOM: Final = types.List(_WHO, type_name="USER, @GROUP or token:NAME, ...")
_WORDS: Final = "Each is a user, a group of this host with @ before it, or token:NAME."

#: Where the podium-api of a host serves its users. systemd creates the folder, as the unit file specifies.
HOSTS_SOCKET: Final = Path("/run/podium-api/podium.sock")


class Mode(types.String):
    """File permissions in octal digits."""

    def __init__(self) -> None:
        super().__init__(type_name="three or four octal digits")

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value))
        if not (3 <= len(text) <= 4 and set(text) <= set("01234567")):
            raise ValueError(f"{text!r} is not allowed")
        return text


class Network(types.String):
    """An address or a network."""

    def __init__(self) -> None:
        super().__init__(type_name="address or network, such as 10.0.0.0/8")

    def __call__(self, value: Any) -> str:
        return str(ipaddress.ip_network(str(super().__call__(value)).strip()))


default_opts = [
    cfg.StrOpt(
        "auth_strategy",
        default="http_basic",
        choices=[
            ("http_basic", "users of http_basic_auth_user_file, and tokens"),
            ("noauth", "nobody is asked who it is, and everybody may do everything"),
        ],
        help="How podium-api finds out who asks, over TCP. On the Unix socket it is the kernel who says so.",
    ),
    cfg.Opt(
        "http_basic_auth_user_file",
        type=AbsolutePath(),
        default="/etc/podium/htpasswd",
        help="The users of podium-api and their passwords, as `htpasswd -B` writes them: USER:HASH, a line "
        "each, with bcrypt. It is read again when it changes.",
    ),
]

opts = [
    cfg.HostAddressOpt(
        "host_ip",
        default="127.0.0.1",
        help="The address at which podium-api listens; 0.0.0.0 or :: for all of this host.",
    ),
    cfg.PortOpt("port", default=6385, help="The TCP port at which podium-api listens; 0 for a free one."),
    cfg.Opt(
        "unix_socket",
        type=AbsolutePath(),
        help="A Unix socket at which podium-api listens too; users of this host need no password there. "
        "It must not be in a folder where every user may write. Unlike Ironic's it does not replace the TCP "
        "port. By default it is /run/podium-api/podium.sock where systemd makes that folder for podium-api, "
        "and none elsewhere.",
    ),
    cfg.Opt(
        "unix_socket_mode",
        type=Mode(),
        default="666",
        help="The permissions of unix_socket. Whoever may connect still needs a role.",
    ),
    cfg.IntOpt(
        "max_limit",
        default=1000,
        min=1,
        max=10_000,
        help="Greatest number of items in one answer. More are on further pages.",
    ),
    cfg.URIOpt(
        "public_endpoint",
        schemes=["http", "https"],
        help="The address under which clients know podium-api, such as https://podium.example.org, for the "
        "links in answers; by default what the client asked for. Needed behind a proxy that ends TLS.",
    ),
    cfg.IntOpt(
        "api_workers",
        default=1,
        min=1,
        max=64,
        help="Number of processes that serve; one answers thousands of requests a second.",
    ),
    cfg.BoolOpt("enable_ssl_api", default=False, help="Whether the TCP port speaks TLS, 1.2 at least."),
    cfg.Opt(
        "cert_file",
        type=AbsolutePath(),
        help="The certificate of enable_ssl_api and those that lead to its root, in PEM.",
    ),
    cfg.Opt("key_file", type=AbsolutePath(), help="The private key of cert_file, in PEM and not encrypted."),
    cfg.IntOpt(
        "max_json_body_size",
        default=1_048_576,
        min=1024,
        help="Greatest size in bytes of the body of a request, but for POST /podium/v1/nodes.",
    ),
    cfg.IntOpt(
        "max_import_size",
        default=67_108_864,
        min=1024,
        help="Greatest size in bytes of the body of POST /podium/v1/nodes, which enrols many nodes: 40 MB "
        "for 100,000. Reading takes about ten times as much memory, for one such request at a time.",
    ),
    cfg.BoolOpt(
        "insecure_noauth",
        default=False,
        help="Whether auth_strategy = noauth is accepted at an address other than loopback: everybody who "
        "can reach it then switches machines.",
    ),
    cfg.Opt(
        "trusted_proxies",
        type=types.List(Network(), type_name="address or network, ..."),
        default=[],
        sample_default="10.0.0.5,10.1.0.0/24",
        help="Proxies whose X-Forwarded-For, -Proto and -Host count; others could claim any address.",
    ),
    cfg.ListOpt(
        "allowed_hosts",
        default=[],
        sample_default="podium.example.org,podium",
        help="Names under which clients may ask, besides those of public_endpoint, host_ip and this host. "
        "Other names are refused, so that a web page cannot reach podium-api by a name of its own.",
    ),
    cfg.IntOpt(
        "session_idle_timeout",
        default=3600,
        min=1,
        max=31_536_000,
        mutable=True,
        help="Seconds after the last key or click in the page until its user has to log in again. What the "
        "page asks by itself does not count.",
    ),
    cfg.IntOpt(
        "session_max_lifetime",
        default=43_200,
        min=1,
        max=31_536_000,
        mutable=True,
        help="Seconds after logging in at the page until its user has to log in again, however busy.",
    ),
    cfg.Opt(
        "readers",
        type=_WHOM,
        default=["@podium-readers"],
        mutable=True,
        help=f"Who may look at everything. {_WORDS}",
    ),
    cfg.Opt(
        "operators",
        type=_WHOM,
        default=["@podium-operators"],
        mutable=True,
        help=f"Who may also switch nodes and set their maintenance. {_WORDS}",
    ),
    cfg.Opt(
        "admins",
        type=_WHOM,
        default=["root", "@podium-admins"],
        mutable=True,
        help=f"Who may also enrol, change and delete nodes. {_WORDS}",
    ),
]


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(default_opts)
    conf.register_opts(opts, group="api")


def unix_socket(conf: cfg.ConfigOpts, environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the path of the Unix socket on which podium-api listens; None for none."""
    if conf.api.unix_socket is not None:
        return Path(conf.api.unix_socket)
    made = environment.get("RUNTIME_DIRECTORY", "").split(":")
    return HOSTS_SOCKET if str(HOSTS_SOCKET.parent) in made else None


def check(conf: cfg.ConfigOpts) -> None:
    """Check options that depend on each other; called by podium-api alone.

    :raises podium.errors.ConfigError: naming the options and the remedy
    """
    if conf.api.enable_ssl_api and not (conf.api.cert_file and conf.api.key_file):
        raise errors.ConfigError("[api] enable_ssl_api = true needs cert_file and key_file")
    if conf.auth_strategy == "noauth" and not conf.api.insecure_noauth and not _is_loopback(conf.api.host_ip):
        raise errors.ConfigError(
            f"[DEFAULT] auth_strategy = noauth lets everybody who reaches [api] host_ip = {conf.api.host_ip}"
            " switch machines; use http_basic, or host_ip = 127.0.0.1, or set [api] insecure_noauth = true"
        )
    path = unix_socket(conf)
    if path is not None and (folder := open_folder(path)) is not None:
        raise errors.ConfigError(
            f"[api] unix_socket = {path}: every user may write in {folder}, and could answer in its place;"
            f" name a path in a folder of podium-api's user, such as {HOSTS_SOCKET}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
