"""Reading expressions, and where they are wrong."""

import pytest

from podium import errors
from podium.db.selection.parsing import LONGEST, MOST_CONDITIONS, MOST_SEARCHES, parse
from podium.db.selection.tree import All, Condition, Not, Some, Tree, Value, conditions


def told(tree: Tree) -> str:
    """Return a tree with every parenthesis."""
    match tree:
        case Condition():
            return f"{tree.name}{tree.operator}{'|'.join(map(str, tree.values))}"
        case Not(inner):
            return f"not {told(inner)}"
        case All(parts):
            return f"({' and '.join(map(told, parts))})"
        case Some(parts):
            return f"({' or '.join(map(told, parts))})"


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("owner=a or owner=b and owner=c", "(owner=a or (owner=b and owner=c))"),
        ("(owner=a OR owner=b) AND owner=c", "((owner=a or owner=b) and owner=c)"),
        ("not owner=a and failing", "(not owner=a and failing=True)"),
        ("not (owner=a and not failing)", "not (owner=a and not failing=True)"),
        ("health!=OK", "not health=ok"),
        ("owner !~ 'a*'", "not owner~a*"),
        ("owner not in (a, 'b c')", "not owner=a|b c"),
        ("power_state in(off,none)", "power_state=power off|None"),
        ("power_state='power off'", "power_state=power off"),
        ("owner='none'", "owner=none"),
        ("owner==none", "owner=None"),
        ('extra."my key"=in', "extra.my key=in"),
        ("properties.memory_mb>=65536", "properties.memory_mb>=65536.0"),
        ("extra.a.b=10.0.0.1:8080/x", "extra.a.b=10.0.0.1:8080/x"),
        ("retired=no", "retired=False"),
        ("power_state_age>1", "age>1.0"),
        (["failing", "owner=a or owner=b"], "(failing=True and (owner=a or owner=b))"),
    ],
)
def test_an_expression_is_read(text: str | list[str], meaning: str) -> None:
    assert told(parse(text)) == meaning


@pytest.mark.parametrize(
    ("text", "value"),
    [("120", 120.0), ("90s", 90.0), ("5m", 300.0), ("2h", 7200.0), ("1.5h", 5400.0), ("7d", 604_800.0)],
)
def test_an_age_is_seconds_or_has_a_unit(text: str, value: Value) -> None:
    assert [one.values for one in conditions(parse(f"age>{text}"))] == [(value,)]


@pytest.mark.parametrize(
    ("text", "reason", "marked"),
    [
        (
            "power_state=off and colour=red",
            "there is no field colour; --where help lists the",
            "colour",
        ),
        ("power_stat=off", "there is no field power_stat; did you mean power_state?", "power_stat"),
        ("power_state=blue", "blue is none of error, off, on; none is for what is missing", "blue"),
        ("owner=a b", "put values with spaces into quotation marks", "b"),
        ("owner = 'a", "the quotation mark ' has no end", "'a"),
        ("(owner=a", "a closing parenthesis was expected", ""),
        ("owner", "owner needs an operator and a value: =, !=, ~, !~", ""),
        ("owner=and", "a value was expected after =", "and"),
        ("owner<a", "< does not go with owner, which is a text", "<"),
        ("age=5", "= does not go with age", "="),
        ("age>5x", "5x is not an age in seconds", "5x"),
        ("extra.x>a", "a is not a number", "a"),
        ("created_at>today", "today is not a time such as 2026-11-30", "today"),
        ("retired=none", "none is not yes or no", "none"),
        ("retired=maybe", "maybe is not yes or no", "maybe"),
        ("extra.=5", "name an entry, such as extra.rack", "extra."),
        ("extra.a\\b=5", "nodes cannot be found by the entry", "extra.a\\b"),
        ("owner in r1", "values in parentheses were expected", "r1"),
        ("owner in (r1", "a comma or a closing parenthesis was expected", ""),
        ("owner=a or", "a condition was expected", ""),
        ("owner ! a", "'!' is no sign", "!"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, reason: str, marked: str) -> None:
    with pytest.raises(errors.BadRequest) as caught:
        parse(text)
    first, line, marks = str(caught.value).split("\n")
    assert first.startswith("where: ") and reason in first
    assert line == f"  {text}"
    if marked:
        assert line[marks.index("^") : marks.rindex("^") + 1] == marked


def test_of_a_long_expression_the_surroundings_of_the_fault_are_shown() -> None:
    text = f"{' or '.join(['owner=a'] * 12)} or colour=red or {' or '.join(['owner=a'] * 5)}"
    with pytest.raises(errors.BadRequest) as caught:
        parse(text)
    _, line, marks = str(caught.value).split("\n")
    assert len(line) < 120 and line[marks.index("^") : marks.rindex("^") + 1] == "colour"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "at least one condition"),
        ("  ", "at least one condition"),
        ([], "at least one condition"),
        ("x" * (LONGEST + 1), f"at most {LONGEST} characters"),
        (["owner=a"] * (MOST_CONDITIONS + 1), f"the most are {MOST_CONDITIONS}"),
        (["extra.a~'*b'"] * (MOST_SEARCHES + 1), f"the most are {MOST_SEARCHES}"),
        ("(" * 21 + "failing" + ")" * 21, "more than 20 times"),
        ("not " * 21 + "failing", "more than 20 times"),
    ],
)
def test_an_expression_has_bounds(text: str | list[str], reason: str) -> None:
    with pytest.raises(errors.BadRequest, match=reason):
        parse(text)
