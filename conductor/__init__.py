"""What runs, when, and what is written down.

oslo.service asks for its backend before its first module is used, so it is chosen here: threads, whose
launcher forks the worker. eventlet, which oslo.service still installs, is never used and nothing is
monkey-patched.
"""

import sys

from oslo_service import backend

# futurist, which the backend imports, loads eventlet when it finds it: 9 MB and a warning at every start.
if "eventlet" not in sys.modules:
    sys.modules["eventlet"] = None  # type: ignore[assignment]  # the documented way to make an import fail
    import futurist  # noqa: F401

    del sys.modules["eventlet"]

backend.init_backend(backend.BackendType.THREADING)
