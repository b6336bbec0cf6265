"""The examples of the pages about Podium's own API and about hardware run as they stand there."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from heads import Head
from podium import client
from podium.client.podium import Podium
from podium.db import operations
from podium.db.api import NodeRecord
from podium.db.engine import Database

Enrol = Callable[..., list[NodeRecord]]

DOCS = Path(__file__).parents[3] / "docs"


def test_the_example_of_switching_nodes_runs(
    podium: Podium,
    enrol: Enrol,
    head: Head,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    enrol(*[f"r1n{number:02}" for number in range(1, 41)], power_state="power off")
    example = re.search(
        r"^    from podium import client, errors.*?(?=^\S)", (DOCS / "podium-api.md").read_text(), re.M | re.S
    )
    assert example is not None
    monkeypatch.setattr(client, "connect", lambda *_, **__: podium)
    with head.carrying_out({"r1n07": "no answer"}):
        exec(textwrap.dedent(example[0]), {})
    assert capsys.readouterr().out == "r1n07 failed: no answer\n"


def test_the_example_of_a_boot_device_runs(
    podium: Podium,
    database: Database,
    enrol: Enrol,
    head: Head,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    enrol(*[f"r1n{number:02}" for number in range(1, 9)])
    text = (DOCS / "hardware.md").read_text()
    example = re.search(r"^    from podium import client\n.*?(?=^\S)", text, re.M | re.S)
    assert example is not None
    monkeypatch.setattr(client, "connect", lambda *_, **__: podium)
    with head.carrying_out({}):
        exec(textwrap.dedent(example[0]), {})
    assert capsys.readouterr().out.splitlines()[0] == "r1n01 power on"
    with database.read() as connection:
        assert [one.what for one in operations.list_operations(connection, 9)] == ["pxe, once"]
