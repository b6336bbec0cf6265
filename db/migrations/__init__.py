"""The schema's history, for alembic; its revisions are listed here so that only an upgrade needs alembic."""

from typing import Final

#: From the first to the current revision, with which this program works.
REVISIONS: Final = (
    *("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012"),
)

#: The first revision that records which programs may use it, and in which conductors have a lease.
FIRST_WITH_FLOOR: Final = "0007"
