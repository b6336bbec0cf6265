"""The configurations of haproxy and nginx in docs/from-ironic.md pass requests on."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import bcrypt
import httpx
import pytest

import peers
from daemons import eventually
from doors import Door
from rounds import only_long

PAGE: Final = Path(__file__).parents[2] / "docs" / "from-ironic.md"
NAME: Final = "podium.example.org"
#: Whence the client asks.
CLIENT: Final = "127.1.2.3"
ALONE: Final = {
    # On a busy machine, podium-api may take longer to answer a check than the usual two seconds.
    "haproxy": "global\n    maxconn 100\ndefaults\n    timeout check 60s\n%s",
    "nginx": "daemon off;\npid nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"
    "client_body_temp_path body;\nproxy_temp_path proxy;\n%s}\n",
}
BEGIN: Final = {"haproxy": "frontend", "nginx": "upstream"}
COMMAND: Final = {"haproxy": ["-db", "-f"], "nginx": ["-e", "stderr", "-p", ".", "-c"]}


def _certificate(folder: Path) -> Path:
    """Write podium.pem, with its key, and podium.key."""
    key, certificate = folder / "podium.key", folder / "podium.pem"
    names = f"subjectAltName=DNS:{NAME},IP:{peers.own_address()}"
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    files = ["-keyout", key, "-out", certificate]
    subprocess.run(["openssl", *request, "-addext", names, *files], check=True, capture_output=True)
    certificate.write_text(certificate.read_text() + key.read_text())
    return certificate


@contextmanager
def _running(program: str, folder: Path, doors: list[Door]) -> Iterator[httpx.Client]:
    """Run a proxy as the page shows it; a client that asks it from an address of its own."""
    found = re.search(rf"^```\w+\n({BEGIN[program]}.*?)^```$", PAGE.read_text(), re.M | re.S)
    assert found is not None
    port, certificate = peers.free_port(), _certificate(folder)
    text = found[1]
    for old, new in (
        ("bind :443", f"bind {peers.own_address()}:{port}"),
        ("listen 443", f"listen {peers.own_address()}:{port}"),
        ("/etc/haproxy", str(folder)),
        ("/etc/nginx", str(folder)),
        ("10.0.0.11:6385", doors[0].url.removeprefix("http://")),
        ("10.0.0.12:6385", doors[1].url.removeprefix("http://")),
    ):
        text = text.replace(old, new)
    file = folder / f"{program}.conf"
    file.write_text(ALONE[program] % text)
    with (folder / f"{program}.log").open("wb") as log:
        process = subprocess.Popen(
            [peers.require(program), *COMMAND[program], file], cwd=folder, stdout=log, stderr=log
        )
    trust = ssl.create_default_context(cafile=certificate)
    try:
        with httpx.Client(
            base_url=f"https://{peers.own_address()}:{port}",
            headers={
                "Host": NAME,
                "X-OpenStack-Ironic-API-Version": "latest",
                "X-Forwarded-For": "192.0.2.66",
            },
            transport=httpx.HTTPTransport(verify=trust, local_address=CLIENT),
            timeout=peers.PATIENCE,
        ) as client:
            eventually(lambda: process.poll() is not None or _answers(client), f"{program} passes requests")
            assert process.poll() is None, (folder / f"{program}.log").read_text()
            yield client
    finally:
        process.terminate()
        process.wait(peers.PATIENCE)


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthcheck").is_success
    except httpx.TransportError:
        return False


@contextmanager
def _passed_on(program: str, folder: Path) -> Iterator[tuple[httpx.Client, Door, Door]]:
    """Run two podium-api over one database, with the user alice, behind a proxy."""
    peers.require(program)
    (folder / "htpasswd").write_bytes(b"alice:" + bcrypt.hashpw(b"wonderland", bcrypt.gensalt(4)) + b"\n")
    folders = [folder / "a", folder / "b"]
    for one in folders:
        one.mkdir()
    strategy = f"http_basic_auth_user_file = {folder}/htpasswd"
    settings = f"public_endpoint = https://{NAME}\ntrusted_proxies = 127.0.0.1\nadmins = alice\n"
    with Door(folders[0], settings, strategy=strategy) as first:
        for name in ("r1n01", "r1n02"):
            first.conductor.podium("node", "create", "--driver", "fake", "--name", name)
        with (
            Door(folders[1], settings, strategy=strategy, database=first.conductor.url) as second,
            _running(program, folder, [first, second]) as client,
        ):
            yield client, first, second


@only_long
@pytest.mark.parametrize("program", ["haproxy", "nginx"])
def test_requests_reach_podium_api_through_a_proxy_as_the_page_shows_it(tmp_path: Path, program: str) -> None:
    with _passed_on(program, tmp_path) as (client, first, second):
        client.auth = ("alice", "wonderland")
        for _ in range(4):
            page = client.get("/v1/nodes?limit=1").json()
            assert [node["name"] for node in page["nodes"]] == ["r1n01"]
            assert page["next"].startswith(f"https://{NAME}/v1/nodes?")
        asked = client.put("/v1/nodes/r1n01/states/power", json={"target": "power on"})
        assert asked.status_code == 202
        audit = first.api.text() + second.api.text()
        assert f"PUT /v1/nodes/r1n01/states/power from {CLIENT}: alice 202" in audit
        assert client.get("/v1/nodes", headers={"Host": "evil.example.org"}).status_code == 400


@only_long
@pytest.mark.parametrize("program", ["haproxy", "nginx"])
def test_people_log_in_at_the_page_through_a_proxy_that_ends_tls(tmp_path: Path, program: str) -> None:
    with _passed_on(program, tmp_path) as (client, _, _):
        assert "<title>Podium</title>" in client.get("/", headers={"Accept": "text/html"}).text
        who = {"name": "alice", "password": "wonderland"}
        foreign = client.post("/podium/v1/session", json=who, headers={"Origin": "https://evil.example.org"})
        assert foreign.status_code == 403
        answer = client.post("/podium/v1/session", json=who, headers={"Origin": f"https://{NAME}"})
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("__Host-podium_session=") and "Secure" in cookie, cookie
        client.cookies.clear()
        kept = {"Cookie": cookie.partition(";")[0]}
        for _ in range(4):  # at either podium-api
            assert client.get("/podium/v1/session", headers=kept).json()["name"] == "alice"
        with client.stream("GET", "/podium/v1/changes", headers=kept) as stream:
            assert next(stream.iter_lines()) == "retry: 2000"  # at once, and not when a buffer is full
