"""Requests for faults, and the BMCs that get them."""

import pytest

from podium import errors
from podium.simulator import faults, nodes, selection

ADDRESSES = nodes.address_range("127.20.0.1", 100)


def chosen(where: str, kind: str = "") -> list[str]:
    return [nodes.text(address) for address in selection.select(where, [ADDRESSES], kind)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dead", faults.Faults(dead=True)),
        ("slow=1.5", faults.Faults(slow=1.5)),
        ("slow=2s", faults.Faults(slow=2)),
        ("lossy=0.25", faults.Faults(lossy=0.25)),
        ("forgets-sessions=20", faults.Faults(forgets_after_commands=20)),
        ("forgets-sessions=30s", faults.Faults(forgets_after_seconds=30)),
        ("self-test-failed", faults.Faults(self_test_failed=True)),
    ],
)
def test_a_fault_is_read_with_its_value(text: str, expected: faults.Faults) -> None:
    assert faults.parse_fault(text).apply(faults.HEALTHY) == expected


@pytest.mark.parametrize(
    "text",
    [
        "slow",
        "slow=",
        "slow=-1",
        "slow=nan",
        "slow=3601",
        "lossy=2",
        "lossy=x",
        "forgets-sessions=0",
        "dead=1",
    ],
)
def test_a_wrong_value_is_refused_with_what_the_fault_takes(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="takes"):
        faults.parse_fault(text)


def test_an_unknown_fault_is_refused_with_the_list_of_those_there_are() -> None:
    with pytest.raises(
        errors.ConfigError, match=r"no fault 'sleepy'; there are dead, slow, .*self-test-failed"
    ):
        faults.parse_fault("sleepy")


def test_a_fault_without_a_place_is_refused() -> None:
    with pytest.raises(errors.ConfigError, match="does not say where"):
        faults.parse_placed("dead")


def test_faults_add_up_and_clear_one_by_one() -> None:
    both = faults.parse_fault("dead").apply(faults.parse_fault("slow=3").apply(faults.HEALTHY))
    assert faults.parse_clear("dead").apply(both) == faults.Faults(slow=3)


def test_clearing_everything_makes_a_bmc_healthy() -> None:
    both = faults.parse_fault("dead").apply(faults.parse_fault("slow=3").apply(faults.HEALTHY))
    assert faults.parse_clear("all").apply(both) is faults.HEALTHY


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("slow=1", "slow is cleared without its value: clear slow"),
        ("slo", "there is no fault 'slo'; did you mean slow?"),
    ],
)
def test_what_cannot_be_cleared_is_said_in_a_few_words(name: str, fault: str) -> None:
    with pytest.raises(errors.ConfigError) as raised:
        faults.parse_clear(name)
    assert str(raised.value) == fault


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("127.20.0.5", ["127.20.0.5"]),
        ("127.20.0.5-127.20.0.7", ["127.20.0.5", "127.20.0.6", "127.20.0.7"]),
        ("1,3,99-100", ["127.20.0.1", "127.20.0.3", "127.20.0.99", "127.20.0.100"]),
    ],
)
def test_a_place_is_an_address_a_range_or_numbers_from_1(where: str, expected: list[str]) -> None:
    assert chosen(where) == expected


def test_a_share_is_spread_evenly() -> None:
    assert chosen("25%")[:3] == ["127.20.0.4", "127.20.0.8", "127.20.0.12"]


@pytest.mark.parametrize(("share", "count"), [("0.5%", 0), ("1%", 1), ("33.3%", 33), ("100%", 100)])
def test_a_share_has_the_size_that_was_asked_for(share: str, count: int) -> None:
    assert len(chosen(share)) == count


def test_the_same_share_of_two_kinds_falls_on_different_bmcs() -> None:
    assert not set(chosen("10%", "dead")) & set(chosen("10%", "slow"))


@pytest.mark.parametrize(
    "where",
    [
        "",
        "all",
        "0",
        "101",
        "3-1",
        "127.20.0.0",
        "127.20.0.9-127.20.0.5",
        "127.20.0.1-127.20.0.101",
        "1%%",
        "1e9%",
    ],
)
def test_a_place_without_a_bmc_is_refused_with_the_places_there_are(where: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"addresses from 127\.20\.0\.1 to 127\.20\.0\.100"):
        chosen(where)
