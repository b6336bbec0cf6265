"""The figures of a conductor's workers: what each writes about itself, and all of them combined.

They are kept as JSON that another version of Podium may have written: a value that is missing, unknown or of
another type than expected counts as missing, so that adding them up cannot fail.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

_Mappings = Iterable[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """How figures of one kind are read from JSON and combined.

    :param read: the value, or None for JSON of another type
    :param merge: combines one or more values
    :param write: to JSON
    """

    read: Callable[[Any], Any]
    merge: Callable[[Sequence[Any]], Any]
    write: Callable[[Any], Any] = lambda value: value

    def figure(self, missing: Callable[[], Any] = lambda: None) -> Any:
        """A field of this kind; by default None stands for a missing figure."""
        return field(default_factory=missing, metadata={"kind": self})

    def mapping(self) -> Any:
        """A field with many figures by name, such as one for each driver."""
        kind = _Kind(
            lambda value: _read_all(value, self.read) if isinstance(value, Mapping) else None,
            lambda mappings: _merge_all(mappings, self.merge),
            lambda mapping: {key: self.write(value) for key, value in mapping.items()},
        )
        return kind.figure(dict)


def _read_all(values: Mapping[Any, Any], read: Callable[[Any], Any]) -> dict[str, Any]:
    found = {str(key): read(value) for key, value in values.items()}
    return {key: value for key, value in found.items() if value is not None}


def _merge_all(mappings: _Mappings, merge: Callable[[Sequence[Any]], Any]) -> dict[str, Any]:
    by_key: dict[str, list[Any]] = {}
    for mapping in mappings:
        for key, value in mapping.items():
            by_key.setdefault(key, []).append(value)
    return {key: merge(values) for key, values in by_key.items()}


def _integer(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _moment(value: Any) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


_COUNT: Final = _Kind(_integer, sum)
_AMOUNT: Final = _Kind(_number, math.fsum)
#: For values that cannot be added up. The greatest median or percentile of the groups is no less than that of
#: all.
_GREATEST: Final = _Kind(_number, max)
_FLAG: Final = _Kind(lambda value: value if isinstance(value, bool) else None, any)
_TEXT: Final = _Kind(lambda value: value if isinstance(value, str) else None, lambda texts: texts[0])
_SINCE: Final = _Kind(_moment, min, datetime.isoformat)


class _Record:
    """A frozen dataclass whose fields are all made by :meth:`_Kind.figure` or :meth:`_Kind.mapping`."""

    __slots__ = ()

    @classmethod
    def from_json(cls, document: Any) -> Self:
        """The figures of a document, which may contain anything."""
        known = document if isinstance(document, Mapping) else {}
        read = {one.name: _kind(one).read(known.get(one.name)) for one in _fields(cls)}
        return cls(**{name: value for name, value in read.items() if value is not None})

    def to_json(self) -> dict[str, Any]:
        """As JSON values; times in seconds."""
        values = ((one, getattr(self, one.name)) for one in _fields(type(self)))
        return {one.name: None if value is None else _kind(one).write(value) for one, value in values}

    @classmethod
    def merged(cls, records: Sequence[Self]) -> Self:
        """The figures of several workers as one."""
        return cls._added(records)

    @classmethod
    def _added(cls, records: Sequence[Self]) -> Self:
        whole = {}
        for one in _fields(cls):
            values = [value for record in records if (value := getattr(record, one.name)) is not None]
            if values:
                whole[one.name] = _kind(one).merge(values)
        return cls(**whole)

    @classmethod
    def kind(cls) -> _Kind:
        """The kind of a field that holds such a record."""
        return _Kind(
            lambda value: cls.from_json(value) if isinstance(value, Mapping) else None,
            cls.merged,
            cls.to_json,
        )


def _fields(record: Any) -> Any:
    return fields(record)


def _kind(one: Any) -> _Kind:
    kind: _Kind = one.metadata["kind"]
    return kind


@dataclass(frozen=True, slots=True)
class Ages(_Record):
    """The ages of readings, in seconds; None if nothing was read."""

    median: float | None = _GREATEST.figure()
    p99: float | None = _GREATEST.figure()
    max: float | None = _GREATEST.figure()


@dataclass(frozen=True, slots=True)
class DriverFigures(_Record):
    """The state of the reads of one driver's nodes.

    :param interval: seconds from one read of a node to the next; None for the interval of all drivers
    :param sweep_duration: of the last sweep, in seconds
    :param late: whether the sweeps cannot keep their interval
    :param failures: failed reads by kind
    :param counters: counters of the driver itself
    """

    nodes: int = _COUNT.figure(int)
    reads: int = _COUNT.figure(int)
    reads_per_second: float = _AMOUNT.figure(float)
    interval: float | None = _GREATEST.figure()
    sweep_duration: float | None = _GREATEST.figure()
    sweep_nodes: int = _COUNT.figure(int)
    in_flight: int = _COUNT.figure(int)
    lingering: int = _COUNT.figure(int)
    queued: int = _COUNT.figure(int)
    retrying: int = _COUNT.figure(int)
    late: bool = _FLAG.figure(bool)
    failures: Mapping[str, int] = _COUNT.mapping()
    counters: Mapping[str, float] = _AMOUNT.mapping()


@dataclass(frozen=True, slots=True)
class SinkFigures(_Record):
    """The state of the notifications of one sink.

    :param delivered: events since the start
    :param left_out: events since the start that the sink's filter left out
    :param pending: events that the sink has not taken yet
    :param set_aside: events that are no longer delivered because the sink refused them for too long
    """

    delivered: int = _COUNT.figure(int)
    left_out: int = _COUNT.figure(int)
    pending: int = _COUNT.figure(int)
    set_aside: int = _COUNT.figure(int)
    failing: bool = _FLAG.figure(bool)
    failing_since: datetime | None = _SINCE.figure()
    last_error: str | None = _TEXT.figure()


@dataclass(frozen=True, slots=True)
class EnforcementFigures(_Record):
    """How many nodes were switched back, and why others were not.

    :param is_frozen: whether nothing is enforced for the time being
    :param disturbed: nodes that changed unexpectedly or vanished lately
    """

    is_frozen: bool = _FLAG.figure(bool)
    enforced: int = _COUNT.figure(int)
    waiting: int = _COUNT.figure(int)
    unreachable: int = _COUNT.figure(int)
    frozen: int = _COUNT.figure(int)
    flapping: int = _COUNT.figure(int)
    dry_run: int = _COUNT.figure(int)
    disturbed: int = _COUNT.figure(int)


@dataclass(frozen=True, slots=True)
class Figures(_Record):
    """How up to date a worker's knowledge is, and the state of its sweeps; seconds, and numbers of nodes.

    :param fresh_share: the share of nodes whose reading is no older than ``max_age``
    :param age_buckets: nodes whose reading is at most this many seconds old, or ``inf``
    :param age_sum: of the ages of all readings
    :param out_of_reach: networks in which it can read nothing, while other conductors can
    :param drivers: by name
    :param notifications: by sink
    :param queues: records that wait to be written, by kind
    :param write_lag: for how long the oldest reading has been waiting to be written
    :param load: how busy the worker was in the last minute: ``cpu`` is the part of a core that it used, and
        ``reads`` the part of the concurrent reads allowed
    """

    nodes: int = _COUNT.figure(int)
    in_maintenance: int = _COUNT.figure(int)
    unreadable: int = _COUNT.figure(int)
    never_read: int = _COUNT.figure(int)
    failing: int = _COUNT.figure(int)
    out_of_reach: int = _COUNT.figure(int)
    max_age: float | None = _GREATEST.figure()
    fresh_share: float | None = _GREATEST.figure()
    ages: Ages = Ages.kind().figure(Ages)
    age_buckets: Mapping[str, int] = _COUNT.mapping()
    age_sum: float = _AMOUNT.figure(float)
    drivers: Mapping[str, DriverFigures] = DriverFigures.kind().mapping()
    notifications: Mapping[str, SinkFigures] = SinkFigures.kind().mapping()
    enforcement: EnforcementFigures | None = EnforcementFigures.kind().figure()
    queues: Mapping[str, int] = _COUNT.mapping()
    write_lag: float = _GREATEST.figure(float)
    load: Mapping[str, float] = _GREATEST.mapping()

    @classmethod
    def merged(cls, records: Sequence[Self]) -> Self:
        return replace(cls._added(records), fresh_share=_fresh_share(records))


def _fresh_share(records: Sequence[Figures]) -> float | None:
    """The share of all nodes, weighted by the workers' numbers of nodes."""
    shares = [
        (one.fresh_share, one.nodes - one.in_maintenance) for one in records if one.fresh_share is not None
    ]
    nodes = sum(count for _, count in shares)
    if nodes <= 0:
        return max((share for share, _ in shares), default=None)
    return math.fsum(share * count for share, count in shares) / nodes
