"""``podium credential`` and ``podium operation undo``: passwords of the hardware, changed safely."""

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import msgspec

from podium import errors, node_ranges
from podium.cli import arguments, converters, outcomes
from podium.cli.command import Lister
from podium.cli.showing.tables import Form
from podium.cli.typed import typed
from podium.client import secret_files
from podium.client.calls.credentials import (
    CANARIES,
    LONGEST_MADE,
    LONGEST_PASSWORD,
    SHORTEST_MADE,
    CredentialsAsked,
    SetCredentials,
    SettleCredentials,
    UndoOperation,
)
from podium.client.podium import Podium

_COLUMNS: Final = (
    "node",
    "driver",
    "username",
    "state",
    "changed_at",
    "expires_at",
    "expired",
    "operation",
)


class _Asking(outcomes.Requesting):
    """Shows the plan for a change of credentials, and requests it."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_wait(parser)
        arguments.add_yes(parser)
        return parser

    def request(
        self, podium: Podium, call: SetCredentials | UndoOperation, what: str, parsed_args: argparse.Namespace
    ) -> int:
        """Show the plan, ask for confirmation for many nodes, request the change, and wait if that is wanted.

        :param what: the change, in words
        """
        planned = podium.ask(msgspec.structs.replace(call, dry_run=True))
        if planned.requested:
            for line in _plan(planned, what):
                self.say(line)
        return self.show(podium, self._asked(podium, call, what), wait=parsed_args.wait)

    def _asked(
        self, podium: Podium, call: SetCredentials | UndoOperation, what: str
    ) -> CredentialsAsked | None:
        try:
            return podium.ask(call)
        except errors.NeedsConfirmation as fault:
            if not self.confirms_many(f"{what} of {fault.nodes:,} nodes", fault):
                return None
        return podium.ask(msgspec.structs.replace(call, confirmed=True))


def _plan(planned: CredentialsAsked, what: str) -> Iterable[str]:
    behind = f" behind {_count(planned.accounts, 'BMC')}" if planned.accounts < planned.requested else ""
    yield f"{what} of {_count(planned.requested, 'node')}{behind}"
    if planned.further:
        yield f"{node_ranges.fold(planned.further)}: changed too, behind the same BMCs"
    if planned.canaries:
        yield f"{node_ranges.fold(planned.canaries)}: tried first; the others wait for that"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


class Set(_Asking):
    """Change the password that logs in to nodes: in Podium, and with --on-bmc on their BMCs.

    Without --on-bmc the BMCs must have the new password already. Podium logs in with it before anything is
    changed for a node, and keeps the old one for `podium operation undo` for 7 days. A few nodes are tried
    before the others; if one of them fails, nothing is changed for the others.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument("--username", metavar="USER", help="the user; by default the one that a node has")
        password = parser.add_mutually_exclusive_group(required=True)
        password.add_argument(
            "--password-file",
            metavar="FILE",
            help="a file of mode 0600 with the new password; - for standard input",
        )
        # Otherwise argparse takes it for --password-file, and the error shows the password.
        password.add_argument("--password", type=_refuse_password, help=argparse.SUPPRESS)
        password.add_argument(
            "--generate",
            action="store_true",
            help="make up a password, a different one for each BMC; needs --on-bmc",
        )
        parser.add_argument(
            "--length",
            type=_length,
            metavar="N",
            help="characters of what is made up; by default as many as the driver says that hardware takes",
        )
        parser.add_argument("--on-bmc", action="store_true", help="change it on the BMC, too")
        parser.add_argument(
            "--canary",
            type=_canaries,
            default=CANARIES,
            metavar="N",
            help=f"how many BMCs are tried before the others, 0 for none (default: {CANARIES})",
        )
        parser.add_argument(
            "--expires",
            type=converters.lifetime,
            metavar="TIME",
            help="list it as expired after that time, such as 90d; nothing else happens then",
        )
        arguments.add_reason(parser, "the reason, kept with the operation")
        arguments.add_timeout(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        if parsed_args.length and not parsed_args.generate:
            self.parser.error("argument --length: goes with --generate")
        if parsed_args.generate and not parsed_args.on_bmc:
            self.parser.error(
                "argument --generate: goes with --on-bmc, as no BMC has a password nobody knows"
            )
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        call = SetCredentials(
            nodes,
            where,
            username=parsed_args.username,
            password=None if parsed_args.generate else self._password(parsed_args.password_file),
            generate=parsed_args.generate,
            length=parsed_args.length,
            canaries=parsed_args.canary,
            on_bmc=parsed_args.on_bmc,
            expires_in=parsed_args.expires,
            reason=parsed_args.reason,
            timeout=parsed_args.timeout,
            confirmed=parsed_args.yes,
        )
        place = "on the BMC and in Podium" if parsed_args.on_bmc else "in Podium, not on the BMC,"
        with self.podium() as podium:
            try:
                return self.request(podium, call, f"change the password {place}", parsed_args)
            except errors.InvalidNode as wrong:
                if call.password is None or call.username is not None:
                    raise
                file = "standard input" if parsed_args.password_file == "-" else parsed_args.password_file
                raise errors.InvalidNode([f"{file}: {fault}" for fault in wrong.faults]) from None

    def _password(self, file: str) -> str:
        """Return the password from a file, or from a person who types it.

        :raises podium.errors.PodiumError: if there is none
        """
        if file != "-":
            return _whole(secret_files.read(Path(file), "password file", LONGEST_PASSWORD + 2), file)
        if not self.app.stdin.isatty():
            return _whole(self.app.stdin.read(LONGEST_PASSWORD + 2), "standard input")
        password = typed("New password: ")
        if typed("The same again: ") != password:
            raise errors.BadRequest("the two passwords differ; nothing was requested")
        return _whole(password, "the password")


def _whole(text: str, where: str) -> str:
    """Return the only line of a text."""
    password = text.removeprefix("\ufeff").removesuffix("\n").removesuffix("\r")  # Windows' mark of UTF-8
    if not password:
        raise errors.BadRequest(f"{where}: there is no password; nothing was requested")
    if len(password) > LONGEST_PASSWORD:
        raise errors.BadRequest(
            f"{where}: a password has at most {LONGEST_PASSWORD} characters; nothing was requested"
        )
    if "\n" in password:
        raise errors.BadRequest(f"{where}: a password is one line; nothing was requested")
    return password


def _refuse_password(_: str) -> NoReturn:
    raise argparse.ArgumentTypeError(
        "everybody sees a command line: use --password-file FILE, or - for standard input"
    )


def _length(text: str) -> int:
    length = converters.count(text)
    if not SHORTEST_MADE <= length <= LONGEST_MADE:
        raise argparse.ArgumentTypeError(f"{length} is not between {SHORTEST_MADE} and {LONGEST_MADE}")
    return length


def _canaries(text: str) -> int:
    try:
        return 0 if text == "0" else converters.count(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(f"{text[:20]} is not a number from 0 on") from None


class Undo(_Asking):
    """Restore the credentials that an operation replaced, up to 7 days after it.

    They are restored as the operation changed them: on the BMC, if that was changed, and proved by a login.
    Nodes whose credentials have changed again since are left alone.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_operation(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        number = parsed_args.operation
        call = UndoOperation(number, confirmed=parsed_args.yes)
        with self.podium() as podium:
            return self.request(podium, call, "change the password back", parsed_args)


class Settle(outcomes.Requesting):
    """Find out whether nodes whose last change ended as unknown have the new or the old password.

    Both are tried. If a BMC refuses both, this ends at once: give the right password with podium node set.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        arguments.add_wait(parser)
        arguments.add_timeout(parser)
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        nodes, where = arguments.chosen_to_change(self.parser, parsed_args)
        with self.podium() as podium:
            asked = podium.ask(SettleCredentials(nodes, where, timeout=parsed_args.timeout))
            return self.show(podium, asked, wait=parsed_args.wait)


class List(Lister):
    """List when the passwords of nodes were changed, when they expire, and which are not known.

    Passwords are not shown.
    """

    column_names = _COLUMNS
    form = Form(
        "nodes",
        by=("node",),
        dropped=("operation", "driver", "expires_at", "username", "expired"),
    )

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        arguments.add_nodes(parser)
        parser.add_argument(
            "--older",
            type=converters.lifetime,
            metavar="TIME",
            help="only those that are older than that, such as 180d, or of an unknown age",
        )
        parser.add_argument("--expired", action="store_true", help="only those that are to be changed by now")
        parser.add_argument(
            "--unknown", action="store_true", help="only those of which Podium has two, and neither is proved"
        )
        parser.add_argument(
            "--lost", action="store_true", help="only those that were lost with the key that encrypted them"
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> tuple[Sequence[str], Iterable[Any]]:
        nodes, where = arguments.chosen(self.parser, parsed_args)
        with self.podium() as podium:
            found = podium.credentials(
                nodes,
                where=where,
                older=parsed_args.older,
                expired=parsed_args.expired,
                unknown=parsed_args.unknown,
                lost=parsed_args.lost,
            )
            return _COLUMNS, [[getattr(one, column) for column in _COLUMNS] for one in found]
