"""How fast Podium reads the power of a fleet, compared with others that read the same BMCs.

    python benchmarks/sweep.py [--quick] [--only ipmi|redfish|api|own-api|page]

Starts a simulated rack for each section, makes one measurement after another on it, prints each row when it
is ready and a report at the end, and writes the report to benchmarks/RESULTS.md, with plots beside it; with
--only, one section of it. With --quick it takes some minutes, to try the harness, and leaves RESULTS.md
alone. Programs that are not installed are left out, with a row that says so.
"""

import argparse
import dataclasses
import importlib.util
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import results_file
from api import API
from extent import FULL, QUICK
from own_api import OwnAPI
from page_figures import Page
from sections import IPMI, PEERS, SECTIONS, Ended, Section

HERE: Final = Path(__file__).parent
_SECTIONS: Final[dict[str, type[Section]]] = {**SECTIONS, "api": API, "own-api": OwnAPI, "page": Page}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--quick", action="store_true", help="1,000 BMCs, and as little as will do")
    parser.add_argument("--only", choices=_SECTIONS, help="one section, the others stay as they are")
    parser.add_argument("--sizes", type=_numbers, help="BMCs of IPMI (1000,10000,100000)")
    parser.add_argument("--redfish", type=_fleet, metavar="BMCS", help="BMCs of Redfish (5000)")
    parser.add_argument(
        "--databases", type=_words("sqlite", "postgresql", "mariadb"), help="(sqlite,postgresql,mariadb)"
    )
    parser.add_argument("--peers", type=_words(*PEERS), help=f"({','.join(PEERS)}), or nothing for none")
    parser.add_argument("--port", type=int, default=6231, help="UDP or TCP port of the BMCs (%(default)s)")
    options = parser.parse_args()
    if options.databases is None:
        options.databases = ["sqlite", "postgresql", "mariadb"]
    if options.peers is None:
        options.peers = list(PEERS)
    return options


def _fleet(text: str) -> int:
    if int(text) < 2:
        raise argparse.ArgumentTypeError(f"{text}: give 2 or more")
    return int(text)


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(word) for word in text.split(",")))


def _words(*known: str) -> Callable[[str], list[str]]:
    def words(text: str) -> list[str]:
        given = text.split(",") if text else []
        if unknown := set(given) - set(known):
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: give some of {','.join(known)}")
        return given

    return words


def _end(*_: object) -> None:
    raise Ended


def main() -> None:
    options = _arguments()
    extent = QUICK if options.quick else FULL
    chosen = [_SECTIONS[options.only]] if options.only else list(_SECTIONS.values())
    if not options.quick and IPMI in chosen and importlib.util.find_spec("matplotlib") is None:
        sys.exit("matplotlib is not installed, which draws the plots: make bench, or pip install '.[bench]'")
    if options.sizes:
        extent = dataclasses.replace(extent, sizes=options.sizes)
    if options.redfish:
        extent = dataclasses.replace(extent, redfish=options.redfish)
    signal.signal(signal.SIGTERM, _end)  # so that a terminated run leaves no daemons behind
    measured: list[Section] = []
    with tempfile.TemporaryDirectory(prefix="podium-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # database servers have their own accounts
        for section in chosen:
            measured.append(section(options, extent, folder))
            measured[-1].run()
            if not measured[-1].complete:
                break
    reports = {section.title: section.report() for section in measured}
    for report in reports.values():
        sys.stdout.write(f"{report}\n\n")
    if not options.quick:
        _draw(measured, reports)
        results_file.rewrite(HERE / "RESULTS.md", [section.title for section in _SECTIONS.values()], reports)


def _draw(measured: Sequence[Section], reports: dict[str, str]) -> None:
    """Draw the plots of IPMI, and add them to the end of its report."""
    for section in measured:
        if isinstance(section, IPMI):
            import plots

            drawn = plots.draw(section.found.rows, HERE)
            reports[section.title] += "".join(f"\n\n![]({file.name})" for file in drawn)


if __name__ == "__main__":
    main()
