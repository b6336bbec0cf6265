"""What a simulated Redfish BMC answers, and how it misbehaves."""

import asyncio
import base64
import http.client
import io
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.simulator import faults
from podium.simulator.redfish import tree
from podium.simulator.redfish.bmc import BMC, Settings
from podium.simulator.redfish.machine import ODD_RESETS
from podium.simulator.redfish.publisher import Publisher
from podium.simulator.redfish.request import Request
from podium.simulator.redfish.service import Service

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
SESSIONS = "/redfish/v1/SessionService/Sessions"
LOGIN = {"UserName": "admin", "Password": "podium-sim"}


def _basic() -> bytes:
    return b"Basic " + base64.b64encode(b"admin:podium-sim")


class Reply:
    """An answer, as Python's own HTTP client reads it."""

    def __init__(self, wire: bytes, method: str) -> None:
        class Wire:
            def makefile(self, mode: str) -> io.BytesIO:
                return io.BytesIO(wire)

        response = http.client.HTTPResponse(cast(Any, Wire()), method=method)
        response.begin()
        self.status = response.status
        self.headers = response.headers
        body = response.read()
        self.body: Any = json.loads(body) if body else None

    @property
    def message_id(self) -> str:
        return str(self.body["error"]["@Message.ExtendedInfo"][0]["MessageId"].rpartition(".")[2])


class Peer:
    """A client of one BMC."""

    def __init__(self, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        self.now = 1000.0
        self.bmc = BMC(Settings(clock=lambda: self.now, **settings), 0x7F150001)
        self.service = Service(self.bmc, Publisher(self.bmc, loop))

    def wrong(self, *placed: str) -> "Peer":
        self.bmc.faults = faults.HEALTHY
        for fault in placed:
            self.bmc.faults = faults.parse_fault(fault).apply(self.bmc.faults)
        return self

    def ask(
        self, method: str, target: str, body: Any = None, *, password: str = "podium-sim", **headers: str
    ) -> Reply:
        return Reply(b"\r\n".join(self.wire(method, target, body, password=password, **headers)), method)

    def wire(
        self, method: str, target: str, body: Any = None, *, password: str = "podium-sim", **headers: str
    ) -> tuple[bytes, bytes]:
        """Head and body of an answer."""
        credentials = base64.b64encode(f"admin:{password}".encode())
        given = {b"authorization": b"Basic " + credentials} if password else {}
        given |= {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(method.encode(), target.encode(), given, text)
        head, _, content = self.service.answer(request).wire.partition(b"\r\n\r\n")
        return head + b"\r\n", content

    def get(self, target: str, **headers: str) -> Reply:
        return self.ask("GET", target, **headers)

    def log_in(self, **changes: Any) -> Reply:
        return self.ask("POST", SESSIONS, {**LOGIN, **changes}, password="")

    def reset(self, reset: Any) -> Reply:
        return self.ask("POST", RESET, {"ResetType": reset})

    def power(self) -> Any:
        return self.get(SYSTEM).body["PowerState"]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture
def peer(loop: asyncio.AbstractEventLoop) -> Peer:
    return Peer(loop)


def links(value: Any) -> Iterator[str]:
    """All paths that a document leads to."""
    if isinstance(value, list):
        for one in value:
            yield from links(one)
    if isinstance(value, dict):
        for name, one in value.items():
            if name in ("@odata.id", "DataSourceUri", "@Redfish.ActionInfo") and isinstance(one, str):
                yield one.partition("#")[0]
            yield from links(one)


@pytest.mark.parametrize("placed", [(), ("power-fault", "cooling-fault", "drive-fault", "odd-resets")])
def test_every_link_leads_to_a_resource_that_says_where_it_is(peer: Peer, placed: tuple[str, ...]) -> None:
    seen: set[str] = set()
    waiting = ["/redfish/v1"]
    peer.wrong(*placed)
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            reply = peer.get(path)
            assert (reply.status, reply.body["@odata.id"]) == (200, path)
            waiting += links(reply.body)
    assert len(seen) > 50


def test_the_root_needs_no_login_and_the_rest_does(peer: Peer) -> None:
    paths = ("/redfish", "/redfish/v1", "/redfish/v1/", "/redfish/v1/Systems", "/redfish/v1/nowhere")
    assert [peer.ask("GET", path, password="").status for path in paths] == [200, 200, 200, 401, 401]


def test_a_session_is_opened_used_and_closed(peer: Peer) -> None:
    session = peer.log_in()
    token, path = session.headers["X-Auth-Token"], session.headers["Location"]
    inside = peer.ask("GET", SYSTEM, password="", x_auth_token=token).status
    closed = peer.ask("DELETE", path, password="", x_auth_token=token).status
    outside = peer.ask("GET", SYSTEM, password="", x_auth_token=token).status
    assert (session.status, inside, closed, outside) == (201, 200, 204, 401)


def test_a_wrong_password_is_refused_and_counted(peer: Peer) -> None:
    replies = [peer.log_in(Password="guess").status, peer.ask("GET", SYSTEM, password="guess").status]
    assert (replies, peer.bmc.accounts.wrong_logins) == ([401, 401], 2)


@pytest.mark.parametrize("body", [b"", b"[]", b"[" * 100_000, b"\xff", b'{"UserName": "admin"}', b'{"a": 1}'])
def test_a_login_without_what_it_takes_is_a_bad_request(peer: Peer, body: bytes) -> None:
    assert peer.ask("POST", SESSIONS, body, password="").status == 400


def test_sessions_are_limited_until_one_is_not_used_for_the_timeout(loop: asyncio.AbstractEventLoop) -> None:
    peer = Peer(loop, session_limit=2, session_timeout=60.0)
    opened = [peer.log_in().status for _ in range(2)]
    refused = peer.log_in()
    peer.now += 60
    assert opened == [201, 201]
    assert (refused.status, refused.message_id) == (503, "SessionLimitExceeded")
    assert peer.log_in().status == 201


@pytest.mark.parametrize(("fault", "statuses"), [("forgets-sessions=2", [200, 200, 401])])
def test_a_session_is_forgotten_after_so_many_requests(peer: Peer, fault: str, statuses: list[int]) -> None:
    token = peer.wrong(fault).log_in().headers["X-Auth-Token"]
    asked = [peer.ask("GET", SYSTEM, password="", x_auth_token=token).status for _ in statuses]
    assert asked == statuses


def test_a_session_is_forgotten_at_an_age(peer: Peer) -> None:
    token = peer.wrong("forgets-sessions=30s").log_in().headers["X-Auth-Token"]
    peer.now += 29
    before = peer.ask("GET", SYSTEM, password="", x_auth_token=token).status
    peer.now += 1
    assert (before, peer.ask("GET", SYSTEM, password="", x_auth_token=token).status) == (200, 401)


def test_a_bmc_without_sessions_knows_basic_authentication_only(peer: Peer) -> None:
    peer.wrong("no-sessions")
    root = peer.get("/redfish/v1").body
    assert "SessionService" not in root
    assert "Sessions" not in root.get("Links", {})
    assert (peer.log_in().status, peer.get(SYSTEM).status) == (404, 200)


def test_a_full_session_table_leaves_basic_authentication(peer: Peer) -> None:
    peer.wrong("session-table-full")
    assert (peer.log_in().status, peer.get(SYSTEM).status) == (503, 200)


def test_a_read_with_the_etag_is_not_modified_until_the_power_changes(peer: Peer) -> None:
    first = peer.get(SYSTEM)
    etag = first.headers["ETag"]
    again = peer.get(SYSTEM, if_none_match=etag)
    peer.reset("On")
    changed = peer.get(SYSTEM, if_none_match=etag)
    assert first.body["@odata.etag"] == etag
    assert (again.status, again.body, again.headers["ETag"]) == (304, None, etag)
    assert (changed.status, changed.body["PowerState"]) == (200, "On")


def test_a_false_etag_does_not_change_with_the_power(peer: Peer) -> None:
    etag = peer.wrong("false-etags").get(SYSTEM).headers["ETag"]
    peer.reset("On")
    assert peer.get(SYSTEM, if_none_match=etag).status == 304


def test_a_bmc_without_etags_answers_in_full(peer: Peer) -> None:
    reply = peer.wrong("no-etags").get(SYSTEM, if_none_match="*")
    assert (reply.status, reply.headers["ETag"], "@odata.etag" in reply.body) == (200, None, False)


def test_a_session_is_deleted_only_if_its_etag_matches(peer: Peer) -> None:
    path = peer.log_in().headers["Location"]
    etag = peer.get(path).headers["ETag"]
    tried = [peer.ask("DELETE", path, if_match=match).status for match in ('W/"another"', etag)]
    assert tried == [412, 204]


def test_select_leaves_what_was_asked_for(peer: Peer) -> None:
    body = peer.get(f"{SYSTEM}?$select=PowerState,Status/Health").body
    shown = {name: value for name, value in body.items() if not name.startswith("@odata.")}
    assert shown == {"PowerState": "Off", "Status": {"Health": "OK"}}


def test_expand_puts_members_in_the_place_of_their_links(peer: Peer) -> None:
    members = peer.get("/redfish/v1/Chassis/1/Sensors?$expand=.($levels=1)").body["Members"]
    assert {"Reading", "ReadingUnits", "@odata.id"} <= set(members[0])


@pytest.mark.parametrize("query", ["$filter=a", "$expand=*($levels=5)", "$top=x"])
def test_a_query_that_is_not_known_is_refused(peer: Peer, query: str) -> None:
    assert peer.get(f"{SYSTEM}?{query}").status == 501


def test_a_bmc_without_queries_neither_offers_nor_takes_them(peer: Peer) -> None:
    peer.wrong("no-queries")
    assert "ProtocolFeaturesSupported" not in peer.get("/redfish/v1").body
    assert peer.get(f"{SYSTEM}?$select=PowerState").status == 501


def test_a_reset_is_carried_out_and_shows(peer: Peer) -> None:
    assert (peer.power(), peer.reset("On").status, peer.power()) == ("Off", 204, "On")
    assert peer.bmc.log == ("On",)


@pytest.mark.parametrize(
    ("body", "message_id"),
    [
        ({}, "ActionParameterMissing"),
        ({"ResetType": "Explode"}, "ActionParameterValueNotInList"),
        ({"ResetType": ["On"]}, "ActionParameterValueNotInList"),
        ([], "MalformedJSON"),
    ],
)
def test_a_reset_that_is_not_understood_says_why(peer: Peer, body: Any, message_id: str) -> None:
    reply = peer.ask("POST", RESET, body)
    assert (reply.status, reply.message_id) == (400, message_id)


def test_a_reset_that_is_not_possible_now_is_a_conflict(peer: Peer) -> None:
    reply = peer.reset("ForceRestart")
    assert (reply.status, reply.message_id, peer.bmc.log) == (409, "ResourceInUse", ())


def test_odd_resets_are_told_by_action_info_alone(peer: Peer) -> None:
    action = peer.wrong("odd-resets").get(SYSTEM).body["Actions"]["#ComputerSystem.Reset"]
    (parameter,) = peer.get(action["@Redfish.ActionInfo"]).body["Parameters"]
    assert set(action) == {"target", "@Redfish.ActionInfo"}
    assert parameter["AllowableValues"] == list(ODD_RESETS)
    assert [peer.reset(reset).status for reset in ("ForceRestart", "On")] == [400, 204]


def test_a_slow_reset_is_carried_out_at_once_and_answered_late(peer: Peer) -> None:
    peer.wrong("slow-reset=20")
    request = Request(b"POST", RESET.encode(), {b"authorization": _basic()}, b'{"ResetType": "On"}')
    assert (peer.service.answer(request).late, peer.power()) == (20.0, "On")


def test_a_task_is_followed_to_its_end(loop: asyncio.AbstractEventLoop) -> None:
    peer = Peer(loop, power_delay=5.0).wrong("tasks")
    started = peer.reset("On")
    monitor = started.headers["Location"]
    running = peer.get(monitor)
    peer.now += 5
    assert (started.status, started.body["TaskState"], started.headers["Retry-After"]) == (
        202,
        "Running",
        "1",
    )
    assert (running.status, peer.get(monitor).status, peer.power()) == (202, 204, "On")
    assert peer.get(started.body["@odata.id"]).body["TaskState"] == "Completed"


def test_a_task_that_fails_ends_with_the_error(peer: Peer) -> None:
    started = peer.wrong("tasks").reset("ForceRestart")
    peer.get(started.headers["Location"])
    ended = peer.get(started.headers["Location"])
    task = peer.get(started.body["@odata.id"]).body
    assert (ended.status, ended.message_id) == (409, "ResourceInUse")
    assert (task["TaskState"], task["Messages"][0]["MessageId"]) == ("Exception", "Base.1.18.ResourceInUse")


def test_only_the_latest_tasks_are_kept(peer: Peer) -> None:
    peer.wrong("tasks")
    monitors = [peer.reset("On").headers["Location"] for _ in range(20)]
    assert [peer.get(monitors[0]).status, peer.get(monitors[-1]).status] == [404, 202]


def test_a_busy_bmc_says_for_how_long_and_then_answers_for_as_long(peer: Peer) -> None:
    peer.wrong("busy=10")
    busy = peer.get(SYSTEM)
    peer.now += 4
    said = [busy.headers["Retry-After"], peer.get(SYSTEM).headers["Retry-After"]]
    peer.now += 6
    served = peer.get(SYSTEM).status
    peer.now += 10
    assert (busy.status, said, served, peer.get(SYSTEM).status) == (503, ["10", "6"], 200, 503)


def test_redirects_lead_to_the_slash_at_the_end(peer: Peer) -> None:
    reply = peer.wrong("redirects").get(f"{SYSTEM}?$select=PowerState")
    followed = peer.get(reply.headers["Location"])
    assert (reply.status, followed.status, followed.body["PowerState"]) == (308, 200, "Off")


def test_foreign_links_lead_to_another_host_from_everywhere_but_the_root(peer: Peer) -> None:
    peer.wrong("foreign-links")
    (member,) = peer.get("/redfish/v1/Systems").body["Members"]
    assert member["@odata.id"] == "https://192.0.2.1/redfish/v1/Systems/1"
    assert all(path.startswith("/redfish/v1") for path in links(peer.get("/redfish/v1").body))
    assert peer.get(SYSTEM).body["@odata.id"] == SYSTEM


def test_the_power_state_can_be_null(peer: Peer) -> None:
    assert peer.wrong("null-power").power() is None


def test_a_wrong_type_is_that_of_a_web_page(peer: Peer) -> None:
    assert peer.wrong("wrong-type").get(SYSTEM).headers["Content-Type"] == "text/html"


@pytest.mark.parametrize(
    ("fault", "begins", "ends", "within"),
    [
        ("odd-texts", b"{", b'}\0"PowerState":"?"}', b'"SerialNumber":"\xff\xfe\t\x01\\x'),
        ("odd-json", b"\xef\xbb\xbf{", b",}", b'{"Oem":-nan,'),
    ],
)
def test_json_can_be_almost_json(peer: Peer, fault: str, begins: bytes, ends: bytes, within: bytes) -> None:
    peer.wrong(fault)
    head, body = peer.wire("GET", SYSTEM)
    assert (body[: len(begins)], body[-len(ends) :]) == (begins, ends)
    assert within in body and b"Content-Length: %d\r\n" % len(body) in head


def test_links_can_be_urls_or_relative(peer: Peer) -> None:
    systems = "/redfish/v1/Systems"
    (member,) = peer.wrong("absolute-links").get(systems, host="bmc:8443").body["Members"]
    assert member["@odata.id"] == f"https://bmc:8443{systems}/1"
    (member,) = peer.wrong("relative-links").get(systems).body["Members"]
    assert member["@odata.id"] == "Systems/1"
    (member,) = peer.get(f"{systems}/").body["Members"]
    assert member["@odata.id"] == "1"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_posts_can_be_redirected_to_a_slash(peer: Peer, status: int) -> None:
    peer.wrong(f"redirects-posts={status}")
    redirected = peer.ask("POST", RESET, {"ResetType": "On"})
    assert (redirected.status, redirected.headers["Location"]) == (status, f"{RESET}/")
    assert peer.ask("POST", f"{RESET}/", {"ResetType": "On"}).status == 204
    assert peer.power() == "On"


def test_errors_and_what_was_done_can_lack_their_bodies(peer: Peer) -> None:
    chunked = b"Transfer-Encoding: chunked\r\n"
    peer.wrong("cut-errors", "cut-actions")
    told = [peer.wire("GET", "/redfish/v1/nowhere"), peer.wire("POST", RESET, {"ResetType": "On"})]
    assert all(chunked in head and b"Content-Length" not in head and not body for head, body in told)
    assert peer.power() == "On"


@pytest.mark.parametrize(
    ("form", "status", "message_id"),
    [("403", 403, "GeneralError"), ("440", 440, "NoValidSession"), ("error", 200, "NoValidSession")],
)
def test_who_has_no_session_can_be_answered_in_another_form(
    peer: Peer, form: str, status: int, message_id: str
) -> None:
    reply = peer.wrong(f"says-nobody={form}").ask("GET", SYSTEM, password="")
    assert (reply.status, reply.message_id) == (status, message_id)
    assert peer.get(SYSTEM).status == 200


def test_who_has_no_session_can_be_led_to_a_page(peer: Peer) -> None:
    head, _ = peer.wrong("says-nobody=redirect").wire("GET", SYSTEM, password="")
    assert head.startswith(b"HTTP/1.1 302 ") and b"Location: /login.html\r\n" in head
    for path in ("/login.html", SYSTEM):
        _, body = peer.wire("GET", path, password="")
        assert body.startswith(b"<!DOCTYPE html>") == (path != SYSTEM)
    _, body = peer.wrong("says-nobody=page").wire("GET", SYSTEM, password="")
    assert body.startswith(b"<!DOCTYPE html>")


def test_heads_can_be_odd(peer: Peer) -> None:
    head, body = peer.wrong("odd-heads").wire("GET", SYSTEM)
    length = b"Content-Length: %d\r\n" % len(body)
    assert head.startswith(b"http/1.1 200 OK\r\nX-Caf\xe9: 1\r\nno header\r\n") and length * 2 in head


def test_lengths_can_be_wrong(peer: Peer) -> None:
    head, body = peer.wrong("wrong-lengths").wire("GET", SYSTEM)
    assert b"Content-Length: %d\r\n" % (len(body) + 7) in head


def test_old_sensors_are_in_thermal_and_power_alone(peer: Peer) -> None:
    chassis = peer.wrong("old-sensors").get("/redfish/v1/Chassis/1").body
    assert not {"Sensors", "ThermalSubsystem", "EnvironmentMetrics"} & set(chassis)
    assert peer.get(chassis["Thermal"]["@odata.id"]).body["Fans"][0]["Reading"] == 0


def test_a_bmc_without_events_offers_none(peer: Peer) -> None:
    assert "EventService" not in peer.wrong("no-events").get("/redfish/v1").body
    assert [peer.get(f"/redfish/v1/EventService{path}").status for path in ("", "/SSE")] == [404, 404]


@pytest.mark.parametrize(
    ("fault", "health", "message_id"),
    [
        ("power-fault", "Critical", "Power.1.0.PowerSupplyFailed"),
        ("cooling-fault", "Critical", "Environmental.1.0.FanFailed"),
        ("drive-fault", "Critical", "StorageDevice.1.1.DriveFailure"),
        ("intrusion", "Warning", "PodiumSim.1.0.ChassisOpened"),
    ],
)
def test_a_fault_of_the_machine_shows_in_its_health(
    peer: Peer, fault: str, health: str, message_id: str
) -> None:
    status = peer.wrong(fault).get(SYSTEM).body["Status"]
    (condition,) = status["Conditions"]
    assert (status["HealthRollup"], condition["MessageId"], condition["Severity"]) == (
        health,
        message_id,
        health,
    )
    origin = peer.get(condition["OriginOfCondition"]["@odata.id"]).body
    assert origin["Status"].get("HealthRollup", origin["Status"]["Health"]) == health


def test_a_fan_that_stands_still_in_a_running_machine_is_critical(peer: Peer) -> None:
    peer.bmc.power_on = True
    sensor = peer.wrong("cooling-fault").get("/redfish/v1/Chassis/1/Sensors/Fan1").body
    assert (sensor["Reading"], sensor["Status"]["Health"]) == (0.0, "Critical")


@pytest.mark.parametrize(
    ("method", "path", "status", "allowed"),
    [
        ("DELETE", SYSTEM, 405, "GET, HEAD, PATCH"),
        ("PATCH", f"{SYSTEM}/Memory", 405, "GET, HEAD"),
        ("GET", SYSTEM, 200, "GET, HEAD, PATCH"),
        ("GET", SESSIONS, 200, "GET, HEAD, POST"),
        ("DELETE", SESSIONS, 405, "GET, HEAD, POST"),
        ("GET", RESET, 405, "POST"),
        ("PUT", RESET, 405, "POST"),
        ("GET", f"{SYSTEM}/nothing", 404, None),
        ("GET", "/redfish/v1/Systems/2", 404, None),
        ("GET", "/redfish/v2", 404, None),
        ("POST", "/redfish/v1/Systems/2/Actions/ComputerSystem.Reset", 404, None),
        ("DELETE", f"{SESSIONS}/7", 404, None),
        ("GET", "/redfish/v1/%ff\xff", 404, None),
    ],
)
def test_what_can_be_done_is_told_and_what_is_not_there_is_404(
    peer: Peer, method: str, path: str, status: int, allowed: str | None
) -> None:
    reply = peer.ask(method, path, {})
    assert (reply.status, reply.headers["Allow"]) == (status, allowed)


def test_a_head_request_gets_the_head_alone(peer: Peer) -> None:
    reply = peer.ask("HEAD", SYSTEM)
    assert (reply.status, reply.body, reply.headers["ETag"]) == (200, None, peer.get(SYSTEM).headers["ETag"])


def test_the_machines_of_one_bmc_have_resources_of_their_own(loop: asyncio.AbstractEventLoop) -> None:
    peer = Peer(loop, systems=3)
    members = [member["@odata.id"] for member in peer.get("/redfish/v1/Systems").body["Members"]]
    peer.ask("POST", f"{members[2]}/Actions/ComputerSystem.Reset", {"ResetType": "On"})
    bodies = [peer.get(path).body for path in members]
    addresses = [
        peer.get(f"{path}/EthernetInterfaces/{port}").body["MACAddress"]
        for path in members
        for port in (1, 2)
    ]
    assert [body["PowerState"] for body in bodies] == ["Off", "Off", "On"]
    assert len({body["SerialNumber"] for body in bodies}) == len({body["UUID"] for body in bodies}) == 3
    assert len(set(addresses)) == 6


def test_a_state_that_is_due_shows_without_a_reset(
    loop: asyncio.AbstractEventLoop,
) -> None:
    peer = Peer(loop, power_delay=5.0)
    peer.reset("On")
    before = peer.power()
    peer.now += 5
    assert (before, peer.power()) == ("PoweringOn", "On")


@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PATCH", "M-SEARCH"]),
    target=st.binary(max_size=60)
    | st.sampled_from([SYSTEM, RESET, SESSIONS, "/redfish/v1/Systems"]).map(str.encode),
    query=st.text(max_size=40).map(lambda text: f"?$select={text}&$expand={text}".encode()),
    body=st.binary(max_size=60)
    | st.recursive(
        st.none() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["ResetType", "UserName"]), inner)
        ),
        max_leaves=5,
    ).map(lambda value: json.dumps(value).encode()),
    headers=st.dictionaries(
        st.sampled_from([b"authorization", b"x-auth-token", b"if-none-match", b"if-match"]),
        st.binary(max_size=30) | st.just(_basic()),
    ),
)
def test_whatever_is_asked_gets_an_answer(
    method: str, target: bytes, query: bytes, body: bytes, headers: dict[bytes, bytes]
) -> None:
    bmc = BMC(Settings(), 0x7F150001)
    loop = asyncio.new_event_loop()
    try:
        service = Service(bmc, Publisher(bmc, loop))
        request = Request(method.encode(), target + query, headers, body)
        assert Reply(service.answer(request).wire, method).status >= 200
    finally:
        loop.close()


def test_another_version_of_odata_is_refused(peer: Peer) -> None:
    assert [peer.get(SYSTEM, odata_version=version).status for version in ("4.0", "4.1")] == [200, 412]


def test_a_path_without_the_root_is_nowhere(peer: Peer) -> None:
    assert tree.find(peer.bmc, "") is None


ENTRIES = f"{SYSTEM}/LogServices/SEL/Entries"
CLEAR = f"{SYSTEM}/LogServices/SEL/Actions/LogService.ClearLog"


def filled(peer: Peer, count: int) -> Peer:
    log = peer.bmc.machines["1"].events
    for number in range(count):
        log.add_event(1_700_000_000 + number, peer.bmc.faults, {"message": f"Event {number}"}, {})
    return peer


def shown(peer: Peer, target: str = ENTRIES) -> tuple[list[str], str | None]:
    body = peer.ask("GET", target).body
    return [one["Id"] for one in body["Members"]], body.get("Members@odata.nextLink")


def test_a_log_comes_in_pages_from_anywhere(peer: Peer) -> None:
    filled(peer, 230)
    first, following = shown(peer)
    assert (first[0], first[-1], following) == ("1", "100", f"{ENTRIES}?$skip=100")
    assert shown(peer, f"{ENTRIES}?$skip=200")[0] == [str(n) for n in range(201, 231)]
    assert shown(peer, f"{ENTRIES}?$skip=10&$top=2") == (["11", "12"], None)
    assert shown(peer, f"{ENTRIES}?$top=150")[1] == f"{ENTRIES}?$skip=100&$top=50"
    assert shown(peer, f"{ENTRIES}?$skip=999") == ([], None)
    assert shown(peer.wrong("log-newest-first"), f"{ENTRIES}?$top=1")[0] == ["230"]
    assert len(shown(peer.wrong("no-queries"))[0]) == 230


def test_a_log_that_is_full_takes_nothing_more_or_forgets_its_oldest_entries(loop: Any) -> None:
    peer = filled(Peer(loop, log_entries=3), 5)
    assert shown(peer)[0] == ["1", "2", "3"]
    assert shown(filled(peer.wrong("log-wraps"), 1))[0] == ["2", "3", "4"]


def test_a_log_is_emptied_as_far_as_faults_let_it(peer: Peer) -> None:
    assert peer.ask("GET", CLEAR).status == 405
    for wrong, left in (("", 0), ("clear-lies", 2), ("clear-logged", 1)):
        filled(peer.wrong(*wrong.split()), 2)
        assert peer.ask("POST", CLEAR, {}).status == 204
        assert len(shown(peer)[0]) == left
        peer.bmc.machines["1"].events.entries.clear()


def test_a_fault_comes_into_the_log_and_so_does_its_end(peer: Peer) -> None:
    peer.wrong("power-fault").wrong()
    told = [one["Message"] for one in peer.ask("GET", ENTRIES).body["Members"]]
    assert told == ["Power supply 'PSU2' has failed.", "Power supply 'PSU2' has failed: no longer."]


def test_a_bmc_that_lacks_something_does_not_change_it_either(peer: Peer) -> None:
    filled(peer, 1).wrong("lacks=boot,clock,log")
    boot = {"Boot": {"BootSourceOverrideTarget": "Pxe", "BootSourceOverrideEnabled": "Once"}}
    assert peer.ask("PATCH", SYSTEM, boot).status == 400
    assert peer.ask("PATCH", "/redfish/v1/Managers/BMC", {"DateTime": "2030-01-01T00:00:00Z"}).status == 400
    assert peer.ask("POST", CLEAR, {}).status in (404, 405)
    machine = peer.bmc.machines["1"]
    assert (machine.boot.chosen, len(machine.events.entries)) == ("default", 1)
