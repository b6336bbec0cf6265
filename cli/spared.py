"""What ``podium`` does without to start quickly.

httpx has a command of its own, and httpcore works with event loops: the libraries of both take longer to
import than everything else together. Both do without them where they are not installed.
"""

import gc
import sys
from typing import Final

#: Of httpx 0.28 and httpcore 1.0. Where these are called otherwise, nothing is spared, and everything works.
_MODULES: Final = ("httpx._main", "httpcore._backends.anyio", "httpcore._backends.trio")
#: Objects that are made between two searches for garbage; Python's own number is 700. While modules are
#: imported, hundreds of thousands are made and none of them is garbage.
_OBJECTS: Final = 10_000


def spare() -> None:
    """Have these modules never imported, and garbage looked for less often.

    For a process that is the command, and nothing else.
    """
    gc.set_threshold(_OBJECTS)
    for name in _MODULES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # as Python's reference has it
