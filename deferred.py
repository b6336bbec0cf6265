"""Imports libraries without some of their own imports, which follow on first use."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType


@contextmanager
def deferred(*names: str) -> Iterator[None]:
    """Replace these modules by stand-ins in the imports of the block, unless they are imported already.

    A stand-in imports its module when something in it is first used. After the block, an import returns the
    module itself.
    """
    new = {name: _stand_in(name) for name in names if name not in sys.modules}
    sys.modules.update(new)
    try:
        yield
    finally:
        for name, module in new.items():
            _remove(name, module)


def _stand_in(name: str) -> ModuleType:
    module = ModuleType(name)

    def find(attribute: str) -> object:
        _remove(name, module)
        return getattr(importlib.import_module(name), attribute)

    module.__dict__["__getattr__"] = find
    return module


def _remove(name: str, module: ModuleType) -> None:
    if sys.modules.get(name) is module:
        del sys.modules[name]
