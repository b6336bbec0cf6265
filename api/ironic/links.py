"""Links in answers."""

from typing import Any


def pair(server: str, path: str) -> list[dict[str, Any]]:
    """Return the two links of a resource.

    :param server: the address of the server, see :func:`podium.api.services.address`
    :param path: below ``/v1``, such as ``nodes/UUID``
    """
    return [
        {"href": f"{server}/v1/{path}", "rel": "self"},
        {"href": f"{server}/{path}", "rel": "bookmark"},
    ]
