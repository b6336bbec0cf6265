"""Pages of lists that are in memory as a whole."""

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import TypeVar

from podium.client.calls.call import Page
from podium.node_ranges import natural

T = TypeVar("T")


def page(items: Iterable[T], key: Callable[[T], str], limit: int | None, marker: str | None) -> Page[T]:
    """Return a page of items, in the natural order of their keys.

    :param key: unique
    :param marker: the key of the last item of the page before
    """
    left = [(natural(key(item)), item) for item in items]
    if marker is not None:
        left = [one for one in left if one[0] > natural(marker)]
    left.sort(key=itemgetter(0))
    shown = [item for _, item in left[:limit]]
    return Page(items=shown, next=key(shown[-1]) if len(left) > len(shown) else None)
