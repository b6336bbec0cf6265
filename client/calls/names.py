"""Completing the names of nodes."""

from typing import Annotated

import msgspec

from podium.client.calls.call import Call, Record


class Names(Record, frozen=True, kw_only=True):
    """Names of nodes, in natural order.

    :param complete: whether these are all; if not, the first and the last of all are among them, so that all
        names begin with the common beginning of these
    """

    names: list[str]
    complete: bool


class FindNames(Call[Names], frozen=True):
    """Find the names of nodes that begin with a text.

    :param prefix: matched to the letter
    """

    method = "GET"
    path = "/podium/v1/node-names"
    role = "reader"

    prefix: Annotated[str, msgspec.Meta(max_length=255)] = ""
    limit: Annotated[int, msgspec.Meta(ge=2, le=1000)] = 200
