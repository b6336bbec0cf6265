"""The schema's history, for alembic; its revisions are listed here so that only an upgrade needs alembic."""

from typing import Final

#: From the first to the present one, which this program works with.
REVISIONS: Final = (
    *("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012"),
)

#: The first that says which programs may use it, and by which conductors with a lease can be told.
FIRST_WITH_FLOOR: Final = "0007"
