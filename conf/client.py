"""The group [client]: which podium-api the command ``podium`` uses, and how."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from oslo_config import cfg, types

from podium.conf import api, default
from podium.conf.default import AbsolutePath
from podium.conf.files import HOSTS, default_files, is_own, unreadable


class ApiUrl(types.String):
    """The URL of a podium-api."""

    def __init__(self) -> None:
        super().__init__(type_name="https://HOST[:PORT] or unix:/PATH")

    def __call__(self, value: Any) -> str:
        text = str(super().__call__(value))
        if not text.startswith(("https://", "http://", "unix:/")):
            raise ValueError("it begins with neither https:// nor unix:/")
        if "@" in text:
            raise ValueError("it has a user or a password in it, which belong into credentials_file")
        return text


opts = [
    cfg.Opt(
        "url",
        type=ApiUrl(),
        sample_default="https://podium.example.org:6385",
        help="The podium-api that the command podium asks, if neither --url nor PODIUM_URL says another: "
        "https://HOST[:PORT], or unix:/PATH of its socket. By default it is asked at [api] unix_socket if "
        "that is there, and otherwise the command uses the database.",
    ),
    cfg.Opt(
        "credentials_file",
        type=AbsolutePath(),
        sample_default="~/.config/podium/credentials",
        help="A file that its owner alone can read, with USER:PASSWORD or a token in its first line, for "
        "url. By default ~/.config/podium/credentials, if it exists.",
    ),
    cfg.Opt(
        "cafile",
        type=AbsolutePath(),
        help="The certificates, in PEM, to which that of url must lead; by default those of this host.",
    ),
    cfg.FloatOpt(
        "timeout",
        default=60.0,
        min=1.0,
        max=3600.0,
        help="Seconds to wait for each answer of a podium-api.",
    ),
]

_SOCKET: Final = next(option for option in api.opts if option.name == "unix_socket")


def register(conf: cfg.ConfigOpts) -> None:
    """Register the options."""
    conf.register_opts(opts, group="client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings that a client of podium-api needs.

    :param unix_socket: the socket on which podium-api serves on this host
    :param needs_socket: whether this user may not read the configuration and so can only use the socket
    """

    url: str | None
    credentials_file: Path | None
    cafile: Path | None
    timeout: float
    unix_socket: Path | None
    needs_socket: bool = False


def read(argv: Sequence[str], *, prog: str) -> Settings:
    """Return these settings without loading all other options, which take long to import.

    :param argv: ``--config-file`` and its file, or nothing
    :raises podium.errors.ConfigError: see podium.conf.load
    """
    conf = cfg.ConfigOpts()
    default.register(conf)
    conf.register_opt(_SOCKET, group="api")
    register(conf)
    files, folders = default_files(prog)
    is_hidden = not argv and unreadable(files) is not None
    if is_hidden:
        files, folders = [], []
    try:
        conf(argv, project="podium", prog=prog, default_config_files=files, default_config_dirs=folders)
        its = of(conf)
    except (cfg.Error, ValueError, TypeError, OSError, RecursionError):
        # A value may refer to options that are unknown here, and only the full configuration explains what is
        # wrong.
        from podium.conf.loading import load  # this module is imported there, and so are all other options

        its = of(load(argv, prog=prog))
    is_hosts = not argv and all(one.startswith(f"{HOSTS}/") for one in [*files, *folders])
    if its.unix_socket is not None or not is_hosts or (not files and is_own(conf.state_path)):
        return its
    return replace(its, unix_socket=api.HOSTS_SOCKET, needs_socket=is_hidden)


def of(conf: cfg.ConfigOpts) -> Settings:
    """Return these settings from a configuration."""
    its = conf.client
    return Settings(
        url=its.url,
        credentials_file=_path(its.credentials_file),
        cafile=_path(its.cafile),
        timeout=its.timeout,
        unix_socket=_path(conf.api.unix_socket),
    )


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None
