"""What holds secrets does not show them where it is logged, or in a traceback that shows variables."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

import podium
from podium import masking
from podium.client.calls.node_changes import SetNodes
from podium.drivers.base import Node

#: Mappings that may hold anything.
MAPPINGS: Final = {
    *("driver_info", "driver_internal_info", "properties", "extra", "instance_info", "record"),
    *("info", "new", "old"),
}
#: Fields that only look like it: options, masked answers, names of secrets, and files where they are.
HARMLESS: Final = {
    "podium.api.ironic.collections.Page.sort_key",
    "podium.api.ironic.rendering._Hidden.secrets",
    "podium.cli.node_csv.Column.key",
    "podium.cli.ways.Way.credentials",
    "podium.client.calls.drivers.Driver.properties",
    "podium.client.calls.drivers.Driver.sets_password",
    "podium.client.calls.drivers.Property.secret",
    "podium.client.calls.enrolment.Null.key",
    "podium.client.calls.nodes.Filter.extra",
    *(f"podium.client.calls.nodes.Node.{name}" for name in MAPPINGS),
    "podium.client.calls.updating.Plan.new",
    "podium.client.local.backend.Backend.key",
    "podium.client.records.unsetting.Unset.key",
    "podium.client.remote.server.Server.credentials",
    "podium.conductor.power.carrying.Found.credentials",
    "podium.conductor.power.carrying.Timeouts.credentials",
    "podium.conductor.power.credentials.Became.credentials",
    "podium.conf.client.Settings.credentials_file",
    "podium.db.accounts.Account.password",
    "podium.db.claims.Claim.credentials_in_doubt",
    "podium.db.members.Service.secret_keys",
    "podium.db.news.News.key",
    "podium.db.outcomes.Outcome.credentials",
    "podium.db.resealing.tally.Tally.key",
    "podium.db.news.Place.key",
    "podium.db.paging.Order.key",
    "podium.db.selection.tree.Condition.key",
    "podium.drivers.driver_info.Property.secret",
    "podium.drivers.login.Login.password",
}


def classes() -> Iterator[type[Any]]:
    """Yield Podium's own classes."""
    for found in pkgutil.walk_packages(podium.__path__, "podium."):
        if ".versions" not in found.name and ".simulator" not in found.name:
            module = importlib.import_module(found.name)
            for one in vars(module).values():
                if isinstance(one, type) and one.__module__ == found.name:
                    yield one


def shown(kind: type[Any]) -> Iterator[str]:
    """Yield the names of the fields whose values the repr of a class shows."""
    if dataclasses.is_dataclass(kind):
        if kind.__repr__ is not object.__repr__:
            yield from (field.name for field in dataclasses.fields(kind) if field.repr)
    elif issubclass(kind, msgspec.Struct):
        if kind.__repr__ is msgspec.Struct.__repr__:
            yield from kind.__struct_fields__
    elif issubclass(kind, tuple) and hasattr(kind, "_fields") and kind.__repr__.__module__ == "collections":
        yield from kind._fields


def test_no_field_that_may_hold_a_secret_is_shown() -> None:
    found = {
        f"{kind.__module__}.{kind.__qualname__}.{name}"
        for kind in classes()
        for name in shown(kind)
        if (masking.is_secret(name) or name in MAPPINGS) and not name.endswith("_at")
    }
    assert found - HARMLESS == set()


@pytest.mark.parametrize(
    "one",
    [
        Node("1-2", "r1", "acme", {"pin": "hunter2"}, properties={"a": "hunter2"}, extra={"b": "hunter2"}),
        SetNodes("r1", {"driver_info.pin": "hunter2"}),
    ],
)
def test_what_holds_a_secret_does_not_show_it(one: object) -> None:
    assert "hunter2" not in repr(one)
    assert type(one).__name__ in repr(one)
