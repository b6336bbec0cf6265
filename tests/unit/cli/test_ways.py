import argparse
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from commands import Here, Run
from podium import errors
from podium.cli import ways
from podium.cli.app import COMMANDS, LOCAL
from podium.cli.main import main
from podium.client.remote import attempts

Choose = Callable[..., ways.Way]


@pytest.fixture
def choose(tmp_path: Path) -> Choose:
    """``choose("[client]…", url=…, PODIUM_URL=…)`` is the way with this configuration, option, variable."""

    def chosen(text: str = "", **given: str) -> ways.Way:
        file = tmp_path / "podium.conf"
        file.write_text(f"[DEFAULT]\nstate_path = {tmp_path}\n{text}")
        names = "config_file", "url", "credentials_file", "cafile"
        options = argparse.Namespace(**dict.fromkeys(names) | {"config_file": str(file)})
        environment = {"XDG_CONFIG_HOME": str(tmp_path)}
        for name, value in given.items():
            if name in names:
                setattr(options, name, value)
            else:
                environment[name] = value
        return ways.choose(options, "podium", environment)

    return chosen


def test_the_option_goes_before_the_variable_and_that_before_the_configuration(choose: Choose) -> None:
    text = "[client]\nurl = https://c.example.org\n"
    found = [
        choose(text, url="https://a.example.org", PODIUM_URL="https://b.example.org"),
        choose(text, PODIUM_URL="https://b.example.org"),
        choose(text),
        choose(),
    ]
    assert [(way.url, way.source, way.is_given) for way in found] == [
        ("https://a.example.org", "--url", True),
        ("https://b.example.org", "PODIUM_URL", True),
        ("https://c.example.org", "[client] url", True),
        (None, "the configuration", False),
    ]


def test_the_socket_of_the_configuration_is_asked_if_it_is_there(choose: Choose, tmp_path: Path) -> None:
    text = "[api]\nunix_socket = $state_path/api.sock\n"
    assert choose(text).url is None
    (tmp_path / "api.sock").touch()
    assert choose(text).url == f"unix:{tmp_path}/api.sock"
    assert not choose(text).is_given
    assert choose(text, url="database").url is None


def test_a_login_that_is_given_is_for_the_socket_too(choose: Choose, tmp_path: Path) -> None:
    text = "[api]\nunix_socket = $state_path/api.sock\n"
    (tmp_path / "api.sock").touch()
    (tmp_path / "podium").mkdir()
    (tmp_path / "podium/credentials").touch()
    assert choose(text).credentials is None, "the kernel says who asks"
    assert choose(text, credentials_file="/a").credentials == Path("/a")
    assert choose(text, PODIUM_CREDENTIALS_FILE="/b").credentials == Path("/b")


@pytest.mark.parametrize("given", [{}, {"url": "database"}, {"PODIUM_URL": "database"}])
def test_the_database_asks_for_no_login_so_that_one_is_refused(choose: Choose, given: dict[str, str]) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        choose(credentials_file="/a", **given)
    assert str(caught.value).startswith("--credentials-file is for a podium-api, and because of ")
    assert choose(PODIUM_CREDENTIALS_FILE="/b", **given).url is None


def test_a_socket_that_anybody_could_have_made_is_not_asked_unless_it_is_named(
    choose: Choose, tmp_path: Path
) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "api.sock").touch()
    text = f"[api]\nunix_socket = {folder}/api.sock\n"
    with pytest.raises(errors.ConfigError) as caught:
        choose(text)
    assert str(caught.value) == (
        f"[api] unix_socket = {folder}/api.sock: every user may write in {folder}, and could have made the"
        f" socket; use a folder of podium-api's user, or name the way with --url"
    )
    assert choose(text, url=f"unix:{folder}/api.sock").is_given
    assert choose(text, url="database").url is None


def test_an_option_elsewhere_may_be_referred_to(choose: Choose, tmp_path: Path) -> None:
    text = "[client]\nurl = https://a.example.org\ncafile = /etc/$resource_group\n"
    with pytest.raises(errors.ConfigError, match=r"\[client\] cafile"):
        choose(text)
    text = "log_dir = /etc/ssl\n[client]\nurl = https://a.example.org\ncafile = $log_dir/ca.pem\n"
    assert choose(text).cafile == Path("/etc/ssl/ca.pem")


def test_the_configurations_credentials_are_for_its_own_address(choose: Choose) -> None:
    text = "[client]\nurl = https://a.example.org\ncredentials_file = /a\ncafile = /b\ntimeout = 5\n"
    way = choose(text)
    assert (way.credentials, way.cafile, way.timeout) == (Path("/a"), Path("/b"), 5.0)
    way = choose(text, url="https://b.example.org")
    assert (way.credentials, way.cafile, way.timeout) == (None, None, 60.0)
    way = choose(text, PODIUM_CREDENTIALS_FILE="/c", cafile="/d")
    assert (way.credentials, way.cafile) == (Path("/c"), Path("/d"))


def test_the_users_own_credentials_are_taken_if_they_are_there(choose: Choose, tmp_path: Path) -> None:
    (tmp_path / "podium").mkdir()
    (tmp_path / "podium/credentials").touch()
    assert choose(url="https://a.example.org").credentials == tmp_path / "podium/credentials"
    assert choose(url="unix:/run/podium/api.sock").credentials is None


@pytest.mark.parametrize(
    ("value", "fault"),
    [("example.org", "begins with neither https:// nor unix:/"), ("https://a:b@c", "credentials_file")],
)
def test_an_address_that_is_none_is_refused_with_its_option(choose: Choose, value: str, fault: str) -> None:
    with pytest.raises(errors.ConfigError, match=r"\[client\] url") as raised:
        choose(f"[client]\nurl = {value}\n")
    assert fault in str(raised.value)


@pytest.mark.parametrize("name", sorted(LOCAL))
def test_what_works_on_this_host_alone_refuses_an_address_and_says_so(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    needed = {
        "db copy": ["--to", "@f"],
        **dict.fromkeys(["driver new", "driver check", "driver try"], ["x"]),
        "secret forget": ["0123456789ab"],
        "secret reveal": ["x", "--output-file", "f"],
    }
    arguments = [*name.split(), *needed.get(name, [])]
    assert main(["--url", "https://podium.example.org", *arguments]) == 2
    assert capsys.readouterr().err == f"podium: podium {name} works on this host alone, not with --url\n"
    main([*name.split(), "--help"])
    assert "This works on this host alone, not with --url." in capsys.readouterr().out


@pytest.mark.parametrize("option", ["node export --with-secrets", "node import --from-ironic-db"])
def test_an_option_that_needs_the_database_refuses_an_address_however_it_was_given(
    option: str, bare_podium: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PODIUM_URL", "https://podium.example.org")
    done = bare_podium(*option.split(), str(tmp_path / "new"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"podium: podium {option} works on the database alone, not with PODIUM_URL\n"
    assert not (tmp_path / "new").exists()


def test_whoever_has_the_socket_alone_is_not_told_of_other_ways() -> None:
    way = ways.Way(url="unix:/run/podium-api/podium.sock", source="[api] unix_socket", is_only=True)
    with pytest.raises(errors.NotAllowed, match="^bob has no role$"), way.explained():
        raise errors.NotAllowed("bob has no role")


def test_every_name_of_a_local_command_is_one() -> None:
    assert {name for name, *_ in COMMANDS} > LOCAL


# httpcore leaves a socket that could not be connected to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
def test_a_socket_that_does_not_answer_is_no_reason_to_use_the_database(
    podium_here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "PAUSES", (0.0, 0.0))
    path = tmp_path / "api.sock"
    with podium_here.config.open("a") as config:
        config.write(f"[api]\nunix_socket = {path}\n")
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    done = podium_here("node", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"podium: unix:{path} cannot be reached: Connection refused (GET /podium/v1/nodes);"
        f" podium asks there because of [api] unix_socket = {path}; --url database uses the database\n"
    )
    assert podium_here("--url", "database", "node", "list").returncode == 0


def test_an_address_that_is_none_is_a_wrong_command_line(bare_podium: Run) -> None:
    done = bare_podium("--url", "ftp://x", "node", "list")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("podium: argument --url: ftp://x is not https://HOST[:PORT]")


def test_a_password_does_not_travel_where_others_can_read_it(bare_podium: Run, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.touch(0o600)
    file.write_text("alice:secret\n")
    done = bare_podium("--url", "http://podium.example.org", "--credentials-file", str(file), "node", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "podium: http://podium.example.org would carry the password or token where others can read it;"
        " use https://\n"
    )


def test_credentials_that_others_can_read_are_refused(bare_podium: Run, tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    file.write_text("alice:secret\n")
    file.chmod(0o640)
    done = bare_podium("node", "list", "--url", "https://podium.example.org", "--credentials-file", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"podium: {file} has the mode 640, so that others can read it; run: chmod 600 {file}\n"
    )


@pytest.mark.parametrize("way", ["database", "unix:/run/p.sock", "http://127.0.0.1", ""])
def test_certificates_for_a_way_that_has_none_are_refused(choose: Choose, way: str) -> None:
    with pytest.raises(errors.ConfigError, match="--cafile is for a podium-api at https://HOST, which "):
        choose(url=way or None, cafile="/a")
    assert choose(url=way or None, PODIUM_CAFILE="/a")


@pytest.mark.parametrize("option", ["--credentials-file", "--cafile"])
def test_a_command_for_this_host_refuses_what_is_for_a_podium_api(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "sample", option, "/a"]) == 2
    told = capsys.readouterr().err
    assert told == f"podium: podium config sample works on this host alone, not with {option}\n"


def test_a_config_file_that_would_not_be_read_because_of_a_variable_is_refused(
    podium_here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PODIUM_URL", "https://a.example.org")
    done = podium_here("node", "delete", "--all", "--yes")
    assert (done.returncode, done.stderr) == (
        1,
        "podium: --config-file is not read because of PODIUM_URL; unset that, or give --url\n",
    )
    assert podium_here("--url", "database", "node", "list").returncode == 0
