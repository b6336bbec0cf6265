"""What nodes are to boot from, as options of a command line and in words."""

import argparse
from typing import Final, get_args

from podium.client.calls.operations import BootChoice, BootMode, Device

DEVICES: Final = get_args(Device)
_OPTIONS: Final = ("persistent", *get_args(BootMode))


def add_boot(parser: argparse.ArgumentParser) -> None:
    """Add the options of a command after which nodes boot."""
    parser.add_argument(
        "--boot",
        type=device,
        choices=DEVICES,
        metavar="DEVICE",
        help=f"set what the nodes boot from before, and check it: {', '.join(DEVICES)}",
    )
    add_how(parser)


def device(text: str) -> str:
    """Convert a device."""
    if text.lower() not in DEVICES:
        raise argparse.ArgumentTypeError(f"{text[:80]} is none of {', '.join(DEVICES)}")
    return text.lower()


def add_how(parser: argparse.ArgumentParser) -> None:
    """Add the options that go with a device."""
    parser.add_argument("--persistent", action="store_true", help="for every boot, not for the next alone")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--uefi", action="store_true", help="boot it as UEFI does")
    mode.add_argument("--bios", action="store_true", help="boot it as a BIOS does; by default the mode stays")


def chosen(parser: argparse.ArgumentParser, parsed_args: argparse.Namespace) -> BootChoice | None:
    """Return what nodes are to boot from; None if no device is given."""
    if parsed_args.boot is None:
        for option in _OPTIONS:
            if getattr(parsed_args, option):
                parser.error(f"argument --{option}: goes with --boot")
        return None
    mode: BootMode | None = "uefi" if parsed_args.uefi else "bios" if parsed_args.bios else None
    return BootChoice(device=parsed_args.boot, persistent=parsed_args.persistent, mode=mode)


def in_words(boot: BootChoice) -> str:
    """Return a choice in words, such as ``pxe, once, uefi``."""
    how = ["every time" if boot.persistent else "once"] if boot.device != "default" else []
    return ", ".join([boot.device, *how, *([boot.mode] if boot.mode else [])])
