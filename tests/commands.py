"""The ``podium`` command in the test's process: on a database, or over a podium-api with that database."""

import ast
import functools
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self

import pytest

import podium
from podium import conf
from podium.cli.app import COMMANDS, LOCAL
from podium.cli.main import main
from served import Everybody, served

_ROOT = Path(podium.__file__).parent
Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: Options that make a command use the database directly.
_ON_DATABASE = {"--with-secrets", "--from-ironic-db"}


class Here:
    """Runs the command with its own configuration for this database."""

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = folder / "podium.conf"
        self.config.write_text(f"[DEFAULT]\nstate_path = {folder}\n[database]\nconnection = {url}\n")
        self._capsys = capsys

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.run("--config-file", str(self.config), *arguments)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        status = main(arguments)
        written = self._capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, written.out, written.err)


class There(Here):
    """Like :class:`Here`, but over HTTP: only the server has the configuration."""

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(folder, url, capsys)
        self._database = url
        self._socket = folder / "api.sock"
        self.everybody = Everybody()
        self.url = f"unix:{self._socket}"
        self._served = ExitStack()
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._served.close()

    def __call__(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        words = [*arguments]
        found = [one for one in modules() if words[: len(one[0].split())] == one[0].split()]
        if not _ON_DATABASE.isdisjoint(words) or any(
            name in LOCAL or needs_database(module) for name, module in found
        ):
            return super().__call__(*arguments)
        self._serve()
        return self.run("--url", self.url, *arguments)

    def restart(self) -> None:
        """Use a new server from the next command on."""
        self._served.close()
        self._text = ""

    def _serve(self) -> None:
        """Serve with the present configuration, which tests may have changed."""
        text = self.config.read_text()
        if text == self._text:
            return
        self._served.close()
        config = conf.load(["--config-file", str(self.config)], prog="podium-api")
        self._served.enter_context(served(config, self._database, self._socket, self.everybody))
        self._text = text


def modules() -> Iterator[tuple[str, str]]:
    """Yield the name of each command, and its module."""
    for name, target, _ in COMMANDS:
        yield name, f"podium.cli.{target.partition(':')[0]}"


def needs_database(module: str) -> bool:
    """Return whether a module cannot be imported without the database and its libraries."""
    return any(name.startswith(("podium.db", "sqlalchemy")) for name in imported(module))


@functools.cache
def imported(module: str) -> frozenset[str]:
    """Return the modules that a module imports, directly or through other modules of Podium."""
    found: set[str] = set()
    new = {module}
    while new:
        found |= new
        new = {name for one in new for name in _imports(one)} - found
    return frozenset(found)


@functools.cache
def _imports(module: str) -> frozenset[str]:
    package, *inside = module.split(".")
    places = [_ROOT.joinpath(*inside[:-1], f"{inside[-1]}.py")] if inside else []
    file = next((one for one in [*places, _ROOT.joinpath(*inside, "__init__.py")] if one.exists()), None)
    if package != "podium" or file is None:
        return frozenset()  # a library's module, or a name in a module
    found = {module.rpartition(".")[0] or module}
    for item in ast.parse(file.read_text()).body:
        if isinstance(item, ast.Import):
            found |= {name.name for name in item.names}
        elif isinstance(item, ast.ImportFrom) and item.module:
            found |= {item.module, *(f"{item.module}.{name.name}" for name in item.names)}
    return frozenset(found)
