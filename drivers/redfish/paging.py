"""Collections in pages (DSP0266, section "Paging": ``Members@odata.nextLink``)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

from podium import errors
from podium.drivers.redfish import resources

_MOST: Final = 64  # pages of one collection
_NEXT: Final = ("Members@odata.nextLink", "@odata.nextLink")


async def pages(
    read: Callable[[str], Awaitable[dict[str, Any]]],
    path: str,
    first: dict[str, Any],
    bmc: object = None,
) -> AsyncIterator[dict[str, Any]]:
    """Yield the pages of a collection, one after another.

    :param read: returns the resource at a path
    :param first: the first page, which is at ``path``
    :param bmc: its name, for errors
    :raises podium.errors.DriverError: what ``read`` raises, or there is no end to the pages, or they lead off
        the BMC
    """
    page, seen = first, {path}
    yield page
    while (following := _next(page, bmc)) is not None:
        if following in seen:
            raise errors.DriverError(f"the pages of {path} lead in a circle: {following} comes twice")
        if len(seen) >= _MOST:
            raise errors.DriverError(f"{path} has more than {_MOST} pages")
        seen.add(following)
        page = await read(following)
        yield page


def _next(page: dict[str, Any], bmc: object) -> str | None:
    given = next(filter(None, (page.get(key) for key in _NEXT)), None)
    if isinstance(given, dict):  # like all other links
        given = given.get("@odata.id")
    return None if given is None else resources.path(given, bmc)
