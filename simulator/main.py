"""The command ``podium-sim``: runs simulated BMCs on this host, and changes them while they run."""

import argparse
import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from podium import __version__, errors
from podium.simulator import control, faults, nodes, options
from podium.simulator.rack import Racks
from podium.simulator.redfish.server import RedfishSimulator
from podium.simulator.server import Simulator

#: BMCs of one protocol, and the nodes for the nodes file once they serve.
_Part = tuple[Simulator | RedfishSimulator, Callable[[], nodes.Enrolment]]

#: The most addresses in a certificate that clients check.
_NAMED: Final = 256

_EXAMPLES: Final = """\
examples:
  podium-sim --ipmi 48 --nodes-file nodes.yaml
  podium-sim --redfish 48 --nodes-file nodes.yaml --tls-ca-file ca.pem
  podium-sim --ipmi 480 --fault dead:5% --fault slow=2:127.20.0.5 --control /tmp/sim.sock
  podium-sim ctl --control /tmp/sim.sock power off 127.20.0.5
  podium-sim ctl --control /tmp/sim.sock fault clear dead 5%
  podium-sim ctl --control /tmp/sim.sock event "CPU1 Temp" 9 127.20.0.5
  podium-sim ctl --control /tmp/sim.sock machines 127.20.0.5

kinds of faults, each with the protocols that have it; docs/simulator.md says what they do:
  {kinds}
WHERE is an address (127.20.0.5), a range of addresses (127.20.0.5-127.20.0.9), numbers counted from 1
(1,5,7-9), or a share that is spread evenly (10%).
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.command == "ctl":
            return _ctl(arguments)
        if arguments.ipmi is None and arguments.redfish is None:
            parser.error("give --ipmi N or --redfish N for N BMCs, or ctl to change a running simulator")
        asyncio.run(_serve(arguments))
    except errors.PodiumError as wrong:
        sys.stderr.write(f"podium-sim: {wrong}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    kinds = (
        f"{f'{name}=({kind.value})' if kind.value else name}  [{', '.join(kind.protocols)}]"
        for name, kind in faults.KINDS.items()
    )
    parser = argparse.ArgumentParser(
        prog="podium-sim",
        usage="podium-sim --ipmi N | --redfish N [OPTIONS], or podium-sim ctl; see: podium-sim --help",
        description="Simulates BMCs that speak IPMI 2.0 or Redfish on loopback, one address each.",
        epilog=_EXAMPLES.format(kinds="\n  ".join(kinds)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--version", action="version", version=f"podium-sim {__version__}")
    add("--ipmi", type=int, metavar="N", help="number of BMCs that speak IPMI, behind one UDP port")
    add("--redfish", type=int, metavar="N", help="number of BMCs that speak Redfish, behind one TCP port")
    add(
        "--address", help=f"IPv4 address of the first BMC ({options.IPMI_ADDRESS}; {options.REDFISH_ADDRESS})"
    )
    add(
        "--port",
        type=int,
        help=f"port of the BMCs, 0 for a free one ({options.IPMI_PORT}; {options.REDFISH_PORT})",
    )
    add("--redfish-address", metavar="ADDRESS", help="address of the first Redfish BMC, beside IPMI BMCs")
    add("--redfish-port", type=int, metavar="PORT", help="port of the Redfish BMCs, beside IPMI BMCs")
    add("--nodes-file", metavar="FILE", help="write a file for `podium node import`: .json, .yaml or -")
    add("--user", default=options.IPMI.user, help="user name of all BMCs (%(default)s)")
    add("--password-file", metavar="FILE", help="file with the password (podium-sim)")
    add("--kg-file", metavar="FILE", help="file with the BMC key Kg of IPMI as 40 hexadecimal digits (none)")
    add("--http", action="store_true", help="Redfish without TLS")
    add(
        "--tls-ca-file", metavar="FILE", help="write the certificate to FILE, and name FILE in the nodes file"
    )
    add("--systems", type=int, default=1, metavar="K", help="machines behind each Redfish BMC (1)")
    add("--power-delay", type=float, default=0.0, metavar="SECONDS", help="duration of a power change (0)")
    sessions = f"({options.IPMI.session_limit}; {options.REDFISH.session_limit})"
    add(
        "--log-entries",
        type=int,
        default=options.IPMI.log_entries,
        metavar="N",
        help="entries that the event log of a BMC holds (%(default)s)",
    )
    add("--sessions", type=int, metavar="N", help=f"sessions that one BMC holds {sessions}")
    add("--fault", action="append", default=[], metavar="KIND[=VALUE]:WHERE", help="repeatable; see below")
    add("--seed", type=int, default=0, help="seed of the random losses of lossy BMCs (%(default)s)")
    add("--control", metavar="PATH", help="Unix socket for changes of faults and power states")
    _add_ctl(parser)
    return parser


def _add_ctl(parser: argparse.ArgumentParser) -> None:
    summary = "change a simulator that runs with --control"
    commands = parser.add_subparsers(dest="command", prog="podium-sim")
    ctl = commands.add_parser("ctl", help=summary, description=summary)
    ctl.add_argument("--control", metavar="PATH", required=True, help="the simulator's socket")
    actions = ctl.add_subparsers(dest="action", required=True)
    power = actions.add_parser("power", help="switch machines without a command to the BMC")
    power.add_argument("to", choices=("on", "off"))
    power.add_argument("where", metavar="WHERE")
    usage = "podium-sim ctl --control PATH fault (KIND[=VALUE] | clear KIND | clear all) WHERE"
    fault = actions.add_parser("fault", help="give BMCs a fault, or clear it", usage=usage)
    fault.add_argument("words", nargs="+", metavar="WORD")
    password = actions.add_parser("password", help="give accounts a password, as a person at the BMCs would")
    password.add_argument("file", metavar="FILE", help="file with the password")
    password.add_argument("where", metavar="WHERE")
    actions.add_parser("status", help="count BMCs, sessions, requests and datagrams")
    accounts = actions.add_parser("accounts", help="count logins, wrong ones, and changes of passwords")
    accounts.add_argument("where", metavar="WHERE")
    machines = actions.add_parser(
        "machines", help="show power, light, boot device, clock and size of the log"
    )
    machines.add_argument("where", metavar="WHERE")
    usage = "podium-sim ctl --control PATH event [--ended] [--count N] (SENSOR OFFSET | HEX) WHERE"
    summary = "add an entry to event logs: an event by its offset in IPMI's tables, or 16 bytes of a record"
    event = actions.add_parser("event", help=summary, usage=usage)
    event.add_argument("words", nargs="+", metavar="WORD")
    event.add_argument("--ended", action="store_true", help="what the sensor saw is over")
    event.add_argument("--count", type=int, default=1, metavar="N", help="so many entries (%(default)s)")


def _ctl(arguments: argparse.Namespace) -> int:
    request: dict[str, object]
    match arguments.action, getattr(arguments, "words", None):
        case "power", _:
            request = {"set": "power", "to": arguments.to, "where": arguments.where}
        case "password", _:
            password = options.read_secret(arguments.file)
            request = {"set": "password", "to": password, "where": arguments.where}
        case "accounts", _:
            request = {"get": "accounts", "where": arguments.where}
        case "machines", _:
            request = {"get": "machines", "where": arguments.where}
        case "event", words:
            request = _event(words or [], arguments.ended) | {"count": arguments.count}
        case "fault", ["clear", kind, where]:
            request = {"clear": "fault", "kind": kind, "where": where}
        case "fault", [fault, where]:
            request = {"set": "fault", "fault": fault, "where": where}
        case "fault", _:
            raise errors.ConfigError("give fault KIND[=VALUE] WHERE, or fault clear KIND WHERE")
        case _:
            request = {"get": "status"}
    reply = control.ask(arguments.control, request)
    if arguments.action in ("accounts", "machines"):
        counts: dict[str, dict[str, object]] = reply["bmcs"]
        reply = {
            bmc: ", ".join(f"{name} {value}" for name, value in found.items())
            for bmc, found in counts.items()
        }
    for key, value in reply.items():
        sys.stdout.write(f"{key}: {value}\n")
    return 0


def _event(words: Sequence[str], ended: bool) -> dict[str, object]:
    """:raises podium.errors.ConfigError: if the words are not an event"""
    match words:
        case [sensor, offset, where] if offset.isdecimal():
            event = {"sensor": sensor, "offset": int(offset), "ended": ended}
            return {"add": "event", "event": event, "where": where}
        case [record, where] if not ended:
            return {"add": "event", "event": {"record": record}, "where": where}
    raise errors.ConfigError('give event SENSOR OFFSET WHERE ("CPU1 Temp" 9 127.20.0.5), or event HEX WHERE')


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    options.check(arguments)
    parts: list[_Part] = []
    if arguments.ipmi is not None:
        parts.append(_ipmi(arguments))
    if arguments.redfish is not None:
        parts.append(_redfish(arguments))
    racks = Racks([simulator for simulator, _ in parts])
    racks.place(arguments.fault)
    async with contextlib.AsyncExitStack() as stack:
        for simulator, _ in parts:
            await stack.enter_async_context(simulator)
        if arguments.control:
            await stack.enter_async_context(control.ControlSocket(racks, arguments.control))
        enrolments = [await asyncio.to_thread(enrol) for _, enrol in parts]
        if arguments.nodes_file:
            text = nodes.render_nodes(enrolments, as_json=arguments.nodes_file.endswith(".json"))
            await asyncio.to_thread(nodes.write_file, arguments.nodes_file, text)
        # Keep standard output free for the nodes file if it goes there.
        stream = sys.stderr if arguments.nodes_file == "-" else sys.stdout
        described = " and ".join(map(_described, (simulator for simulator, _ in parts)))
        stream.write(f"podium-sim: {described}, user {arguments.user}\n")
        stream.flush()
        await stop.wait()


def _described(simulator: Simulator | RedfishSimulator) -> str:
    addresses = simulator.addresses
    first, last = nodes.text(addresses[0]), nodes.text(addresses[-1])
    return f"{len(addresses)} BMCs at {first}-{last}, port {simulator.port}"


def _ipmi(arguments: argparse.Namespace) -> _Part:
    settings, hex_kg_key = options.ipmi_settings(arguments)
    endpoints = options.ipmi_endpoints(arguments)
    simulator = Simulator(endpoints.addresses, endpoints.port, settings=settings)

    def enrol() -> nodes.Enrolment:
        password = settings.password.decode()
        return nodes.ipmi_enrolment(simulator.addresses, simulator.port, settings.user, password, hex_kg_key)

    return simulator, enrol


def _redfish(arguments: argparse.Namespace) -> _Part:
    settings = options.redfish_settings(arguments)
    endpoints = options.redfish_endpoints(arguments)
    # If nobody checks the certificate, it is as small as that of one BMC.
    named = _NAMED if arguments.tls_ca_file else 1
    simulator = RedfishSimulator(
        endpoints.addresses, endpoints.port, settings=settings, tls=not arguments.http, named=named
    )

    def enrol() -> nodes.Enrolment:
        verify_ca: bool | str = False
        if arguments.tls_ca_file:
            nodes.write_file(arguments.tls_ca_file, iter([simulator.certificate or ""]))
            verify_ca = str(Path(arguments.tls_ca_file).absolute())
        urls = (simulator.url(nodes.text(address)) for address in simulator.addresses)
        return nodes.redfish_enrolment(urls, settings.systems, settings.user, settings.password, verify_ca)

    return simulator, enrol
