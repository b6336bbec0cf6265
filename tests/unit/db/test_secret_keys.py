"""A key encrypts once every member holds it; from then on none may be without it."""

from collections.abc import Callable, Sequence
from typing import Final

import pytest
import sqlalchemy as sa

from podium import errors
from podium.db import members, migrate, models, secret_keys
from podium.db.engine import Database
from podium.db.keyring import Keyring
from podium.db.worker import Worker

Step = Callable[[sa.Connection], object]
Contend = Callable[..., BaseException | None]

NEW, OLD = bytes([1] * 32), bytes([2] * 32)
RING: Final = Keyring([NEW, OLD])
SERVICE: Final = members.Service("boot:1:2", ("fake",), ("",), (), 30.0, 5.0, "1", "f")


def entering(host: str, keys: Sequence[str] | None) -> Callable[[sa.Connection], Worker]:
    return lambda connection: members.enter(connection, host, 0, SERVICE._replace(secret_keys=keys))


def begun(database: Database, ring: Keyring = RING) -> str | None:
    with database.write() as connection:
        found = secret_keys.begin(connection, ring)
    return None if found is None else found.name


def floor_of(database: Database) -> str | None:
    with database.read() as connection:
        return connection.scalar(sa.select(models.schema_floor.c.revision))


def test_without_members_the_first_key_is_used_and_programs_of_before_are_shut_out(
    database: Database,
) -> None:
    assert floor_of(database) == "0008"
    assert begun(database) == RING.names[0]
    assert floor_of(database) == "0011"
    assert begun(database) is None
    with database.read() as connection:
        assert secret_keys.in_use(connection) == (RING.names[0],)


def test_a_floor_that_is_higher_already_stays(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.update(models.schema_floor).values(revision="0012"))
    begun(database)
    assert floor_of(database) == "0012"


def test_no_later_migration_lets_them_in_again(database: Database) -> None:
    begun(database)
    with database.write() as connection:
        migrate.put_floor(connection, "0008")
    assert floor_of(database) == "0011"


@pytest.mark.parametrize("keys", [None, [], ["0123456789ab"]])
def test_nothing_is_encrypted_while_a_member_lacks_the_key(
    database: Database, keys: list[str] | None
) -> None:
    with database.write() as connection:
        entering("c1", RING.names)(connection)
        other = entering("c2", keys)(connection)
    assert begun(database) is None
    assert floor_of(database) == "0008"
    with database.read() as connection:
        assert secret_keys.lacking(connection, RING.names[0]) == [str(other)]
    with database.write() as connection:
        members.leave(connection, other)
    assert begun(database) == RING.names[0]


def test_a_key_that_all_have_is_used_before_one_that_some_lack(database: Database) -> None:
    with database.write() as connection:
        entering("c1", RING.names)(connection)
        other = entering("c2", [RING.names[1]])(connection)
    assert begun(database) == RING.names[1]
    assert begun(database) is None
    with database.write() as connection:
        members.hold_keys(connection, other, RING.names)
    assert begun(database) == RING.names[0]
    with database.read() as connection:
        assert set(secret_keys.in_use(connection)) == set(RING.names)


def test_nobody_enters_without_a_key_that_is_in_use_or_gives_it_away(database: Database) -> None:
    begun(database)
    for keys in (None, [RING.names[1]]):
        told = f"the key {RING.names[0]}, which is not"
        with pytest.raises(errors.ConfigError, match=told), database.write() as connection:
            entering("c1", keys)(connection)
    with database.write() as connection:
        member = entering("c1", RING.names)(connection)
    with pytest.raises(errors.ConfigError, match=RING.names[0]), database.write() as connection:
        members.hold_keys(connection, member, [RING.names[1]])
    with database.read() as connection:
        assert secret_keys.lacking(connection, RING.names[0]) == []


def test_of_two_at_the_same_moment_who_enters_without_the_key_is_refused(
    database: Database, contend: Contend
) -> None:
    error = contend(lambda connection: secret_keys.begin(connection, RING), entering("c1", []))
    assert isinstance(error, errors.ConfigError)
    with database.read() as connection:
        assert members.unended(connection) == []


def test_of_two_at_the_same_moment_who_begins_sees_who_has_entered(
    database: Database, contend: Contend
) -> None:
    assert contend(entering("c1", []), lambda connection: secret_keys.begin(connection, RING)) is None
    with database.read() as connection:
        assert secret_keys.in_use(connection) == ()
