"""Checks before any request is handled, and the record after it."""

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from podium import conf
from podium.api.access.audit import Audit, Later, in_loop
from podium.api.access.forwarded import Proxies
from podium.api.access.names import Names
from podium.api.faults import Fault
from podium.api.refusals import refusal
from podium.api.serving.peers import PEER

#: Methods that change nothing.
READS: Final = frozenset({"GET", "HEAD"})
#: Headers of every answer: foreign pages cannot load it, and browsers do not guess its type.
_HEADERS: Final = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
)


class Guard:
    """An application that answers only under its own names, and whose writes are recorded.

    :param later: see :class:`podium.api.access.audit.Audit`
    """

    def __init__(self, app: ASGIApp, config: conf.Config, later: Later = in_loop) -> None:
        self._app = app
        self._audit = Audit(later)
        self._proxies = Proxies(config.api.trusted_proxies)
        self._names = Names(config.api)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        self._proxies.settle(scope)
        is_write = scope["method"] not in READS
        answer = self._app
        try:
            self._check(scope, is_write)
        except Fault as fault:
            answer = refusal(Request(scope), fault)
        is_noted = not is_write

        async def mark(message: Message) -> None:
            nonlocal is_noted
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
                if not is_noted:  # before the answer is sent, so that its receiver finds the line
                    is_noted = True
                    self._audit.note(scope, message["status"], Headers(raw=message["headers"]))
            await send(message)

        try:
            await answer(scope, receive, mark)
        finally:
            if not is_noted:
                self._audit.note(scope, None, Headers())

    def _check(self, scope: Scope, is_write: bool) -> None:
        headers = Headers(scope=scope)
        if PEER not in scope:  # web pages cannot reach the Unix socket
            self._names.check(headers.getlist("host"), scope["http_version"])
        if is_write:
            self._names.check_origin(scope["method"], headers)
