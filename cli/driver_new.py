"""``podium driver new``: a package to start a driver from. Its tests pass before you change a line."""

import argparse
import re
import shutil
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

from podium import __version__, errors
from podium.cli import command
from podium.drivers import base, declarations, registry

#: The files of the package: the name of the template, and the path in the new folder.
_FILES: Final = {
    "README.md": "README.md",
    "pyproject.toml": "pyproject.toml",
    "init.py": "src/$package/__init__.py",
    "controller.py": "src/$package/controller.py",
    "driver.py": "src/$package/driver.py",
    "test_driver.py": "tests/test_${name}_driver.py",
}


def driver_name(text: str) -> str:
    """Convert the name of a new driver, which must suit modules, options and packages."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", text) or len(text) > 40:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not up to 40 lower-case letters and digits, _ between words, a letter first"
        )
    return text


class New(command.Command):
    """Write a package with a new driver, to be installed beside Podium."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "name",
            metavar="NAME",
            type=driver_name,
            help="the name of the driver and of its folder, such as acme",
        )
        parser.add_argument(
            "--dir",
            metavar="DIR",
            type=Path,
            default=Path(),
            help="the folder for the package's folder; by default the present one",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        name, folder = parsed_args.name, parsed_args.dir / parsed_args.name
        _refuse_taken(name)
        write_package(name, folder)
        self.say(f"{folder} is written; {folder / 'README.md'} has the next steps")


def _refuse_taken(name: str) -> None:
    if name in declarations.reserved_names():
        raise errors.ConfigError(
            f"a driver cannot be called {name}: podium.conf has options of that name; choose another"
        )
    if name in registry.installed():
        raise errors.ConfigError(
            f"a driver {name} is installed already, see podium driver list; choose another name"
        )


def write_package(name: str, folder: Path) -> None:
    """Write the package of a new driver: every file, or none.

    :param folder: a new folder in a folder that exists
    :raises podium.errors.ConfigError: if the folder exists already or cannot be written
    """
    values = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "package": f"podium_driver_{name}",
        "prefix": "".join(word.capitalize() for word in name.split("_")),
        "title": name.replace("_", " ").capitalize(),
        "version": __version__,
        "api": str(base.API),
    }
    try:
        folder.mkdir()
    except FileExistsError:
        raise errors.ConfigError(f"{folder} exists already; remove it, or name another --dir") from None
    except OSError as fault:
        raise errors.ConfigError(f"{folder} cannot be made: {fault.strerror}; name another --dir") from None
    templates = resources.files("podium.cli").joinpath("templates")
    try:
        for template, target in _FILES.items():
            path = folder / Template(target).substitute(values)
            path.parent.mkdir(parents=True, exist_ok=True)
            template_file = templates.joinpath(f"{template}.template")
            text = Template(template_file.read_text("utf-8")).substitute(values)
            path.write_text(text, "utf-8")
        (folder / "src" / values["package"] / "py.typed").touch()
    except BaseException as fault:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(fault, OSError):
            raise errors.ConfigError(f"{folder} cannot be written: {fault.strerror}") from None
        raise
