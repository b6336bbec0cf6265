"""``podium conductor drain``, ``undrain`` and ``forget``: others take over the nodes of a conductor."""

import argparse

from podium import errors
from podium.cli import command, converters
from podium.client.waiting.drain import until_handed_over
from podium.client.waiting.steps import run
from podium.clocks import boottime


class _OfHost(command.Command):
    """A command about one conductor."""

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "hostname", metavar="HOST", type=converters.filled, help="a name of `podium conductor list`"
        )
        return parser


class Drain(_OfHost):
    """Take a conductor out of service: others take over its nodes, once changes under way have ended.

    It stays out of service, also after a restart, until `podium conductor undrain`.
    """

    #: To be replaced by tests.
    clock = staticmethod(boottime)

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument(
            "--force",
            action="store_true",
            help="even if nobody else serves some of its nodes, which it then keeps until somebody does",
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="wait until nothing is left with it; not for nodes that nobody else serves",
        )
        parser.add_argument(
            "--timeout",
            type=converters.seconds,
            default=900.0,
            metavar="TIME",
            help="how long --wait waits, in seconds or as 20m (default: 900)",
        )
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        host, timeout = parsed_args.hostname, parsed_args.timeout
        with self.podium() as podium:
            done = podium.drain(host, parsed_args.force)
            self.say(f"{host}: {'drained from now on' if done.changed else 'drained already'}")
            if not parsed_args.wait:
                return 0
            if done.unserved:
                self.warn(f"{host} is not waited for: it keeps nodes until somebody else serves them")
                return 1
            is_over = run(
                podium,
                until_handed_over(
                    host,
                    timeout=timeout,
                    left=lambda nodes: self.warn(f"{host}: {nodes} nodes are left with it"),
                    tell=self.warn,
                    clock=self.clock,
                ),
            )
        if not is_over:
            self.warn(f"{host} still has nodes after {timeout:g} s; see: podium conductor list")
            return 1
        self.say(f"{host}: nothing is left with it")
        return 0


class Undrain(_OfHost):
    """Put a drained conductor back into service."""

    def take_action(self, parsed_args: argparse.Namespace) -> None:
        host = parsed_args.hostname
        with self.podium() as podium:
            changed = podium.undrain(host).changed
        self.say(f"{host}: {'in service again' if changed else 'in service already'}")


class Forget(_OfHost):
    """End the workers of a conductor whose machine is off, without waiting for their leases.

    A conductor that is gone and has no workers left is removed from all lists.

    Make sure that the machine is off, or that its power cannot come back: otherwise it may still send what it
    was about to send to a node. A conductor that still gives signs of life is not forgotten.
    """

    def get_parser(self, prog_name: str) -> argparse.ArgumentParser:
        parser = super().get_parser(prog_name)
        parser.add_argument("--yes", action="store_true", help="do not ask")
        return parser

    def take_action(self, parsed_args: argparse.Namespace) -> int:
        host = parsed_args.hostname
        with self.podium() as podium:
            try:
                done = podium.forget(host, parsed_args.yes)
            except errors.NeedsConfirmation:
                if not self._is_confirmed(host):
                    self.warn("nothing was changed")
                    return 1
                done = podium.forget(host, True)
        words = "removed from the lists" if done.removed else f"forgotten; workers ended: {done.ended}"
        self.say(f"{host}: {words}")
        return 0

    def _is_confirmed(self, host: str) -> bool:
        return self.confirms(
            f"{host} gives no sign of life; is its machine off, and is it to be forgotten",
            f"to forget {host} needs --yes, which says that its machine is off; nothing was changed",
        )
