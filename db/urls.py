"""The URLs of databases: which are accepted, and how they are shown to people."""

import re
from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from podium import errors

#: Added to the URL unless it sets them (seconds).
_URL_DEFAULTS: Final[Mapping[str, Mapping[str, str]]] = {
    "sqlite": {"timeout": "30"},
    "mysql": {"charset": "utf8mb4"},
    "postgresql": {},
}
#: Several hosts, each with its port; SQLAlchemy accepts them only after the question mark.
_HOSTS: Final = re.compile(r"(postgresql(?:\+\w+)?://(?:[^@/?#]*@)?)([^@/?#]*,[^@/?#]*)(.*)")

#: What a URL may begin with, and the driver for it.
_DRIVERS: Final = {
    "sqlite": "sqlite",
    "sqlite+pysqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mariadb+pymysql": "mysql+pymysql",
}


def parse_url(text: str) -> sa.URL:
    """The URL of ``[database] connection`` with a driver filled in.

    :raises podium.errors.ConfigError: when it is not a URL, or names a database that Podium cannot use
    """
    try:
        if (several := _HOSTS.fullmatch(text)) is not None:
            url = sa.make_url(several[1] + several[3])
            url = url.update_query_dict({"host": several[2].split(",")}, append=True)
            url.get_dialect()().create_connect_args(url)  # raises for an invalid port
        else:
            url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):  # the latter for an invalid port
        raise errors.ConfigError(
            "[database] connection is not a database URL; one looks like"
            " postgresql://user:password@host/podium or sqlite:////var/lib/podium/podium.sqlite"
        ) from None
    where = f"[database] connection = {shown(url)}"
    if url.drivername not in _DRIVERS:
        raise errors.ConfigError(
            f"{where}: Podium cannot use {url.drivername}; use sqlite, postgresql or mysql"
        )
    url = url.set(drivername=_DRIVERS[url.drivername])
    kind = url.get_backend_name()
    if kind == "sqlite" and url.database in (None, "", ":memory:"):
        raise errors.ConfigError(
            f"{where}: names no file; one that does looks like sqlite:////var/lib/podium/podium.sqlite"
        )
    try:
        url.get_dialect().import_dbapi()
    except ImportError as missing:
        raise errors.ConfigError(
            f"{where}: {errors.one_line(missing)}; install it with pip install 'podium[{kind}]'"
        ) from None
    defaults = _URL_DEFAULTS[kind]
    return url.update_query_dict({key: value for key, value in defaults.items() if key not in url.query})


def shown(url: sa.URL) -> str:
    """The location of a database, for people: without its password and parameters."""
    hosts = url.query.get("host", ())
    several = ",".join((hosts,) if isinstance(hosts, str) else hosts)
    if not several or url.host:
        return url.set(query={}).render_as_string(hide_password=True)
    place = "several-hosts"  # IPv6 brackets would be put around ports
    return url.set(query={}, host=place).render_as_string(hide_password=True).replace(place, several)
