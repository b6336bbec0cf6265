"""podium-api as a process: start, end, reload, TLS, the Unix socket, and clients that mean no good."""

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from apis import Api, everything
from daemons import eventually
from peers import PATIENCE
from rounds import only_long, rest_is_long
from servers import RestartablePostgreSQL

WORKERS = "api_workers = 2\n"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One that tests share which change nothing."""
    with Api(tmp_path_factory.mktemp("api"), WORKERS) as daemon:
        yield daemon
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.text()
        assert not daemon.socket.exists()


@contextlib.contextmanager
def started(api: Api, **environment: str) -> Iterator[None]:
    api.launch(**environment)
    try:
        yield
    finally:
        api.__exit__()


def certificate(folder: Path, name: str, kind: str = "rsa:2048") -> tuple[Path, Path]:
    cert, key = folder / f"{name}.pem", folder / f"{name}.key"
    how = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] if kind == "ec" else ["-newkey", kind]
    subprocess.run(
        ["openssl", "req", "-x509", *how, "-nodes", "-keyout", key, "-out", cert, "-days", "2"]
        + ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    return cert, key


def test_it_answers_over_tcp_and_over_the_unix_socket(api: Api) -> None:
    for local in (False, True):
        answer = api.get(local=local)
        assert (answer.status, answer.body) == (200, b"OK")
        assert answer.headers["Server"] is None
        assert answer.headers["Date"]


def test_the_unix_socket_has_the_mode_of_the_option(api: Api) -> None:
    assert api.socket.stat().st_mode & 0o777 == 0o666


def test_a_hundred_slow_clients_keep_nobody_waiting(api: Api) -> None:
    beginnings = [
        b"",
        b"GET /healthcheck HTTP/1.1\r\n",
        b"POST /v1/nodes HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n",
        b"GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    ]
    slow = [api.connect() for _ in range(100)]
    try:
        for number, client in enumerate(slow):
            client.sendall(beginnings[number % len(beginnings)])
        assert all(api.get().status == 200 for _ in range(20))
    finally:
        for client in slow:
            client.close()


@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01", b"what is this\r\n\r\n", b"GET nowhere HTTP/1.1\r\n\r\n"]
)
def test_garbage_is_answered_with_400_and_not_logged(api: Api, data: bytes) -> None:
    with api.connect() as client:
        client.sendall(data)
        assert everything(client).startswith(b"HTTP/1.1 400 ")
    assert "uvicorn" not in api.text()


@only_long
def test_another_one_at_the_same_port_or_socket_is_refused_in_one_line(api: Api, tmp_path: Path) -> None:
    other = Api(tmp_path, f"[api]\nport = {api.port}\n")
    assert f"[api] port = {api.port} at 127.0.0.1 is in use" in other.refusal()
    other.log.unlink()
    other.write(f"[api]\nunix_socket = {api.socket}\n")
    assert f"[api] unix_socket = {api.socket} is in use" in other.refusal()
    assert api.get(local=True).status == 200


@only_long
def test_a_socket_that_was_left_behind_is_replaced_and_another_file_is_not(tmp_path: Path) -> None:
    api = Api(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(api.socket))
    with api:
        assert api.get(local=True).status == 200
    api.log.unlink()
    api.socket.unlink()
    api.socket.write_text("mine")
    assert "is no socket" in api.refusal()
    assert api.socket.read_text() == "mine"


@rest_is_long(
    ("text", "words"),
    [
        ("host_ip = 0.0.0.0\n", "insecure_noauth"),
        (
            "host_ip = 192.0.2.1\ninsecure_noauth = true\n",
            "not an address of this host",
        ),
        ("enable_ssl_api = true\n", "cert_file"),
        ("unix_socket = /nowhere/at/all\n", "its folder must exist"),
        ("api_workers = many\n", "[api] api_workers = many"),
        ("[database]\nconnection = sqlite:////proc/x/y.sqlite\n", "cannot create"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    assert words in Api(tmp_path, text).refusal()


def test_a_database_without_a_schema_is_refused_with_the_command_to_run(
    tmp_path: Path, restartable_postgresql: RestartablePostgreSQL
) -> None:
    assert "run: podium db upgrade" in Api(tmp_path, url=restartable_postgresql.url).refusal()


def test_it_starts_while_the_database_is_away_and_answers_with_503(
    tmp_path: Path, restartable_postgresql: RestartablePostgreSQL
) -> None:
    restartable_postgresql.stop()
    with Api(tmp_path, url=restartable_postgresql.url) as api:
        answer = api.get()
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        restartable_postgresql.start()
        # It has no schema there, which cannot become better by waiting.
        assert api.process is not None
        assert api.process.wait(PATIENCE) == 1
        assert api.text().count("run: podium db upgrade") == 1


def test_systemd_hears_of_readiness_once_all_workers_serve(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        api = Api(tmp_path, WORKERS)
        with started(api, NOTIFY_SOCKET=str(tmp_path / "notify")):
            assert systemd.recv(100) == b"READY=1"
            assert api.get().status == 200
            assert api.stop() == 0


def test_at_the_end_idle_connections_are_closed(tmp_path: Path) -> None:
    with Api(tmp_path) as api, api.connect() as idle, api.connect() as silent:
        idle.sendall(b"GET /healthcheck HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert idle.recv(1000).startswith(b"HTTP/1.1 200")
        assert api.stop() == 0
        assert everything(silent) == b""
        everything(idle)
        assert "Traceback" not in api.text()


def test_tls_begins_at_1_2_and_a_reload_takes_another_certificate(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "first")
    text = f"enable_ssl_api = true\ncert_file = {cert}\nkey_file = {key}\n"
    with Api(tmp_path, text) as api:
        trusting = ssl.create_default_context(cafile=str(cert))
        assert api.get(tls=trusting).status == 200
        old = ssl.create_default_context(cafile=str(cert))
        with warnings.catch_warnings(action="ignore"):
            old.minimum_version = ssl.TLSVersion.TLSv1_1
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        old.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.raises(ssl.SSLError):
            api.get(tls=old)
        with api.connect() as plain:
            plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert b"HTTP" not in everything(plain)

        newer, newer_key = certificate(tmp_path, "second", "ec")
        newer.replace(cert)
        assert api.process is not None
        api.process.send_signal(signal.SIGHUP)
        eventually(lambda: "The former certificate stays in use" in api.text(), "the key is of another one")
        assert api.get(tls=trusting).status == 200
        newer_key.replace(key)
        other = ssl.create_default_context(cafile=str(cert))
        api.process.send_signal(signal.SIGHUP)

        def trusts() -> bool:
            try:
                return bool(api.get(tls=other).status == 200)
            except ssl.SSLError:
                return False

        eventually(trusts, "the new certificate is in use")
        with pytest.raises(ssl.SSLError):
            api.get(tls=trusting)
        assert api.stop() == 0
        assert "Traceback" not in api.text()


@only_long
def test_wrong_files_of_tls_are_named(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "one")
    _, other = certificate(tmp_path, "other")
    empty = tmp_path / "empty"
    empty.touch()
    for a, b, words in [
        (cert, other, f"{other} is not the key of [api] cert_file = {cert}"),
        (empty, key, f"{empty} has no certificate"),
        (cert, empty, f"{empty} has no private key"),
        (cert, tmp_path / "none", "key_file"),
    ]:
        api = Api(tmp_path, f"enable_ssl_api = true\ncert_file = {a}\nkey_file = {b}\n")
        api.log.unlink(missing_ok=True)
        assert words in api.refusal()


def test_a_worker_that_is_killed_is_started_again(tmp_path: Path) -> None:
    with Api(tmp_path, WORKERS) as api:
        before, _ = eventually(lambda: len(api.workers()) == 2 and api.workers(), "there are workers")
        assert api.get().status == 200
        os.kill(before, signal.SIGKILL)
        eventually(lambda: len(api.workers() - {before}) == 2, "another worker")
        assert api.get().status == 200
        assert api.stop() == 0
