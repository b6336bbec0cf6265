"""Which groups a conductor serves, and whether its options are those of the others."""

from collections.abc import Callable

import pytest

from podium import conf, errors
from podium.conf import conductor
from podium.conf.fingerprint import differences, fingerprint

Load = Callable[..., conf.Config]


def test_a_conductor_serves_its_own_group_first_and_those_that_are_named(load: Load) -> None:
    config = load("[conductor]", "conductor_group = east", "additional_conductor_groups = west, (none)")
    assert conductor.groups(config) == ("east", "west", "")


def test_a_conductor_without_options_serves_the_nodes_without_a_group(load: Load) -> None:
    config = load()
    assert conductor.groups(config) == ("",)
    assert conductor.fallback_groups(config) == ()


@pytest.mark.parametrize(
    ("lines", "group"),
    [
        (["conductor_group = a", "additional_conductor_groups = b, a"], "a"),
        (["additional_conductor_groups = b", "fallback_conductor_groups = c, b"], "b"),
        (["fallback_conductor_groups = (none)"], r"\(none\)"),
    ],
)
def test_a_group_that_is_named_twice_is_refused(load: Load, lines: list[str], group: str) -> None:
    with pytest.raises(errors.ConfigError, match=f"the group {group} is named twice"):
        load("[conductor]", *lines)


def test_what_conductors_may_have_of_their_own_makes_no_difference(load: Load) -> None:
    plain = fingerprint(load())
    other = load("[conductor]", "conductor_group = a", "workers = 8", "sync_power_state_rate = ipmi:7")
    assert differences(plain, fingerprint(other)) == []


def test_options_that_differ_are_named_without_their_values(load: Load) -> None:
    plain = fingerprint(load())
    other = fingerprint(load("[conductor]", "power_on_limits = rack7:2/1", "enforce_dry_run = true"))
    assert differences(plain, other) == ["enforce_dry_run", "power_on_limits"]
    assert "rack7" not in other


def test_an_option_that_only_one_version_has_is_a_difference(load: Load) -> None:
    plain = fingerprint(load())
    assert differences(plain, f"{plain} new_option:00000000") == ["new_option"]
