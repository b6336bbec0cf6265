"""``podium token``."""

import json
import subprocess
from collections.abc import Callable

import pytest

from podium.db import tokens
from podium.db.engine import Database

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_a_token_is_shown_once_and_listed_without_its_secret(podium: Run, database: Database) -> None:
    done = podium("token", "create", "--name", "grafana", "--role", "reader", "--expires", "90d")
    assert done.returncode == 0
    secret = done.stdout.strip()
    assert secret.startswith("podium_") and len(secret) > 40
    with database.read() as connection:
        token = tokens.valid(connection, secret)
    assert token is not None and token.expires_at is not None
    assert (token.expires_at - token.created_at).days == 90
    listed = podium("token", "list", "-f", "json").stdout
    assert secret not in listed
    assert [(one["name"], one["state"]) for one in json.loads(listed)] == [("grafana", "valid")]


def test_a_revoked_token_is_listed_as_such(podium: Run) -> None:
    podium("token", "create", "--name", "x", "--role", "admin", "--expires", "never")
    assert podium("token", "revoke", "x").returncode == 0
    assert json.loads(podium("token", "list", "-f", "json").stdout)[0]["state"] == "revoked"
    again = podium("token", "revoke", "x")
    assert again.returncode == 1 and "podium token list" in again.stderr


@pytest.mark.parametrize("expires", ["90y", "tomorrow", "-1d"])
def test_a_wrong_time_is_refused_with_an_example(podium: Run, expires: str) -> None:
    done = podium("token", "create", "--name", "x", "--role", "reader", f"--expires={expires}")
    assert done.returncode == 2 and "90d" in done.stderr
