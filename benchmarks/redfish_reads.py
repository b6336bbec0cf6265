"""Measures a read and a held TLS connection: with only the Redfish client, and with aiohttp if installed.

    python benchmarks/redfish_reads.py --bmcs 5000 --seconds 10

The BMCs are one process of their own, each with an address of 127.0.0.0/8. They answer with a small resource
and do not parse the request, so that only the client's process is measured. Prints a line of JSON for each
client.
"""

import argparse
import asyncio
import contextlib
import cProfile
import datetime
import gc
import importlib.util
import ipaddress
import itertools
import json
import multiprocessing
import os
import pstats
import resource
import ssl
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podium.drivers.redfish.http.client import Client, Target, Timing
from podium.drivers.redfish.http.link import Link

PATH: Final = "/redfish/v1/Systems/1?$select=PowerState"
SYSTEM: Final = json.dumps(
    {
        "@odata.context": "/redfish/v1/$metadata#ComputerSystem.ComputerSystem(PowerState)",
        "@odata.etag": '"5f1c2a7b"',
        "@odata.id": "/redfish/v1/Systems/1",
        "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
        "PowerState": "On",
    }
)
ANSWER: Final = (
    "HTTP/1.1 200 OK\r\nServer: BMC\r\nOData-Version: 4.0\r\n"
    "Content-Type: application/json; charset=utf-8\r\n"
    'ETag: "5f1c2a7b"\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n'
    f"Strict-Transport-Security: max-age=31536000\r\nContent-Length: {len(SYSTEM)}\r\n\r\n{SYSTEM}"
).encode()

Read = Callable[[int], Awaitable[str]]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reads per second, CPU per read and memory per held BMC.")
    parser.add_argument("--bmcs", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--concurrency", type=int, default=128, help="reads under way at once")
    parser.add_argument("--plain", action="store_true", help="HTTP rather than HTTPS")
    parser.add_argument("--profile", action="store_true", help="where the time goes; distorts the figures")
    return parser.parse_args()


class Canned(Link):
    """The BMC's end of a connection. Gives the same answer to every end of a head."""

    def received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self.send(ANSWER)


def serve(certificate: str | None, pipe: Pipe) -> None:
    """Run the process of the BMCs. It sends its port, and ends with the pipe."""

    async def main() -> None:
        tls = None
        if certificate:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Canned(tls, server_side=True), "0.0.0.0", 0, backlog=1000)
        over = asyncio.Event()
        loop.add_reader(pipe.fileno(), over.set)
        pipe.send(server.sockets[0].getsockname()[1])
        await over.wait()

    allow_many_files()
    asyncio.run(main())


@contextlib.contextmanager
def bmcs(certificate: str | None) -> Iterator[int]:
    """Return the port of the BMCs."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(certificate, theirs))
    process.start()
    try:
        if not ours.poll(30):
            sys.exit("the BMCs did not start")
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)
        process.kill()


@contextlib.asynccontextmanager
async def podium(hosts: list[str], port: int, certificate: str | None) -> AsyncIterator[Read]:
    scheme = "https" if certificate else "http"
    async with Client(Timing()) as client:
        targets = [Target(scheme, host, port, "podium", "x", verify=False, auth="basic") for host in hosts]
        held = [client.connect(target) for target in targets]

        async def read(place: int) -> str:
            response = await held[place].get(PATH)
            return str(response.body["PowerState"])

        yield read


@contextlib.asynccontextmanager
async def aiohttp(hosts: list[str], port: int, certificate: str | None) -> AsyncIterator[Read]:
    import aiohttp  # optional

    urls = [f"http{'s' if certificate else ''}://{host}:{port}{PATH}" for host in hosts]
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=3600, ssl=False)
    auth = aiohttp.BasicAuth("podium", "x")
    async with aiohttp.ClientSession(connector=connector, auth=auth) as session:

        async def read(place: int) -> str:
            async with session.get(urls[place]) as response:
                return str((await response.json())["PowerState"])

        yield read


async def at_once(read: Callable[[int], Awaitable[object]], places: Iterator[int], concurrency: int) -> int:
    """Read all BMCs, some concurrently, and return how many were read."""
    done = 0

    async def work() -> None:
        nonlocal done
        for place in places:
            await read(place)
            done += 1

    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())
    return done


async def measure(name: str, port: int, certificate: str | None, chosen: argparse.Namespace) -> None:
    first = int(ipaddress.ip_address("127.30.0.1"))
    hosts = [str(ipaddress.ip_address(first + number)) for number in range(chosen.bmcs)]
    kind = {"podium": podium, "aiohttp": aiohttp}[name]
    async with kind(hosts, port, certificate) as read:
        gc.collect()
        before = resident()
        cpu = time.process_time()

        async def enter(place: int) -> None:
            # Three reads each, like a login: OpenSSL keeps 16 KiB for a connection that has read only once.
            for _ in range(3):
                await read(place)

        await at_once(enter, iter(range(chosen.bmcs)), chosen.concurrency)
        opening = time.process_time() - cpu
        gc.collect()
        memory = resident() - before
        end = time.monotonic() + chosen.seconds
        pool = itertools.takewhile(lambda _: time.monotonic() < end, itertools.cycle(range(chosen.bmcs)))
        wall, cpu = time.perf_counter(), time.process_time()
        with cProfile.Profile() if chosen.profile else contextlib.nullcontext() as profile:
            done = await at_once(read, pool, chosen.concurrency)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    figures = {
        "client": name,
        "bmcs": chosen.bmcs,
        "tls": certificate is not None,
        "reads_per_second": round(done / wall),
        "cpu_us_per_read": round(cpu / done * 1e6, 1),
        "bytes_per_bmc": round(memory / chosen.bmcs),
        "cpu_us_per_connection": round(opening / chosen.bmcs * 1e6),
    }
    sys.stdout.write(json.dumps(figures) + "\n")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(30)


def resident() -> int:
    """Return this process's resident memory in bytes, proc(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def allow_many_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)


def make_certificate(file: Path) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "BMC")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return str(file)


def measure_alone(name: str, port: int, certificate: str | None, chosen: argparse.Namespace) -> None:
    allow_many_files()
    asyncio.run(measure(name, port, certificate, chosen))


def main() -> None:
    chosen = arguments()
    names = ["podium"] + ["aiohttp"] * (importlib.util.find_spec("aiohttp") is not None)
    with tempfile.TemporaryDirectory() as folder:
        certificate = None if chosen.plain else make_certificate(Path(folder, "bmc.pem"))
        for name in names:  # each in its own process, to keep their memory separate
            with bmcs(certificate) as port:
                argv = (name, port, certificate, chosen)
                process = multiprocessing.get_context("spawn").Process(target=measure_alone, args=argv)
                process.start()
                process.join()


if __name__ == "__main__":
    main()
