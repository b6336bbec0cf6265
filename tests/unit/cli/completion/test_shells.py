"""What happens in real shells when somebody presses the tabulator key."""

import os
import re
import select
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from commands import Here
from peers import PATIENCE, require
from podium.cli.completion.scripts import script
from podium.db.engine import Database
from read_nodes import create_nodes
from rounds import only_long

Type = Callable[[str], str]

#: A machine that is busy completes nothing in time, and that is not what these tests are about.
PROGRAM: Final = """#!{python}
from podium.cli.completion import answer
from podium.cli.main import main
answer.PATIENCE = {patience}
main()
"""
#: What a shell is told before: its key for what is on the line, between signs that nothing echoes.
READY: Final = {
    "bash": (
        "bind 'set show-all-if-ambiguous on'\n"
        "bind 'set completion-query-items 0'\nbind 'set page-completions off'\n"
        """bind -x '"\\C-xp": printf "\\n\\001%s\\002\\n" "$READLINE_LINE"'\n"""
    ),
    "zsh": (
        "autoload -U compinit; compinit -u -D; unsetopt beep\n"
        """shown() { printf "\\n\\001%s\\002\\n" "$BUFFER" }; zle -N shown; bindkey '^Xp' shown\n"""
    ),
}
ARGUMENTS: Final = {"bash": ["--norc", "--noprofile", "-i"], "zsh": ["-f", "-i"]}


@pytest.fixture
def home(tmp_path: Path, database: Database, bare_podium: Here, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a command, its configuration, and files with odd names; a fleet."""
    with database.write() as connection:
        create_nodes(connection, [{"driver": "fake", "name": f"r1n{number}"} for number in (1, 9, 10, 11)])
    home = tmp_path / "home"
    (home / "folder of b").mkdir(parents=True)
    (home / "a $b'c.conf").touch()
    (home / "bin").mkdir()
    program = home / "bin/podium"
    program.write_text(PROGRAM.format(python=sys.executable, patience=PATIENCE))
    program.chmod(0o755)
    (home / "c.conf").write_text(bare_podium.config.read_text())
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{home / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.chdir(home)
    return home


@contextmanager
def terminal(shell: str) -> Iterator[Type]:
    """Yield what types a text and the key, and returns what then is on the screen, and on the line."""
    ours, its = os.openpty()
    termios.tcsetwinsize(its, (50, 200))
    process = subprocess.Popen(
        [require(shell), *ARGUMENTS[shell]], stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)

    def type_(text: str) -> str:
        os.write(ours, f"{text}\t\x18p".encode())
        seen = b""
        while (found := re.search(rb"(?s)^(.*)\x01(.*)\x02", seen)) is None:
            assert select.select([ours], [], [], PATIENCE)[0], seen
            seen += os.read(ours, 65536)
        os.write(ours, b"\x15")
        listed = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", found[1].decode())
        return f"{listed}\n{found[2].decode()}"

    try:
        os.write(ours, f'{READY[shell]}eval "$(cat $HOME/script)"\n'.encode())
        yield type_
    finally:
        process.kill()
        process.wait(PATIENCE)
        os.close(ours)


@only_long
@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_completes_the_line(shell: str, home: Path) -> None:
    require(shell)
    (home / "script").write_text(script(shell))
    with terminal(shell) as type_:

        def line(text: str) -> str:
            return type_(text).splitlines()[-1]

        assert line("podium no") == "podium node "
        assert line("podium node power on --wa") == "podium node power on --wait "
        assert line("true; podium node li") == "true; podium node list "
        assert line("podium --config-file c.conf node power on r1n9 r1n1 r1n11 r") == (
            "podium --config-file c.conf node power on r1n9 r1n1 r1n11 r1n10 "
        )
        several = type_("podium --config-file c.conf node show r1n1")
        assert re.search(r"r1n1\s+r1n10\s+r1n11", several)
        assert line("podium --config-file fo") == "podium --config-file folder\\ of\\ b/"
        assert line("podium --config-file 'fo").startswith("podium --config-file 'folder of b/")
        assert line("podium --config-file a").startswith("podium --config-file a\\ \\$b\\'c.conf")
        assert line("podium db copy --to @c") == "podium db copy --to @c.conf "
        assert line("podium node create --driver-info p=@c") == "podium node create --driver-info p=@c.conf "
        assert line("podium token create --role=o") == "podium token create --role=operator "
        assert line("podium --config-file nothing node show r") == "podium --config-file nothing node show r"
        nothing = type_("podium --config-file nothing node show ")
        assert "rror" not in nothing and "onfig file" not in nothing


@only_long
def test_zsh_describes_what_it_lists(home: Path) -> None:
    require("zsh")
    (home / "script").write_text(script("zsh"))
    with terminal("zsh") as type_:
        assert re.search(r"list\s+-- list nodes and their power state", type_("podium node "))
        assert re.search(r"--failing\s+-- only nodes whose last read", type_("podium node list --"))


@only_long
def test_fish_completes_and_describes(home: Path) -> None:
    fish = require("fish")
    (home / "script").write_text(script("fish"))
    expected = {
        "podium no": ["node\tcreate, import, export"],
        "podium node power on --wa": ["--wait\twait for the results"],
        "podium --config-file c.conf node show r1n1": ["r1n1", "r1n10", "r1n11"],
        "podium --config-file fo": ["folder of b/"],
        "podium --config-file nothing node show ": [],
        "true; podium node li": ["list\tlist nodes"],
    }
    lines = "".join(f"echo '>>> {line}'\ncomplete -C '{line}'\n" for line in expected)
    done = subprocess.run(
        [fish, "--no-config", "-c", f"source script\n{lines}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    for answer, (line, found) in zip(done.stdout.split(">>> ")[1:], expected.items(), strict=True):
        first, *offered = answer.splitlines()
        assert first == line
        assert len(offered) == len(found), offered
        assert all(one.startswith(begun) for one, begun in zip(offered, found, strict=True)), offered


@only_long
def test_who_types_does_not_wait_for_what_hangs(home: Path) -> None:
    program = PROGRAM.format(python=sys.executable, patience=0.1)
    (home / "bin/podium").write_text(program)
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = f"podium --url http://127.0.0.1:{server.getsockname()[1]} node show "
        line = {"_ARGCOMPLETE": "1", "COMP_LINE": text, "COMP_POINT": str(len(text))}
        done = subprocess.run(
            ["bash", "-c", "exec bin/podium 8>&1 1>/dev/null"],
            env={**os.environ, **line},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")
