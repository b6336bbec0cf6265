"""SQL of expressions, against the same evaluated in Python."""

import random
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import translate
from operator import ge, gt, le, lt
from re import fullmatch
from typing import Any, Final, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.db import clock, node_list
from podium.db.engine import Database
from podium.db.selection.compiling import compiled
from podium.db.selection.parsing import parse
from read_nodes import create_nodes
from rounds import ROUNDS

pytestmark = pytest.mark.mariadb_long

Row: TypeAlias = Mapping[str, Any]
#: An expression, and whether it is true of a node.
Told: TypeAlias = tuple[str, Callable[[Row], bool]]

_NODES: Final = 120
_TEXTS: Final = ("a", "A", "a ", "ä", "á", "ab", "aXb", "", "%", "a_b", "[a]", "10", "none", "a*", "/", None)
_ENTRIES: Final = (
    *("r1", "R1", "r1 ", "5", "5.0", "-3", "1e2", "5\n", "", "true", "ä", "https://root:geheim@b"),
    *(5, 5.0, -3, 0.25, 1e22, 100, 0, True, False, None, [1], {"a": 1}),
)
_WORDS: Final = (
    *("a", "A", "ä", "ab", "a_b", "%", "[a]", "10", "r1", "R1", "5", "5.0", "-3", "100", "true", "a b", "/"),
)
_PATTERNS: Final = (
    *("a*", "*", "?", "??", "*b", "a?b", "*_*", "%", "[a]", "r?", "*1", "ä*", "A*", "https:*", "*/*", "[*"),
)
_NUMBERS: Final = (-3, 0, 0.25, 1, 5, 10, 100)
_AGES: Final = (0, 2_000, 20_000, 604_800)
_TIMES: Final = ("2020-01-01", "2024-06-01T12:00:00Z", "2024-06-01T12:00:00+02:00")
_ORDERS: Final = {"<": lt, "<=": le, ">": gt, ">=": ge}


def _nodes(now: datetime) -> Iterator[dict[str, Any]]:
    chance = random.Random(18)
    for number in range(_NODES):
        age = chance.choice((None, 500.0, 5_000.0, 50_000.0, -3_600.0))
        row: dict[str, Any] = {
            "name": f"{chance.choice('nN')}{chance.choice('aA_-')}{number}",
            "driver": "fake",
        }
        row |= {name: chance.choice(_TEXTS) for name in ("owner", "description", "last_error")}
        row["power_state"] = chance.choice(("power on", "power off", "error", None))
        row["wanted_power_state"] = chance.choice(("power on", "power off", None))
        row["power_policy"] = chance.choice(("record", "enforce", "ignore", None))
        row["maintenance"] = chance.random() < 0.3
        row["retired"] = chance.choice((True, False, None))
        row["provision_state"] = chance.choice(("enroll", "available", "active"))
        row["power_failures"] = chance.choice((0, 0, 1, 10))
        row["power_checked_at"] = None if age is None else now - timedelta(seconds=age)
        row["power_changed_at"] = chance.choice(
            (None, datetime(2024, 6, 1, 12, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
        )
        status = chance.choice((None, "OK", "Warning", "Critical"))
        row["health"] = status and {"status": status, "reasons": []}
        row["health_checked_at"] = chance.choice((None, now - timedelta(hours=2)))
        row["health_lasts"] = chance.choice((None, 600.0, 86_400.0))
        row["extra"] = {key: chance.choice(_ENTRIES) for key in ("x", "my key") if chance.random() < 0.8}
        yield row


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found.replace(tzinfo=found.tzinfo or UTC)


def _age(row: Row, now: datetime) -> float | None:
    at = row["power_checked_at"]
    return None if at is None else clock.age(at, now)


def _health(row: Row, now: datetime) -> str | None:
    if row["health"] is None:
        return None
    if row["health_checked_at"] is not None and row["health_lasts"] is not None:
        age = clock.age(row["health_checked_at"], now)
        if age is None or age > row["health_lasts"]:
            return None
    return str(row["health"]["status"])


def _fits(text: str, pattern: str) -> bool:
    return fullmatch(translate(pattern.replace("[", "[[]")), text) is not None


def _number(text: str) -> float | None:
    return float(text) if fullmatch(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", text) else None


def _entry_is(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return str(value).lower() == wanted
    if isinstance(value, int | float):
        return _number(wanted) == value
    return isinstance(value, str) and value == wanted


def _entry_fits(value: Any, pattern: str) -> bool:
    if isinstance(value, bool):
        value = str(value).lower()
    return isinstance(value, str) and "://" not in value and _fits(value, pattern)


def _amount(value: Any) -> float | None:
    if isinstance(value, str):
        return _number(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _compared(found: Any, operator: str, wanted: Any) -> bool:
    return found is not None and bool(_ORDERS[operator](found, wanted))


def _quoted(text: str) -> str:
    return f'"{text}"'


def _is_conducted(row: Row) -> bool:
    return bool(row["provision_state"] != "enroll")


def _is_failing(row: Row) -> bool:
    """Return whether nobody reads it, as there are no conductors, or the last read failed."""
    is_read = not row["maintenance"] and row["power_policy"] != "ignore"
    return _is_conducted(row) and (row["power_failures"] > 0 or is_read)


def _would_enforce(row: Row) -> bool:
    power, wanted = row["power_state"], row["wanted_power_state"]
    differs = None not in (power, wanted) and power not in (wanted, "error")
    return differs and not row["maintenance"] and row["power_policy"] == "enforce"


def _flags(now: datetime) -> dict[str, Callable[[Row], bool]]:
    return {
        "maintenance": lambda row: row["maintenance"],
        "retired": lambda row: bool(row["retired"]),
        "unhealthy": lambda row: _health(row, now) in ("Warning", "Critical"),
        "unserved": _is_conducted,
        "failing": _is_failing,
        "would_enforce": _would_enforce,
        "conductor=none": lambda row: True,
        "power_changed_at=none": lambda row: row["power_changed_at"] is None,
        "power_state=none": lambda row: row["power_state"] is None,
        "power_state in (off, error, none)": lambda row: row["power_state"] != "power on",
        "power_state!='power off'": lambda row: row["power_state"] != "power off",
        "health!=OK": lambda row: _health(row, now) != "OK",
        "health=none": lambda row: _health(row, now) is None,
        "health in (ok, 'critical')": lambda row: _health(row, now) in ("OK", "Critical"),
        "age=none": lambda row: _age(row, now) is None,
    }


_WORD, _PATTERN = st.sampled_from(_WORDS), st.sampled_from(_PATTERNS)
_ORDER: Final = st.sampled_from([*_ORDERS])


def _of_columns(now: datetime) -> st.SearchStrategy[Told]:
    fields = st.sampled_from(("owner", "description", "last_error", "name"))

    def fits(row: Row, field: str, pattern: str) -> bool:
        return row[field] is not None and _fits(row[field], pattern)

    def is_stale(row: Row, age: float) -> bool:
        found = _age(row, now)
        return _is_conducted(row) and not row["maintenance"] and (found is None or found > age)

    return st.one_of(
        st.sampled_from([*_flags(now).items()]),
        st.builds(lambda f, w: (f'{f}="{w}"', lambda row: row[f] == w), fields, _WORD),
        st.builds(lambda f, w: (f'{f} != "{w}"', lambda row: row[f] != w), fields, _WORD),
        st.builds(lambda f: (f"{f}=none", lambda row: row[f] in (None, "")), fields),
        st.builds(lambda f, p: (f'{f}~"{p}"', lambda row: fits(row, f, p)), fields, _PATTERN),
        st.builds(lambda f, p: (f'{f}!~"{p}"', lambda row: not fits(row, f, p)), fields, _PATTERN),
        st.builds(
            lambda f, a, b: (f'{f} in ("{a}", "{b}", none)', lambda row: row[f] in (a, b, "", None)),
            *(fields, _WORD, _WORD),
        ),
        st.builds(
            lambda o, n: (f"power_failures{o}{n}", lambda row: _compared(row["power_failures"], o, n)),
            *(_ORDER, st.sampled_from(_NUMBERS)),
        ),
        st.builds(
            lambda o, n: (f"age{o}{n}", lambda row: _compared(_age(row, now), o, n)),
            *(_ORDER, st.sampled_from(_AGES)),
        ),
        st.builds(lambda n: (f"stale>{n}", lambda row: is_stale(row, n)), st.sampled_from(_AGES)),
        st.builds(
            lambda o, t: (
                f"power_changed_at{o}{t}",
                lambda row: _compared(row["power_changed_at"], o, _moment(t)),
            ),
            *(_ORDER, st.sampled_from(_TIMES)),
        ),
    )


def _of_entries() -> st.SearchStrategy[Told]:
    keys = st.sampled_from(("x", "my key", "absent"))

    def value(row: Row, key: str) -> Any:
        return row["extra"].get(key)

    return st.one_of(
        st.builds(lambda k, w: (f'extra."{k}"="{w}"', lambda row: _entry_is(value(row, k), w)), keys, _WORD),
        st.builds(
            lambda k, w: (f'extra."{k}"!="{w}"', lambda row: not _entry_is(value(row, k), w)), keys, _WORD
        ),
        st.builds(lambda k: (f'extra."{k}"=none', lambda row: value(row, k) is None), keys),
        st.builds(
            lambda k, p: (f'extra."{k}"~"{p}"', lambda row: _entry_fits(value(row, k), p)), keys, _PATTERN
        ),
        st.builds(
            lambda k, o, n: (
                f'extra."{k}"{o}{n}',
                lambda row: _compared(_amount(value(row, k)), o, n),
            ),
            *(keys, _ORDER, st.sampled_from(_NUMBERS)),
        ),
    )


def _expressions(now: datetime) -> st.SearchStrategy[Told]:
    def joined(inner: st.SearchStrategy[Told]) -> st.SearchStrategy[Told]:
        return st.one_of(
            st.builds(lambda a: (f"not ({a[0]})", lambda row: not a[1](row)), inner),
            st.builds(
                lambda a, b: (f"({a[0]}) and ({b[0]})", lambda row: a[1](row) and b[1](row)), inner, inner
            ),
            st.builds(lambda a, b: (f"{a[0]} or {b[0]}", lambda row: a[1](row) or b[1](row)), inner, inner),
        )

    return st.recursive(_of_columns(now) | _of_entries(), joined, max_leaves=5)


def test_every_database_finds_what_the_same_in_python_does(database: Database) -> None:
    with database.write() as connection:
        now = clock.now(connection)
        rows = [*_nodes(now)]
        create_nodes(connection, rows)
        by_name = {row["name"]: row for row in rows}

    with database.read() as connection:

        @settings(max_examples=40 * ROUNDS)
        @given(_expressions(now))
        def check(told: Told) -> None:
            text, is_true = told
            found = compiled(connection, parse(text), enforced_by_default=False)
            names = {row["name"] for row in node_list.select_nodes(connection, ["name"], chosen=found)}
            assert names == {name for name, row in by_name.items() if is_true(row)}, text

        check()


def test_texts_are_compared_to_the_letter(database: Database) -> None:
    given = ("a", "A", "a ", "ä")
    with database.write() as connection:
        rows = [{"name": f"n{place}", "driver": "fake"} for place in range(len(given))]
        noted = [{**row, "owner": text, "extra": {"x": text}} for row, text in zip(rows, given, strict=True)]
        create_nodes(connection, noted)
    with database.read() as connection:
        for place, text in enumerate(given):
            for condition in (f'owner="{text}"', f'extra.x="{text}"', f'owner~"{text}"', f'extra.x~"{text}"'):
                found = compiled(connection, parse(condition), enforced_by_default=False)
                names = [row["name"] for row in node_list.select_nodes(connection, ["name"], chosen=found)]
                assert names == [f"n{place}"], condition


def test_driver_info_is_only_compared_for_drivers_that_do_not_hide_it(database: Database) -> None:
    with database.write() as connection:
        rows = [
            {"name": "n1", "driver": "ipmi", "driver_info": {"address": "a", "port": 5}},
            {"name": "n2", "driver": "ipmi", "driver_info": {"address": "b"}},
            {"name": "n3", "driver": "acme", "driver_info": {"address": "a", "port": 5}},
        ]
        create_nodes(connection, rows)
    with database.read() as connection:
        for condition, names in (
            ("driver_info.address=a", ["n1"]),
            ("driver_info.address!=a", ["n2", "n3"]),
            ("driver_info.address~'*'", ["n1", "n2"]),
            ("driver_info.port>4", []),
            ("driver_info.port=none", []),
        ):
            knowing = {"address": ["ipmi"]}
            found = compiled(connection, parse(condition), enforced_by_default=False, knowing=knowing)
            rows = node_list.select_nodes(connection, ["name"], chosen=found)
            assert [row["name"] for row in rows] == names, condition
