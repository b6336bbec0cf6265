"""What a machine is made of is asked for when it is due, and told in the same words."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from podium.drivers.bmc.inventory import Inventory, collected, is_due

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_only_what_is_known_becomes_a_property() -> None:
    found = Inventory(model="Anvil 9", memory_mb=0, serial_number="", mac_addresses=["0A:00", "02:00"])
    assert found.properties() == {"model": "Anvil 9", "memory_mb": 0, "mac_addresses": ["02:00", "0a:00"]}


def test_what_was_just_collected_is_not_due() -> None:
    assert not is_due(collected("a", NOW), "a", NOW, 60)


@pytest.mark.parametrize(
    ("internal", "fingerprint", "due"),
    [
        ({}, "", True),
        ({"inventory_collected_at": "long ago"}, "", True),
        ({"inventory_collected_at": NOW.replace(tzinfo=None).isoformat()}, "", True),
        ({"inventory_collected_at": 7}, "", True),
        ({"inventory_collected_at": (NOW - timedelta(seconds=59)).isoformat()}, "", False),
        ({"inventory_collected_at": (NOW - timedelta(seconds=60)).isoformat()}, "", True),
        ({"inventory_collected_at": (NOW + timedelta(seconds=59)).isoformat()}, "", False),
        ({"inventory_collected_at": (NOW + timedelta(days=1)).isoformat()}, "", True),
        ({"inventory_collected_at": NOW.isoformat(), "inventory_of": "a"}, "a", False),
        ({"inventory_collected_at": NOW.isoformat(), "inventory_of": "a"}, "b", True),
        ({"inventory_collected_at": NOW.isoformat()}, "b", True),
    ],
    ids=[
        "never",
        "words",
        "no zone",
        "number",
        "young",
        "old",
        "ahead",
        "future",
        "same",
        "other",
        "of nothing",
    ],
)
def test_an_inventory_is_due_when_it_is_old_or_of_something_else(
    internal: dict[str, Any], fingerprint: str, due: bool
) -> None:
    assert is_due(internal, fingerprint, NOW, 60) == due


def test_the_time_of_an_inventory_has_the_form_of_all_times() -> None:
    noted = collected("a", NOW.astimezone(timezone(timedelta(hours=2))))
    assert noted["inventory_collected_at"] == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert not is_due(noted, "a", NOW + timedelta(seconds=59), 60)
