"""How many power states one process reads over held IPMI sessions, and what each read and session costs.

    python benchmarks/ipmi_reads.py --bmcs 1000 --seconds 10

The BMCs are simulated in a process of their own; only the client's process, with the driver, is measured.
Without --rate the reads go as fast as they can, with --concurrency of them under way. With --rate they are
spread evenly, and each pays for its own turns of the event loop.
"""

import argparse
import asyncio
import contextlib
import cProfile
import itertools
import json
import pstats
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

from podium.drivers import base
from podium.drivers.ipmi.driver import IPMIDriver

PATIENCE = 30.0  # seconds for the simulator to start


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Reads per second and CPU time per read of the ipmi driver.")
    parser.add_argument("--bmcs", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--concurrency", type=int, default=128, help="reads under way at once")
    parser.add_argument("--rate", type=float, default=0.0, help="reads per second; 0 for as fast as can be")
    parser.add_argument("--suite", type=int, choices=(3, 17), default=17)
    parser.add_argument("--port", type=int, default=6239)
    parser.add_argument("--profile", action="store_true", help="where the time goes; distorts the figures")
    return parser.parse_args()


@contextlib.contextmanager
def simulator(bmcs: int, port: int, suite: int) -> Iterator[list[base.Node]]:
    """Return the nodes of a running simulator."""
    command = "import sys; from podium.simulator.main import main; sys.exit(main(sys.argv[1:]))"
    with tempfile.TemporaryDirectory() as folder:
        nodes_file = Path(folder, "nodes.json")
        options = ["--ipmi", str(bmcs), "--port", str(port), "--nodes-file", str(nodes_file)]
        process = subprocess.Popen([sys.executable, "-c", command, *options], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + PATIENCE
            while not nodes_file.exists():
                if process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("the simulator did not start")
                time.sleep(0.05)
            enrolled = json.loads(nodes_file.read_text())["nodes"]
            for entry in enrolled:
                entry["driver_info"]["ipmi_cipher_suite"] = suite
            yield [base.Node(one["name"], one["name"], "ipmi", one["driver_info"]) for one in enrolled]
        finally:
            process.terminate()
            process.wait(PATIENCE)


@contextlib.asynccontextmanager
async def started() -> AsyncIterator[IPMIDriver]:
    defaults = {option.dest: option.default for option in IPMIDriver.options}
    driver = IPMIDriver("ipmi", SimpleNamespace(**defaults))
    await driver.start()
    try:
        yield driver
    finally:
        await driver.close()


async def at_once(driver: IPMIDriver, nodes: Iterator[base.Node], concurrency: int) -> int:
    """Read every node, some concurrently, and return how many were read."""
    done = 0

    async def work() -> None:
        nonlocal done
        for node in nodes:
            await driver.get_power_state(node)
            done += 1

    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())
    return done


async def spread(driver: IPMIDriver, nodes: Iterator[base.Node], rate: float) -> int:
    """Start a read every 1/rate seconds, and return how many were made."""
    loop = asyncio.get_running_loop()
    done = 0
    begun = loop.time()
    async with asyncio.TaskGroup() as reads:
        for node in nodes:
            reads.create_task(driver.get_power_state(node))
            done += 1
            await asyncio.sleep(max(0.0, begun + done / rate - loop.time()))
    return done


async def measured(what: str, reading: Callable[[], Awaitable[int]]) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    done = await reading()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sys.stdout.write(f"{what:<24}{done / wall:>10.0f} /s{cpu / done * 1e6:>10.1f} us of CPU each\n")


def resident() -> int:
    """Return this process's resident memory in bytes, proc(5)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def measure(nodes: list[base.Node], chosen: argparse.Namespace) -> None:
    def until(end: float) -> Iterator[base.Node]:
        return itertools.takewhile(lambda _: time.monotonic() < end, itertools.cycle(nodes))

    def reads() -> Awaitable[int]:
        pool = until(time.monotonic() + chosen.seconds)
        if chosen.rate:
            return spread(driver, pool, chosen.rate)
        return at_once(driver, pool, chosen.concurrency)

    async with started() as driver:
        before = resident()
        await measured("sessions and first read", lambda: at_once(driver, iter(nodes), chosen.concurrency))
        sys.stdout.write(
            f"{'memory':<24}{(resident() - before) / len(nodes):>10.0f} bytes for each session\n"
        )
        with cProfile.Profile() if chosen.profile else contextlib.nullcontext() as profile:
            await measured("reads", reads)
        figures = driver.statistics()
        sys.stdout.write(", ".join(f"{name} {value:.0f}" for name, value in figures.items()) + "\n")
        wall, cpu = time.perf_counter(), time.process_time()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    sys.stdout.write(f"{'closing':<24}{wall:>10.1f} s {cpu / len(nodes) * 1e6:>10.1f} us of CPU each\n")
    if profile is not None:
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def main() -> None:
    chosen = arguments()
    with simulator(chosen.bmcs, chosen.port, chosen.suite) as nodes:
        asyncio.run(measure(nodes, chosen))


if __name__ == "__main__":
    main()
