"""Errors are for people: one tree, one line each."""

import inspect
import re

import pytest
import sqlalchemy as sa
from psycopg.errors import UndefinedTable

from podium import errors


def tree(root: type[Exception]) -> dict[str, str]:
    """The name of each error below a root, with that of its parent."""
    below: dict[str, str] = {}
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            below |= {child.__name__: root.__name__} | tree(child)
    return below


def drawn() -> dict[str, str]:
    """The same as drawn in the docstring of podium.errors."""
    parents = {}
    stack: list[str] = []
    for line in inspect.getdoc(errors).splitlines():  # type: ignore[union-attr]
        found = re.match(r"    ([\u2502 \u251c\u2514\u2500]*)([A-Z]\w+)", line)
        if found:
            stack[len(found[1]) // 4 :] = [found[2]]
            if len(stack) > 1:
                parents[found[2]] = stack[-2]
    return parents


def test_the_tree_in_the_docstring_is_the_one_of_the_code() -> None:
    assert drawn() == tree(errors.PodiumError)


def test_every_fault_of_what_was_given_is_kept_and_shown() -> None:
    fault = errors.InvalidNode(["row 1: no name", "row 2: no driver"])
    assert fault.faults == ("row 1: no name", "row 2: no driver")
    assert str(fault) == "row 1: no name\nrow 2: no driver"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (errors.BMCUnreachable("no answer"), "no answer"),
        (ValueError("out of range"), "ValueError: out of range"),
        (KeyError("state"), "KeyError: 'state'"),
        (errors.InvalidNode(["one", "two"]), "one two"),
        (ValueError("two\r\nlines \t and\x0b\x85\u2028more"), "ValueError: two lines and more"),
        (ConnectionRefusedError("ConnectionRefusedError: nobody"), "ConnectionRefusedError: nobody"),
        (errors.BMCUnreachable("bmc1: refused: bmc1: refused"), "bmc1: refused"),
        (
            errors.BMCUnreachable("no way to bmc1: OSError: no way to bmc1: OSError: x"),
            "no way to bmc1: OSError: x",
        ),
        (errors.DriverError("sensor: sensors: 1: 1: 2"), "sensor: sensors: 1: 1: 2"),
        (
            sa.exc.ProgrammingError("SELECT x", {}, UndefinedTable("no x"), code="f405"),
            "ProgrammingError: no x [SQL: SELECT x]",
        ),
        (sa.exc.TimeoutError("pool is full", code="3o7r"), "TimeoutError: pool is full"),
        (errors.DriverError("\x1b[2Jgone\x00 \ud800 \u202etxt"), "[2Jgone txt"),
    ],
)
def test_any_error_can_be_told_in_one_printable_line(error: Exception, line: str) -> None:
    assert errors.one_line(error) == line


def test_an_endless_text_ends() -> None:
    line = errors.one_line(ValueError("\U0001f525" * 10_000))
    assert (len(line), line[-3:]) == (500, "...")


def test_an_error_without_words_is_told_by_its_kind() -> None:
    assert errors.one_line(TimeoutError()) == "TimeoutError"
    assert errors.one_line(errors.BMCUnreachable()) == "BMCUnreachable"


@pytest.mark.parametrize("space", [" ", "\n", "x"])
@pytest.mark.parametrize("before", [497, 1997, 65_533])
def test_half_of_a_secret_is_not_told_where_a_text_is_cut(space: str, before: int) -> None:
    line = errors.one_line(
        ValueError(f"{space * before}s3cret"), lambda text: text.replace("s3cret", "******")
    )
    assert "s3c" not in line
