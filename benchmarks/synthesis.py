"""What it takes to join findings to causes, rank them and make the report's sections of them.

Run `python benchmarks/synthesis.py`, or `make bench` for all benchmarks.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks import machine, many_findings, results
from benchmarks.bars import SYNTHESIS_GROWTH, SYNTHESIS_WALL
from benchmarks.results import Row
from tools.report import markdown
from tools.report.context import prepare
from tools.report.html import page
from tools.report.model import Report
from tools.report.undisturbed import undisturbed
from tools.report.write import Builder, build
from tools.synthesis.session_data import SessionData

NOW_MS = many_findings.START_MS + 700_000
MANY = 100_000
TIMES = 10


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(
        prog="benchmarks/synthesis.py", description=__doc__.split("\n", maxsplit=1)[0]
    )
    made.add_argument("--findings", type=int, default=MANY, metavar="N", help="findings of the large session")
    made.add_argument("--rounds", type=int, default=3, metavar="N", help="runs of which the median counts")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a bar was missed."""
    options = parser().parse_args(arguments)
    report = results.begin("synthesis", "from findings to causes")
    report.versions = machine.versions("streamgauge", "pydantic", "msgspec")
    streams = options.findings // many_findings.EACH
    shape = (
        f"{options.findings:,} findings of four agents about {streams:,} streams of "
        f"{streams // many_findings.STREAMS_EACH:,} services, most of them in troubles of several findings; each figure the "
        f"median of {options.rounds} runs in one process, findings already loaded"
    )
    report.conditions = [shape]
    small = many_findings.session(options.findings // TIMES)
    large = many_findings.session(options.findings)
    fewer_s = measured(partial(synthesised, small), options.rounds)
    many_s = measured(partial(synthesised, large), options.rounds)
    report.row(
        Row(
            f"synthesis of {options.findings:,} findings: wall",
            many_s,
            SYNTHESIS_WALL,
            f"sorted, joined, ranked, every section built; {fewer_s:.2f} s for a tenth of them",
        )
    )
    report.row(
        Row(f"{TIMES} times the findings", many_s / fewer_s, SYNTHESIS_GROWTH, "the one time by the other")
    )
    made = synthesised(large)
    report.figure("clusters", f"{len(made.clusters):,}")
    report.figure("Markdown", f"{measured(lambda: markdown.render(made), 1):.2f} s")
    report.figure("the page", f"{measured(lambda: page.render(made), 1):.2f} s")
    return report.finish()


def synthesised(data: SessionData) -> Report:
    """The report's data: clusters and all sections."""
    with undisturbed():
        return build(prepare(data, NOW_MS), Builder(), "benchmark")


def measured(work: Callable[[], object], rounds: int) -> float:
    """Seconds of one run, the median."""
    took: list[float] = []
    for _ in range(rounds):
        gc.collect()
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


if __name__ == "__main__":
    sys.exit(main())
