"""A text that identifies the options that all conductors of a fleet should have in common.

It has a digest of each option's value, so that the options in which two conductors differ can be named
without showing any value.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import Final

from oslo_config import cfg

from podium.conf import conductor

#: Options of [conductor] that may differ: the purpose of a conductor and the capacity of its host.
_OWN: Final = frozenset(
    {
        "conductor_group",
        "additional_conductor_groups",
        "fallback_conductor_groups",
        "workers",
        "sync_power_state_in_flight",
        "sync_power_state_rate",
        "confirm_above",
    }
)


def fingerprint(conf: cfg.ConfigOpts) -> str:
    """Return the fingerprint of the values in force."""
    names = sorted(option.dest for option in conductor.opts if option.dest not in _OWN)
    return " ".join(f"{name}:{_digest(conf.conductor[name])}" for name in names)


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()


def differences(one: str, other: str) -> list[str]:
    """Return the options in which two fingerprints differ, including those that only one of them has."""
    ours, theirs = (dict(part.partition(":")[::2] for part in text.split()) for text in (one, other))
    return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def usual(found: Iterable[str]) -> str:
    """Return the most frequent fingerprint; of several equally frequent ones, the first."""
    return next((text for text, _ in Counter(found).most_common(1)), "")
