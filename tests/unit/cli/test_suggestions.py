import pytest

from podium.cli.app import COMMANDS
from podium.cli.suggestions import meant

NAMES = [name for name, _, _ in COMMANDS]


@pytest.mark.parametrize(
    ("typed", "likely"),
    [
        ("node lst", "node list"),
        ("node lst r1n01", "node list"),
        ("node powr off web2", "node power off"),
        ("node power of web2", "node power off"),
        ("evnets", "events"),
        ("EVENTS", "events"),
        ("operation canc 1", "operation cancel"),
        ("n l", "node list or node log"),
        ("node logs r1n01", "node log"),
        ("node blink r1n01", "node identify"),
        ("node bootdev r1n01 pxe", "node boot show or node boot set"),
        ("node sel clear r1n01", "node log clear"),
        ("sel r1n01", "node log"),
        ("power on", "node power on"),
        ("power on node1", "node power on"),
        ("node on n1", "node power on"),
        ("reboot n1", "node power reboot"),
        ("maintenance set n1", "node maintenance set"),
        ("node unset maintenance n1", "node maintenance unset"),
        ("list nodes", "node list"),
        ("list", "node list"),
        ("show n1", "node show"),
        ("nodes list", "node list"),
        ("node n1 power on", "node power on"),
        ("nodes", "node list"),
        ("operations", "operation list"),
        ("power", "node power"),
        ("power n1", "node power"),
        ("secrets", "secret"),
        ("maintenance", "node maintenance set or node maintenance unset"),
        ("credentials", "credential set, credential list or credential settle"),
        ("node rm n1", "node delete"),
        ("token delete grafana", "token revoke"),
        ("node enroll n1", "node create"),
    ],
)
def test_words_that_are_nearly_a_command_suggest_it(typed: str, likely: str) -> None:
    assert str(meant(typed.split(), NAMES)) == likely


@pytest.mark.parametrize("typed", ["xyzzy", "node xyzzy", "n" * 10_000, "\0", ""])
def test_words_that_are_like_none_suggest_nothing(typed: str) -> None:
    assert not meant(typed.split(" "), NAMES).commands
