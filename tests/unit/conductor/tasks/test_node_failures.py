"""What is logged and shown of the nodes for which a task fails."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from podium import errors
from podium.conductor.tasks.node_failures import NodeFailures
from podium.testing import make_node

ONE, TWO = make_node("acme", name="n1"), make_node("acme", name="n2")
SILENCE = errors.BMCUnreachable("no answer")


class Fleet(dict[str, Any]):
    """Entries of nodes, by UUID."""

    find = dict.get


@pytest.fixture
def fleet() -> Any:
    return Fleet({node.uuid: SimpleNamespace(node=node) for node in (ONE, TWO)})


@pytest.fixture
def failures(fleet: Any, caplog: pytest.LogCaptureFixture) -> Iterator[NodeFailures]:
    caplog.set_level("INFO", logger="podium")
    yield NodeFailures("acme.look", fleet, frozenset())


def test_a_node_fails_or_not_as_its_last_call_did_whichever_run_ends_last(
    failures: NodeFailures, caplog: pytest.LogCaptureFixture
) -> None:
    failures.note(ONE, SILENCE)
    failures.note(ONE, None)
    failures.note(TWO, None)
    failures.note(TWO, SILENCE)
    failures.log_changes()
    assert failures.summary() == "failed for n2: no answer"
    assert caplog.messages == ["Periodic task acme.look failed for n2: no answer"]


def test_the_end_of_a_run_for_one_node_tells_of_no_other(
    failures: NodeFailures, caplog: pytest.LogCaptureFixture
) -> None:
    failures.note(ONE, SILENCE)
    failures.note(TWO, SILENCE)
    failures.log_changes([TWO.uuid])
    assert failures.summary() == "failed for n2: no answer"
    failures.log_changes()
    assert failures.summary() == "failed for n[1-2]: no answer"
    failures.note(TWO, None)
    failures.log_changes([TWO.uuid])
    assert caplog.messages == [
        "Periodic task acme.look failed for n2: no answer",
        "Periodic task acme.look failed for n1: no answer",
        "Periodic task acme.look succeeds again for n2",
    ]


def test_a_node_that_is_gone_fails_no_more(failures: NodeFailures, fleet: Any) -> None:
    failures.note(ONE, SILENCE)
    failures.log_changes()
    del fleet[ONE.uuid]
    assert failures.summary() is None


def test_the_summary_is_news_once_a_call_has_changed_it(failures: NodeFailures) -> None:
    failures.note(ONE, None)
    failures.log_changes()
    assert not failures.take_changed()
    failures.note(ONE, SILENCE)
    failures.log_changes()
    assert (failures.take_changed(), failures.take_changed()) == (True, False)
