"""A node has one sender and one reader, and nothing is lost or done twice; see tests/sharing_story.py."""

import pytest

from rounds import ROUNDS
from sharing_story import run


@pytest.mark.long
def test_a_node_has_one_sender_and_one_reader_whatever_happens() -> None:
    run(examples=5 if ROUNDS == 1 else 50 * ROUNDS)
