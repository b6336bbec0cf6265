"""The fleet as a whole."""

from podium.client.calls.call import Call, Record


class Fleet(Record, frozen=True, kw_only=True):
    """A database and all its users.

    :param id: the UUID that it was given when it was created
    :param version: of the program that answers
    :param heartbeat_timeout: seconds, ``[conductor] heartbeat_timeout``
    """

    id: str
    version: str
    heartbeat_timeout: float


class GetFleet(Call[Fleet], frozen=True):
    """Show which fleet this is, and what clients need to know of its settings."""

    method = "GET"
    path = "/podium/v1"
    role = "reader"
