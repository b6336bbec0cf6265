"""What the handlers of requests work with: made once for each process, closed by who made it."""

from dataclasses import dataclass

from starlette.requests import Request

from podium import conf
from podium.api.sql import Sql
from podium.client.catalog import Catalog


@dataclass(frozen=True, slots=True)
class Services:
    """Of one process.

    :param config: the configuration; its mutable options change at a reload
    :param catalog: the installed drivers; it may import one, and so is used in threads alone
    """

    config: conf.Config
    sql: Sql
    catalog: Catalog


def services(request: Request) -> Services:
    """Return the services of the process that answers a request."""
    found: Services = request.app.state.services
    return found
