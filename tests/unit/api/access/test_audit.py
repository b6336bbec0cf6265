"""The record of requests for changes, of people and of strangers."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from starlette.datastructures import Headers

from podium.api.access.audit import Audit
from podium.api.callers import SCOPE_KEY, Caller, Role


@pytest.fixture
def later() -> list[Callable[[], None]]:
    return []


@pytest.fixture
def audit(later: list[Callable[[], None]], caplog: pytest.LogCaptureFixture) -> Audit:
    caplog.set_level(logging.INFO, "podium.api.audit")
    return Audit(lambda _, what: later.append(what))


def write(address: str, caller: Caller | None = None) -> dict[str, Any]:
    scope: dict[str, Any] = {"method": "PUT", "path": "/v1/x", "client": (address, 1)}
    return scope if caller is None else {**scope, SCOPE_KEY: caller}


def test_who_is_known_has_a_line_for_each_request(audit: Audit, caplog: pytest.LogCaptureFixture) -> None:
    for status in (200, 403):
        audit.note(write("192.0.2.1", Caller("ada", "192.0.2.1", Role.ADMIN)), status, Headers())
    assert [one.getMessage() for one in caplog.records] == [
        "PUT /v1/x from 192.0.2.1: ada 200 [-]",
        "PUT /v1/x from 192.0.2.1: ada 403 [-]",
    ]


def test_a_question_with_a_body_is_no_request_for_a_change(
    audit: Audit, caplog: pytest.LogCaptureFixture
) -> None:
    question = write("192.0.2.1", Caller("ada", "192.0.2.1", Role.READER))
    audit.note({**question, "method": "POST", "path": "/podium/v1/nodes/query"}, 200, Headers())
    assert caplog.records == []


def test_strangers_are_counted_by_address_for_a_minute(
    audit: Audit, later: list[Callable[[], None]], caplog: pytest.LogCaptureFixture
) -> None:
    for address, count in (("192.0.2.1", 2), ("192.0.2.2", 1)):
        for _ in range(count):
            audit.note(write(address), 401, Headers())
    assert (len(later), caplog.records) == (1, [])
    later.pop()()
    text = "from {} were refused within a minute: nobody had logged in"
    assert [one.getMessage() for one in caplog.records] == [
        f"2 requests for changes {text.format('192.0.2.1')}",
        f"1 requests for changes {text.format('192.0.2.2')}",
    ]
    audit.note(write("192.0.2.3"), 401, Headers())
    assert len(later) == 1


def test_lines_about_strangers_are_few_however_many_there_are(
    audit: Audit, later: list[Callable[[], None]], caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5000):
        audit.note(write(f"10.0.{number >> 8}.{number & 255}"), 401, Headers())
    later.pop()()
    assert len(caplog.records) == 21
    assert caplog.records[-1].getMessage().startswith("4980 requests for changes from other addresses ")
