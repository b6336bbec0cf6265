"""What the states of discrete sensors mean, and which of them are a fault.

Sources: IPMI v2.0 revision 1.1, tables 42-2 (generic) and 42-3 (sensor-specific). States that do not show the
condition of the machine have no words here, unless they go with others that do, like a power supply's
presence.
"""

from typing import Final

SENSOR_SPECIFIC: Final = 0x6F

#: By bit: ``Warning``, ``Critical`` or nothing, and the words.
States = dict[int, tuple[str, str]]


def table(text: str) -> States:
    """Parse ``bit rank words`` in each line, with C for Critical, W for Warning, and - for neither."""
    ranks = {"C": "Critical", "W": "Warning", "-": ""}
    lines = (line.split(maxsplit=2) for line in text.strip().splitlines())
    return {int(bit): (ranks[rank], words) for bit, rank, words in lines}


_GENERIC: Final[dict[int, States]] = {
    0x04: table("1 W predictive failure"),
    0x05: table("1 C limit exceeded"),
    0x06: table("1 W performance lags"),
    0x07: table("""
        1 W non-critical
        2 C critical
        3 C non-recoverable
        4 W non-critical
        5 C critical
        6 C non-recoverable
    """),
    0x0A: table("""
        6 W degraded
        8 W install error
    """),
    0x0B: table("""
        1 C redundancy lost
        2 W redundancy degraded
        3 W non-redundant, sufficient resources
        4 W non-redundant, sufficient resources
        5 C non-redundant, insufficient resources
        6 W redundancy degraded
        7 W redundancy degraded
    """),
}

_BY_SENSOR_TYPE: Final[dict[int, States]] = {
    0x05: table("""
        0 W chassis intrusion
        1 W drive bay intrusion
        2 W I/O card area intrusion
        3 W processor area intrusion
        5 W unauthorized dock
        6 W fan area intrusion
    """),
    0x07: table("""
        0 C internal error
        1 C thermal trip
        2 C self-test failure
        3 C hang in POST
        4 C startup failure
        5 C configuration error
        6 C uncorrectable error
        7 - presence detected
        8 W disabled
        10 W throttled
        11 C machine check exception
        12 W correctable machine check error
    """),
    0x08: table("""
        0 - presence detected
        1 C failure detected
        2 W predictive failure
        3 C input lost
        4 C input lost or out of range
        5 W input out of range
        6 W configuration error
        7 - inactive
    """),
    0x09: table("""
        2 C 240 VA power down
        3 W interlock power down
        4 C input lost
        5 C soft power control failure
        6 C failure detected
        7 W predictive failure
    """),
    0x0C: table("""
        0 W correctable error
        1 C uncorrectable error
        2 C parity error
        3 C scrub failed
        4 W disabled
        5 W too many correctable errors
        6 - presence detected
        7 W configuration error
        9 W throttled
        10 C critical overtemperature
    """),
    0x0D: table("""
        0 - presence detected
        1 C drive fault
        2 W predictive failure
        5 W in critical array
        6 C in failed array
        7 W rebuild in progress
        8 W rebuild aborted
    """),
    0x0F: table("""
        0 C POST error
        1 C firmware hang
    """),
    0x10: table("""
        4 W event log full
        5 W event log almost full
    """),
    0x12: table("2 C undetermined hardware failure"),
    0x13: table("""
        0 W front panel NMI
        1 C bus timeout
        2 C I/O channel check NMI
        4 C PCI parity error
        5 C PCI system error
        7 W correctable bus error
        8 C uncorrectable bus error
        9 C fatal NMI
        10 C fatal bus error
        11 W bus degraded
    """),
    0x19: table("""
        0 C soft power control failure
        1 C thermal trip
    """),
    0x1B: table("1 C configuration error"),
    0x20: table("""
        0 C critical stop during load
        1 C run-time critical stop
    """),
    0x21: table("0 C slot fault"),
    0x28: table("""
        0 W sensor access degraded
        1 W controller access degraded
        2 C management controller off-line
        3 C management controller unavailable
        4 W sensor failure
        5 W FRU failure
    """),
    0x29: table("""
        0 W low
        1 C failed
        2 - presence detected
    """),
}

_NO_STATES: Final[States] = {}


def states(reading_type: int, sensor_type: int) -> States:
    """Return the states that have words, by bit; empty for the maker's own states.

    :param reading_type: event/reading type, table 42-1
    :param sensor_type: table 42-3
    """
    if reading_type == SENSOR_SPECIFIC:
        return _BY_SENSOR_TYPE.get(sensor_type, _NO_STATES)
    return _GENERIC.get(reading_type, _NO_STATES)


def fault(known: States, asserted: int) -> tuple[str, str] | None:
    """Return the worst rank among the asserted states and the words of all; None when none is a fault.

    :param asserted: the states as bits
    """
    found = [known[bit] for bit in known if asserted >> bit & 1]
    ranks = {rank for rank, _ in found}
    worst = "Critical" if "Critical" in ranks else "Warning" if "Warning" in ranks else ""
    return (worst, ", ".join(words for _, words in found)) if worst else None
