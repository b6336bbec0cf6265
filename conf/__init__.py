"""Podium's configuration: :func:`load` reads that of a program.

The options of every library come with it. ``podium`` needs none of them where it asks a podium-api, and
imports single modules of this package then.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from podium.conf.loading import Config, explain, files_read, load
else:

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module("podium.conf.loading"), name)


__all__ = ["Config", "explain", "files_read", "load"]
