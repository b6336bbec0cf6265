"""What the workers of one conductor wrote down about themselves, as the figures of the whole conductor."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

#: What is shown, in order, and where the workers' documents have it.
FIGURES: Final[Mapping[str, str]] = {
    "nodes": "nodes",
    "failing": "failing",
    "in_maintenance": "in_maintenance",
    "unreadable": "unreadable",
    "never_read": "never_read",
    "power_state_max_age": "max_age",
    "fresh_share": "fresh_share",
    "power_state_ages": "ages",
    "power_state_age_buckets": "age_buckets",
    "power_reads": "drivers",
    "enforcement": "enforcement",
    "notifications": "notifications",
    "queues": "queues",
    "write_lag": "write_lag",
}

#: What does not add up. The greatest median or percentile of some groups is no less than that of all.
_GREATEST: Final = frozenset({"max_age", "median", "p99", "max", "sweep_duration", "write_lag"})


def merged(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of a conductor by the names in :data:`FIGURES`; None for those that no worker wrote."""
    whole = _added(documents)
    whole["fresh_share"] = _fresh_share(documents)
    return {name: whole.get(key) for name, key in FIGURES.items()}


def _fresh_share(documents: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of all nodes, of which the workers may have different numbers."""
    shares = [
        (one["fresh_share"], one.get("nodes", 0) - one.get("in_maintenance", 0))
        for one in documents
        if one.get("fresh_share") is not None
    ]
    nodes = sum(count for _, count in shares)
    if nodes <= 0:
        return max((share for share, _ in shares), default=None)
    return float(sum(share * count for share, count in shares) / nodes)


def _added(documents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    values: dict[str, list[Any]] = {}
    for document in documents:
        for key, value in document.items():
            values.setdefault(key, [])
            if value is not None:
                values[key].append(value)
    return {key: _one(key, found) for key, found in values.items()}


def _one(key: str, values: Sequence[Any]) -> Any:
    if not values:
        return None
    if all(isinstance(value, Mapping) for value in values):
        return _added(values)
    if key in _GREATEST or all(isinstance(value, bool) for value in values):
        return max(values)
    return sum(values)
