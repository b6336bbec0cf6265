"""What runs, when, and what is written down."""

import podium.workers  # noqa: F401  # it chooses the backend of oslo.service, before anything here uses that
