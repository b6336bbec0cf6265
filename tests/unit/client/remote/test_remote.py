"""What Remote makes of servers that are slow, broken or not the right ones; the transport is a fake."""

import asyncio
import gzip
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from podium import errors
from podium.client.calls.drains import Forget, Undrain
from podium.client.podium import Podium
from podium.client.remote import exchange, receiving
from podium.client.remote.remote import AsyncRemote, Remote
from podium.client.remote.server import Server

URL = "https://podium.example.org"
FLEET = {"id": "f1", "version": "1", "heartbeat_timeout": 60.0}

Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


class Script:
    """A server that answers with one thing after another; exceptions are raised instead."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ok(value: Any = FLEET, **headers: str) -> httpx.Response:
    return httpx.Response(200, json=value, headers=headers)


def refused(status: int, code: str = "", **headers: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "no"}}, headers=headers)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def remote(clock: Clock) -> Iterator[Callable[[Handler], Podium]]:
    """``remote(handler)`` is a client of a server that answers so."""
    made: list[Podium] = []

    def make(handler: Handler) -> Podium:
        transport = httpx.MockTransport(handler)
        made.append(Remote(Server(url=URL), transport=transport, sleep=clock.sleep, clock=clock))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize(
    "lost",
    [
        httpx.ConnectError("[Errno 111] Connection refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        refused(503, "Unavailable"),
        httpx.Response(502, text="<html>Bad Gateway"),
    ],
)
def test_what_passes_is_tried_again(
    remote: Callable[[Handler], Podium], clock: Clock, lost: httpx.Response | Exception
) -> None:
    script = Script(lost, lost, ok())
    assert remote(script).fleet().id == "f1"
    assert clock.slept == [0.2, 1.0]


def test_a_change_whose_answer_was_lost_is_sent_again_with_the_same_key(
    remote: Callable[[Handler], Podium],
) -> None:
    script = Script(httpx.ReadError("reset"), refused(503), httpx.Response(204), httpx.Response(204))
    podium = remote(script)
    podium.revoke_token("grafana")
    podium.revoke_token("grafana")
    first, second, third, other = [request.headers["Idempotency-Key"] for request in script.requests]
    assert first == second == third != other


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (
            httpx.Response(413, text="the request's body are\ntoo large"),
            "413: the request's body are too large",
        ),
        (httpx.Response(431, text="\x1b[2J" + "x" * 999), "431: [2J" + "x" * 296),
        (httpx.Response(400, html="<p>Bad"), "400 Bad Request"),
        (httpx.Response(400, text=""), "400 Bad Request"),
    ],
)
def test_what_a_refusal_says_in_plain_text_is_shown(
    remote: Callable[[Handler], Podium], answer: httpx.Response, text: str
) -> None:
    with pytest.raises(errors.ApiError) as raised:
        remote(Script(answer)).fleet()
    assert str(raised.value).startswith(f"{URL}: the answer is {text} (")


def test_after_some_attempts_the_last_failure_is_raised_with_its_request(
    remote: Callable[[Handler], Podium], clock: Clock
) -> None:
    script = Script(*[httpx.ConnectError("[Errno 111] Connection refused")] * 4)
    with pytest.raises(errors.ApiUnavailable) as raised:
        remote(script).fleet()
    assert str(raised.value) == f"{URL} cannot be reached: Connection refused (GET /podium/v1)"
    assert clock.slept == [0.2, 1.0, 3.0]


def test_a_server_that_asks_to_wait_is_waited_for(remote: Callable[[Handler], Podium], clock: Clock) -> None:
    script = Script(refused(503, **{"Retry-After": "5"}), refused(429, **{"Retry-After": "20"}), ok())
    assert remote(script).fleet().id == "f1"
    assert clock.slept == [5.0, 20.0]


@pytest.mark.parametrize("after", ["31", "999999999999999999", "-1", "Mon, 30 Nov 2026 10:00:00 GMT"])
def test_nobody_is_waited_for_too_long_or_for_nonsense(
    remote: Callable[[Handler], Podium], clock: Clock, after: str
) -> None:
    script = Script(*[refused(503, **{"Retry-After": after})] * 4)
    with pytest.raises(errors.ApiUnavailable):
        remote(script).fleet()
    assert sum(clock.slept) < 5


def test_all_attempts_together_have_an_end(remote: Callable[[Handler], Podium], clock: Clock) -> None:
    def slow(request: httpx.Request) -> httpx.Response:
        clock.now += 60
        raise httpx.ReadTimeout("late")

    with pytest.raises(errors.ApiUnavailable, match=f"{URL} did not answer in time"):
        remote(slow).fleet()
    assert clock.now < 130


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (refused(401, "LoginNeeded"), errors.LoginRefused),
        (refused(403, "NotAllowed"), errors.NotAllowed),
        (refused(404, "NodeNotFound"), errors.NodeNotFound),
        (refused(409, "NodeConflict"), errors.NodeConflict),
        (refused(500, "ServerError"), errors.ApiError),
        (httpx.Response(302, headers={"Location": "https://evil.example.org/"}), errors.ApiError),
    ],
)
def test_what_does_not_pass_is_raised_at_once(
    remote: Callable[[Handler], Podium], clock: Clock, answer: httpx.Response, kind: type[Exception]
) -> None:
    script = Script(answer)
    with pytest.raises(kind):
        remote(script).fleet()
    assert (clock.slept, len(script.requests)) == ([], 1)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, text="<html>It works!"),
        httpx.Response(200, content=b"\x00\xff"),
        httpx.Response(200, json=["no", "fleet"]),
        httpx.Response(200, json={"id": 5}),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=iter([b"no gzip"]), headers={"Content-Encoding": "gzip"}),
        httpx.Response(418, text="short and stout"),
        httpx.Response(400, json={"error": {"code": "one_line", "message": "no error class"}}),
        httpx.Response(400, json={"error": ["not", "an", "object"]}),
    ],
)
def test_garbage_is_an_error_that_names_the_server_and_the_request(
    remote: Callable[[Handler], Podium], answer: httpx.Response
) -> None:
    with pytest.raises(errors.ApiError, match=rf"^{URL}.* \(GET /podium/v1\)$"):
        remote(Script(answer)).fleet()


def test_warnings_that_are_garbage_are_left_out(remote: Callable[[Handler], Podium]) -> None:
    for garbage in ("[{}]", "{", "5"):
        assert remote(Script(ok(**{"Podium-Warnings": garbage}))).fleet().id == "f1"


def huge() -> Iterator[bytes]:
    """Much more than fits into memory."""
    while True:
        yield b" " * 1_000_000


def test_a_huge_answer_is_given_up(
    remote: Callable[[Handler], Podium], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "LARGEST", 10_000_000)
    for status in (200, 500):
        with pytest.raises(errors.ApiError, match="more than 10000000 bytes"):
            remote(Script(httpx.Response(status, content=huge()))).fleet()


def test_a_small_answer_that_unpacks_to_a_huge_one_is_given_up(
    remote: Callable[[Handler], Podium], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "LARGEST", 1_000_000)
    bomb = httpx.Response(
        200, content=iter([gzip.compress(b" " * 3_000_000)]), headers={"Content-Encoding": "gzip"}
    )
    with pytest.raises(errors.ApiError, match="more than 1000000 bytes"):
        remote(Script(bomb)).fleet()


def test_an_endless_line_of_a_list_is_given_up(
    remote: Callable[[Handler], Podium], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "LARGEST", 10_000_000)
    with pytest.raises(errors.ApiError, match="a line of more than 10000000 bytes"):
        list(remote(Script(httpx.Response(200, content=huge()))).nodes())


def test_an_answer_that_drips_is_given_up(remote: Callable[[Handler], Podium], clock: Clock) -> None:
    def drips() -> Iterator[bytes]:
        while True:
            clock.now += 30
            yield b" "

    with pytest.raises(errors.ApiError, match="took more than 120 s"):
        remote(Script(httpx.Response(200, content=drips()))).fleet()


def test_a_list_is_begun_again_but_what_broke_off_is_an_error(
    remote: Callable[[Handler], Podium], clock: Clock
) -> None:
    lines = b'{"name": "n1"}\n{"name": "n2"}\n'
    script = Script(refused(503), httpx.Response(200, content=lines))
    assert [node.name for node in remote(script).nodes(fields=["name"])] == ["n1", "n2"]
    assert clock.slept == [0.2]
    nodes = remote(Script(httpx.Response(200, content=lines[:-4]))).nodes(fields=["name"])
    assert next(nodes).name == "n1"
    with pytest.raises(errors.ApiUnavailable, match="broke off in the middle of a list"):
        next(nodes)


def test_redirects_are_not_followed_and_where_they_lead_is_told(remote: Callable[[Handler], Podium]) -> None:
    script = Script(httpx.Response(308, headers={"Location": "https://podium.example.com/"}))
    with pytest.raises(errors.ApiError, match="'https://podium.example.com/'; give that address"):
        remote(script).fleet()
    assert [request.url.host for request in script.requests] == ["podium.example.org"]


def test_a_certificate_that_is_not_trusted_is_told_at_once_with_the_remedy(
    remote: Callable[[Handler], Podium], clock: Clock
) -> None:
    def untrusted(request: httpx.Request) -> httpx.Response:
        fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
        fault.verify_message = "self-signed certificate"
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]") from fault

    with pytest.raises(errors.ApiError) as raised:
        remote(untrusted).fleet()
    assert str(raised.value) == (
        f"{URL} cannot be trusted: self-signed certificate; --cafile, or [client] cafile, names the"
        " certificates that its own must lead to (GET /podium/v1)"
    )
    assert clock.slept == []


@pytest.mark.parametrize("code", [62, 64])
def test_a_certificate_for_another_name_is_told_with_another_remedy(
    remote: Callable[[Handler], Podium], code: int
) -> None:
    def other(request: httpx.Request) -> httpx.Response:
        fault = ssl.SSLCertVerificationError(1, "certificate verify failed")
        fault.verify_code, fault.verify_message = code, "certificate is not valid for 'a.example'."
        raise httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]") from fault

    with pytest.raises(errors.ApiError) as raised:
        remote(other).fleet()
    assert str(raised.value) == (
        f"{URL} cannot be trusted: certificate is not valid for 'a.example'; the URL has to have the name,"
        " or the address, that the certificate is for (GET /podium/v1)"
    )


def test_a_server_without_tls_is_told_in_plain_words(remote: Callable[[Handler], Podium]) -> None:
    def plain(request: httpx.Request) -> httpx.Response:
        fault = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:992)")
        fault.reason = "WRONG_VERSION_NUMBER"
        raise httpx.ConnectError(str(fault)) from fault

    with pytest.raises(errors.ApiUnavailable) as raised:
        remote(plain).fleet()
    assert str(raised.value) == (
        f"{URL} cannot be reached: what answers there does not speak TLS; without it the URL begins with"
        " http:// (GET /podium/v1)"
    )


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("http://127.0.0.1:6385", "; if this port speaks TLS, the URL has to begin with https://"),
        ("https://127.0.0.1:6385", ""),
    ],
)
def test_a_server_that_gives_no_answer_in_http_may_speak_tls(clock: Clock, url: str, hint: str) -> None:
    lost = httpx.RemoteProtocolError("Server disconnected without sending a response.")
    script = Script(*[lost] * 4)
    transport = httpx.MockTransport(script)
    with (
        Remote(Server(url=url), transport=transport, sleep=clock.sleep, clock=clock) as podium,
        pytest.raises(errors.ApiUnavailable) as raised,
    ):
        podium.fleet()
    text = "Server disconnected without sending a response" + (hint or ".")
    assert str(raised.value) == f"{url} cannot be reached: {text} (GET /podium/v1)"


def test_a_request_names_the_fleet_that_answered_before(remote: Callable[[Handler], Podium]) -> None:
    script = Script(ok(**{"Podium-Fleet": "f1"}), ok(), refused(412, "OtherFleet"))
    podium = remote(script)
    podium.fleet()
    podium.fleet()
    with pytest.raises(errors.OtherFleet, match=f"^{URL}: no "):
        podium.fleet()
    assert [request.headers.get("Podium-Fleet") for request in script.requests] == [None, "f1", "f1"]


def test_an_answer_of_another_fleet_is_refused(remote: Callable[[Handler], Podium]) -> None:
    script = Script(ok(**{"Podium-Fleet": "f1"}), ok(**{"Podium-Fleet": "f2"}))
    podium = remote(script)
    podium.fleet()
    with pytest.raises(errors.OtherFleet, match="this is the fleet f2, and not f1"):
        podium.fleet()


def test_it_is_the_same_in_an_event_loop(clock: Clock) -> None:
    lines = b'{"name": "n1"}\n'
    script = Script(
        httpx.ReadError("reset"),
        ok(**{"Podium-Fleet": "f1"}),
        refused(503),
        httpx.Response(200, content=lines),
        httpx.Response(200, content=_drip(json.dumps(FLEET).encode())),
        ok(**{"Podium-Fleet": "f2"}),
        httpx.ConnectError("refused"),
        httpx.ConnectError("refused"),
        httpx.ConnectError("refused"),
        httpx.ConnectError("refused"),
    )

    async def sleep(seconds: float) -> None:
        clock.sleep(seconds)

    async def run() -> None:
        transport = httpx.MockTransport(script)
        async with AsyncRemote(Server(url=URL), transport=transport, sleep=sleep, clock=clock) as podium:
            assert (await podium.fleet()).id == "f1"
            assert [node.name async for node in podium.nodes(fields=["name"])] == ["n1"]
            assert (await podium.fleet()).id == "f1"
            with pytest.raises(errors.OtherFleet):
                await podium.fleet()
            with pytest.raises(errors.ApiUnavailable, match=r"\(GET /podium/v1\)"):
                await podium.fleet()

    asyncio.run(run())
    assert clock.slept == [0.2, 0.2, 0.2, 1.0, 3.0]


async def _drip(body: bytes) -> AsyncIterator[bytes]:
    for part in body:
        yield bytes([part])


def test_an_answer_that_waits_for_something_may_take_longer() -> None:
    with httpx.Client(base_url=URL, timeout=60) as client:
        seconds = [
            exchange.request(client, call, "application/json").extensions["timeout"]["read"]
            for call in (Undrain("c1"), Forget("c1"))
        ]
    assert seconds == [60, 60 + Forget.patience]


def stream(*cursors: str) -> httpx.Response:
    """A stream of changes that breaks off after some messages."""
    lines = (f'id: {one}\ndata: {{"kind":"started","cursor":"{one}"}}\n\n' for one in cursors)
    return httpx.Response(200, text="".join(lines), headers={"Content-Type": "text/event-stream"})


def test_a_stream_that_breaks_off_says_so_once_and_when_it_goes_on(clock: Clock) -> None:
    said: list[str] = []
    lost = httpx.ConnectError("refused"), httpx.ConnectError("refused")
    script = Script(stream("1"), *lost, stream("2"))
    transport = httpx.MockTransport(script)
    server = Server(url=URL)
    with Remote(server, transport=transport, warn=said.append, sleep=clock.sleep, clock=clock) as podium:
        changes = podium.changes()
        assert [next(changes).cursor, next(changes).cursor] == ["1", "2"]
        changes.close()
    away, back = said
    assert away.endswith("; the changes go on when it answers")
    assert back == f"{URL} answers again, and the changes go on"
    assert [one.headers.get("Last-Event-ID") for one in script.requests] == [None, "1", "1", "1"]
