"""The command ``podium-sim``: simulated BMCs on this host, and the client that changes them meanwhile."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from podium import errors
from podium.simulator import control, faults, nodes
from podium.simulator.bmc import Settings
from podium.simulator.server import Simulator

_DEFAULT: Final = Settings()
_EXAMPLES: Final = """\
examples:
  podium-sim --ipmi 48 --nodes-file nodes.yaml
  podium-sim --ipmi 480 --fault dead:5% --fault slow=2:127.20.0.5 --control /tmp/sim.sock
  podium-sim ctl --control /tmp/sim.sock power off 127.20.0.5
  podium-sim ctl --control /tmp/sim.sock fault clear dead 5%

kinds of faults:
  {kinds}
WHERE is an address (127.20.0.5), a range of addresses (127.20.0.5-127.20.0.9), numbers counted from 1
(1,5,7-9), or a share that is spread evenly (10%).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "ctl":
            return _ctl(arguments)
        if arguments.ipmi is None:
            parser.error("give --ipmi N to simulate N BMCs, or ctl to change a running simulator")
        asyncio.run(_serve(arguments))
    except errors.PodiumError as wrong:
        sys.stderr.write(f"podium-sim: {wrong}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    kinds = (f"{name}=({kind.value})" if kind.value else name for name, kind in faults.KINDS.items())
    parser = argparse.ArgumentParser(
        prog="podium-sim",
        description="Simulates IPMI 2.0 BMCs on loopback, one address each, behind one UDP port.",
        epilog=_EXAMPLES.format(kinds="\n  ".join(kinds)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--ipmi", type=int, metavar="N", help="how many BMCs")
    add("--address", default="127.20.0.1", help="the first BMC's IPv4 address; others follow (%(default)s)")
    add("--port", type=int, default=6230, help="the UDP port of all BMCs, 0 for a free one (%(default)s)")
    add("--nodes-file", metavar="FILE", help="write what `podium node import` takes: .json, .yaml or -")
    add("--user", default=_DEFAULT.user, help="the name that BMCs know (%(default)s)")
    add("--password-file", metavar="FILE", help="holds the password (podium-sim)")
    add("--kg-file", metavar="FILE", help="holds the BMC key Kg as 40 hexadecimal digits (none)")
    add("--power-delay", type=float, default=0.0, metavar="SECONDS", help="off time of a power cycle (0)")
    add("--sessions", type=int, default=_DEFAULT.session_limit, help="that one BMC holds (%(default)s)")
    add("--fault", action="append", default=[], metavar="KIND[=VALUE]:WHERE", help="repeatable; see below")
    add("--seed", type=int, default=0, help="of the randomness of lossy BMCs (%(default)s)")
    add("--control", metavar="PATH", help="a Unix socket to change faults and power states")
    _add_ctl(parser)
    return parser


def _add_ctl(parser: argparse.ArgumentParser) -> None:
    summary = "change a simulator that runs with --control"
    ctl = parser.add_subparsers(dest="command").add_parser("ctl", help=summary, description=summary)
    ctl.add_argument("--control", metavar="PATH", required=True, help="the simulator's socket")
    actions = ctl.add_subparsers(dest="action", required=True)
    power = actions.add_parser("power", help="switch machines behind everybody's back")
    power.add_argument("to", choices=("on", "off"))
    power.add_argument("where", metavar="WHERE")
    usage = "podium-sim ctl --control PATH fault (KIND[=VALUE] | clear KIND | clear all) WHERE"
    fault = actions.add_parser("fault", help="put a fault on BMCs, or clear it", usage=usage)
    fault.add_argument("words", nargs="+", metavar="WORD")
    actions.add_parser("status", help="count BMCs, sessions, commands and datagrams")


def _ctl(arguments: argparse.Namespace) -> int:
    match arguments.action, getattr(arguments, "words", None):
        case "power", _:
            request = {"set": "power", "to": arguments.to, "where": arguments.where}
        case "fault", ["clear", kind, where]:
            request = {"clear": "fault", "kind": kind, "where": where}
        case "fault", [fault, where]:
            request = {"set": "fault", "fault": fault, "where": where}
        case "fault", _:
            raise errors.ConfigError("give fault KIND[=VALUE] WHERE, or fault clear KIND WHERE")
        case _:
            request = {"get": "status"}
    for key, value in control.ask(arguments.control, request).items():
        sys.stdout.write(f"{key}: {value}\n")
    return 0


async def _serve(arguments: argparse.Namespace) -> None:
    settings, hex_kg_key = _settings(arguments)
    addresses = nodes.address_range(arguments.address, arguments.ipmi)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        simulator = Simulator(addresses, arguments.port, settings=settings, placed=arguments.fault)
        await stack.enter_async_context(simulator)
        if arguments.control:
            await stack.enter_async_context(control.ControlSocket(simulator, arguments.control))
        if arguments.nodes_file:
            password = settings.password.decode()
            as_json = arguments.nodes_file.endswith(".json")
            text = nodes.render_nodes(
                addresses, simulator.port, settings.user, password, hex_kg_key, as_json=as_json
            )
            await asyncio.to_thread(nodes.write_nodes_file, arguments.nodes_file, text)
        # Standard output belongs to the nodes when they go there.
        stream = sys.stderr if arguments.nodes_file == "-" else sys.stdout
        stream.write(
            f"podium-sim: {len(addresses)} BMCs at {nodes.text(addresses[0])}-{nodes.text(addresses[-1])}, "
            f"port {simulator.port}, user {settings.user}\n"
        )
        stream.flush()
        await stop.wait()


def _settings(arguments: argparse.Namespace) -> tuple[Settings, str | None]:
    """What the options ask of every BMC, and Kg in the digits in which driver_info has it."""
    user: str = arguments.user
    if not 1 <= len(user.encode()) <= 16:
        raise errors.ConfigError(f"--user {user!r}: IPMI user names have 1 to 16 bytes")
    if not 0 <= arguments.power_delay <= 3600:
        raise errors.ConfigError(f"--power-delay {arguments.power_delay}: give 0 to 3600 seconds")
    if arguments.sessions < 1:
        raise errors.ConfigError(f"--sessions {arguments.sessions}: a BMC holds 1 or more")
    password, kg, hex_kg_key = _DEFAULT.password, b"", None
    if arguments.password_file:
        password = _read_secret(arguments.password_file).encode()
        if not 1 <= len(password) <= 20:
            raise errors.ConfigError(f"{arguments.password_file}: IPMI passwords have 1 to 20 bytes")
    if arguments.kg_file:
        hex_kg_key = _read_secret(arguments.kg_file)
        with contextlib.suppress(ValueError):
            kg = bytes.fromhex(hex_kg_key)
        if len(kg) != 20:
            raise errors.ConfigError(f"{arguments.kg_file}: the BMC key is 40 hexadecimal digits")
    settings = Settings(
        user=user,
        password=password,
        kg=kg,
        power_delay=arguments.power_delay,
        session_limit=arguments.sessions,
        seed=arguments.seed,
    )
    return settings, hex_kg_key


def _read_secret(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) else "not UTF-8"
        raise errors.ConfigError(f"cannot read {path}: {reason}") from None
