"""What runs, when, and what is written down.

oslo.service needs its backend before its first module is used, so it is chosen here: threads, whose launcher
forks the workers. eventlet, which oslo.service still installs, is not used and nothing is monkey-patched.
"""

from oslo_service import backend

from podium import library_internals

library_internals.import_without_eventlet()
backend.init_backend(backend.BackendType.THREADING)
