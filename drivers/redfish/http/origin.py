"""Resolves the links and redirects of a BMC: to a path of its own, or to nothing.

DSP0266 requires links that are paths from the root. Some firmware writes whole URLs of itself, or references
relative to the resource that contains them (RFC 3986, section 5.2). Every link is converted to a path here,
and a path is only requested from the address of the node: a link to another host or port leads nowhere.
"""

import ipaddress
import posixpath
import re
import urllib.parse
from collections.abc import Callable
from typing import Any, Final

from podium import errors
from podium.drivers.redfish.http import answers, requests
from podium.drivers.redfish.http.connection import Answer
from podium.drivers.redfish.http.wire import PORTS, Target

REDIRECTING: Final = frozenset({301, 302, 303, 307, 308})
_SEE_OTHER: Final = 303
_SAME_METHOD: Final = (307, 308)
_LINKS: Final = frozenset({"@odata.id", "target", "@Redfish.ActionInfo", "TaskMonitor", "ServerSentEventUri"})
_NEXT: Final = "@odata.nextLink"
_REFERENCE: Final = re.compile(r"[\w.~!$&'()*+,;=:@%/?#-]*", re.ASCII)  # RFC 3986, appendix A
_SEGMENT: Final = re.compile(r"(?!\.{1,2}$)[\w.~!$&'()*+,;=@%-]+", re.ASCII)
_MOST: Final = 10_000  # maximum objects and arrays of one body that are searched for links
_LONGEST: Final = 2048  # characters

#: Returns the BMC's own path for a link and the path of the resource that contains it; None if there is none.
Own = Callable[[str, str], str | None]


def own_path(link: str, base: str, target: Target, peer: str) -> str | None:
    """Return the path on the BMC that a link leads to; None if it leads elsewhere or is not a link.

    :param base: the path of the resource that contains it
    :param peer: the address at which the BMC is connected, empty if that is unknown
    """
    if requests.is_path(link):
        return link
    if not link or len(link) > _LONGEST or not link.isprintable():  # urlsplit leaves out what is not
        return None
    try:
        parts = urllib.parse.urlsplit(link)
        if parts.scheme or link.startswith("//"):
            if not _is_own(parts, target, peer):
                return None
            path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, parts.fragment))
        elif not _REFERENCE.fullmatch(link):
            return None
        elif link.startswith("redfish/v1"):  # from the root, without its slash
            path = f"/{link}"
        elif link.startswith(("Actions/", "./Actions/")):  # resources have these, collections do not
            path = _within(base, link.removeprefix("./"))
        else:
            path = urllib.parse.urljoin(base, link)
    except ValueError:
        return None
    return path if requests.is_path(path) else None


def _is_own(parts: urllib.parse.SplitResult, target: Target, peer: str) -> bool:
    """Whether a URL names the BMC itself.

    A proxy in front of a BMC may do the TLS, so the scheme may differ. Another port is another machine,
    because one address may forward its ports to many BMCs.
    """
    scheme, host = parts.scheme or target.scheme, parts.hostname
    if scheme not in PORTS or not host or "@" in parts.netloc:
        return False
    if _name(host) not in (_name(target.host), _name(peer)):
        return False
    port = parts.port or PORTS[scheme]
    return port == target.port or (port == PORTS[scheme] and target.port == PORTS[target.scheme])


def _name(host: str) -> str:
    """Return a host in a form that can be compared."""
    host = host.lower().rstrip(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def _within(base: str, link: str) -> str:
    """Return the path of something beneath a resource, whether or not its own ends with a slash."""
    return f"{base.partition('?')[0].rstrip('/')}/{link}"


def is_of_sibling(path: str, resource: str) -> bool:
    """Whether a path belongs to another member of the collection that a resource is a member of."""
    home, there = _comparable(resource), _comparable(path)
    collection = home.rpartition("/")[0]
    return there.startswith(f"{collection}/") and not f"{there}/".startswith(f"{home}/")


def _comparable(path: str) -> str:
    return posixpath.normpath(urllib.parse.unquote(path)).lower()


def settle(body: dict[str, Any], base: str, own: Own) -> None:
    """Convert all links in a resource to paths; links to elsewhere stay, and are refused when followed.

    :param base: the resource's own path
    """
    members = body.get("Members")
    for member in members if isinstance(members, list) else ():
        link = member.get("@odata.id") if isinstance(member, dict) else None
        if isinstance(link, str) and _SEGMENT.fullmatch(link):  # members are beneath their collection
            member["@odata.id"] = _within(base, link)
    waiting: list[Any] = [body]
    for _ in range(_MOST):
        if not waiting:
            return
        within = waiting.pop()
        if isinstance(within, list):
            waiting.extend(one for one in within if isinstance(one, dict | list))
            continue
        for key, value in within.items():
            if isinstance(value, dict | list):
                waiting.append(value)
            elif (key in _LINKS or key.endswith(_NEXT)) and isinstance(value, str):
                within[key] = own(value, base) or value


def redirected(method: str, path: str, answer: Answer, own: Own) -> tuple[str, str] | None:
    """Return method and path with which a redirected request continues; None if it must not.

    After a 301 or 302 many clients continue with GET instead of POST (RFC 9110, 15.4.2), so the BMC's
    intention is not clear, except for the same path with or without a slash at its end. An action of one
    system is never sent to another.
    """
    location = answers.header(answer.headers, b"location")
    to = own(location, path) if location else None
    if to is None or answers.header(answer.headers, b"x-auth-token"):  # a session was opened nevertheless
        return None
    to = to.partition("#")[0]
    acting, is_action, _ = path.partition("/Actions/")
    if method != "GET" and is_action and is_of_sibling(to, acting):
        return None
    if answer.status == _SEE_OTHER:
        method = "GET"
    elif to == path:
        return None
    if method == "GET" or answer.status in _SAME_METHOD or to.rstrip("/") == path.rstrip("/"):
        return method, to
    return None


def leads_away(answer: Answer) -> bool:
    """Whether a redirect that must not be followed names a machine: another one, or this one with TLS."""
    location = answers.header(answer.headers, b"location") or ""
    return answer.status in REDIRECTING and ("://" in location or location.startswith("//"))


def astray(bmc: str, method: str, path: str, answer: Answer) -> errors.DriverError:
    """Return the error for a redirect that must not be followed."""
    location = answers.clean(answers.header(answer.headers, b"location") or "")
    return errors.DriverError(
        f"{bmc} redirects {method} {path} to {location!r}, which is not the same thing at another place of "
        "its own; set redfish_address to that if it is right"
    )
