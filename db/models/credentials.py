"""Changes of credentials, and the keys with which secrets are encrypted."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import Exact, UTCDateTime, metadata
from podium.db.sealed import Sealed

#: Additional data of a request in ``power_requests`` that changes credentials.
#:
#: ``new`` and ``old`` are entries of ``driver_info``, by their names: the password, and the user where there
#: is one. They are valid only for ``driver`` and ``place``, the node's driver and endpoint at that time.
#: ``endpoint`` names the account if several nodes share it. ``state`` is asked (nothing was sent to the
#: hardware), sent (it may have either), in force (the node has the new ones), kept (it has the old ones),
#: unknown (neither was proved; both are kept until one is) or given (a person then gave the node's
#: credentials). ``settled_at`` is when one of the last four states was reached; ``new`` and ``old`` stay for
#: some days after that. ``refused_logins`` is how many logins in a row were refused for the account so far,
#: including those of the previous change, and ``refused_at`` is the time of the last of them.
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

#: The name of a key that encrypts data in this database; the key itself is stored elsewhere.
secret_keys: Final = sa.Table(
    "secret_keys",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("since", UTCDateTime, nullable=False),
)
