"""A BMC on loopback that does what the test wants, over the same Link that the client uses."""

import asyncio
import base64
import contextlib
import datetime
import hashlib
import ipaddress
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httptools
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podium.drivers.redfish.http.client import BMC, Client, Target, Timing
from podium.drivers.redfish.http.link import Link

ROOT = "/redfish/v1/"
SESSIONS = "/redfish/v1/SessionService/Sessions"
SYSTEM = "/redfish/v1/Systems/1"
USUAL = Timing()


def reply(status: int, body: object = None, **headers: str) -> bytes:
    """An answer with a JSON body, or with one of bytes; ``_`` in a header's name is ``-``."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    lines |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + content


def error(*messages: tuple[str, str]) -> dict[str, Any]:
    """The body of an error, of MessageIds and messages."""
    told = [{"MessageId": name, "Message": text} for name, text in messages]
    return {"error": {"code": "Base.1.8.GeneralError", "message": "See", "@Message.ExtendedInfo": told}}


@dataclass
class Request:
    """What came."""

    method: str
    path: str
    connection: int
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def body(self) -> Any:
        return json.loads(self.content)


class Peer(Link):
    """The BMC's end of one connection."""

    def __init__(self, bmc: "FakeBMC") -> None:
        super().__init__(bmc.tls, server_side=True)
        self.bmc = bmc
        self.number = 0
        self.parser = httptools.HttpRequestParser(self)

    def opened(self) -> None:
        self.bmc.accepted += 1
        self.number = self.bmc.accepted
        self.bmc.peers.append(self)

    def received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def ended(self, error: Exception | None) -> None:
        self.bmc.ended.append(error)
        if self in self.bmc.peers:
            self.bmc.peers.remove(self)

    def on_url(self, url: bytes) -> None:
        self.request = Request(self.parser.get_method().decode(), url.decode(), self.number)

    def on_header(self, name: bytes, value: bytes) -> None:
        self.request.headers[name.decode().lower()] = value.decode()

    def on_body(self, data: bytes) -> None:
        self.request.content += data

    def on_message_complete(self) -> None:
        self.bmc.take(self, self.request)


class FakeBMC:
    """One BMC in the test's own event loop: ``async with FakeBMC(...) as bmc`` serves ``bmc.port``.

    ``answer`` may be set to what sees every request first; it returns the bytes to be sent, None for what the
    BMC does by itself, or b"" to be silent.
    """

    reply = staticmethod(reply)
    error = staticmethod(error)

    def __init__(self, certificate: Path | None, host: str = "127.0.0.1") -> None:
        self.host = host
        self.certificate = certificate
        self.tls: ssl.SSLContext | None = None
        if certificate is not None:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(certificate)
        self.user, self.password = "podium", "secret"
        self.most_sessions = 4
        self.sessions: dict[str, str] = {}
        self.logins = 0
        self.resources: dict[str, Any] = {
            ROOT: {"@odata.id": ROOT, "Links": {"Sessions": {"@odata.id": SESSIONS}}},
            SYSTEM: {"@odata.id": SYSTEM, "PowerState": "On"},
        }
        self.answer: Callable[[Request], bytes | None] = lambda request: None
        self.closes = False  # after each answer, without saying so
        self.requests: list[Request] = []
        self.peers: list[Peer] = []
        self.accepted = 0
        self.ended: list[Exception | None] = []
        self.arrived = asyncio.Event()  # set by every request

    async def __aenter__(self) -> "FakeBMC":
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Peer(self), self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for peer in list(self.peers):
            peer.abort()
        await self._server.wait_closed()
        await asyncio.sleep(0)

    def target(self, **different: Any) -> Target:
        """The BMC as somebody who knows it gives it."""
        verify = str(self.certificate) if self.certificate else True
        usual = {"scheme": "https" if self.tls else "http", "host": self.host, "port": self.port}
        usual |= {"username": self.user, "password": self.password, "verify": verify, "auth": "auto"}
        return Target(**usual | different)

    @contextlib.asynccontextmanager
    async def connected(
        self, timing: Timing = USUAL, clock: Callable[[], float] = time.monotonic, **different: Any
    ) -> AsyncIterator[tuple[Client, BMC]]:
        """A client, and this BMC as it knows it."""
        async with Client(timing, clock) as client:
            yield client, client.connect(self.target(**different))

    def asked(self, path: str, method: str = "GET") -> list[Request]:
        """The requests for a path."""
        return [one for one in self.requests if (one.method, one.path) == (method, path)]

    def take(self, peer: Peer, request: Request) -> None:
        self.requests.append(request)
        self.arrived.set()
        told = self.answer(request)
        peer.send(self.usual(request) if told is None else told)
        if self.closes:
            peer.close()

    def usual(self, request: Request) -> bytes:
        if request.path == SESSIONS and request.method == "POST":
            return self._log_in(request)
        if request.path != ROOT and not self._knows(request):
            return reply(401, error(("Base.1.8.NoValidSession", "There is no valid session")))
        if request.method == "DELETE":
            self.sessions = {key: path for key, path in self.sessions.items() if path != request.path}
            return reply(204)
        found = self.resources.get(request.path)
        if request.method == "GET" and request.path in self.sessions.values():
            found = {"@odata.id": request.path, "UserName": self.user}
        if found is None:
            return reply(404, error(("Base.1.8.ResourceMissingAtURI", f"{request.path} is not there")))
        if request.method == "POST":
            return reply(204)
        etag = f'"{hashlib.sha256(json.dumps(found).encode()).hexdigest()[:8]}"'
        if request.headers.get("if-none-match") == etag:
            return reply(304, ETag=etag)
        return reply(200, found, ETag=etag)

    def _log_in(self, request: Request) -> bytes:
        if request.body != {"UserName": self.user, "Password": self.password}:
            return reply(401, error(("Base.1.8.ResourceAtUriUnauthorized", "Wrong user or password")))
        if len(self.sessions) >= self.most_sessions:
            return reply(503, error(("Base.1.8.SessionLimitExceeded", "Too many sessions")))
        self.logins += 1
        token, path = f"token{self.logins}", f"{SESSIONS}/{self.logins}"
        self.sessions[token] = path
        return reply(201, {"@odata.id": path}, X_Auth_Token=token, Location=path)

    def _knows(self, request: Request) -> bool:
        if request.headers.get("x-auth-token") in self.sessions:
            return True
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return request.headers.get("authorization") == f"Basic {basic}"


def make_certificate(file: Path, *names: str) -> Path:
    """A key and a certificate that it signed itself, for addresses and host names."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "BMC")])
    now = datetime.datetime.now(datetime.UTC)
    alternatives: list[x509.GeneralName] = []
    for name in names:
        try:
            alternatives.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            alternatives.append(x509.DNSName(name))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(pem + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture(autouse=True)
def _nothing_fails_unseen() -> Iterator[None]:
    """What raises in a callback of the event loop is logged by asyncio, and nobody else would notice."""
    seen: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(self.format(record))

    collector = Collector(logging.ERROR)
    logger = logging.getLogger("asyncio")
    logger.addHandler(collector)
    yield
    logger.removeHandler(collector)
    assert not seen


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with key and certificate for loopback."""
    yield make_certificate(tmp_path_factory.mktemp("tls") / "bmc.pem", "127.0.0.1", "::1", "localhost")


@pytest.fixture(params=["http", "https"])
def fake_bmc(request: pytest.FixtureRequest, certificate: Path) -> Callable[..., FakeBMC]:
    """``async with fake_bmc() as bmc``, once with TLS and once without."""
    return lambda **settings: FakeBMC(certificate if request.param == "https" else None, **settings)


@pytest.fixture
def http_bmc() -> type[FakeBMC]:
    """``async with http_bmc(None) as bmc``, without TLS."""
    return FakeBMC


@pytest.fixture
def new_certificate() -> Callable[..., Path]:
    """See make_certificate."""
    return make_certificate
