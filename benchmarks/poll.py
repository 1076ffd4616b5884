"""What looking at 10,000 streams costs: us, the audited server, and its other clients.

Run `python benchmarks/poll.py` (a few minutes), or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks import dataset, exporter, latency, machine, paced, results, sweeps
from benchmarks.server import running

SWEEP_ROUNDS = 5
PEER_ROUNDS = 2
"""Peers that take ten seconds a look."""

INTERVALS = 3


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="benchmarks/poll.py", description=__doc__.split("\n", maxsplit=1)[0])
    made.add_argument("--server", type=Path, metavar="PATH", help="another redis-server or valkey-server")
    made.add_argument("--streams", type=int, default=10_000, metavar="N", help="fewer for a quick try")
    made.add_argument("--rounds", type=int, default=9, metavar="N", help="of sweeps and of paired latencies")
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
        done = sweeps.measure(server, shape, min(options.rounds, SWEEP_ROUNDS), report)
        sweeps.measure_one_by_one(server, done, min(options.rounds, PEER_ROUNDS), report)
        full = paced.measure(server, INTERVALS, report)
        exporter.measure(server, shape, full, min(options.rounds, PEER_ROUNDS), report)
        latency.measure(server, options.rounds, report)
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
