"""Limits how many machines of a rack or power feed are switched on within a time."""

import math
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

#: By domain: how many machines, within how many seconds.
Limits = Mapping[str, tuple[int, float]]


class PowerLimits:
    """Counts the machines switched on in each domain with a limit, in a sliding window.

    Used by the conductor's loop alone.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = dict(limits)
        self._begun = {domain: deque[float](maxlen=most) for domain, (most, _) in self._limits.items()}

    def domains(self, extra: Mapping[str, Any]) -> list[str]:
        """Return the domains with a limit that a node's ``extra`` names as ``power_domain`` or ``rack``."""
        named = {str(extra[key]) for key in ("power_domain", "rack") if key in extra}
        return sorted(named & self._limits.keys())

    def admit(self, domains: Iterable[str], now: float) -> float:
        """Count one machine that is to be switched on now, unless one of its domains has no room.

        :param now: seconds, monotonic
        :returns: seconds after which to ask again; 0 when the machine was counted
        """
        concerned = list(domains)
        wait = max((self._wait(domain, now) for domain in concerned), default=0.0)
        if wait <= 0:
            for domain in concerned:
                self._begun[domain].append(now)
        return max(wait, 0.0)

    def _wait(self, domain: str, now: float) -> float:
        begun, (most, seconds) = self._begun[domain], self._limits[domain]
        return begun[0] + seconds - now if len(begun) == most else -math.inf
