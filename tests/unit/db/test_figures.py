"""Figures of workers: what comes back of any JSON, and several as one."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.db.figures import Ages, DriverFigures, EnforcementFigures, Figures, SinkFigures

pytestmark = pytest.mark.mariadb_long

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
FIGURES = Figures(
    nodes=10,
    in_maintenance=1,
    max_age=120.0,
    fresh_share=0.5,
    ages=Ages(median=10.0, p99=20.0, max=30.0),
    age_buckets={"5": 1, "inf": 9},
    age_sum=90.5,
    drivers={"fake": DriverFigures(nodes=10, late=True, failures={"timeout": 2}, counters={"sent": 1.5})},
    notifications={"url": SinkFigures(pending=2, failing=True, failing_since=NOON, last_error="503")},
    enforcement=EnforcementFigures(enforced=3),
    queues={"readings": 5},
    write_lag=0.25,
)


def test_figures_come_back_from_json_as_they_were() -> None:
    assert Figures.from_json(json.loads(json.dumps(FIGURES.to_json()))) == FIGURES


@pytest.mark.parametrize("document", [None, [], "none", 7, {}, {"of another version": 1}])
def test_figures_that_are_missing_have_their_defaults(document: Any) -> None:
    assert Figures.from_json(document) == Figures()


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodes": "ten"},
        {"nodes": True},
        {"nodes": 1.5},
        {"max_age": float("nan")},
        {"max_age": 10**400},
        {"ages": [1, 2]},
        {"age_buckets": {"5": None, "10": "many"}},
        {"drivers": {"fake": 7}},
        {"enforcement": "off"},
        {"queues": 3},
    ],
)
def test_a_figure_of_another_type_counts_as_missing(wrong: dict[str, Any]) -> None:
    assert Figures.from_json(wrong) == Figures()


def test_figures_of_several_workers_add_up_but_for_the_greatest() -> None:
    other = Figures(
        nodes=30,
        max_age=120.0,
        fresh_share=1.0,
        ages=Ages(median=12.0, p99=15.0),
        drivers={"fake": DriverFigures(nodes=30, sweep_duration=3.0, failures={"timeout": 1, "fault": 1})},
        notifications={"url": SinkFigures(pending=1, failing=True, failing_since=NOON - timedelta(hours=1))},
        write_lag=1.0,
    )
    whole = Figures.merged([FIGURES, other])
    assert (whole.nodes, whole.max_age, whole.write_lag) == (40, 120.0, 1.0)
    assert whole.ages == Ages(median=12.0, p99=20.0, max=30.0)
    assert whole.fresh_share == pytest.approx((0.5 * 9 + 1.0 * 30) / 39)
    fake, url = whole.drivers["fake"], whole.notifications["url"]
    assert (fake.nodes, fake.late, fake.sweep_duration) == (40, True, 3.0)
    assert fake.failures == {"timeout": 3, "fault": 1}
    assert (url.pending, url.failing_since) == (3, NOON - timedelta(hours=1))
    assert url.last_error == "503"
    assert whole.enforcement == EnforcementFigures(enforced=3)


def test_no_workers_have_no_figures() -> None:
    assert Figures.merged([]) == Figures()


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
_NAMES = st.sampled_from([*FIGURES.to_json(), *DriverFigures.__slots__, *SinkFigures.__slots__])
_JSON = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(st.dictionaries(_NAMES, _JSON, max_size=8), max_size=3))
def test_no_documents_keep_a_conductor_from_being_shown(documents: list[dict[str, Any]]) -> None:
    whole = Figures.merged([Figures.from_json(document) for document in documents])
    json.dumps(whole.to_json(), allow_nan=False)
