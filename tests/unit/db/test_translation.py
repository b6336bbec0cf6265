import pytest
import sqlalchemy as sa
from pymysql.err import OperationalError

from podium import errors
from podium.db.engine import Database
from podium.db.translation import translated


@pytest.mark.parametrize(
    ("code", "words", "remedy"),
    [
        (1290, "The MariaDB server is running with the --read-only option", "the server takes no writes"),
        (
            1205,
            "Lock wait timeout exceeded; try restarting transaction",
            "another transaction holds the rows",
        ),
        (1114, "The table 'nodes' is full", "make room on the server's disk"),
        (2003, "Can't connect to MySQL server on 'db.example'", "is the server up"),
    ],
)
def test_an_error_of_a_server_is_shown_in_its_words_and_with_the_remedy_for_it(
    code: int, words: str, remedy: str
) -> None:
    url = sa.make_url("mysql+pymysql://podium:hunter2-correct-horse@db.example/podium")
    cause = OperationalError(code, words)
    cause.sqlstate = "HY000"  # which a server sends, too
    with pytest.raises(errors.DatabaseUnavailable) as caught, translated(url):
        raise sa.exc.OperationalError("UPDATE x", {}, cause)
    assert str(caught.value) == (
        f"[database] connection = mysql+pymysql://podium:***@db.example/podium: {words} (error {code}); "
        + str(caught.value).rpartition("; ")[2]
    )
    assert f"; {remedy}" in str(caught.value)


def test_a_connection_that_is_shut_while_it_is_made_counts_as_away() -> None:
    url = sa.make_url("postgresql+psycopg://podium:hunter2-correct-horse@db.example/podium")
    with pytest.raises(errors.DatabaseUnavailable, match="This Connection is closed"), translated(url):
        raise sa.exc.ResourceClosedError("This Connection is closed")


def test_a_database_without_its_tables_counts_as_away(database: Database) -> None:
    with pytest.raises(errors.DatabaseUnavailable) as caught, database.write() as connection:
        connection.execute(sa.text("UPDATE no_such_table SET a = 1"))
    assert "no_such_table" in str(caught.value)
    assert str(caught.value).endswith("; has it the schema of this Podium? See: podium db upgrade")
