"""Programs and webhooks that receive notifications, one event at a time.

A delivery blocks, so it runs in a thread, and ends within a known time.
"""

import base64
import contextlib
import http.client
import json
import shlex
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import quote, unquote

from podium import errors
from podium.causes import SEVERITY
from podium.conf import notifications
from podium.db.ledger import Event
from podium.db.worker import Worker
from podium.drivers import command

#: CloudEvents 1.0, JSON Event Format, section 3: the media type of an event as a separate document.
_CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
_LONGEST_COMPLAINT: Final = 200
#: Client errors (RFC 9110, section 15.5) that concern the moment or the login rather than the event.
_PASSING: Final = frozenset({401, 403, 408, 425, 429})


def cloud_event(event: Event, writer: Worker) -> str:
    """An event of the ledger as a document of CloudEvents 1.0, JSON Event Format.

    :param writer: the worker that recorded it
    """
    at = _rfc3339(event.at)
    document = {
        "specversion": "1.0",
        "id": f"{writer.host}/{writer.index}/{event.id}",
        "source": f"/podium/conductors/{quote(writer.host)}",
        "type": f"org.podium.power.{event.cause.replace(' ', '-')}",
        "subject": event.node_name,
        "severity": SEVERITY.get(event.cause),
        "time": at,
        "datacontenttype": "application/json",
        "data": {
            "node": event.node_name,
            "uuid": event.node_uuid,
            "from": event.from_state,
            "to": event.to_state,
            "cause": event.cause,
            "who": event.who,
            "reason": event.reason,
            "operation": event.operation_id,
            "request_id": event.request_id,
            "at": at,
        },
    }
    return json.dumps(document)


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Sink(Protocol):
    """Receives events. Its name contains no secrets."""

    name: str

    def deliver(self, document: str) -> None:
        """Deliver one event.

        :raises podium.errors.NotificationRefused: the sink reports that it does not accept this event
        :raises Exception: the event was not accepted for another reason
        """


class ProgramSink:
    """A program that is run for each event.

    :param text: its path and arguments, as a shell takes them
    :param timeout: seconds that it may run
    """

    def __init__(self, text: str, timeout: float) -> None:
        self._argv = shlex.split(text)
        self._timeout = timeout
        self.name = f"exec {self._argv[0]}"

    def deliver(self, document: str) -> None:
        """:raises podium.errors.PodiumError: the program cannot be run, or its exit status is not 0"""
        done = command.run(self._argv, timeout=self._timeout, input=document)
        if done.returncode != 0:
            said = " ".join(done.stderr.split())[:_LONGEST_COMPLAINT] or "nothing on standard error"
            program = Path(self._argv[0]).name
            raise errors.PodiumError(f"{program} ended with status {done.returncode} and said {said}")


class WebhookSink:
    """A URL that each event is sent to.

    :param url: in the form that :func:`podium.conf.notifications.split` accepts
    :param token: sent if the URL contains no user
    :param timeout: seconds from the start to the answer
    """

    def __init__(self, url: str, token: str, timeout: float) -> None:
        parts = notifications.split(url)
        place = parts.netloc.rpartition("@")[2]
        self.name = f"{parts.scheme}://{place}{parts.path}"
        self._host = str(parts.hostname)
        self._port = parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._connection: type[http.client.HTTPConnection] = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self._headers = {"Content-Type": _CONTENT_TYPE, "User-Agent": "podium", "Connection": "close"}
        if parts.username is not None:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            self._headers["Authorization"] = f"Basic {base64.b64encode(login.encode()).decode()}"
        elif token:
            self._headers["Authorization"] = f"Bearer {token}"
        self._timeout = timeout

    def deliver(self, document: str) -> None:
        """:raises podium.errors.PodiumError, OSError, http.client.HTTPException: see :class:`Sink`"""
        connection = self._connection(self._host, self._port, timeout=self._timeout)
        late = threading.Event()
        # The socket's timeout restarts with every byte from a slow server.
        end = threading.Timer(self._timeout, _break_off, (connection, late))
        end.daemon = True
        end.start()
        try:
            connection.connect()
            if not late.is_set():
                connection.request("POST", self._target, document.encode(), self._headers)
                with connection.getresponse() as answer:
                    if 200 <= answer.status < 300:
                        return
                    complaint = f"answered {answer.status} {answer.reason}"
                is_final = 400 <= answer.status < 500 and answer.status not in _PASSING
                kind = errors.NotificationRefused if is_final else errors.PodiumError
                raise kind(complaint[:_LONGEST_COMPLAINT])
        except (OSError, http.client.HTTPException) as fault:
            if not (late.is_set() or isinstance(fault, TimeoutError)):
                raise
        finally:
            end.cancel()
            connection.close()
        raise errors.PodiumError(f"no answer within {self._timeout:g} s")


def _break_off(connection: http.client.HTTPConnection, late: threading.Event) -> None:
    late.set()
    taken = connection.sock
    if taken is not None:
        with contextlib.suppress(OSError):  # it has already ended
            socket.socket.shutdown(taken, socket.SHUT_RDWR)  # not the TLS layer's, which another thread uses
