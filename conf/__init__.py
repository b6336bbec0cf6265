"""Podium's configuration: :func:`load` reads the configuration of a program.

The functions here import the options of every library. ``podium`` needs none of them when it uses a
podium-api, and then imports single modules of this package.
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
