"""A conductor that is gone is removed, and no other."""

from crews import enter
from podium.db import conductors, members, removal
from podium.db.engine import Database


def remove(database: Database, host: str) -> bool:
    with database.write() as connection:
        return removal.remove(connection, host)


def hosts(database: Database) -> list[str]:
    with database.read() as connection:
        return [one.hostname for one in conductors.list_conductors(connection)]


def test_a_conductor_whose_workers_have_all_ended_is_removed(database: Database) -> None:
    one, other = enter(database, "c1"), enter(database, "c1", 1)
    enter(database, "c2")
    for member, is_removed in ((one, False), (other, True)):
        with database.write() as connection:
            members.leave(connection, member)
        assert remove(database, "c1") == is_removed
    assert hosts(database) == ["c2"]
