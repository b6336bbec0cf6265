"""The roles that the options give to users, tokens and groups."""

from collections.abc import Iterable, Sequence
from typing import Any

from podium.api.callers import Caller, Role
from podium.api.faults import Fault


class Roles:
    """The present values of the options readers, operators and admins.

    :param options: those of [api]
    """

    def __init__(self, options: Any) -> None:
        self._by_name: dict[str, Role] = {}
        for role in Role:  # the highest comes last and wins
            self._by_name |= dict.fromkeys(getattr(options, f"{role.word}s"), role)

    def of(self, name: str, groups: Iterable[str] = (), own: Role | None = None) -> Role | None:
        """Return the highest role of a user, or of the token ``token:NAME``; None without a role.

        :param groups: the user's groups on this host
        :param own: the role of the token itself
        """
        # A user name that begins with @ does not mean a group.
        named = None if name.startswith("@") else self._by_name.get(name)
        found = [named, own, *(self._by_name.get(f"@{group}") for group in groups)]
        return max((role for role in found if role is not None), default=None)

    def groups(self, least: Role) -> list[str]:
        """Return the groups of this host whose users have at least this role."""
        return [name[1:] for name, role in self._by_name.items() if name[0] == "@" and role >= least]


def require(caller: Caller, role: Role, groups: Sequence[str] = ()) -> None:
    """Make sure that a caller has a role.

    :param groups: the groups of this host that give the role, if the caller is a user of this host
    :raises podium.api.faults.Fault: 403, naming the ways to get the role
    """
    if caller.role is not None and caller.role >= role:
        return
    has = f"has the role {caller.role.word}" if caller.role else "has no role"
    text = f"{caller.name} {has}, and this needs {role.word}, which the option [api] {role.word}s gives"
    if groups:
        text += (
            f"; as root: usermod -aG GROUP {caller.name}, where GROUP is {' or '.join(groups)}; or name"
            f" {caller.name} in that option"
        )
    raise Fault(403, text)
