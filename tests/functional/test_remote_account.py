"""podium from an account that has neither the configuration nor the database: over TLS, with each role."""

import os
import pwd
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import bcrypt
import pytest

import peers
from apis import Api
from daemons import BIN
from peers import PATIENCE
from rounds import only_long

ROLES: Final = {"rita": "readers", "oscar": "operators", "ada": "admins"}

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")


class Account:
    """A user of this host who may read nothing of what belongs to Podium.

    :param home: a folder of its own
    """

    def __init__(self, home: Path, api: Api, ca: Path) -> None:
        self.home = home
        self._as = [peers.require("setpriv"), "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        self._environment = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "PODIUM_URL": f"https://127.0.0.1:{api.port}",
            "PODIUM_CAFILE": str(ca),
        }

    def run(self, *words: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*self._as, *words],
            env=self._environment | environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def podium(self, *words: str, user: str | None = None) -> "subprocess.CompletedProcess[str]":
        variables = {} if user is None else {"PODIUM_CREDENTIALS_FILE": str(self.home / user)}
        return self.run(BIN / "podium", *words, **variables)

    def keep(self, name: str, text: str) -> None:
        file = self.home / name
        file.touch(0o600)
        file.write_text(text)
        os.chown(file, pwd.getpwnam("nobody").pw_uid, -1)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    tmp_path.chmod(0o700)
    users = tmp_path / "htpasswd"
    hashes = {name: bcrypt.hashpw(name.encode(), bcrypt.gensalt(4)).decode() for name in ROLES}
    users.write_text("".join(f"{name}:{text}\n" for name, text in hashes.items()))
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert]
        + ["-days", "2", "-subj", "/CN=podium", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True,
        capture_output=True,
    )
    text = f"enable_ssl_api = true\ncert_file = {cert}\nkey_file = {key}\n"
    text += "".join(f"{option} = {name}\n" for name, option in ROLES.items())
    with Api(tmp_path, text, default=f"http_basic_auth_user_file = {users}") as found:
        yield found


@pytest.fixture
def account(api: Api) -> Iterator[Account]:
    # Not below pytest's folder, from which every other run of pytest keeps other users.
    with tempfile.TemporaryDirectory() as folder:
        yield made(Path(folder), api)


def made(home: Path, api: Api) -> Account:
    ca = home / "ca.pem"
    ca.write_bytes((api.folder / "cert.pem").read_bytes())
    ca.chmod(0o644)
    os.chown(home, pwd.getpwnam("nobody").pw_uid, -1)
    found = Account(home, api, ca)
    for name in ROLES:
        found.keep(name, f"{name}:{name}\n")
    if found.run(BIN / "podium", "--version").returncode:
        pytest.skip("the account nobody may not run this environment's podium")
    assert found.run("cat", api.config).returncode != 0, "the account can read the configuration"
    return found


@only_long
def test_each_role_does_what_it_may_from_an_account_without_any_access(account: Account) -> None:
    create = ("node", "create", "--driver", "fake", "--name", "n1")
    assert account.podium(*create, user="ada").returncode == 0
    refused = account.podium(*create, user="oscar")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "PODIUM_URL" in refused.stderr

    maintenance = ("node", "maintenance", "set", "n1", "--reason", "fans")
    assert account.podium(*maintenance, user="rita").returncode == 1
    assert account.podium(*maintenance, user="oscar").returncode == 0
    assert account.podium("node", "power", "on", "n1", "--no-wait", user="rita").returncode != 0

    for user in ROLES:
        shown = account.podium("node", "list", "-f", "value", "-c", "name", "-c", "maintenance", user=user)
        assert (shown.returncode, shown.stdout, shown.stderr) == (0, "n1 True\n", "")
    for words in (["operation", "list"], ["task", "list"], ["driver", "show", "ipmi"]):
        assert account.podium(*words, user="rita").returncode == 0, words


@only_long
def test_without_a_login_and_without_trust_nothing_is_asked(account: Account) -> None:
    done = account.podium("node", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "write USER:PASSWORD" in done.stderr

    account.keep("wrong", "ada:guess\n")
    done = account.podium("node", "list", user="wrong")
    assert done.returncode == 1
    assert str(account.home / "wrong") in done.stderr
    assert "guess" not in done.stderr

    done = account.podium("--cafile", "/etc/ssl/certs/ca-certificates.crt", "node", "list", user="ada")
    assert (done.returncode, done.stdout) == (1, "")
    assert "--cafile" in done.stderr


@only_long
def test_the_command_remembers_the_fleet_for_its_user(account: Account) -> None:
    assert account.podium("node", "list", user="rita").returncode == 0
    kept = account.home / ".local/state/podium/fleets.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_text(kept.read_text().replace("-", "x"))
    done = account.podium("node", "create", "--driver", "fake", "--name", "n2", user="ada")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"remove the address from {kept}" in done.stderr
