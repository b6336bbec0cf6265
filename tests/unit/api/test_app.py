"""Bounds that every request has, whatever it asks for."""

import asyncio
import threading
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from apis import in_a_loop
from asgi import Asked, part
from podium import conf
from podium.api import app, bodies
from podium.api.routing import Operation
from podium.api.services import Services
from podium.api.sql import Sql
from podium.client.enrolling.catalog import Catalog
from podium.db.engine import Database


async def _never(request: Request) -> Response:
    await asyncio.Event().wait()
    raise AssertionError


async def _echo(request: Request) -> Response:
    return PlainTextResponse(str(await bodies.read(request)))


OPERATIONS = [
    Operation(method="GET", path="/never", handler=_never, role=None, summary="x"),
    Operation(method="POST", path="/echo", handler=_echo, role=None, summary="x"),
]


@pytest.fixture
def make(database: Database, config: conf.Config) -> Any:
    services = Services(config, Sql(database), Catalog(config, print))
    return lambda **options: app.create(services, Any, OPERATIONS, **options)  # type: ignore[arg-type]


@in_a_loop
async def test_a_request_that_takes_too_long_is_answered_with_503(make: Any) -> None:
    asked = Asked("GET", "/never")
    await make(seconds=0.0)(asked.scope, asked.receive, asked.send)
    assert asked.status == 503
    assert b"retry-after" in asked.headers


@in_a_loop
async def test_a_body_that_announces_its_size_is_refused_unread(make: Any) -> None:
    asked = Asked("POST", "/echo", content_length=str(10**7))
    await make()(asked.scope, asked.receive, asked.send)
    assert (asked.status, asked.read) == (413, 0)


@in_a_loop
async def test_a_body_in_parts_is_refused_when_it_is_too_large(make: Any) -> None:
    asked = Asked("POST", "/echo", *[part(b" " * 300_000, more=True) for _ in range(9)])
    await make()(asked.scope, asked.receive, asked.send)
    assert (asked.status, asked.read) == (413, 4)


@pytest.mark.parametrize(
    "body",
    [
        *(b"[" * 10_000, b"[" * 21 + b"]" * 21, b"{", b"NaN", b"1e999"),
        *(b"\xff", rb'{"\ud800": 1}', b'"\xed\xa0\x80"', '"text"'.encode("utf-16")),
    ],
)
def test_a_body_that_is_too_deep_or_no_json_is_refused(make: Any, body: bytes) -> None:
    async def test() -> None:
        asked = Asked("POST", "/echo", part(body))
        await make()(asked.scope, asked.receive, asked.send)
        assert asked.status == 400

    asyncio.run(test())


@pytest.mark.parametrize(("parts", "status"), [(1000, 200), (60_000, 413)])
def test_a_body_of_very_many_lists_is_refused(make: Any, parts: int, status: int) -> None:
    async def test() -> None:
        asked = Asked("POST", "/echo", part(b"[" + b",".join([b"[]"] * parts) + b"]"))
        await make()(asked.scope, asked.receive, asked.send)
        assert asked.status == status

    asyncio.run(test())


@in_a_loop
async def test_a_client_that_goes_away_is_no_error_of_the_application(
    make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asked = Asked("POST", "/echo", part(b"{", more=True), {"type": "http.disconnect"})
    await make()(asked.scope, asked.receive, asked.send)
    assert asked.status == 400
    assert not caplog.records


def test_the_healthcheck_says_that_the_database_answers(http: Any) -> None:
    assert http("GET", "/healthcheck").text == "OK"


def test_the_healthcheck_says_that_the_database_does_not_answer(http: Any, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("ALTER TABLE change_counter RENAME TO gone")
    answer = http("GET", "/healthcheck")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/v1/nodes/n%00", None),
        ("GET", "/v1/nodes?owner=%00", None),
        ("GET", "/v1/nodes?%00=1", None),
        ("GET", "/v1/chassis/%00", None),
        ("GET", "/podium/v1/nodes/n%00", None),
        ("GET", "/podium/v1/nodes?extra.a%00=1", None),
        ("GET", "/podium/v1/nodes?fields=%00", None),
        ("PATCH", "/v1/nodes/n1", rb'[{"op": "add", "path": "/extra/a", "value": "\u0000"}]'),
        ("PATCH", "/v1/nodes/n1", rb'[{"op": "add", "path": "/extra/a\u0000", "value": 1}]'),
        ("PATCH", "/v1/nodes/n1", rb'[{"op": "add", "path": "/extra/a", "value": {"\\\u0000": 1}}]'),
        ("PATCH", "/podium/v1/nodes", rb'{"nodes": "n1", "set": {"extra": {"a": [["\u0000"]]}}}'),
        ("POST", "/podium/v1/nodes", rb'{"nodes": [{"name": "n2", "extra": {"\u0000": 1}}]}'),
        ("POST", "/podium/v1/nodes", rb'{"\u0000": 1}'),
    ],
)
def test_no_request_has_a_null_character(
    http: Any, enrol: Any, method: str, path: str, body: bytes | None
) -> None:
    enrol("n1")
    answer = http(method, path, content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, "null character" in answer.text) == (400, True), answer.text


@in_a_loop
async def test_a_long_body_is_read_beside_the_event_loop(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = threading.get_ident()
    readers: list[bool] = []

    def note(body: bytes) -> Any:
        readers.append(threading.get_ident() == loop)
        return None

    monkeypatch.setattr(bodies, "_value", note)
    for body in (b"1" * 1000, b"1" * 100_000):
        asked = Asked("POST", "/echo", part(body))
        await make()(asked.scope, asked.receive, asked.send)
        assert asked.status == 200
    assert readers == [True, False]
