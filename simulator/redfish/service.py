"""The answers of one simulated Redfish BMC to HTTP requests (DSP0266), without any I/O."""

import base64
import dataclasses
import math
from typing import Final

from podium.simulator import faults
from podium.simulator.accounts import ends_sessions, is_silent
from podium.simulator.redfish import accounts, changes, log_service, oddities, queries, tree
from podium.simulator.redfish.answers import (
    DEMANDED,
    Answer,
    Message,
    answer,
    etag_of,
    event_stream,
    json_object,
    not_allowed,
    not_found,
    not_modified,
    refusal,
    without_body,
)
from podium.simulator.redfish.bmc import BMC
from podium.simulator.redfish.documents import ROOT, SESSIONS, SSE, TASK_MONITORS, Document
from podium.simulator.redfish.publisher import Publisher
from podium.simulator.redfish.quirks import nobody, spoil, with_foreign_links
from podium.simulator.redfish.request import Request
from podium.simulator.redfish.systems import allowed_resets

#: Renderings cached for each BMC. In a rack that is read continually, each BMC needs one or two.
_KEPT: Final = 8
#: Resources that are not cached, because they change without a change of the BMC.
_UNKEPT: Final = (f"{ROOT}/SessionService", f"{ROOT}/TaskService", f"{ROOT}/Managers/BMC", accounts.SERVICE)
_RESET: Final = "/Actions/ComputerSystem.Reset"

#: The entry that the fault log-grows adds.
_SEEN: Final = {"message": "Somebody reads the log."}

_UNAUTHORIZED: Final = Message(401, "NoValidSession", "There is no valid session established.")
_BAD_LOGIN: Final = Message(401, "ResourceAtUriUnauthorized", "The user name or the password is wrong.")
_NO_ROOM: Final = Message(
    503, "SessionLimitExceeded", "The session establishment failed: there are too many sessions."
)
_TOO_MANY_STREAMS: Final = Message(
    503, "EventSubscriptionLimitExceeded", "The event subscription failed: there are too many."
)
_MALFORMED: Final = Message(400, "MalformedJSON", "The request body is not a JSON object.")
_IN_USE: Final = Message(
    409, "ResourceInUse", "The change failed because the resource is in use or in transition."
)
_ODATA_VERSION: Final = Message(412, "PreconditionFailed", "The OData-Version is not 4.0.")
_PRECONDITION: Final = Message(412, "PreconditionFailed", "The ETag did not match the resource's.")


class Service:
    """The HTTP side of one BMC.

    :param publisher: publishes the BMC's events
    """

    __slots__ = ("_busy_since", "_rendered", "bmc", "publisher", "requests")

    def __init__(self, bmc: BMC, publisher: Publisher) -> None:
        self.bmc = bmc
        self.publisher = publisher
        self.requests = 0  #: requests answered
        self._rendered: dict[bytes, Answer] = {}
        self._busy_since: float | None = None
        bmc.changed = self._changed

    def answer(self, request: Request) -> Answer:
        """Carry out a request and return the answer."""
        self.requests += 1
        bmc = self.bmc
        bmc.settle()
        if bmc.faults is faults.HEALTHY:
            return self._answer(request)
        if bmc.faults.busy and (seconds := self._busy(bmc.faults.busy)):
            text = f"The service is temporarily unavailable. Retry in {seconds} seconds."
            message = Message(503, "ServiceTemporarilyUnavailable", text, (str(seconds),))
            return refusal(message, {"Retry-After": str(seconds)})
        asked = request
        if bmc.faults.renamed:
            asked = dataclasses.replace(request, target=oddities.at_old_name(request.target))
        return spoil(oddities.spoil(self._answer(asked), bmc.faults), bmc.faults, request)

    def _changed(self) -> None:
        self._rendered.clear()
        if not self.bmc.faults.busy:
            self._busy_since = None

    def _busy(self, span: int) -> int:
        """Return how many more seconds the BMC is busy."""
        now = self.bmc.settings.clock()
        if self._busy_since is None:
            self._busy_since = now
        spans, gone = divmod(now - self._busy_since, span)
        return 0 if spans % 2 else math.ceil(span - gone)

    def _answer(self, request: Request) -> Answer:
        method, headers = request.method, request.headers
        path = request.path.rstrip("/")
        if headers.get(b"odata-version", b"4.0") != b"4.0":
            return refusal(_ODATA_VERSION)
        redirects = self.bmc.faults.redirects_posts
        if redirects and method in (b"POST", b"DELETE") and not request.target.endswith(b"/"):
            return answer(redirects, headers={"Location": f"{path}/"})
        if method == b"POST" and path in (SESSIONS, f"{SESSIONS}/Members"):
            missing = self.bmc.faults.no_sessions or self.bmc.is_starting
            return not_found(path) if missing else self._log_in(request)
        if path not in (ROOT, "/redfish") and not self._is_known(headers):
            if form := self.bmc.faults.says_nobody:
                return nobody(form, path)
            return refusal(_UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="podium-sim"'})
        if self.bmc.faults is not faults.HEALTHY:
            if accounts.must_change(self.bmc) and not accounts.is_allowed_before(path):
                return refusal(accounts.demand())
            if odd := self._odd_answer(request):
                return odd
        if method in (b"GET", b"HEAD"):
            found = self._get(request.target, path)
            match = headers.get(b"if-none-match")
            if found.etag and match is not None and (found.etag in match or match == b"*"):
                return not_modified(found.etag)
            return found if method == b"GET" else without_body(found)
        if cleared := log_service.cleared_at(self.bmc, path):
            return (
                self._clear_log(cleared, path, request) if method == b"POST" else not_allowed(method, "POST")
            )
        system, action, rest = path.removeprefix(f"{ROOT}/Systems/").partition(_RESET)
        if action and not rest and system in self.bmc.machines:
            return self._reset(system, request.body) if method == b"POST" else not_allowed(method, "POST")
        session, slash, id = path.rpartition("/")
        if method == b"DELETE" and slash and session == SESSIONS and id in self.bmc.sessions.ids:
            return self._log_out(path, id, headers.get(b"if-match"))
        if method == b"PATCH" and changes.are_possible(self.bmc, path) and self._resource(path) is not None:
            return self._change(path, request)
        known = tree.find(self.bmc, path) is not None
        return not_allowed(method, self._allowed(path)) if known else not_found(path)

    def _odd_answer(self, request: Request) -> Answer | None:
        reset = (json_object(request.body) or {}).get("ResetType")
        target = request.target.decode("ascii", "replace")
        return oddities.own_answer(
            request.method, target, request.headers, reset, self.bmc, self._resource, self.requests
        )

    # -- authentication -------------------------------------------------------------------------------------

    def _is_known(self, headers: dict[bytes, bytes]) -> bool:
        bmc = self.bmc
        token = headers.get(b"x-auth-token")
        if token is not None and not bmc.faults.no_sessions:
            return bmc.sessions.find(token, bmc.settings.clock(), bmc.faults) is not None
        given = headers.get(b"authorization")
        if given is None:
            return False
        try:
            user, _, password = base64.b64decode(given.removeprefix(b"Basic ")).partition(b":")
        except ValueError:
            user = password = b""
        return bmc.accounts.check(user, password, bmc.faults)

    def _log_in(self, request: Request) -> Answer:
        """DSP0266, clause "Session login": one header has the token, another the session's path."""
        bmc = self.bmc
        body = json_object(request.body)
        if body is None:
            return refusal(_MALFORMED)
        for name in ("UserName", "Password"):
            if not isinstance(body.get(name), str):
                text = f"The property {name} is required and is missing."
                return refusal(Message(400, "PropertyMissing", text, (name,)))
        user, password = (body[name].encode(errors="replace") for name in ("UserName", "Password"))
        if not bmc.accounts.check(user, password, bmc.faults):
            return refusal(_BAD_LOGIN)
        session = bmc.sessions.open(bmc.settings.clock(), bmc.faults)
        if session is None:
            return refusal(_NO_ROOM)
        bmc.accounts.succeeded(bmc.accounts.named(user))
        path = f"{SESSIONS}/{session.id}"
        document = tree.find(bmc, path) or {}
        if accounts.must_change(bmc):
            document["@Message.ExtendedInfo"] = [accounts.demand().extended_info]
        return answer(201, document, {"Location": path, "X-Auth-Token": session.token.decode()})

    def _log_out(self, path: str, id: str, match: bytes | None) -> Answer:
        document = tree.find(self.bmc, path)
        if match is not None and document is not None and etag_of(document).encode() not in match:
            return refusal(_PRECONDITION)
        self.bmc.sessions.close(id)
        return answer(204)

    def _change(self, path: str, request: Request) -> Answer:
        bmc, match = self.bmc, request.headers.get(b"if-match")
        etag = str((self._resource(path) or {}).get("@odata.etag", "")).encode()
        if match is None and bmc.faults.demands_etags:
            return refusal(DEMANDED)
        if match not in (None, b"*", etag):
            return refusal(_PRECONDITION)
        properties = json_object(request.body)
        if properties is None:
            return refusal(_MALFORMED)
        passwords = bmc.accounts.changes
        refused = changes.make(bmc, path, properties)
        if refused is not None:
            return refusal(refused)
        if ends_sessions(bmc.faults) and bmc.accounts.changes != passwords:
            bmc.sessions.forget()
            self.publisher.end()
        if is_silent(bmc.faults) and path.startswith(accounts.ACCOUNTS):
            return Answer(b"", 0, closes=True)
        return self._start_task(None) if bmc.faults.tasks else answer(204)

    # -- reads ----------------------------------------------------------------------------------------------

    def _get(self, target: bytes, path: str) -> Answer:
        found = self._rendered.get(target)
        system = log_service.entries_of(self.bmc, path)
        if system is not None and self.bmc.faults.log_grows:
            now = self.bmc.time.now(self.bmc.faults)
            self.bmc.machines[system].events.add_event(now, self.bmc.faults, _SEEN, {})
            found = None
        if found is None:
            found = self._render(target.decode("ascii", "replace"), path)
            kept = not (found.streams or path.startswith(_UNKEPT) or self.bmc.is_starting or "/Log" in path)
            if found.status == 200 and kept:
                if len(self._rendered) >= _KEPT:
                    self._rendered.clear()
                self._rendered[target] = found
        late = self.bmc.faults.slow_log if system is not None else 0.0
        return dataclasses.replace(found, late=late) if late else found

    def _render(self, target: str, path: str) -> Answer:
        wrong = self.bmc.faults
        asked, question, query_text = target.partition("?")
        if wrong.redirects and not asked.endswith("/"):
            return answer(308, headers={"Location": f"{asked}/{question}{query_text}"})
        if path == SSE and not wrong.no_events:
            return refusal(_TOO_MANY_STREAMS) if self.publisher.full else event_stream()
        parent, _, id = path.rpartition("/")
        if parent == TASK_MONITORS:
            return self._monitor(path, id)
        document = self._resource(path)
        if document is None:
            is_action = path.endswith((_RESET, log_service.CLEAR))
            return not_allowed(b"GET", "POST") if is_action else not_found(path)
        if wrong.pages:
            document = oddities.page(document, path, query_text)
        try:
            query = queries.parse(query_text, known=not wrong.no_queries)
        except queries.NotUnderstood as refused:
            return refusal(refused.message)
        if log_service.entries_of(self.bmc, path) and not wrong.log_references:
            query, following = query.paged(document, path, known=not wrong.no_queries)
            document = {**document, **following}
        etag = str(document.get("@odata.etag", ""))
        headers = {"Allow": self._allowed(path)}
        return answer(200, query.apply(document, self._resource), headers, etag=etag.encode())

    def _resource(self, path: str) -> Document | None:
        document, wrong = tree.find(self.bmc, path), self.bmc.faults
        if document is None:
            return None
        if wrong is not faults.HEALTHY:
            document = oddities.bent(document, path, self.bmc)
        if wrong.foreign_links and path not in (ROOT, "/redfish"):
            document = {**with_foreign_links(document), "@odata.id": path}
        if wrong.no_etags or path == "/redfish":
            return document
        etag = etag_of({"@odata.id": path} if wrong.false_etags else document)
        return {**document, "@odata.etag": etag}

    def _clear_log(self, system: str, path: str, request: Request) -> Answer:
        bmc, match = self.bmc, request.headers.get(b"if-match")
        service = self._resource(path.removesuffix(log_service.CLEAR)) or {}
        if match is None and bmc.faults.demands_etags:
            return refusal(DEMANDED)
        if match not in (None, b"*", str(service.get("@odata.etag", "")).encode()):
            return refusal(_PRECONDITION)
        bmc.machines[system].events.clear(bmc.time.now(bmc.faults), bmc.faults)
        bmc.changed()
        return self._start_task(None) if bmc.faults.tasks else answer(204)

    # -- resets ---------------------------------------------------------------------------------------------

    def _reset(self, system: str, body: bytes) -> Answer:
        bmc, machine = self.bmc, self.bmc.machines[system]
        parameters = json_object(body)
        if parameters is None:
            return refusal(_MALFORMED)
        reset = oddities.meant_reset(parameters.get("ResetType"), bmc.faults)
        if reset is None:
            text = "The action ComputerSystem.Reset requires that the parameter ResetType be present."
            names = ("ComputerSystem.Reset", "ResetType")
            return refusal(Message(400, "ActionParameterMissing", text, names))
        if reset not in allowed_resets(bmc):
            text = f"The value '{reset}' for the parameter ResetType is not in the list of acceptable values."
            arguments = (str(reset), "ResetType", "ComputerSystem.Reset")
            return refusal(Message(400, "ActionParameterValueNotInList", text, arguments))
        failure = _IN_USE if machine.refuses(reset) else None
        if failure is None:
            machine.reset(reset)
        if bmc.faults.tasks:
            return self._start_task(failure)
        done = refusal(failure) if failure else answer(204)
        return dataclasses.replace(done, late=bmc.faults.slow_reset)

    def _start_task(self, failure: Message | None) -> Answer:
        settings = self.bmc.settings
        task = self.bmc.tasks.start(settings.clock() + settings.power_delay, failure)
        return self._pending(task.id)

    def _pending(self, id: str) -> Answer:
        headers = {"Location": f"{TASK_MONITORS}/{id}", "Retry-After": "1"}
        return answer(202, tree.find(self.bmc, f"{ROOT}/TaskService/Tasks/{id}"), headers)

    def _monitor(self, path: str, id: str) -> Answer:
        task = self.bmc.tasks.find(id)
        if task is None:
            return not_found(path)
        if not task.poll(self.bmc.settings.clock()):
            return self._pending(id)
        return refusal(task.failure) if task.failure else answer(204)

    def _allowed(self, path: str) -> str:
        """Return the methods of a resource for the header Allow."""
        if path == SESSIONS:
            return "GET, HEAD, POST"
        if changes.are_possible(self.bmc, path):
            return "GET, HEAD, PATCH"
        return "GET, HEAD, DELETE" if path.startswith(SESSIONS) else "GET, HEAD"
