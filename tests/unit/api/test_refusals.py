"""Requests that are refused, wherever that is noticed, are answered in the form of the API that they ask."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import podium.api
from apis import in_a_loop
from podium.api import faults
from podium.api.faults import Fault
from podium.api.own.answers import CODES
from podium.api.serving.connections import CREDENTIALS
from podium.api.serving.peers import Peers, named

OWN, IRONICS = "/podium/v1/nodes", "/v1/nodes"


def statuses() -> Iterator[int]:
    """All that faults have anywhere in podium-api, and those of the routes."""
    yield from (404, 405)
    yield from (status for _, status in faults._STATUS)
    for file in Path(podium.api.__path__[0]).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            match node:
                case ast.Call(func=ast.Name("Fault"), args=[ast.Constant(status), *_]):
                    yield status


def test_every_status_has_a_name_of_its_own() -> None:
    found = set(statuses())
    assert {400, 401, 429} < found
    assert found == set(CODES)
    assert len(set(CODES.values())) == len(CODES)


async def nobody(uid: int, gid: int) -> Any:
    raise Fault(503, "who is it?", {"Retry-After": "5"})


@in_a_loop
@pytest.mark.parametrize(("path", "own"), [(OWN, True), (IRONICS, False)])
async def test_a_user_whom_nobody_knows_is_refused_in_the_form_that_was_asked(path: str, own: bool) -> None:
    peers = Peers()
    peers.find = nobody  # type: ignore[method-assign]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        scope[CREDENTIALS] = (1, 1)
        await named(application, peers)(scope, receive, send)

    transport = httpx.ASGITransport(application)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    if own:
        assert answer.json() == {"error": {"code": "Unavailable", "message": "who is it?"}}
    else:
        assert "who is it?" in answer.json()["error_message"]
