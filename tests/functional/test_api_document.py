"""schemathesis over /openapi.json with every role and without a login: nothing fails, and answers fit."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import bcrypt
import httpx
import pytest

import peers
from doors import Door
from rounds import ROUNDS, SEED, only_long

ROLES: Final = ("reader", "operator", "admin")
CHECKS: Final = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
)
#: Requests for each operation; fewer of those of which most are refused at the door.
EXAMPLES: Final = {None: ROUNDS, "reader": ROUNDS, "operator": 2 * ROUNDS, "admin": 3 * ROUNDS}
#: Seconds for one role.
PATIENCE: Final = 140 * ROUNDS


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A podium-api with a user of each role, named and with a password like it."""
    folder = tmp_path_factory.mktemp("document")
    hashes = {role: bcrypt.hashpw(role.encode(), bcrypt.gensalt(4)).decode() for role in ROLES}
    users = folder / "htpasswd"
    users.write_text("".join(f"{role}:{hashed}\n" for role, hashed in hashes.items()))
    settings = "".join(f"{role}s = {role}\n" for role in ROLES)
    with Door(folder, settings, strategy=f"http_basic_auth_user_file = {users}") as door:
        for name in ("n1", "n2"):
            door.conductor.podium("node", "create", "--name", name, "--driver", "fake-hardware")
        yield door
        assert "Traceback" not in door.api.text()


@only_long
@pytest.mark.parametrize("role", [*ROLES, None])
def test_no_request_makes_it_fail(door: Door, role: str | None, tmp_path: Path) -> None:
    program = peers.require_in("openstack", "schemathesis")
    document = tmp_path / "openapi.json"
    document.write_text(httpx.get(f"{door.url}/openapi.json", auth=("reader", "reader")).text)
    command = [
        *(program, "run", document, "--url", door.url, "--no-color"),
        *(() if role is None else ("--auth", f"{role}:{role}")),
        *("--phases", "fuzzing", "--checks", CHECKS),
        *("--max-examples", str(EXAMPLES[role]), "--seed", str(SEED)),
        *("--generation-with-security-parameters", "false", "--generation-database", "none"),
        *("--suppress-health-check", "all"),
        # The answer of the one has no end, and the other waits for a conductor, of which there is none.
        *("--exclude-path-regex", "/podium/v1/changes|/management/boot_device$"),
    ]
    log = tmp_path / "log"
    with log.open("wb") as file:
        done = subprocess.run(
            command, stdout=file, stderr=file, cwd=tmp_path, env=os.environ, timeout=PATIENCE, check=False
        )
    assert done.returncode == 0, log.read_text()
