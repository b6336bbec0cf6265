import pytest

from commands import Run
from podium.cli.main import main
from podium.db import api
from podium.db.engine import Database


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ("node list --lng", "there is no option --lng; did you mean --long? See: podium node list --help"),
        (
            "node list --driveer ipmi",
            "there is no option --driveer; did you mean --driver? See: podium node list --help",
        ),
        ("node delete --al", "there is no option --al; did you mean --all? See: podium node delete --help"),
        (
            "node delete n1 --y",
            "there is no option --y; did you mean --yes? See: podium node delete --help",
        ),
        (
            "--conf x node list",
            "there is no option --conf before a command; did you mean --config-file? See: podium --help",
        ),
        ("node list -x", "there is no option -x; see: podium node list --help"),
        ("node list --stale", "argument --stale: a value is missing; see: podium node list --help"),
        (
            "events --since -5m",
            "argument --since: a value does not begin with -, as -5m does; see: podium events --help",
        ),
        (
            "node list --max-width x",
            "argument --max-width: 'x' is not a number; see: podium node list --help",
        ),
        ("node history n1 --since 5m", "there is no option --since; see: podium node history --help"),
        (
            "node power up n1",
            "there is no command node power up; did you mean node power on? See: podium node power on --help",
        ),
        (
            "node set r1n01 --maintenance true",
            "there is no option --maintenance; did you mean podium node maintenance?"
            " See: podium node set --help",
        ),
        (
            "node power on n1 --then-off",
            "there is no option --then-off; soft-off and soft-reboot have it;"
            " see: podium node power on --help",
        ),
        ("node power bogus", "there is no command node power bogus; see: podium node power --help"),
        ("node show", "the following arguments are required: NODE; see: podium node show --help"),
        ("node show a b", "b is one argument too many; see: podium node show --help"),
        ("-f json node list", "there is no option -f before a command; see: podium --help"),
        ("--bogus", "there is no option --bogus before a command; see: podium --help"),
        ("nonsense", "there is no command nonsense; see: podium --help"),
        ("node nonsense n1", "there is no command node nonsense; see: podium node --help"),
        (
            "node lst r1n01 --long",
            "there is no command node lst; did you mean node list? See: podium node list --help",
        ),
        ("power", "there is no command power; did you mean node power? See: podium node power --help"),
        ("version", "there is no command version; did you mean --version? See: podium --help"),
        (
            "node list ",
            "argument NODE: it is empty, as a variable is that the shell does not know;"
            " see: podium node list --help",
        ),
        ("node import", "give either a FILE or --from-ironic-db; see: podium node import --help"),
        ("operation wait 0", "argument ID: 0 is not a number from 1 on; see: podium operation wait --help"),
    ],
)
def test_a_slip_is_one_line_with_the_way_to_the_help(
    words: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split(" ")) == 2
    assert capsys.readouterr() == ("", f"podium: {line}\n")


@pytest.mark.parametrize(
    "words", ["--passwrd hunter2", "--passwrd=hunter2", "--driver fake --passwrd hunter2"]
)
def test_what_follows_a_wrong_option_is_not_shown(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "create", *words.split()]) == 2
    written = capsys.readouterr()
    assert written.err.startswith("podium: there is no option --passwrd; see: ")
    assert "hunter2" not in written.out + written.err


def test_a_text_with_a_space_is_none_of_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["node", "power", "on", "--reason", "--foo bar", "--timeout", "no"]) == 2
    assert "argument --timeout: " in capsys.readouterr().err


def test_options_may_stand_between_arguments(podium_here: Run, database: Database) -> None:
    with database.write() as connection:
        api.create_nodes(connection, [{"name": name, "driver": "fake"} for name in ("n1", "n2", "n3")])
    listed = podium_here("node", "list", "n1", "-c", "name", "n2", "-f", "value", "--", "n3")
    assert (listed.stdout, listed.stderr) == ("n1\nn2\nn3\n", "")


@pytest.mark.parametrize("words", ["", "node", "node power", "token"])
def test_a_command_that_is_incomplete_lists_how_it_goes_on(
    words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 2
    written = capsys.readouterr()
    assert (written.out, "list" in written.err or "power on" in written.err) == ("", True)
    assert written.err.count("\n") < 40


def test_help_may_come_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "node", "list"]) == 0
    assert capsys.readouterr().out.startswith("usage: podium node list ")
