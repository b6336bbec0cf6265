"""What is offered for a line that somebody types, without a shell."""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from commands import Here, There
from peers import PATIENCE
from podium.cli.app import COMMANDS, App
from podium.cli.completion import tree, values
from podium.cli.completion.answer import Finder
from podium.cli.completion.line import Line
from podium.cli.completion.scripts import script
from podium.cli.completion.values import Values
from podium.db.engine import Database
from read_nodes import create_nodes
from rounds import only_long, rest_is_long

Offered = Callable[[str], list[str]]

#: What somebody has to type: numbers, times, secrets, and what is new.
FREE: Final = frozenset(
    {
        *(
            "ACTION",
            "AGE",
            "CAUSE",
            "CLASS",
            "FIELD[.KEY]",
            "GROUP",
            "KEY",
            "N",
            "N/TIME",
            "NAME",
        ),
        *("SECONDS", "SORT_COLUMN", "STATE", "STATUS", "SUBNET", "TEXT", "TIME", "USER", "UUID", "VARIABLE"),
        *("<integer>", "None"),
    }
)


def finder(text: str) -> Finder:
    line = Line.typed({"COMP_LINE": f"podium {text}", "COMP_POINT": str(len(f"podium {text}"))})
    return Finder(tree.parser(line), always_complete_options=False, default_completer=Values(line))


@pytest.fixture(autouse=True)
def _as_shells_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_ARGCOMPLETE_SUPPRESS_SPACE", "1")


def offered(text: str) -> list[str]:
    """Return the last words that are offered for the line ``podium TEXT``."""
    found, its = [], finder(text)
    while (one := its.rl_complete(text, len(found))) is not None:
        found.append(one)
    return [one[text.rfind(" ") + 1 :] for one in found]


@pytest.fixture
def fleet(database: Database) -> None:
    with database.write() as connection:
        rows = [{"driver": "fake", "name": f"r{rack}n{number}"} for rack in (1, 2) for number in (10, 9)]
        create_nodes(connection, rows)


@pytest.fixture(params=["local", pytest.param("remote", marks=pytest.mark.remote)])
def way(request: pytest.FixtureRequest, bare_podium: Here) -> Iterator[str]:
    """The options of the database, and then of a podium-api on it."""
    if request.param == "local":
        yield f"--config-file {bare_podium.config}"
        return
    there: There = request.getfixturevalue("podium_there")
    assert there("node", "list").returncode == 0
    yield f"--url {there.url}"


def test_a_command_is_completed_word_by_word() -> None:
    assert offered("no") == ["node"]
    assert offered("node po") == ["power"]
    assert offered("node power ") == ["on", "off", "reboot", "soft-off", "soft-reboot", "cycle", "nmi"]
    assert offered("--debug node power soft-o") == ["soft-off"]
    assert offered("nonsense ") == []
    assert offered("node nonsense l") == []


def test_commands_are_described_as_in_the_help() -> None:
    its = finder("node ")
    its.rl_complete("node ", 0)
    assert its.get_display_completions()["list"] == "list nodes and their power state"
    assert its.get_display_completions()["maintenance"] == "set, unset"


def test_options_are_offered_once_and_with_their_help() -> None:
    assert offered("node power on --wa") == ["--wait"]
    assert offered("node power on --wait --wa") == []
    assert offered("node power on --where retired --wh") == ["--where"]
    assert offered("--conf") == ["--config-file"]
    its = finder("node list --fail")
    its.rl_complete("node list --fail", 0)
    assert its.get_display_completions()["--failing"].startswith("only nodes whose last read of the power")


def test_choices_of_options_and_arguments_are_offered() -> None:
    assert offered("node list --health ") == ["ok", "warning", "critical", "none"]
    assert offered("node list --power-state power") == ["power\\ on", "power\\ off"]
    assert offered("token create --role o") == ["operator"]
    assert offered("completion z") == ["zsh"]
    assert offered("node list --url ") == ["https://", "unix:/", "database"]


def test_names_of_nodes_are_offered_in_natural_order(fleet: None, way: str) -> None:
    assert offered(f"{way} node show r1") == ["r1n9", "r1n10"]
    assert offered(f"node show {way} ") == ["r1n9", "r1n10", "r2n9", "r2n10"]
    assert offered(f"node power on {way} r3") == []
    assert offered(f"secret reveal {way} r2n1") == ["r2n10"]


def test_a_node_that_is_on_the_line_is_not_offered_again(fleet: None, way: str) -> None:
    assert offered(f"{way} node power off r1n9 r2n9 r") == ["r1n10", "r2n10"]


@pytest.mark.parametrize("begun", ["r1n[0", "r1n9,r", "r*", "r?"])
def test_ranges_and_patterns_are_left_alone(fleet: None, bare_podium: Here, begun: str) -> None:
    assert offered(f"--config-file {bare_podium.config} node list {begun}") == []


def test_no_more_than_a_screen_is_offered_and_what_they_have_in_common_is_true(
    database: Database, way: str
) -> None:
    with database.write() as connection:
        create_nodes(connection, [{"driver": "fake", "name": f"r{number:03}"} for number in range(250)])
    found = offered(f"{way} node show ")
    assert len(found) == 200
    assert os.path.commonprefix(found) == "r"
    assert found[-1] == "r249"


def test_variables_say_where_to_ask_as_they_do_for_a_command(
    fleet: None, podium_there: There, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert podium_there("node", "list").returncode == 0
    monkeypatch.setenv("PODIUM_URL", podium_there.url)
    assert offered("node show r1n1") == ["r1n10"]
    monkeypatch.setenv("PODIUM_CREDENTIALS_FILE", "/nonexistent")
    assert offered("node show r1n1") == []
    assert offered(f"--config-file {podium_there.config} --url database node show r1n1") == ["r1n10"]


# httpcore leaves a socket that could not be connected to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning")
@rest_is_long(
    "options",
    [
        "--config-file /nonexistent",
        "--config-file {file}",
        "--url unix:/nonexistent",
        "--url nonsense",
        "--url http://127.0.0.1:1",
        "--credentials-file /nonexistent --url unix:/nonexistent",
    ],
)
def test_where_nobody_can_be_asked_nothing_is_offered_and_nothing_said(
    options: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "podium.conf"
    file.write_text(f"[database]\nconnection = sqlite:///{tmp_path / 'no.sqlite'}\n")
    for command in ("node show", "task show"):
        assert offered(f"{options.format(file=file)} {command} ") == [], command
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "no.sqlite").exists()


@only_long
def test_drivers_tasks_conductors_and_operations_are_offered(
    database: Database, bare_podium: Here, podium_there: There, head: Any
) -> None:
    head.go_online("fake")
    with database.write() as connection:
        create_nodes(connection, [{"driver": "fake", "name": "n1"}])
    assert podium_there("node", "power", "on", "n1").returncode == 0
    for options in (f"--config-file {bare_podium.config}", f"--url {podium_there.url}"):
        assert offered(f"{options} driver show re") == ["redfish"]
        assert offered(f"{options} node create --driver ip") == ["ipmi"]
        assert offered(f"{options} conductor show ") == offered(f"{options} node list --conductor ") != []
        assert offered(f"{options} operation show ") == ["1"]
        assert offered(f"{options} driver check fa") == ["fake", "fake-hardware"]


def test_columns_are_offered() -> None:
    assert offered("node list -c wan") == ["wanted_power_state"]
    assert offered("task list --sort-column dr") == ["driver"]
    assert offered("events -c ca") == ["cause"]
    assert offered("node show -c resou") == ["resource_class"]


def test_settings_of_a_driver_that_are_no_secrets_are_offered(fleet: None, way: str) -> None:
    assert offered(f"{way} node create --driver ipmi --driver-info ipmi_a") == ["ipmi_address="]
    assert offered(f"{way} node set r1n9 --driver-info redfish_ad") == ["redfish_address="]
    assert offered(f"{way} node create --driver ipmi --driver-info ipmi_passw") == []
    assert offered(f"{way} node create --driver redfish --driver-info ipmi_") == []


def test_what_nodes_are_told_is_offered(fleet: None, way: str) -> None:
    assert offered(f"{way} node power reboot r1n9 --boot ") == [
        "pxe",
        "disk",
        "cdrom",
        "bios",
        "safe",
        "default",
    ]
    assert offered(f"{way} node boot set r1n9 p") == ["pxe"]
    assert offered(f"{way} node boot set r1n9 r2n1") == ["r2n10"]
    assert offered(f"{way} node do fake.b") == ["fake.blink"]
    assert offered(f"{way} node do fake.blink r1n1") == ["r1n10"]
    assert offered(f"{way} node do fake.blink r1n9 c") == ["colour=red", "colour=green"]
    assert offered(f"{way} node do fake.blink r1n9 colour=g") == ["colour=green"]
    assert offered(f"{way} node do fake.blink r1n9 colour=red t") == ["times="]


def test_files_are_offered_where_a_file_is_expected_with_odd_names_quoted(tmp_path: Path) -> None:
    (tmp_path / "a b.conf").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/new line$").touch()
    begun = f"{tmp_path}/"
    assert offered(f"--config-file {begun}") == [f"{begun}a\\ b.conf", f"{begun}folder/"]
    assert offered(f"db copy --to @{begun}fo") == [f"@{begun}folder/"]
    assert offered(f"driver new --dir {begun}") == [f"{begun}folder/"]
    assert offered(f"node import {begun}folder/n") == [f"{begun}folder/new\\ line\\$"]
    assert offered(f"node create --driver-info p=@{begun}a") == [f"p=@{begun}a\\ b.conf"]


@pytest.mark.parametrize(
    "begun",
    [
        "node create --driver-info ipmi_password=",
        "node set n1 --extra rack=",
        "credential set --password ",
        "--config-file $HOME/",
        "node import --only ",
        "node power on --reason ",
    ],
)
def test_what_may_be_secret_or_is_only_in_somebodys_head_is_not_offered(begun: str) -> None:
    assert offered(begun) == []


def test_groups_of_clustershells_files_are_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "groups.d").mkdir()
    (tmp_path / "groups.conf").write_text(
        f"[Main]\ndefault: rack\nautodir: $CFGDIR/groups.d\n[program]\nlist: touch {tmp_path / 'ran'}\n"
        "map: echo r1n1\n"
    )
    (tmp_path / "groups.d/racks.yaml").write_text("rack:\n  r10: r10n1\n  r9: r9n1\n")
    monkeypatch.setenv("CLUSTERSHELL_CFGDIR", str(tmp_path))
    assert offered("node list @r") == ["@r9", "@r10", "@rack:"]
    assert offered("node list @rack:r1") == ["@rack:r10"]
    assert offered("node list @program:") == []
    assert offered("node list @nonsense:") == []
    assert not (tmp_path / "ran").exists()


def test_fields_and_words_of_conditions_are_offered() -> None:
    assert offered("node list --where heal") == ["health", "health_checked_at"]
    assert offered("node list --where health=") == ["health=ok", "health=warning", "health=critical"]
    assert offered("node list --where maintenance=n") == ["maintenance=no"]
    assert offered("node list --where colour=") == []
    text = "node list --where 'power_state=off and not (ret"
    assert finder(text).rl_complete(text, 0) == f"{text}ired"


def test_every_argument_is_completed_or_is_one_that_somebody_has_to_type() -> None:
    app = App()
    known = {*values.OF_METAVARS, *FREE}
    for name, *_ in COMMANDS:
        factory, *_rest = app.command_manager.find_command(name.split())
        parser: argparse.ArgumentParser = factory(app, argparse.Namespace()).get_parser(f"podium {name}")
        for action in parser._actions:
            if action.nargs != 0 and not action.choices:
                is_known = str(action.metavar) in known or not values.OF_OPTIONS.keys().isdisjoint(
                    action.option_strings
                )
                assert is_known, (name, action.option_strings, action.metavar)


def test_a_command_that_is_the_beginning_of_another_is_completed_as_both(fleet: None, way: str) -> None:
    names = [name for name, *_ in COMMANDS]
    begun = [(one, other) for one in names for other in names if other.startswith(f"{one} ")]
    assert begun == [("node log", "node log clear")]
    assert offered("node lo") == ["log"]
    assert offered(f"{way} node log ") == ["clear", "r1n9", "r1n10", "r2n9", "r2n10"]
    assert offered(f"{way} node log cl") == ["clear"]
    assert offered(f"{way} node log r1n9 cl") == []
    assert offered(f"{way} node log clear r2n1") == ["r2n10"]
    assert offered("node log --fol") == ["--follow"]
    assert offered("node log clear --cop") == ["--copy"]


def test_the_command_prints_the_script_of_a_shell(bare_podium: Here) -> None:
    for shell, sign in (
        ("bash", "complete -o"),
        ("zsh", "#compdef podium"),
        ("fish", "complete --command podium"),
    ):
        done = bare_podium("completion", shell)
        assert (done.returncode, done.stdout, done.stderr) == (0, script(shell), "")
        assert sign in done.stdout
    assert bare_podium("completion", "csh").returncode == 2


def test_a_command_or_an_option_is_completed_without_what_takes_long() -> None:
    slow = ("sqlalchemy", "httpx", "oslo_config", "asyncio", "podium.db", "podium.conf.loading")
    for text, found, modules in (
        ("podium no", "node ", {"app", "completion"}),
        ("podium token create --role=o", "--role=operator ", {"app", "completion", "tokens"}),
    ):
        done = asked(text)
        imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
        assert (done.returncode, done.stdout) == (0, found)
        assert not [name for name in imported if name.startswith(slow)], text
        commands = {target.partition(":")[0].partition(".")[0] for _, target, _ in COMMANDS}
        its = {name.split(".")[2] for name in imported if name.startswith("podium.cli.")}
        assert its & commands <= modules, text


@only_long
def test_a_variable_of_completion_that_is_left_over_is_no_question() -> None:
    program = [sys.executable, "-c", "from podium.cli.main import main; main()", "--help"]
    environment = {**os.environ, "_ARGCOMPLETE": "1"}
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout[:13], done.stderr) == ("usage: podium", "")


#: A machine that is busy completes nothing in time, and that is not what these tests are about.
PROGRAM: Final = f"""
from podium.cli.completion import answer
from podium.cli.main import main
answer.PATIENCE = {PATIENCE}
main()
"""


def asked(text: str) -> "subprocess.CompletedProcess[str]":
    """Have ``podium`` complete a line as bash does; on standard error it says what it imports."""
    program = [sys.executable, "-X", "importtime", "-c", PROGRAM]
    line = {"_ARGCOMPLETE": "1", "COMP_LINE": text, "COMP_POINT": str(len(text))}
    environment = {**os.environ, **line, "_ARGCOMPLETE_SUPPRESS_SPACE": "0"}
    with_channel = ["bash", "-c", 'exec "$@" 8>&1 1>/dev/null', "bash", *program]
    return subprocess.run(with_channel, env=environment, capture_output=True, text=True, timeout=60)
