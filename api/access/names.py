"""The names under which podium-api answers, and the requests that foreign pages may cause.

A web page can make its visitor's browser send requests to podium-api, either to the address of this host or
to a name of the page's own that resolves to it, and the browser adds the logins that it knows. Requests of
the first kind are refused by their origin headers, those of the second kind by their host names.
"""

import ipaddress
import re
import socket
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from podium.api.faults import Fault

_HOST: Final = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9._-]{1,253}))(?::\d{1,5})?")
#: The media types of HTML forms, which browsers send without a preflight request.
_FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")


class Names:
    """The names of podium-api.

    :param options: those of [api]
    """

    def __init__(self, options: Any) -> None:
        here = socket.gethostname()
        public = urlsplit(options.public_endpoint or "")
        names = ["localhost", here, here.partition(".")[0], options.host_ip, public.hostname or ""]
        self._names = {_name(one) or one.lower() for one in [*names, *options.allowed_hosts] if one}
        self._public = public.netloc.lower()

    def check(self, given: list[str], version: str) -> None:
        """Make sure that a request names podium-api. Addresses pass: nobody can register one as a name.

        :param given: the request's Host headers
        :param version: of HTTP; health checks of load balancers still use 1.0, without a name
        :raises podium.api.faults.Fault: 400
        """
        if not given and version == "1.0":
            return
        name = _name(given[0]) if len(given) == 1 else None
        if name is None:
            raise Fault(400, "a request needs one header Host that names podium-api")
        if name not in self._names and not _is_address(name):
            raise Fault(400, f"podium-api is not called {name}; [api] allowed_hosts may say that it is")

    def check_origin(self, method: str, headers: Mapping[str, str]) -> None:
        """Make sure that a request for a change is not from a page of another origin.

        :raises podium.api.faults.Fault: 403, or 415 for media types that only HTML forms send
        """
        origin = headers.get("origin")
        own = {headers.get("host", "").lower(), self._public} - {""}
        is_foreign = origin is not None and origin.lower().partition("://")[2] not in own
        if is_foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise Fault(403, "a page of another origin may not change anything here")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if method == "POST" and kind in _FORMS:
            raise Fault(415, f"a body of {kind} is not taken; send JSON, with Content-Type: application/json")


def _name(host: str) -> str | None:
    """Return the name, or the address without brackets, of a Host header; None if it is malformed."""
    found = _HOST.fullmatch(host)
    return None if found is None else (found[1] or found[2]).lower().rstrip(".")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
