from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from podium.cli import yaml_values
from podium.client.enrolling import scalars

_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.datetimes(),
    st.sampled_from(
        ["<<", "=", "yes", "0x10", "1:30", "~", "2024-01-01", "1e3", "*a", "&a", "!a", "- a", "a: b"]
    ),
)
_KEYS = st.one_of(st.text(), st.sampled_from(["yes", "0x10", "~", "2024-01-01", "<<", "="]))
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner), max_leaves=20)

_TAG = "a tag that is not known: put it in quotes if it is a text that begins with an exclamation mark"


def load(text: str) -> Any:
    return yaml_values.load(text, lambda _read: None)


def texts(value: Any) -> Any:
    """Every scalar as its file has it, which is how PyYAML's BaseLoader reads one."""
    match value:
        case dict():
            return {key: texts(one) for key, one in value.items()}
        case list():
            return [texts(one) for one in value]
        case None:
            return ""
    return scalars.text(value)


@given(_VALUES)
def test_every_scalar_that_pyyaml_writes_keeps_its_text(value: Any) -> None:
    written = yaml.safe_dump([value, value])  # with an anchor and an alias for what it meets twice
    assert texts(load(written)) == yaml.load(written, yaml.BaseLoader)


@given(
    st.text("0123456789_:.xoabeEfF+-nulyNTrs~ ", max_size=8).filter(lambda text: text.strip(" -.") == text)
)
def test_whatever_looks_like_a_number_or_a_word_keeps_its_text(text: str) -> None:
    written = f"- {text}\n"
    try:
        expected = yaml.load(written, yaml.BaseLoader)
    except yaml.YAMLError:
        return
    assert texts(load(written)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "--- a",
        "a: 0o17\nb: 017\nc: 0b11\nd: 1_000\ne: 1:30:00\nf: .5\ng: -.inf\nh: 1e3\ni: 1.0e+3",
        "[y, yes, On, TRUE, null, ~, '', '1', \"true\", 'null', 2024-99-01, =]",
        "{a: , b: [], ? c, '<<': d, 1: e, true: f, 010: g, ~: h}",
        "- ! 12\n- !!map {a: b}\n- !!seq [a]",
        "a: |\n  text\n  more\nb: >\n  text\n  more\n",
        "a: &k key\n? *k\n: 2",
        "2024-01-01: 1.5\n2024-01-01 10:00:00Z: x",
        "- " + "1" * 2000,
    ],
)
def test_scalars_without_tags_keep_the_text_of_the_file(text: str) -> None:
    assert texts(load(text)) == (yaml.load(text, yaml.BaseLoader) or "")


@pytest.mark.parametrize(
    "text",
    [
        "- !!str 12\n- !!int '12'\n- !!int 0x1F\n- !!float 1\n- !!bool yes\n- !!null ~\n- !!binary aGk=",
        "- !!timestamp 2024-01-01",
        "- &a {x: 1, y: 2}\n- {<<: *a, y: 3, z: 4}\n- {y: 3, <<: *a}",
        "- &a {x: 1, y: 2}\n- &b {y: 5, z: 6}\n- {<<: [*a, *b], w: 0}\n- {<<: [*b, {q: 1}], x: 9}",
    ],
)
def test_tags_and_merge_keys_are_understood_as_pyyaml_understands_them(text: str) -> None:
    assert load(text) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8),
        ("-1.5", -1.5),
        ("true", True),
        ("false", False),
        ("", None),
        ("010", "010"),
        ("1.50", "1.50"),
    ],
)
def test_only_what_json_writes_the_same_is_more_than_its_text(text: str, value: Any) -> None:
    assert load(f"- {text}") == [value]


@pytest.mark.parametrize(("text", "value"), [("Yes", True), ("OFF", False), ("True", True), ("~", None)])
def test_a_word_keeps_its_meaning_beside_its_text(text: str, value: Any) -> None:
    (written,) = load(f"- {text}")
    assert (written, written.value) == (text, value)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a\n--- b", "a second document"),
        ("- a\n]", "did not find expected '-' indicator"),
        (
            "- a\n- &a [*a]",
            "an alias without its anchor: put it in quotes if it is a text that begins with a star",
        ),
        (
            "- a\n- *b",
            "an alias without its anchor: put it in quotes if it is a text that begins with a star",
        ),
        ("- a\n- [<<]", "a merge key that is none: put it in quotes"),
        ("- a\n- {<<: 1}", "a merge key without mappings"),
        ("- a\n- {[]: 1}", "a key that is not a text"),
        ("- a\n- {!!binary aGk=: 1}", "a key that is not a text"),
        ("- a\n- {b: 1, b: 2}", "the key b is there twice"),
        ("- a\n- {1: 1, '1': 2}", "the key 1 is there twice"),
        ('- a\n- {"a\\nb\'": 1, "a\\nb\'": 2}', "the key a\\nb' is there twice"),
        ("- a\n- !!set {a}", _TAG),
        ("- a\n- !secret a", _TAG),
        ("- a\n- !!seq a", _TAG),
        ("- a\n- !!int a", "a value that is not what its tag says: put it in quotes"),
        ("- a\n- !!int " + "1" * 1001, "too long for what it is: put it in quotes"),
        ("- a\n- " + "[" * 200, "nested more than 100 levels deep"),
    ],
)
def test_what_is_refused_is_told_with_its_line(text: str, fault: str) -> None:
    with pytest.raises(yaml.MarkedYAMLError) as raised:
        load(text)
    assert raised.value.problem == fault
    assert raised.value.problem_mark is not None
    assert raised.value.problem_mark.line == 1


def test_an_alias_stands_for_the_nearest_anchor_before_it() -> None:
    # YAML 1.1, section 7.1; PyYAML refuses the second anchor.
    assert load("- &a one\n- *a\n- &a two\n- *a") == ["one", "one", "two", "two"]


def test_merge_keys_do_not_multiply_without_end() -> None:
    everything = ", ".join(f"k{number}: 1" for number in range(10_000))
    text = f"- &a {{{everything}}}\n- {{<<: [{', '.join(['*a'] * 10_000)}]}}"
    with pytest.raises(yaml.MarkedYAMLError, match="merge keys that stand for too much"):
        load(text)


def test_progress_is_told_as_the_list_in_the_document_grows() -> None:
    told: list[int] = []
    text = "nodes:\n" + "- {a: b}\n" * 2_500
    yaml_values.load(text, told.append)
    assert told == sorted(told)
    assert [9_000 * times for times in (1, 2)] == [round(read, -3) for read in told]
