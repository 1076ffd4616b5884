"""How long `streamgauge --help` takes: what a user waits for before anything happens.

Run `python benchmarks/start.py`, or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks import machine, results
from benchmarks.bars import HELP_WALL
from benchmarks.results import Row


@dataclass(frozen=True, slots=True)
class Start:
    """One start, in seconds."""

    wall_s: float
    cpu_s: float


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="benchmarks/start.py", description=__doc__.split("\n", maxsplit=1)[0])
    made.add_argument("--rounds", type=int, default=15, metavar="N", help="starts of which the median counts")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a bar was missed."""
    options = parser().parse_args(arguments)
    report = results.begin("start", "how long a command takes to begin")
    report.versions = machine.versions("streamgauge", "typer")
    program = Path(sys.executable).with_name("streamgauge")
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as folder:
        started([str(program), "--help"], folder)  # the first start compiles what is not compiled yet
        helps = [started([str(program), "--help"], folder) for _ in range(options.rounds)]
        bare = [started([sys.executable, "-c", "pass"], folder) for _ in range(options.rounds)]
    report.row(
        Row(
            "streamgauge --help: wall",
            statistics.median(one.wall_s for one in helps),
            HELP_WALL,
            f"median of {len(helps)} ({min(one.wall_s for one in helps):.2f}–{max(one.wall_s for one in helps):.2f} s), "
            f"{statistics.median(one.cpu_s for one in helps):.2f} s of CPU; Python alone "
            f"{statistics.median(one.wall_s for one in bare) * 1e3:.0f} ms",
        )
    )
    return report.finish()


def started(command: list[str], folder: str) -> Start:
    """Run it to its end, in a folder that holds no project."""
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed: run `make install`")
    before, began = os.times(), time.perf_counter()
    subprocess.run(command, cwd=folder, env=machine.environment(), stdout=subprocess.DEVNULL, check=True)
    wall_s, after = time.perf_counter() - began, os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Start(wall_s, cpu_s)


if __name__ == "__main__":
    sys.exit(main())
