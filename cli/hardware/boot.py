"""``podium node boot show`` and ``set``."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from podium import states
from podium.cli.hardware import boot_options
from podium.cli.hardware.reading import Reading
from podium.cli.operating import Operating
from podium.cli.showing.tables import Form
from podium.client.calls.hardware import BootDevices
from podium.client.podium import Podium

_COLUMNS: Final = ("node", "device", "persistent", "mode", "supported")


class Show(Reading[BootDevices]):
    """Read what nodes boot from now, and what they could boot from.

    persistent shows whether this is for every boot or only for the next. device is empty if the hardware does
    not report it. The exit status is 1 if any node could not be read.
    """

    column_names = _COLUMNS
    form = Form("nodes", by=("node",), dropped=("supported",), prose=("supported",))

    def read(self, podium: Podium, node: str, wait: float) -> BootDevices:
        return podium.boot_device(node, wait=wait)

    def rows(self, name: str, found: BootDevices, *, for_people: bool) -> Iterable[Sequence[Any]]:
        return [[name, *(getattr(found, column) for column in _COLUMNS[1:])]]


class Set(Operating):
    """Set what nodes boot from: at their next boot, or with --persistent at every one.

    The setting is checked by reading it back. Nothing is switched: podium node power reboot --boot does both.
    """

    action = states.SET_BOOT_DEVICE

    def add_nodes(self, parser: argparse.ArgumentParser) -> None:
        super().add_nodes(parser)
        parser.add_argument(
            "boot",
            metavar="DEVICE",
            type=_device,
            choices=boot_options.DEVICES,
            help=f"{', '.join(boot_options.DEVICES)}; bios is the setup of the machine, safe a boot with as"
            " little as possible, and default its own order",
        )
        boot_options.add_how(parser)

    def details(self, parsed_args: argparse.Namespace) -> Mapping[str, Any]:
        return {"boot": boot_options.chosen(self.parser, parsed_args)}

    def question(self, parsed_args: argparse.Namespace, nodes: str) -> str:
        boot = boot_options.chosen(self.parser, parsed_args)
        return f"have {nodes} boot {'' if boot is None else boot_options.in_words(boot)}"


def _device(text: str) -> str:
    try:
        return boot_options.device(text)
    except argparse.ArgumentTypeError as fault:
        raise argparse.ArgumentTypeError(f"{fault}; it is the last word, behind the nodes") from None
