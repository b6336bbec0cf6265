"""Sinks, and the state of their notification."""

from typing import Final

import sqlalchemy as sa

from podium.db.models.kinds import UTCDateTime, metadata

#: Up to which event a sink has been notified, by which member, and since when delivery fails.
#:
#: Only ``owner`` delivers, until it has ended. ``refused_for`` is for how many seconds the sink has been
#: refusing the event ``refused_id``.
notification_cursors: Final = sa.Table(
    "notification_cursors",
    metadata,
    sa.Column("sink", sa.String(255), primary_key=True),
    sa.Column("owner", sa.BigInteger),
    sa.Column("event_id", sa.BigInteger, nullable=False),
    sa.Column("failing_since", UTCDateTime),
    sa.Column("last_error", sa.Text),
    sa.Column("refused_id", sa.BigInteger),
    sa.Column("refused_for", sa.Double, nullable=False, server_default=sa.text("0")),
)

#: A sink that a conductor has in its configuration.
notification_sinks: Final = sa.Table(
    "notification_sinks",
    metadata,
    sa.Column("hostname", sa.String(255), primary_key=True),
    sa.Column("sink", sa.String(255), primary_key=True),
)

#: An event that a sink refused for so long that it was set aside.
notification_refusals: Final = sa.Table(
    "notification_refusals",
    metadata,
    sa.Column("sink", sa.String(255), primary_key=True),
    sa.Column("event_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", UTCDateTime, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
)
