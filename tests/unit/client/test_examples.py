"""The example of switching nodes on the page about Podium's own API runs as it stands there."""

import re
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from heads import Head
from podium import client
from podium.client.podium import Podium
from podium.db.api import NodeRecord

Enrol = Callable[..., list[NodeRecord]]

PAGE = Path(__file__).parents[3] / "docs/podium-api.md"


def test_the_example_of_switching_nodes_runs(
    podium: Podium,
    enrol: Enrol,
    head: Head,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    enrol(*[f"r1n{number:02}" for number in range(1, 41)], power_state="power off")
    example = re.search(r"^    from podium import client, errors.*?(?=^\S)", PAGE.read_text(), re.M | re.S)
    assert example is not None
    monkeypatch.setattr(client, "connect", lambda *_, **__: podium)
    with head.carrying_out({"r1n07": "no answer"}):
        exec(textwrap.dedent(example[0]), {})
    assert capsys.readouterr().out == "r1n07 failed: no answer\n"
