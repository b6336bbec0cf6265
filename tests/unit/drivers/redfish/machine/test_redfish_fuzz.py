"""Whatever JSON a BMC sends for its resources, a walk ends in a result or a DriverError, and is short."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

import bmc_fuzz
from bmc_tree import SYSTEM
from rounds import ROUNDS


@settings(max_examples=200 * ROUNDS)
@given(st.binary(min_size=500, max_size=4000))
def test_any_tree_of_resources_ends_in_a_result_or_a_driver_error(data: bytes) -> None:
    tree = bmc_fuzz.tree(data)
    note(tree)
    asyncio.run(bmc_fuzz.explore(tree))


@pytest.mark.parametrize("wide", [{"Status": {"Conditions": [{}]}}, {"Oem": {"Fans": [{"Status": {}}]}}])
def test_a_resource_of_many_parts_is_not_looked_through_to_its_end(wide: dict[str, Any]) -> None:
    fault = {"Name": "x" * 4000, "Status": {"Health": "Critical"}}
    system = {**wide, "Parts": [fault] * 100_000, "Status": {"Health": "Critical"}}
    asyncio.run(bmc_fuzz.explore({SYSTEM: system}))
