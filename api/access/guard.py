"""What is looked at before a request is answered at all, whatever it asks for, and noted after it."""

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


class Guard:
    """An application that is asked under its own names alone, and whose writes are in the record.

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
        if not is_write:
            await answer(scope, receive, send)
            return
        is_noted = False

        async def note(message: Message) -> None:
            nonlocal is_noted
            if message["type"] == "http.response.start":
                # Before the answer is sent: who has it finds the line.
                is_noted = True
                self._audit.note(scope, message["status"], Headers(raw=message.get("headers", [])))
            await send(message)

        try:
            await answer(scope, receive, note)
        finally:
            if not is_noted:
                self._audit.note(scope, None, Headers())

    def _check(self, scope: Scope, is_write: bool) -> None:
        headers = Headers(scope=scope)
        if PEER not in scope:  # no web page gets to the Unix socket
            self._names.check(headers.getlist("host"), scope["http_version"])
        if is_write:
            self._names.check_origin(scope["method"], headers)
