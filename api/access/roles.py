"""Which role the options give to whom."""

from collections.abc import Iterable, Sequence
from typing import Any

from podium.api.callers import Caller, Role
from podium.api.faults import Fault


class Roles:
    """The options readers, operators and admins, as they are now.

    :param options: those of [api]
    """

    def __init__(self, options: Any) -> None:
        self._by_name: dict[str, Role] = {}
        for role in Role:  # the highest is the last, and stays
            self._by_name |= dict.fromkeys(getattr(options, f"{role.word}s"), role)

    def of(self, name: str, groups: Iterable[str] = (), own: Role | None = None) -> Role | None:
        """Return the highest role of a user, or of the token ``token:NAME``; None if there is none.

        :param groups: of this host, in which the user is
        :param own: what a token has of its own
        """
        # A user whose name begins with @ is not the group.
        named = None if name.startswith("@") else self._by_name.get(name)
        found = [named, own, *(self._by_name.get(f"@{group}") for group in groups)]
        return max((role for role in found if role is not None), default=None)

    def groups(self, least: Role) -> list[str]:
        """Return the groups of this host whose users have at least a role."""
        return [name[1:] for name, role in self._by_name.items() if name[0] == "@" and role >= least]


def require(caller: Caller, role: Role, groups: Sequence[str] = ()) -> None:
    """Make sure that a caller has a role.

    :param groups: of this host that give it, if the caller is a user of this host
    :raises podium.api.faults.Fault: 403, naming what gives it
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
