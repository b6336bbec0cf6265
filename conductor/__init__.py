"""The conductor: runs tasks, sweeps and power changes, and records their results."""

import podium.workers  # noqa: F401  # chooses the backend of oslo.service before anything here uses it
