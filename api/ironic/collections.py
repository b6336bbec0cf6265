"""Pages of Ironic's API: limit, marker, order and fields."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from starlette.requests import Request

from podium.api.faults import Fault
from podium.api.fields import Field, checked
from podium.api.routing import minor
from podium.api.services import address, services
from podium.client.enrolling.values import TRUTH, UUID, choice, integer, text

#: The parameter that selects fields, also for single resources.
FIELDS: Final = Field("fields", text(4096), since=8)
#: The parameters that all pages have.
PAGING: Final = (
    Field("limit", integer(1, 10**9)),
    Field("marker", UUID),
    Field("sort_key", text(64)),
    Field("sort_dir", choice(("asc", "desc"))),
    FIELDS,
    Field("detail", TRUTH, since=43),
)


def of_whole(query: Iterable[Field]) -> tuple[Field, ...]:
    """Return the parameters of pages whose items always have all fields."""
    return tuple(one for one in query if one.name not in ("fields", "detail"))


class Page(NamedTuple):
    """A requested page.

    :param fields: None for the default fields
    """

    limit: int
    marker: str | None
    sort_key: str
    descending: bool
    fields: tuple[str, ...] | None
    detail: bool


def parameters(request: Request, known: Sequence[Field]) -> dict[str, Any]:
    """Return the checked parameters of a query.

    :raises podium.api.faults.Fault: one is unknown, too new for the version, or wrong
    """
    fields = {one.name: one for one in known}
    found: dict[str, Any] = {}
    for name, value in request.query_params.multi_items():
        one = fields.get(name)
        if one is None:
            raise Fault(400, f"unknown parameter {name[:80]}; there are {', '.join(fields)}")
        if one.since > minor(request):
            raise Fault(406, f"{name} needs version 1.{one.since} of the API")
        if name in found:
            if name != "fields":
                raise Fault(400, f"{name} is given twice")
            value = f"{found[name]},{value}"
        found[name] = checked(one, one.kind.parse(value))
    return found


def page(
    request: Request, given: Mapping[str, Any], sortable: Collection[str], fields: Mapping[str, int]
) -> Page:
    """Return the requested page.

    :param given: the parameters
    :param sortable: the fields that it may be sorted by
    :param fields: the fields of all versions, and the lowest minor version that has each
    :raises podium.api.faults.Fault: for unknown fields, or (406) fields that are too new for the version
    """
    most: int = services(request).config.api.max_limit
    key = given.get("sort_key", "id")
    if key not in sortable:
        raise Fault(400, f"sort_key {key[:80]} is not possible; there are {', '.join(sortable)}")
    _check_versions(request, [key], fields)
    detail = bool(given.get("detail", False))
    wanted = chosen(request, given, fields)
    if detail and wanted is not None:
        raise Fault(400, "fields and detail exclude each other")
    return Page(
        min(given.get("limit", most), most),
        given.get("marker"),
        key,
        given.get("sort_dir") == "desc",
        wanted,
        detail,
    )


def chosen(request: Request, given: Mapping[str, Any], fields: Mapping[str, int]) -> tuple[str, ...] | None:
    """Return the requested fields; None if the request names none.

    :param fields: the fields of all versions, and the lowest minor version that has each
    :raises podium.api.faults.Fault: naming the unknown fields, or (406) those too new for the version
    """
    if "fields" not in given:
        return None
    names = tuple(dict.fromkeys(name for name in given["fields"].split(",") if name))
    if unknown := [name for name in names if name not in fields and name != "links"]:
        raise Fault(400, f"unknown fields: {', '.join(unknown)[:200]}")
    if not names:
        raise Fault(400, "fields names none")
    _check_versions(request, names, fields)
    return tuple(name for name in names if name != "links")  # every answer has links


def _check_versions(request: Request, names: Iterable[str], fields: Mapping[str, int]) -> None:
    for name in names:
        if (since := fields.get(name, 1)) > minor(request):
            raise Fault(406, f"{name} needs version 1.{since} of the API")


def following(request: Request, page: Page, last: str) -> str:
    """Return the address of the next page, with the parameters of the request.

    :param last: the UUID of the last item of this page
    """
    kept = [one for one in request.query_params.multi_items() if one[0] not in ("limit", "marker")]
    query = urlencode([*kept, ("limit", page.limit), ("marker", last)])
    return f"{address(request)}{request.url.path}?{query}"
