import sys

import pytest

from podium import errors
from podium.db.urls import parse_url, shown

PASSWORD = "hunter2-correct-horse"


@pytest.mark.parametrize("kind", ["postgresql", "mysql", "mariadb"])
def test_a_kind_of_server_is_enough_and_the_driver_is_filled_in(kind: str) -> None:
    url = parse_url(f"{kind}://user:{PASSWORD}@db.example/podium")
    assert url.get_driver_name() in {"psycopg", "pymysql"}
    assert url.password == PASSWORD


@pytest.mark.parametrize("hosts", ["a,b", "a:5433,b", "10.0.0.1:5432,10.0.0.2:5432"])
def test_a_url_may_name_several_hosts_and_is_shown_without_its_password(hosts: str) -> None:
    text = f"postgresql://user:{PASSWORD}@{hosts}/podium?target_session_attrs=read-write"
    url = parse_url(text)
    assert shown(url) == f"postgresql+psycopg://user:***@{hosts}/podium"
    _, arguments = url.get_dialect()().create_connect_args(url)
    given = hosts.split(",")
    assert arguments["host"] == ",".join(one.partition(":")[0] for one in given)
    ports = [one.partition(":")[2] for one in given]
    assert arguments.get("port", ",").split(",") == ports
    assert (arguments["user"], arguments["password"]) == ("user", PASSWORD)
    assert (arguments["dbname"], arguments["target_session_attrs"]) == ("podium", "read-write")


def test_a_faulty_port_of_one_of_several_hosts_is_refused_without_the_password() -> None:
    with pytest.raises(errors.ConfigError, match=r"\[database\] connection is not a") as caught:
        parse_url(f"postgresql://user:{PASSWORD}@a:543x,b/podium")
    assert PASSWORD not in str(caught.value)


def test_what_the_url_says_goes_before_the_defaults() -> None:
    url = parse_url("postgresql://db.example/podium?connect_timeout=20&sslmode=verify-full")
    assert (url.query["connect_timeout"], url.query["sslmode"]) == ("20", "verify-full")


@pytest.mark.parametrize(
    "text",
    ["", "podium.sqlite", PASSWORD, f"postgresql://u:{PASSWORD}@h:port/podium", "postgresql://u@h:99x/p"],
)
def test_what_is_no_url_names_the_option_and_not_its_value(text: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"\[database\] connection is not a database URL") as caught:
        parse_url(text)
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "kind", ["oracle", "mssql+pyodbc", "nonsense", "sqlite+aiosqlite", "postgresql+asyncpg", "mysql+aiomysql"]
)
def test_a_database_that_podium_cannot_use_is_refused_with_those_it_can(kind: str) -> None:
    with pytest.raises(errors.ConfigError, match="use sqlite, postgresql or mysql") as caught:
        parse_url(f"{kind}://user:{PASSWORD}@db.example/podium")
    assert f"[database] connection = {kind}://user:***@db.example/podium" in str(caught.value)


@pytest.mark.parametrize("text", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused_because_nobody_else_would_see_it(text: str) -> None:
    with pytest.raises(errors.ConfigError, match="sqlite:////var/lib/podium/podium.sqlite"):
        parse_url(text)


@pytest.mark.parametrize(("kind", "module"), [("postgresql", "psycopg"), ("mysql", "pymysql")])
def test_a_missing_database_driver_names_the_extra_to_install(
    kind: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(errors.ConfigError, match=rf"pip install 'podium\[{kind}\]'") as caught:
        parse_url(f"{kind}://user:{PASSWORD}@db.example/podium")
    assert PASSWORD not in str(caught.value)
