"""``podium config sample`` and ``podium config check``."""

import argparse
from pathlib import Path

from podium import conf, errors
from podium.cli import command, config_check
from podium.conf import sample
from podium.drivers import registry


class Sample(command.Command):
    """Print a config file with every option, also of installed drivers, with its meaning and default."""

    only_reads = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--output", metavar="FILE", help="write it to this file instead")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        for name, found in registry.available().items():
            try:
                registry.options(name, found)
            except errors.DriverLoadError as fault:
                self.warn(f"left out: {fault}")
        text = sample.text()
        if parsed_args.output is None:
            self.app.stdout.write(text)
            return
        try:
            Path(parsed_args.output).write_text(text, encoding="utf-8")
        except OSError as fault:
            raise errors.ConfigError(
                f"{parsed_args.output} cannot be written: {fault.strerror}; give another with --output"
            ) from None


class Check(command.Command):
    """List everything that is wrong with config files: names, values, drivers, tasks."""

    only_reads = True

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "files",
            nargs="*",
            metavar="FILE",
            help="the only config files to check; by default those that podium-conductor would read",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        files = list(dict.fromkeys(parsed_args.files)) or conf.files_read(
            "podium-conductor", self.app.options.config_file
        )
        faults = config_check.faults(files)
        for line in faults:
            self.say(line)
        if not faults:
            self.say(f"{', '.join(files) or 'podium-conductor would read no config file'}: no problems")
        return 1 if faults else 0
