"""Hides secrets in everything that is shown: values by the name of their property, texts by content."""

import functools
import re
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from podium.spelling import hider
from podium.wording import safe_str

__all__ = ["MASK", "is_masked", "is_secret", "mask", "scrub"]

MASK: Final = "******"

#: Names of secrets; those in the first lines match any part of a name, the others whole words.
_SECRET_NAME: Final = re.compile(
    r"pas{1,2}w(?:or)?d|passphrase|pswd|secret|token|credential|apikey|adminpass|config_?drive|user_?data"
    # What oslo.utils also hides, most of it from TripleO.
    r"|ceph\w*(?:key|fsid)|(?:heartbeat|remoteauth|rndc|encryption|fernet|ssl|ssh)key|cryptokek|rabbitcookie"
    r"|hashsuffix"
    r"|(?:^|[\W_])(?:key|pass|pwd|psk|community)(?:$|[\W_\d])"
    r"|(?-i:[a-z](?:Key|Pass|Pwd)(?:$|[\W_\dA-Z]))",  # api_key, key1, privateKey, but no monkey
    re.IGNORECASE,
)
#: The password in an address such as https://user:password@host.
_IN_ADDRESS: Final = re.compile(r"(?<=://)([^\s/?#@:]*:)([^\s/?#]+)(?=@)")


@functools.lru_cache(maxsize=1024)  # the same few names for every node
def is_secret(name: str) -> bool:
    """Return whether a property's name alone shows that its value is a secret."""
    return bool(_SECRET_NAME.search(name))


#: Each name of a secret contains one of these, in lower case.
_WORDS: Final = (
    *("pas", "pswd", "pwd", "psk", "secret", "token", "credential", "key", "config", "data", "community"),
    *("kek", "cookie", "fsid", "suffix"),
)


def may_hide(text: str, secret: frozenset[str] = frozenset()) -> bool:
    """Return whether :func:`mask` may hide something in a JSON text. In doubt it may.

    This is far quicker than parsing the text, which is not necessary for most texts of nodes.

    :param secret: names that a driver declared as secret
    """
    if "\\" in text or not text.isascii():  # a name may have several spellings
        return True
    if "://" in text and "@" in text:
        return True
    lower = text.lower()
    for names, where in ((_WORDS, lower), (secret, text)):
        for name in names:  # a loop, which takes half as long as any()
            if name in where:
                return True
    return False


def is_masked(value: Any) -> bool:
    """Return whether a value is the mask that :func:`mask` shows instead of a secret."""
    return isinstance(value, str) and value.strip() == MASK


def _is_masked_address(value: Any) -> bool:
    return isinstance(value, str) and any(found[2] == MASK for found in _IN_ADDRESS.finditer(value))


def mask(values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a copy with every secret value as ``******``, also in nested mappings and lists.

    Passwords in addresses are hidden too, whatever their name.

    :param secret: names that a driver declared as secret
    """
    masked = {}
    for name, value in values.items():
        hide = (name in secret or is_secret(str(name))) and value not in (None, "")
        masked[name] = MASK if hide else _inside(value, secret)
    return masked


def _inside(value: Any, secret: frozenset[str]) -> Any:
    if isinstance(value, str):
        return in_addresses(value, lambda _: MASK)
    if isinstance(value, Mapping):
        return mask(value, secret)
    if isinstance(value, list | tuple):
        return [_inside(one, secret) for one in value]
    return value


def in_addresses(text: str, changed: Callable[[str], str]) -> str:
    """Return a text with the password replaced in each address such as ``https://user:password@host``.

    :param changed: returns the replacement of a password
    """
    if "://" not in text:
        return text
    return _IN_ADDRESS.sub(lambda found: found[1] + changed(found[2]), text)


def restored(value: Any, known: Any, secret: frozenset[str] = frozenset(), hidden: bool = False) -> Any:
    """Return a copy in which each ``******`` is the secret that another value has at the same position.

    In lists, whose positions change, this applies only if the whole list is what :func:`mask` shows of the
    other.

    :param known: the other value, which was shown with ``******``
    :param secret: names that a driver declared as secret
    """
    if isinstance(value, Mapping):
        there = known if isinstance(known, Mapping) else {}
        return {
            name: restored(one, there.get(name), secret, hidden or name in secret or is_secret(name))
            for name, one in value.items()
        }
    if isinstance(value, list):
        if value == _inside(known, secret):
            return known
        return [restored(one, None, secret, hidden) for one in value]
    if _is_masked_address(value) and value == _inside(known, secret):
        return known
    return known if hidden and is_masked(value) and known not in (None, "") else value


def masked_places(
    value: Any, secret: frozenset[str] = frozenset(), place: str = "", hidden: bool = False
) -> Iterator[str]:
    """Return the places where a secret is ``******``: the keys that lead there, joined by dots.

    :param secret: names that a driver declared as secret
    """
    if isinstance(value, Mapping):
        for name, one in value.items():
            inside = hidden or name in secret or is_secret(name)
            yield from masked_places(one, secret, f"{place}.{name}" if place else name, inside)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from masked_places(one, secret, place, hidden)
    elif _is_masked_address(value) or (hidden and is_masked(value)):
        yield place


def scrub(text: str, values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> str:
    """Return a text without the secret values of a node's ``driver_info``, whatever their origin in the text.

    Values of one or two characters stay, because they occur in too many words.
    """
    return scrubber(values, secret)(text)


def scrubber(values: Mapping[str, Any], secret: frozenset[str] = frozenset()) -> Callable[[str], str]:
    """Return a function that does the same as :func:`scrub` for many texts: the secrets are looked up once.

    The cost of a text depends on its length, not on the number of values.
    """
    return hider(_secrets(values, secret), MASK)


def _secrets(value: Any, secret: frozenset[str], hidden: bool = False) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _secrets(one, secret, hidden or name in secret or is_secret(name))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _secrets(one, secret, hidden)
    elif isinstance(value, str) and not hidden:
        for found in _IN_ADDRESS.finditer(value):
            yield from (found[2], urllib.parse.unquote(found[2]))
    elif hidden and value is not None and not isinstance(value, bool):
        yield str(value)


def for_log(error: BaseException, scrubbed: Callable[[str], str]) -> BaseException:
    """Return a stand-in for an error to log with its traceback, which also shows its text.

    Errors from which it was raised, or in its group, have stand-ins as well.

    :param scrubbed: returns a text without secrets
    """
    return _stand_in(error, scrubbed, {})


def _stand_in(
    error: BaseException, scrubbed: Callable[[str], str], made: dict[int, BaseException]
) -> BaseException:
    if id(error) in made:
        return made[id(error)]
    if isinstance(error, BaseExceptionGroup):
        inner = [_stand_in(one, scrubbed, made) for one in error.exceptions]
        twin: BaseException = BaseExceptionGroup(scrubbed(error.message), inner)
    else:
        kind = type(error)
        names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
        twin = type(kind.__name__, (Exception,), names)(scrubbed(safe_str(error)))
    made[id(error)] = twin
    notes = getattr(error, "__notes__", None)
    for note in notes if isinstance(notes, list) else ():
        twin.add_note(scrubbed(safe_str(note)))
    for link in ("__cause__", "__context__"):
        if (other := getattr(error, link)) is not None:
            setattr(twin, link, _stand_in(other, scrubbed, made))
    twin.__suppress_context__ = error.__suppress_context__
    return twin.with_traceback(error.__traceback__)
