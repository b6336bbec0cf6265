"""No secret of a node, a user or a database is in anything that Podium writes, says or leaves behind."""

import base64
import contextlib
import http.server
import json
import logging
import os
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import bcrypt
import httpx
import pytest
import yaml

import leaky
import podium.cli.main
from apis import Api
from daemons import BIN, Daemon, Rack, eventually, run_here
from leaks import Secrets
from peers import PATIENCE, free_port
from rounds import only_long, only_many
from servers import PostgreSQL, Server

#: What an operator turns on to see everything.
LOUD: Final = "debug = True\ndefault_log_levels = podium=DEBUG\n"
LOUD_DATABASE: Final = "connection_debug = 100\n"


def nodes(secrets: Secrets, rack: Rack) -> list[dict[str, Any]]:
    """Return nodes with secrets of every kind."""
    bmc, _, web = yaml.safe_load(rack.nodes.read_text())["nodes"]
    odd = secrets.make("a declared secret with quotes", "\"'\\{}%s%(x)s %2F$HOME&<b>;")
    foreign = secrets.make("a declared secret that is not ASCII", "pä🔑ß{}\u2028")
    extra = {
        "rack": "r1",
        "api_token": secrets.make("a token in extra"),
        "accounts": [{"user": "root", "password": secrets.make("a nested password")}],
        "url": f"https://bob:{secrets.make('a password in an address', '{}%2F%40')}@host.example/x",
    }
    properties = {"cpus": 4, "snmp_community": secrets.make("a community in properties")}
    instance = {"image": "x", "root_password": secrets.make("a password in instance_info")}
    address = f"https://joe:{secrets.make('a password in the address of the hardware')}@bmc.example"
    secrets.add("a secret number", "70605040302010")
    return [
        bmc | {"name": "right", "extra": extra, "properties": properties},
        {
            "name": "wrong",
            "driver": "ipmi",
            "driver_info": bmc["driver_info"]
            | {
                "ipmi_address": "127.20.0.2",
                "ipmi_password": secrets.make("a refused password", "'{}%"),
                "ipmi_hex_kg_key": secrets.make("a key Kg", "{}abcd").encode().hex(),
            },
        },
        web | {"name": "web", "instance_info": instance},
        {
            "name": "lost",
            "driver": "redfish",
            "driver_info": {
                "redfish_address": "http://127.0.0.1:9",
                "redfish_username": "admin",
                "redfish_password": secrets.make("a password of Redfish", "ü {}:@/"),
            },
        },
        *(
            {
                "name": name,
                "driver": "leaky",
                "driver_info": {"leaky_address": address, "leaky_pin": pin, "leaky_number": number},
                "extra": extra,
                "properties": properties,
            }
            for name, pin, number in (("odd", odd, 70605040302010), ("foreign", foreign, 80604020103050))
        ),
    ]


class Hook(http.server.BaseHTTPRequestHandler):
    """Takes events."""

    taken: list[bytes]

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def hook() -> Iterator[tuple[str, list[bytes]]]:
    """A place that events are sent to, and what was sent there."""
    taken: list[bytes] = []
    handler = type("One", (Hook,), {"taken": taken})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}/events", taken
        server.shutdown()


class Site:
    """A conductor, a podium-api and commands, as loud as they can be, whose words are kept.

    :param url: of the database
    :ivar said: by what it was, everything that was printed, answered or sent
    """

    def __init__(self, folder: Path, secrets: Secrets, url: str | None, where: str) -> None:
        self.folder, self.secrets = folder, secrets
        self.input = folder / "input"
        #: Where the keys may be.
        self.keys = (self.input / "podium.keys", folder / "podium.keys")
        for name in ("input", "plugins", "tmp", "home", "cores"):
            (folder / name).mkdir()
        leaky.install(folder / "plugins")
        self.environment = {
            "PYTHONPATH": str(folder / "plugins"),
            "PYTHONFAULTHANDLER": "1",
            "TMPDIR": str(folder / "tmp"),
            "HOME": str(folder / "home"),
        }
        token = secrets.make("the token of webhooks")
        user = secrets.make("a password in a webhook")
        self.metrics = free_port()
        text = (
            "sync_power_state_interval = 1\npower_state_change_timeout = 5\nworkers = 2\n"
            f"[metrics]\nlisten = 127.0.0.1:{self.metrics}\n"
            f"[notifications]\nwebhook_token = {token}\n"
            f"webhook_urls = http://{where}/1, http://u:{user}@{where}/2\n"
        )
        default = f"{LOUD}enabled_drivers = ipmi, redfish, leaky\n"
        self.daemon = Daemon(folder, text, default=default, url=url, environment=self.environment)
        self._louder(self.daemon.config)
        self.password = secrets.make("a user's password")
        hashed = bcrypt.hashpw(self.password.encode(), bcrypt.gensalt(4)).decode()
        users = self.input / "htpasswd"
        users.write_text(f"ann:{hashed}\n")
        default = f"{LOUD}enabled_drivers = ipmi, redfish, leaky\nhttp_basic_auth_user_file = {users}\n"
        self.api = Api(folder, "admins = ann\napi_workers = 2\n", default=default, url=self.daemon.url)
        self._louder(self.api.config)
        self.said: dict[str, bytes | str] = {}

    def _louder(self, config: Path) -> None:
        config.chmod(0o600)
        config.write_text(config.read_text().replace("[database]\n", f"[database]\n{LOUD_DATABASE}"))

    def podium(
        self, *arguments: str | Path, input: str = "", status: int | None = 0, plugins: bool = True
    ) -> str:
        """Run a command with --debug, and keep what it prints.

        :param plugins: whether the driver leaky is installed
        """
        done = subprocess.run(
            [BIN / "podium", "--config-file", self.daemon.config, "--debug", *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
            cwd=self.folder / "cores",
            env=os.environ | self.environment | ({} if plugins else {"PYTHONPATH": ""}),
        )
        assert status is None or done.returncode == status, (arguments, done.stdout, done.stderr)
        self.said[f"{len(self.said)}: podium {' '.join(map(str, arguments))}"] = done.stdout + done.stderr
        return done.stdout

    def file(self, name: str, text: str) -> Path:
        """Return a file with a secret, as a person makes one."""
        path = self.input / name
        path.write_text(text)
        path.chmod(0o600)
        return path

    def ask(self, method: str, path: str, expect: int | None = 200, **how: Any) -> httpx.Response:
        """Ask podium-api, and keep its answer."""
        headers = {"X-OpenStack-Ironic-API-Version": "latest", **how.pop("headers", {})}
        auth = how.pop("auth", ("ann", self.password))
        url = f"http://127.0.0.1:{self.api.port}{path}"
        answer = httpx.request(method, url, auth=auth, headers=headers, timeout=PATIENCE, **how)
        assert expect in (None, answer.status_code), (path, answer.status_code, answer.text)
        self.said[f"{len(self.said)}: {method} {path}"] = answer.content + repr(answer.headers).encode()
        return answer

    def look_for_keys(self, file: Path) -> None:
        """Have the keys looked for, too, with which secrets are encrypted."""
        keys = [line for line in file.read_text().splitlines() if not line.startswith("#")]
        assert keys
        for number, key in enumerate(keys):
            self.secrets.add(f"key {number}", key)

    def look_at_processes(self) -> None:
        """Keep what everybody may see of the processes, and their environment."""
        assert self.daemon.process and self.api.process
        for pid in (
            self.daemon.process.pid, *self.daemon.children(), self.api.process.pid, *self.api.workers()
        ):  # fmt: skip
            for name in ("cmdline", "environ", "status", "comm"):
                self.said[f"{len(self.said)}: {name} of {pid}"] = Path(f"/proc/{pid}/{name}").read_bytes()
            limits = Path(f"/proc/{pid}/limits").read_text()
            (line,) = (one for one in limits.splitlines() if one.startswith("Max core file size"))
            assert line.split()[4:6] == ["0", "0"]


def enrol(site: Site, given: list[dict[str, Any]]) -> None:
    """Enrol nodes in every way, right ones and wrong ones."""
    site.podium("node", "import", site.file("nodes.json", json.dumps({"nodes": given[:4]})))
    for node in given[4:]:
        site.ask("POST", "/v1/nodes", 201, json=node)
    for name in ("odd", "foreign"):
        eventually(lambda name=name: is_managed(site, name), f"{name} is manageable")  # type: ignore[misc]
    pin = site.secrets.make("a secret that is refused", '{}"\\')
    wrong = {"name": "bad", "driver": "leaky", "driver_info": {"leaky_address": "x", "leaky_pin": pin}}
    for change in (
        {"driver_info": {"leaky_address": "x", "leaky_pin": {"a": pin}, "leaky_number": pin}},
        {"driver_info": {"ipmi_password": [pin]}, "driver": "ipmi"},
        {"driver": "none"},
        {"driver": "ipmi", "driver_info": {"ipmi_address": "1.2.3.4", "ipmi_password": pin * 2}},
        {"driver": "ipmi", "driver_info": {"ipmi_address": "1.2.3.4", "ipmi_hex_kg_key": pin}},
        {"driver": "redfish", "driver_info": {"redfish_address": f"ftp://x:{pin}@y"}},
        {"extra": {"password": pin}, "driver_info": 3},
        {"uuid": "none"},
    ):  # fmt: skip
        site.ask("POST", "/v1/nodes", None, json=wrong | change)
        site.ask("DELETE", "/v1/nodes/bad", None)
        document = json.dumps({"nodes": [wrong | change]})
        site.podium("node", "import", site.file("wrong.json", document), status=1)
        site.ask("POST", "/podium/v1/nodes/enrol", None, content=document)
    for broken in (f'{{"password": "{pin}"', f'{{"driver_info": {{"leaky_pin": {pin}}}}}', f"\0{pin}"):
        for path in ("/v1/nodes", "/podium/v1/nodes"):
            site.ask("POST", path, None, content=broken, headers={"Content-Type": "application/json"})
        site.podium("node", "import", site.file("broken.json", broken), status=None)
        site.podium("node", "import", site.file("broken.yaml", broken), status=None)
        site.podium("node", "import", site.file("broken.csv", f"name,driver_info.pin\n{broken}"), status=None)


def is_managed(site: Site, name: str) -> bool:
    """Whether a node is manageable; manage it if its driver has failed the check of that."""
    node = json.loads(site.podium("node", "show", name, "-f", "json"))
    if node["provision_state"] == "enroll":
        site.podium("node", "manage", name)
    return bool(node["provision_state"] == "manageable")


def change(site: Site) -> None:
    """Change nodes, and their secrets."""
    new = site.file("new", site.secrets.make("a new secret", "%{}'\"\\"))
    site.podium("node", "set", "odd", "--driver-info", f"leaky_pin=@{new}", "--extra", f"api_token=@{new}")
    site.podium("node", "set", "odd", "--driver-info", f"leaky_number=@{new}", status=1)
    site.podium("node", "set", "right", "--driver-info", f"ipmi_hex_kg_key=@{new}", status=None)
    site.podium("node", "set", "odd", "--driver-info", "leaky_pin=-", input=new.read_text())
    site.podium("node", "set", "odd", "--driver", "leekie", "--driver-info", f"leaky_pin=@{new}", status=None)
    site.podium("node", "set", "odd", "--instance-info", f"root_password=@{new}")
    for path, value in (("/driver_info/leaky_pin", new.read_text()), ("/extra/password", [new.read_text()])):
        patch = [{"op": "add", "path": path, "value": value}]
        site.ask("PATCH", "/v1/nodes/foreign", None, json=patch)
        site.ask(
            "PATCH", "/v1/nodes/foreign", 400, json=[*patch, {"op": "add", "path": "/x", "value": value}]
        )
    for path in ("power", "maintenance", "provision"):
        body = {"target": "manage", "configdrive": {"user_data": new.read_text()}, "reason": "x"}
        site.ask("PUT", f"/v1/nodes/odd/states/{path}", None, json=body)
    site.podium("node", "power", "on", "odd", "foreign", "right", "--wait", status=None)
    site.podium("node", "power", "off", "odd", "foreign", "--wait", status=None)
    site.podium("node", "sensors", "odd", status=None)
    ask_more_than_power(site)


def ask_more_than_power(site: Site) -> None:
    """Have hardware do and say what has nothing to do with its power."""
    for what in ("boot-device", "log", "clock"):
        for node in ("odd", "right", "web"):
            site.ask("POST", f"/podium/v1/nodes/{node}/{what}", None, json={})
    site.ask("POST", "/podium/v1/nodes/odd/log", None, json={"before": "7"})
    for asked in (
        {"action": "set boot device", "boot": {"device": "pxe"}},
        {"action": "identify", "identification": {"seconds": 0}},
        {"action": "set clock"},
        {"action": "clear log", "log": {"last": "1"}},
        {"action": "driver action", "own": {"name": "leaky.confess", "arguments": {"tone": "high"}}},
    ):
        operation = eventually(lambda asked=asked: accepted(site, asked), "odd takes it")  # type: ignore[misc]
        site.podium("operation", "wait", str(operation), status=None)


def accepted(site: Site, asked: dict[str, Any]) -> int | None:
    """Ask something of a node that is put back into enroll whenever its driver fails a check."""
    eventually(lambda: is_managed(site, "odd"), "odd is manageable")
    answer = site.ask("POST", "/podium/v1/operations", None, json={**asked, "nodes": "odd"})
    operation: int | None = answer.json()["operation"]
    return operation


def change_passwords(site: Site) -> None:
    """Check logins and change passwords, right ones and wrong ones."""
    for where in ((), ("--url", f"unix:{site.api.socket}")):
        nodes = ("right", "wrong", "web", "lost", "odd")
        site.podium(*where, "node", "check", *nodes, "-f", "json", status=None)
    new = site.file("new-1", site.secrets.make("a new password of BMCs", "{}'\\\"%"))
    wrong = site.file("new-2", site.secrets.make("a new password that is wrong", "{}''\\%"))
    long = site.file("new-3", site.secrets.make("a new password that is too long", "{}" * 20))
    for names, file, *more in (
        ("right web", new, "--on-bmc"),
        ("right web", wrong),
        ("odd foreign", new, "--canary", "1"),
        ("odd", new, "--on-bmc"),
        ("right odd", long, "--on-bmc"),
        ("odd", long),
    ):
        words = ("credential", "set", *names.split(), "--password-file", file, "--wait", "--yes", *more)
        site.podium(*words, "--timeout", "20", status=None)
    listed = json.loads(site.podium("operation", "list", "-f", "json"))
    first = min(one["id"] for one in listed if "credentials" in str(one))
    for line in (f"operation undo {first} --wait --yes", "credential settle odd", "credential list -f json"):
        site.podium(*line.split(), status=None)
    for body in (
        {"password": [new.read_text()], "nodes": "right"},
        {"password": {"a": new.read_text()}, "nodes": ["right"]},
        {"password": new.read_text(), "nodes": "none"},
        {"password": new.read_text(), "generate": True, "nodes": "right"},
        {"password": new.read_text() * 1000, "nodes": "right"},
        {"password": new.read_text(), "nodes": "right", "canaries": new.read_text()[:1]},
    ):
        site.ask("POST", "/podium/v1/credentials", None, json=body)
    site.ask("POST", "/podium/v1/credentials", None, content=f'{{"password": "{new.read_text()}')
    site.podium("credential", "set", "web", "--generate", "--on-bmc", "--wait", "--yes")
    site.podium("secret", "reveal", "web", "--output-file", site.input / "revealed")
    made_up = json.loads((site.input / "revealed").read_text())["password"]
    site.secrets.add("a password that was made up", made_up)


def read(site: Site) -> None:
    """Read everything in every way."""
    for operation in json.loads(site.podium("operation", "list", "-f", "json")):
        site.podium("operation", "show", str(operation["id"]), "-f", "json")
        site.ask("GET", f"/podium/v1/operations/{operation['id']}/requests", None)
    for words in (
        "node list", "node show odd", "node show foreign", "node show wrong", "node show right",
        "node export", "events --limit 10000", "node history odd", "operation list",
        "task list", "task show leaky.each", "conductor list", "conductor show here",
        "driver show leaky", "driver list", "token list", "credential list",
        "secret check",
    ):  # fmt: skip
        form = () if words == "node export" else ("-f", "json")
        site.podium(*words.split(), *form)
        site.podium("--url", f"unix:{site.api.socket}", *words.split(), *form, status=None)
    for words in ("node list", "node show odd", "node export odd", "credential list"):
        site.podium(*words.split(), status=None, plugins=False)
    site.podium("config", "check", site.daemon.config, status=None)
    for path in (
        "/v1/nodes/detail", "/v1/nodes/odd", "/v1/nodes/foreign/states", "/v1/nodes/odd/validate",
        "/v1/nodes/odd/history?detail=true", "/v1/nodes/odd/management/inventory",
        "/v1/nodes?fields=driver_info,extra,name", "/v1/drivers/leaky/properties", "/v1/ports/detail",
        "/v1/chassis/detail", "/v1/conductors?detail=true",
        "/podium/v1/nodes", "/podium/v1/nodes/odd", "/podium/v1/nodes/export", "/podium/v1/events",
        "/podium/v1/operations", "/podium/v1/operations/1", "/podium/v1/tasks",
        "/podium/v1/tokens", "/podium/v1/drivers",
        "/podium/v1/conductors", "/podium/v1/nodes/odd/sensors", "/openapi.json", "/",
    ):  # fmt: skip
        site.ask("GET", path, None)
        site.ask("GET", path, None, headers={"Accept": "application/x-ndjson"})
    site.said["metrics"] = httpx.get(f"http://127.0.0.1:{site.metrics}/metrics").content
    follow(site)


def follow(site: Site) -> None:
    """Keep the beginning of a stream of everything, after a change."""
    url = f"http://127.0.0.1:{site.api.port}/podium/v1/changes"
    with httpx.stream("GET", url, auth=("ann", site.password), timeout=PATIENCE) as answer:
        lines = answer.iter_lines()
        seen = [next(lines)]
        site.podium("node", "maintenance", "set", "odd", "--reason", "the end of the stream")
        while "the end of the stream" not in seen[-1]:
            seen.append(next(lines))
    site.said["a stream"] = "\n".join(seen)


def ask_wrongly(site: Site) -> None:
    """Come with credentials of every kind, and with wrong ones."""
    wrong = site.secrets.make("a wrong password of a user", "{}:")
    site.ask("GET", "/v1/nodes", 401, auth=("ann", wrong))
    site.ask("GET", "/v1/nodes", 401, auth=(wrong, "x"))
    site.ask("GET", "/v1/nodes", 401, auth=None, headers={"Authorization": f"Bearer {wrong}"})
    site.ask("GET", "/v1/nodes", 401, auth=None, headers={"X-Auth-Token": wrong})
    token = site.podium("token", "create", "--name", "ci", "--role", "admin", "--expires", "1d").strip()
    del site.said[next(one for one in site.said if "token create" in one)]
    site.secrets.add("an API token", token)
    site.ask("GET", "/podium/v1/tokens", auth=None, headers={"Authorization": f"Bearer {token}"})
    url = f"http://127.0.0.1:{site.api.port}"
    for text in (f"ann:{site.password}", f"ann:{wrong}", token, wrong):
        login = site.file("login", text)
        site.podium("--url", url, "--credentials-file", login, "node", "list", "-f", "json", status=None)
    site.podium("--url", f"http://ann:{site.password}@127.0.0.1:1", "node", "list", status=2)
    names = [one for one in site.said if f"ann:{site.password}@" in one]
    site.said |= {str(number): site.said.pop(name) for number, name in enumerate(names)}


def work(site: Site, given: list[dict[str, Any]]) -> None:
    site.api.start(**site.environment)
    with contextlib.ExitStack() as running:
        running.push(site.api)
        running.enter_context(site.daemon)
        enrol(site, given)
        for failure in ("node_added for ", "power cannot be read: no good", "was never retrieved"):
            eventually(lambda failure=failure: failure in site.daemon.text(), failure)  # type: ignore[misc]
        change(site)
        change_passwords(site)
        ask_wrongly(site)
        eventually(lambda: "session_password" in site.podium("node", "show", "odd"), "the driver saves")
        read(site)
        site.look_at_processes()
        # One worker crashes, which shows where it is; the others end in order.
        os.kill(min(site.daemon.children()), signal.SIGABRT)
        eventually(lambda: "Fatal Python error" in site.daemon.text(), "a worker crashes")
        assert site.daemon.stop() == 0
        assert site.api.stop() == 0


def check(site: Site, taken: list[bytes], more: Mapping[str, bytes]) -> None:
    site.look_for_keys(next(path for path in site.keys if path.exists()))
    said = {**site.said, **more, **{f"event {at}": event for at, event in enumerate(taken)}}
    lines = site.secrets.found_among(said)
    files = {site.input, site.daemon.config, site.api.config, *site.keys}
    lines += site.secrets.found_below(site.folder, files)
    assert not list((site.folder / "cores").iterdir())
    assert not lines, f"{len(lines)} leaks:\n" + "\n".join(lines[:60])
    assert taken


def test_no_command_shows_a_secret_or_writes_one_down(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secrets, file, config = Secrets(), tmp_path / "nodes.json", tmp_path / "podium.conf"
    config.write_text(f"[DEFAULT]\nstate_path = {tmp_path}/state\n[database]\n{LOUD_DATABASE}")
    info = {"fake_password": secrets.make("a password", "'{}\\ü"), "fake_address": "e"}
    extra = {"token": [secrets.make("a token")], "at": f"https://u:{secrets.make('in an address')}@h/"}
    node = {"name": "n1", "driver": "fake", "driver_info": info, "extra": extra}
    caplog.set_level(logging.DEBUG)
    said = {}

    def command(*words: str) -> None:
        done = run_here(podium.cli.main.main, ["--config-file", str(config), "--debug", *words])
        said[" ".join(words)] = done.stdout + done.stderr

    (tmp_path / "state").mkdir()
    command("db", "upgrade")
    for wrong in ({}, {"driver": "none"}, {"driver_info": {**info, "fake_latency": [*info.values()]}}):
        file.write_text(json.dumps({"nodes": [node | wrong]}))
        command("node", "import", str(file))
    command("node", "set", "n1", "--extra", f"password=@{file}")
    for words in ("node list", "node show n1", "node export", "events", "secret check"):
        command(*words.split(), *(() if words == "node export" else ("-f", "json")))
    with contextlib.closing(sqlite3.connect(tmp_path / "state" / "podium.sqlite")) as database:
        database.execute("CREATE TRIGGER t BEFORE INSERT ON nodes BEGIN SELECT RAISE(ABORT, 'no'); END")
    file.write_text(json.dumps({"nodes": [node | {"name": "n2"}]}))
    command("node", "import", str(file))
    secrets.add("the key", (tmp_path / "state" / "podium.keys").read_text().split()[-1])
    found = secrets.found_among({**said, "the log": caplog.text})
    found += secrets.found_below(tmp_path / "state", [tmp_path / "state" / "podium.keys"])
    assert not found, "\n".join(found)
    assert "SELECT" in caplog.text
    assert "INSERT INTO nodes" in said[f"node import {file}"]
    assert "******" in said["node show n1 -f json"]


@pytest.fixture
def rack(tmp_path: Path) -> Iterator[tuple[Secrets, Rack]]:
    """Two simulated BMCs with IPMI and one with Redfish, whose password nobody knows."""
    secrets = Secrets()
    password = tmp_path / "password"
    password.write_text(secrets.make("the password of BMCs", "{}'\"%"))
    (tmp_path / "rack").mkdir()
    more = ("--redfish", "1", "--redfish-port", str(free_port()), "--tls-ca-file", str(tmp_path / "ca.pem"))
    rack = Rack(tmp_path / "rack", 2, *more, "--password-file", str(password))
    yield secrets, rack


@only_long
def test_nothing_shows_a_secret_with_sqlite(tmp_path: Path, rack: tuple[Secrets, Rack]) -> None:
    secrets, bmcs = rack
    folder = tmp_path / "site"
    folder.mkdir()
    with bmcs, hook() as (where, taken):
        site = Site(folder, secrets, None, where)
        site.said |= bmcs.shown_by_proc()
        work(site, nodes(secrets, bmcs))
    with contextlib.closing(sqlite3.connect(folder / "podium.sqlite")) as source:
        with contextlib.closing(sqlite3.connect(tmp_path / "backup")) as target:
            source.backup(target)
        dump = "\n".join(source.iterdump())
    check(site, taken, {"backup": (tmp_path / "backup").read_bytes(), "dump": dump.encode()})


@only_many
def test_nothing_shows_a_secret_with_postgresql(tmp_path: Path, rack: tuple[Secrets, Rack]) -> None:
    secrets, bmcs = rack
    folder = tmp_path / "site"
    folder.mkdir()
    with PostgreSQL(full_page_writes="on", log_statement="all") as server, bmcs, hook() as (where, taken):
        url = with_login(server, server.create_migrated_database(), secrets)
        site = Site(folder, secrets, url, where)
        key = site.file("podium.keys", base64.urlsafe_b64encode(b"k" * 32).decode() + "\n")
        for config in (site.daemon.config, site.api.config):
            config.write_text(f"{config.read_text()}\n[secrets]\nkey_file = {key}\n")
        work(site, nodes(secrets, bmcs))
        command = [server.beside("pg_dumpall"), "-h", server.host, "-p", str(server.port), "-U", "postgres"]
        dump = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout
        assert b"leaky_pin" in dump
        server.stop()
        check(site, taken, {"dump": dump})
        assert not secrets.found_below(server.folder)


def with_login(server: Server, name: str, secrets: Secrets) -> str:
    """Return the URL of a database with a password in it, which the server does not ask for."""
    password = secrets.make("the password of the database")
    return server.url(name).replace("postgres@", f"postgres:{password}@")
