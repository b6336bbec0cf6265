"""Changes of credentials, and the keys with which secrets are encrypted."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import Exact, UTCDateTime, metadata
from podium.db.sealed import Sealed

#: What a request that changes credentials knows beside ``power_requests``.
#:
#: ``new`` and ``old`` are entries of ``driver_info``, by their names: the password, and the user where there
#: is one. They are for ``driver`` and ``place``, those of the node and what it spoke to then, and for nothing
#: else. ``endpoint`` names the account where it is that of several nodes. ``state`` is asked (the hardware
#: was sent nothing), sent (it may have either), in force (the node has the new ones), kept (it has the old
#: ones), unknown (neither was proved; both are kept until one is) or given (a person said then what the node
#: has). ``settled_at`` is when the last four came about; both stay for some days after that.
#: ``refused_logins`` is how many were refused in a row for the account up to now, those of the change before
#: included, and ``refused_at`` when the last of them was.
credential_changes: Final = sa.Table(
    "credential_changes",
    metadata,
    sa.Column("request_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("operation_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("node_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("node_uuid", sa.String(36), nullable=False),
    sa.Column("endpoint", Exact),
    sa.Column("driver", sa.String(64), nullable=False),
    sa.Column("place", Exact, index=True),
    sa.Column("on_bmc", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("new", Sealed, nullable=False),
    sa.Column("old", Sealed, nullable=False),
    sa.Column("expire_at", UTCDateTime),
    sa.Column("settled_at", UTCDateTime, index=True),
    sa.Column("refused_logins", sa.Integer),
    sa.Column("refused_at", UTCDateTime),
)

#: A key with which something in this database is encrypted, by its name; the key itself is elsewhere.
secret_keys: Final = sa.Table(
    "secret_keys",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("since", UTCDateTime, nullable=False),
)
