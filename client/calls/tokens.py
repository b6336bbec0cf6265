"""Bearer tokens, with which programs use podium-api."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from podium.client.calls.call import ABSENT, Call, Limit, Page, Record, Role

_Named = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
#: ``$`` would also match before a final line break.
_New = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$(?!\n)")]
_Lifetime = Annotated[float, msgspec.Meta(gt=0, le=86_400 * 99_999)]


class Token(Record, frozen=True, kw_only=True):
    """A token, without its secret.

    :param last_used_at: written at most once a minute
    """

    name: str
    role: Role
    state: Literal["valid", "expired", "revoked"]
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    last_used_from: str | None
    revoked_at: datetime | None
    revoked_by: str | None


class CreatedToken(Record, frozen=True, kw_only=True):
    """A token that was just created. Podium keeps only a hash of the secret, and never shows it again."""

    name: str
    secret: str = ABSENT

    def __repr__(self) -> str:
        return f"CreatedToken(name={self.name!r})"


class CreateToken(Call[CreatedToken], frozen=True, rename={"grants": "role"}):
    """Create a token, whose secret is in the answer and nowhere else.

    :param name: who uses it, such as grafana
    :param grants: the role that it gives; ``role`` over HTTP
    :param expires_in: seconds for which it is valid; None for ever
    """

    method = "POST"
    path = "/podium/v1/tokens"
    role = "admin"
    status = 201
    has_secrets = True

    name: _New
    grants: Role
    expires_in: _Lifetime | None


class ListTokens(Call[Page[Token]], frozen=True):
    """List tokens: who created them, how long they are valid, and when they were last used.

    :param limit: greatest number on this page; the server has a limit of its own
    :param marker: ``next`` of the page before
    """

    method = "GET"
    path = "/podium/v1/tokens"
    role = "admin"

    limit: Limit = None
    marker: _Named | None = None


class RevokeToken(Call[None], frozen=True):
    """Make a token invalid, on every podium-api within five seconds.

    :param name: of the token
    """

    method = "POST"
    path = "/podium/v1/tokens/{name}/revoke"
    role = "admin"
    status = 204

    name: _Named
