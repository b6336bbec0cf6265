"""Which role somebody has, by the options that give them."""

from collections.abc import Iterable
from typing import Final

from podium import conf
from podium.api.callers import Role

#: The option of each role.
OPTIONS: Final = {Role.READER: "readers", Role.OPERATOR: "operators", Role.ADMIN: "admins"}


def role_of(config: conf.Config, name: str, groups: Iterable[str] = ()) -> Role | None:
    """Return the highest role that the options give.

    :param name: of the user or, as ``token:NAME``, of the token
    :param groups: of the user on this host
    """
    names = {name, *(f"@{group}" for group in groups)}
    given = [role for role, option in OPTIONS.items() if not names.isdisjoint(config.api[option])]
    return max(given, default=None)


def refusal(name: str, needed: Role) -> str:
    """Return the words for somebody whose role does not suffice."""
    return (
        f"{name} may not do this, which needs the role {needed.word};"
        f" [api] {OPTIONS[needed]} of podium-api gives it"
    )
