"""oslo.db's module that makes engines, without SQLAlchemy's ORM.

oslo.db imports the ORM beside it, for helpers with models of its own. That takes a sixth of the time of a
command, and memory in every process; Podium's tables are plain ones.
"""

import importlib
import sys
from types import ModuleType
from typing import Final

_MODELS: Final = "oslo_db.sqlalchemy.models"


def _deferred(name: str) -> ModuleType:
    """Return what stands for a module, which is imported when something in it is first used."""
    module = ModuleType(name)
    module.__dict__["__getattr__"] = lambda attribute: getattr(importlib.import_module(name), attribute)
    return module


_is_there: Final = _MODELS in sys.modules
if not _is_there:
    sys.modules[_MODELS] = _deferred(_MODELS)
try:
    from oslo_db.sqlalchemy.engines import create_engine
finally:
    if not _is_there:
        del sys.modules[_MODELS]  # whoever imports it gets the module itself

__all__ = ["create_engine"]
