"""What looking at 10,000 streams costs: us, the audited server, and its other clients.

Run `python benchmarks/poll.py` (a few minutes), or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks import dataset, exporter, latency, machine, paced, results, sweeps
from benchmarks.results import Report
from benchmarks.server import BenchServer, running

SWEEP_ROUNDS = 9
PEER_ROUNDS = 2
"""Peers that take ten seconds a look."""

INTERVALS = 8
"""Two minutes: the first looks still count what waits, and sample, a part each."""


@dataclass(frozen=True, slots=True)
class Scene:
    """The loaded server, what is in it, how many rounds are wanted, and who is told."""

    server: BenchServer
    shape: dataset.Shape
    rounds: int
    report: Report


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="benchmarks/poll.py", description=__doc__.split("\n", maxsplit=1)[0])
    made.add_argument("--server", type=Path, metavar="PATH", help="another redis-server or valkey-server")
    made.add_argument("--streams", type=int, default=10_000, metavar="N", help="fewer for a quick try")
    made.add_argument("--rounds", type=int, default=9, metavar="N", help="at most, of everything")
    made.add_argument("--only", choices=sorted(_PARTS), help="one part; RESULTS.md stays as it is")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a bar was missed."""
    options = parser().parse_args(arguments)
    shape = dataset.Shape(streams=options.streams)
    report = results.begin("poll", "what a look at the streams costs")
    with running(options.server) as server:
        machine.pin(0, machine.cores()[1])
        report.versions = {"server": server.name, **machine.versions("redis", "hiredis")}
        report.conditions.append(f"data: {shape}, seed {dataset.SEED}")
        dataset.load(server.client, shape)
        server.calibrate()
        scene = Scene(server, shape, options.rounds, report)
        for name in [options.only] if options.only else _PARTS:
            _PARTS[name](scene)
    return int(report.missed) if options.only else report.finish()


def _sweeps(scene: Scene) -> None:
    sweeps.measure(scene.server, scene.shape, min(scene.rounds, SWEEP_ROUNDS), scene.report)


def _one_by_one(scene: Scene) -> None:
    sweeps.measure_one_by_one(scene.server, min(scene.rounds, PEER_ROUNDS), scene.report)


def _paced(scene: Scene) -> None:
    paced.measure(scene.server, INTERVALS, scene.report)


def _exporter(scene: Scene) -> None:
    exporter.measure(scene.server, scene.shape, min(scene.rounds, PEER_ROUNDS), scene.report)


def _latency(scene: Scene) -> None:
    latency.measure(scene.server, scene.rounds, scene.report)


_PARTS = {
    "sweeps": _sweeps,
    "one-by-one": _one_by_one,
    "paced": _paced,
    "exporter": _exporter,
    "latency": _latency,  # last: it leaves the server with another priority
}


if __name__ == "__main__":
    sys.exit(main())
