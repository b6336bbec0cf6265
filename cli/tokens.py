"""``podium token``: bearer tokens, with which programs use podium-api."""

import argparse
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, get_args

from podium.cli import command, converters
from podium.cli.showing.tables import Form
from podium.client.calls.call import Role

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_COLUMNS: Final = (
    "name",
    "role",
    "state",
    "created_by",
    "created_at",
    "expires_at",
    "last_used_at",
    "last_used_from",
    "revoked_at",
    "revoked_by",
)


def _name(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text[:100]!r} is not made of up to 100 letters, digits, _, - and dots"
        )
    return text


def _duration(text: str) -> float | None:
    """Return seconds; None for a token that never expires."""
    if text == "never":
        return None
    try:
        return converters.lifetime(text)
    except argparse.ArgumentTypeError as fault:
        raise argparse.ArgumentTypeError(f"{fault}, or never") from None


class Create(command.Command):
    """Create a token. It is printed now and never again: Podium keeps only its hash.

    A program sends it as "Authorization: Bearer TOKEN".
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--name", required=True, type=_name, help="for whom it is, such as grafana")
        parser.add_argument("--role", required=True, choices=get_args(Role), help="what it may do")
        parser.add_argument(
            "--expires",
            required=True,
            type=_duration,
            metavar="TIME",
            help="how long it is valid: a time such as 90d or 12h, or never",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.podium() as podium:
            made = podium.create_token(parsed_args.name, parsed_args.role, parsed_args.expires)
        self.say(made.secret)


class List(command.Lister):
    """List tokens: who created them, how long they are valid, and when and from where they were last used."""

    column_names = _COLUMNS
    form = Form(
        "tokens",
        by=("name",),
        dropped=(
            *("revoked_by", "revoked_at", "created_by", "created_at", "last_used_from", "last_used_at"),
            "expires_at",
        ),
    )

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        with self.podium() as podium:
            return _COLUMNS, [[getattr(one, column) for column in _COLUMNS] for one in podium.tokens()]


class Revoke(command.Command):
    """Make a token invalid, on every podium-api within five seconds."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("name", metavar="NAME", type=converters.filled, help="see podium token list")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        with self.podium() as podium:
            podium.revoke_token(parsed_args.name)
        self.say(f"{parsed_args.name} is revoked")
