"""Pages of lists that are in memory as a whole."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from podium.client.calls.call import Page

T = TypeVar("T")


def page(items: Iterable[T], key: Callable[[T], str], limit: int | None, marker: str | None) -> Page[T]:
    """Return a page of items, in order of their key.

    :param key: unique
    :param marker: the key of the last item of the page before
    """
    left = sorted((item for item in items if marker is None or key(item) > marker), key=key)
    shown = left[:limit]
    return Page(items=shown, next=key(shown[-1]) if len(left) > len(shown) else None)
