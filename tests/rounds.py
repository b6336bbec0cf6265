"""How much the long tests do: one round of their work in ``make test``, more in ``make test-long``."""

import os
from typing import Final

#: Rounds of kills, interleavings and examples, for tests with the marker ``long`` and those of hypothesis.
ROUNDS: Final = int(os.environ.get("PODIUM_TEST_ROUNDS", "1"))
#: What happens when in the kills. One round of all else is always the same, and more are different each time.
SEED: Final = int(os.environ.get("PODIUM_TEST_SEED", "1"))
