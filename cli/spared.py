"""Prevents imports that ``podium`` does not need, so that it starts quickly.

httpx has its own command, and httpcore supports event loops: the libraries for these take longer to import
than everything else together. Both packages also work without these libraries.
"""

import gc
import sys
from typing import Final

#: Modules of httpx 0.28 and httpcore 1.0. If they have other names, nothing is saved, and everything works.
_MODULES: Final = ("httpx._main", "httpcore._backends.anyio", "httpcore._backends.trio")
#: Objects that are created between two garbage collections; Python's default is 700. Importing modules
#: creates hundreds of thousands of objects, none of which is garbage.
_OBJECTS: Final = 10_000


def spare() -> None:
    """Prevent the import of these modules, and collect garbage less often.

    Only for a process that runs nothing but the command.
    """
    gc.set_threshold(_OBJECTS)
    for name in _MODULES:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # as Python's reference describes
