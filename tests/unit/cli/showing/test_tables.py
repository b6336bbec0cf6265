"""Tables that fit, without a terminal."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from podium.cli.showing.screen import Screen
from podium.cli.showing.tables import Form, of_list, of_one

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FORM = Form("things", dropped=("kind", "count", "seen"), prose=("error",))
NAMES = ("name", "kind", "count", "seen", "error")


def screen(columns: int, *, has_colours: bool = False) -> Screen:
    return Screen(io.StringIO(), columns, 24, has_colours, "…")


def row(
    name: str = "n1", *, kind: str | None = "fake", count: int = 7, error: str | None = None
) -> list[Any]:
    return [name, kind, count, NOW - timedelta(seconds=12), error]


def lines(*rows: list[Any], columns: int = 80, **how: bool) -> list[str]:
    return of_list(FORM, NAMES, rows, screen(columns), NOW, **how)


def heads(*rows: list[Any], columns: int) -> list[str]:
    return lines(*rows, columns=columns)[0].split()


def test_texts_stand_at_the_left_and_numbers_at_the_right() -> None:
    assert lines(row(), row("n10", count=1234, error="refused")) == [
        "name  kind  count  seen      error",
        "n1    fake      7  12 s ago",
        "n10   fake   1234  12 s ago  refused",
    ]


@pytest.mark.parametrize(
    ("columns", "left"),
    [
        (60, ["name", "kind", "count", "seen", "error"]),
        (59, ["name", "count", "seen", "error"]),
        (48, ["name", "seen", "error"]),
        (36, ["name", "seen", "error"]),
        (35, ["name", "error"]),
        (8, ["na…", "er…"]),
    ],
)
def test_columns_are_left_out_in_their_order_until_the_table_fits(columns: int, left: list[str]) -> None:
    rows = row(error="a long story of what went wrong"), row("n2", error="short")
    assert heads(*rows, columns=columns) == left
    assert all(len(line) <= columns for line in lines(*rows, columns=columns))


def test_a_column_that_says_nothing_goes_first() -> None:
    assert heads(row(count=0, error="x" * 40), columns=64) == ["name", "kind", "seen", "error"]
    assert heads(row(), row(), columns=29) == ["name", "kind", "count", "seen"]


def test_prose_is_cut_and_never_broken_over_lines() -> None:
    story = "a long story\nof what went wrong"
    assert lines(row(error=story), columns=40)[1:] == ["n1    12 s ago  a long story, of what w…"]


def test_prose_can_be_read_and_a_long_name_takes_no_columns_away() -> None:
    rows = [row(error="a long story, " * 9), *[row()] * 3, row("a-long-name-" * 9)]
    head, first, *_, last = lines(*rows, columns=85)
    assert head.split() == ["name", "kind", "count", "seen", "error"]
    assert first.endswith("a long story, a long story, a long …")
    assert last.startswith("a-long-name-a-long-name…  fake")


def test_names_that_are_all_long_are_shown_whole() -> None:
    rows = [row(f"rack12-chassis03-blade{number}.example.org", error="no answer " * 9) for number in range(9)]
    head, first, *_ = lines(*rows, columns=95)
    assert head.split() == ["name", "count", "seen", "error"]
    assert first.startswith("rack12-chassis03-blade0.example.org  ")


def test_a_wide_table_has_everything() -> None:
    assert lines(row(error="x" * 100), columns=20, whole=True)[1].split() == [
        *("n1", "fake", "7", "12", "s", "ago", "x" * 100)
    ]


def test_columns_that_somebody_asked_for_are_kept() -> None:
    assert lines(row(error="x" * 100), columns=50, keep=True)[1].startswith(
        "n1    fake      7  12 s ago  xxx"
    )


def test_numbers_have_the_digits_that_people_want() -> None:
    for given, shown in (
        ([60.0, None], ["60", ""]),
        ([0.00029, 23.7212], ["0.0", "23.721"]),
        ([0.99999], ["0.99999"]),
    ):
        table = of_list(Form("tasks"), ["duration"], [[one] for one in given], screen(80), NOW)
        assert [line.strip() for line in table[1:]] == shown


def test_wide_characters_take_two_places() -> None:
    line = lines(row(error="機器が応答しません" * 2), columns=36)[1]
    assert line == "n1    12 s ago  機器が応答しません …"
    assert lines(row("é"), columns=80)[1] == "é     fake      7  12 s ago"


def test_colours_have_meanings_and_no_width() -> None:
    names, rows = ("name", "power_state", "failed"), [["ok", "power on", 0], ["n2", "error", 3]]
    assert of_list(Form("nodes"), names, rows, screen(80, has_colours=True), NOW) == [
        "\x1b[1mname  power_state  failed\x1b[0m",
        "ok    \x1b[32mpower on\x1b[0m          0",
        "n2    \x1b[31merror\x1b[0m        \x1b[31m     3\x1b[0m",
    ]


def test_an_object_has_its_long_values_below_themselves() -> None:
    fields = [
        ("name", "n1"),
        ("since", NOW - timedelta(hours=3)),
        ("extra", {"rack": "r1", "place": {"row": 3, "room": "a"}}),
        ("description", "lent to the physicists until May, and then to be retired"),
        ("owner", None),
    ]
    assert of_one({}, fields, screen(48), NOW) == [
        "name         n1",
        "since        3 h ago (2026-03-01T09:00:00Z)",
        "extra        rack: r1",
        "             place:",
        "               row: 3",
        "               room: a",
        "description  lent to the physicists until May,",
        "               and then to be retired",
        "owner",
    ]


def test_objects_in_an_object_are_a_table() -> None:
    results = [{"name": "n1", "error": "it was refused by the machine"}, {"name": "n2", "error": None}]
    forms = {"results": Form("nodes", prose=("error",))}
    assert of_one(forms, [("id", 7), ("results", results)], screen(30), NOW) == [
        "id  7",
        "",
        "results",
        "name  error",
        "n1    it was refused by the m…",
        "n2",
    ]


def test_a_field_with_objects_by_name_is_a_table_of_those_that_say_something() -> None:
    fields = [
        ("reads", {"ipmi": {"nodes": 48.0, "by": {"a": 1}}, "fake": {"nodes": 0, "by": {"a": 0.0}}}),
        ("load", {"cpu": 0.25, "reads": 2.0}),
    ]
    assert of_one({"reads": Form("drivers")}, fields, screen(40), NOW) == [
        "load  cpu: 0.25, reads: 2",
        "",
        "reads",
        "name  nodes  by",
        "ipmi     48  a: 1",
    ]


def test_a_column_that_tells_rows_apart_is_kept() -> None:
    form = Form("tasks", by=("task", "host"), dropped=("host",))
    rows = [["acme.check_fans", host] for host in ("c10", "c2")]
    assert of_list(form, ["task", "host"], rows, screen(14), NOW)[1:] == ["acme.ch…  c10", "acme.ch…  c2"]
    assert of_list(form, ["task", "host"], rows[:1], screen(14), NOW)[1:] == ["acme.check_fa…"]


@pytest.mark.parametrize("whole", [False, True])
def test_a_word_that_is_too_long_is_broken_but_not_in_a_wide_show(whole: bool) -> None:
    value = "r[1-9]n[01-40,42],r10n[01-40]: refused with 機器が応答しません、の機器が応答しません"
    lines = of_one({}, [("results", value)], screen(31), NOW, whole=whole)
    broken = [
        "results  r[1-9]n[01-40,42],",
        "           r10n[01-40]: refused",
        "           with",
        "           機器が応答しません、",
        "           の機器が応答しません",
    ]
    assert lines == ([f"results  {value}"] if whole else broken)
