"""Sinks: what an event is to a webhook and a program, and when it was not taken."""

import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from notified import happen
from peers import PATIENCE
from podium import errors
from podium.conductor.telling.sinks import ProgramSink, WebhookSink, cloud_event
from podium.db.engine import Database
from podium.db.models import power_events
from podium.db.worker import Worker
from receivers import Receiver
from templates import prepared


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = prepared(f"sqlite:///{tmp_path / 'podium.sqlite'}")
    yield made
    made.dispose()


def test_a_type_has_no_blanks_and_a_source_is_a_uri(database: Database) -> None:
    happen(database, "n1")
    with database.write() as connection:
        connection.execute(sa.update(power_events).values(cause="first reading"))
        (row,) = connection.execute(sa.select(power_events))
    document = json.loads(cloud_event(row, Worker("büro 1", 2)))
    assert document["type"] == "org.podium.power.first-reading"
    assert document["source"] == "/podium/conductors/b%C3%BCro%201"


def test_an_event_has_the_same_id_whichever_member_delivers_it(database: Database) -> None:
    happen(database, "n1", writer=Worker("here", 1, 7))
    with database.read() as connection:
        (row,) = connection.execute(sa.select(power_events))
    assert json.loads(cloud_event(row, row.writer))["id"] == f"here/1/{row.id}"


def test_a_redirect_is_not_followed(receiver: Receiver) -> None:
    receiver.status = 307
    with pytest.raises(errors.PodiumError, match="^answered 307"):
        WebhookSink(receiver.url(), "secret", PATIENCE).deliver("{}")
    assert receiver.paths == ["/hook"]


@pytest.mark.parametrize(
    ("user", "token", "expected"),
    [("", "t0k3n", "Bearer t0k3n"), ("eva:p%40ss@", "t0k3n", "Basic ZXZhOnBAc3M="), ("", "", None)],
)
def test_a_webhook_is_given_the_token_or_the_user_of_its_url(
    receiver: Receiver, user: str, token: str, expected: str | None
) -> None:
    sink = WebhookSink(receiver.url("/hook?key=value", user), token, PATIENCE)
    sink.deliver("{}")
    assert receiver.headers[0].get("Authorization") == expected
    assert receiver.paths == ["/hook?key=value"]
    assert sink.name == receiver.url("/hook")


def test_a_webhook_that_does_not_answer_in_time_is_given_up(receiver: Receiver) -> None:
    receiver.answering.clear()
    with pytest.raises(errors.PodiumError, match=r"^no answer within 0\.2 s$"):
        WebhookSink(receiver.url(), "", 0.2).deliver("{}")


def test_a_webhook_that_answers_byte_by_byte_is_given_up_in_time() -> None:
    def dawdle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, contextlib.suppress(OSError):
            while not given_up.wait(0.01):
                connection.send(b"H")

    given_up = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=dawdle, args=(server,))
        thread.start()
        try:
            with pytest.raises(errors.PodiumError, match=r"^no answer within 0\.2 s$"):
                WebhookSink(f"http://127.0.0.1:{server.getsockname()[1]}", "", 0.2).deliver("{}")
        finally:
            given_up.set()
            thread.join()


def test_a_program_that_fails_is_quoted() -> None:
    with pytest.raises(errors.PodiumError, match="^sh ended with status 3 and said no such queue$"):
        ProgramSink("/bin/sh -c 'echo no such queue >&2; exit 3'", PATIENCE).deliver("{}")


def test_a_program_is_not_given_options_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OS_DATABASE__CONNECTION", "postgresql://podium:secret@host/podium")
    ProgramSink(f"/bin/sh -c 'env > {tmp_path}/env'", PATIENCE).deliver("{}")
    assert "PATH=" in (tmp_path / "env").read_text()
    assert "secret" not in (tmp_path / "env").read_text()
