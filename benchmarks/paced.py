"""One poller at the default pace beside the server: our share of its core, our own CPU and memory."""

from __future__ import annotations

import subprocess
import time

import msgspec

from benchmarks import dataset
from benchmarks.bars import SERVER_SHARE
from benchmarks.latency import poller, tell
from benchmarks.poller import Polled
from benchmarks.results import Report, Row
from benchmarks.server import BenchServer, Spent
from orchestrator.config.model import SessionSection

IDLE_S = 5.0
INTERVAL_S = SessionSection().poll_interval
"""The default time between two polls."""


LOOKS = 4
"""Of groups that stand still, an equal part has its details read at each look."""


def looks(server: BenchServer) -> Spent:
    """What `LOOKS` looks at everything cost at the normal pace, after the first."""
    moving = dataset.stream_names(dataset.Shape(streams=1))[0]
    with poller(server.url, "--every", f"{INTERVAL_S:g}") as process:
        tell(process, "go")
        _settle(process, _next(process))
        with server.measure() as meter:
            for _ in range(LOOKS):
                server.client.xadd(moving, {"moved": "1"})
                _next(process)
    return meter.spent


def measure(server: BenchServer, intervals: int, report: Report) -> None:
    """Keep the interval with something new at each poll."""
    moving = dataset.stream_names(dataset.Shape(streams=1))[0]
    idle_share = _idle_share(server)
    later: list[Polled] = []
    with poller(server.url, "--every", f"{INTERVAL_S:g}") as process:
        with server.measure() as meter:
            tell(process, "go")
            first = _next(process)
        full = meter.spent
        _settle(process, first)
        began = time.monotonic()
        with server.measure() as meter:
            # From the end of one poll to the end of another: as many sweeps as intervals.
            for _ in range(intervals):
                server.client.xadd(moving, {"moved": "1"})
                later.append(_next(process))
        span_s = time.monotonic() - began
    share = meter.spent.cpu_s / span_s - idle_share
    report.row(
        Row(
            f"CPU of the server for us, a poll every {INTERVAL_S:g} s, one stream moved each time",
            share * 100,
            SERVER_SHARE,
            f"{meter.spent.cpu_s * 1e3:.0f} ms in {span_s:.0f} s and {len(later)} polls, less what it uses alone "
            f"({idle_share:.2%}); {meter.spent.commands:,} commands",
        )
    )
    report.figure(
        "a sweep at the normal pace",
        f"{', '.join(f'{one.wall_s:.1f}' for one in later)} s of an interval of {INTERVAL_S:g} s; the first, with "
        f"everything, {first.wall_s:.1f} s and server CPU {full.cpu_s * 1e3:.0f} ms for {full.commands:,} commands",
    )
    report.figure(
        "the poller itself at the normal pace",
        f"{max(one.cpu_s for one in later):.2f} s of CPU a poll "
        f"({max(one.cpu_s for one in later) / INTERVAL_S:.0%} of a core), {first.peak_mb:.0f} MB at its peak in the "
        f"first poll, {later[-1].peak_mb:.0f} MB in {len(later) + 1} (records of two polls, no history)",
    )


def _idle_share(server: BenchServer) -> float:
    before = server.cpu_s()
    time.sleep(IDLE_S)
    return (server.cpu_s() - before) / IDLE_S


def _settle(process: subprocess.Popen[str], first: Polled) -> None:
    """A poll that became due while the first went on follows at once, with nothing to see."""
    if first.wall_s > INTERVAL_S:
        _next(process)


def _next(process: subprocess.Popen[str]) -> Polled:
    """The next poll's line."""
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise SystemExit("the poller ended")
    return msgspec.json.decode(line, type=Polled)
