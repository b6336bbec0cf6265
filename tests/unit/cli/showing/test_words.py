from datetime import UTC, datetime, timedelta

import pytest

from podium.cli.showing.words import age, one_line

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s ago"),
        (12.7, "12 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (7_199, "119 min ago"),
        (7_200, "2 h ago"),
        (172_799, "47 h ago"),
        (3 * 86_400, "3 d ago"),
        (-0.5, "0 s ago"),
        (-90, "in 90 s"),
        (-90 * 86_400, "in 90 d"),
        (-90 * 86_400 + 60, "in 90 d"),
    ],
)
def test_ages_are_told_in_one_unit(seconds: float, words: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == words


def test_lines_become_one_that_a_terminal_does_not_obey() -> None:
    assert one_line("a: 1\n  b: 2\n\x1b[31mred\x07") == "a: 1, b: 2,  [31mred "
