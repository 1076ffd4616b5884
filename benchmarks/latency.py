"""What another client of the server notices while we sweep at our normal pace, in pairs with and without us."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks import machine
from benchmarks.bars import NEIGHBOUR_P99
from benchmarks.probe import INTERVAL_US, Probe, Waits, best
from benchmarks.results import Report, Row
from benchmarks.server import BenchServer, Spent

WINDOW_S = 4.0
_STARTS_S = 30.0
_SETTLES_S = 0.3


@dataclass(frozen=True, slots=True)
class Pair:
    """One round: the same window without us and with us."""

    idle: Waits
    busy: Waits
    sent: Spent
    """What we asked in the busy window."""

    def ratio(self, take: Callable[[Waits], float]) -> float:
        """Busy against idle."""
        return take(self.busy) / take(self.idle)


@contextmanager
def poller(url: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """The polling process, on the clients' core; it waits for its first `go`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.poller", url, *options],
        cwd=machine.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    machine.pin(process.pid, machine.cores()[1])
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def tell(process: subprocess.Popen[str], word: str) -> None:
    """Send a line to the polling process."""
    if process.stdin is None:
        raise SystemExit("the poller has no input")
    process.stdin.write(f"{word}\n")
    process.stdin.flush()


def measure(server: BenchServer, rounds: int, report: Report) -> None:
    """Paired rounds, in turns idle or busy first."""
    probe = best()
    server.client.set("probe", "x")
    server.hasten()
    with poller(server.url) as process:
        pairs, hastened = [], False
        for number in range(rounds):
            pair, hastened = _round(server, probe, process, busy_first=bool(number % 2))
            pairs.append(pair)
    report.conditions.append(
        f"latency: {probe.kind} at {1e6 / INTERVAL_US:,.0f} questions a second, "
        f"{'real-time' if hastened else 'normal'} priority; server pinned to core {server.core} "
        f"({'real-time' if server.hastened else 'normal'} priority), probe and poller to core {machine.cores()[1]}; "
        f"{rounds} rounds of {WINDOW_S:g} s idle and {WINDOW_S:g} s busy"
    )
    _tell(pairs, report)


def _round(
    server: BenchServer, probe: Probe, process: subprocess.Popen[str], *, busy_first: bool
) -> tuple[Pair, bool]:
    core = machine.cores()[1]
    found: dict[bool, Waits] = {}
    sent, hastened = Spent(), False
    for busy in (busy_first, not busy_first):
        if busy:
            _start(server, process)
        with server.measure() as meter:
            found[busy], hastened = probe.run(server.port, WINDOW_S, core)
        if busy:
            sent = meter.spent
            tell(process, "wait")
            time.sleep(_SETTLES_S)
        elif _sweeps(meter.spent):
            raise SystemExit("the poller worked while it should have waited")
    return Pair(found[False], found[True], sent), hastened


def _start(server: BenchServer, process: subprocess.Popen[str]) -> None:
    """Let it work, and see that it does."""
    tell(process, "go")
    until = time.monotonic() + _STARTS_S
    while time.monotonic() < until:
        with server.measure() as meter:
            time.sleep(_SETTLES_S)
        if _sweeps(meter.spent):
            return
    raise SystemExit("the poller did not begin to sweep")


def _sweeps(spent: Spent) -> bool:
    """Whether anybody asked about streams."""
    return any(name.startswith("x") for name in spent.calls)


def _tell(pairs: list[Pair], report: Report) -> None:
    ratios = sorted(pair.ratio(lambda waits: waits.p99) for pair in pairs)
    rate = statistics.median(pair.sent.commands for pair in pairs) / WINDOW_S
    report.row(
        Row(
            "another client's p99 while we sweep at the normal pace, against idle",
            statistics.median(ratios),
            NEIGHBOUR_P99,
            f"median of {len(pairs)} paired rounds ({ratios[0]:.2f}–{ratios[-1]:.2f}); in the busy windows "
            f"{rate:,.0f} commands a second, the probe's own {1e6 / INTERVAL_US:,.0f} among them",
        )
    )
    for name, waits in (("idle", [pair.idle for pair in pairs]), ("busy", [pair.busy for pair in pairs])):
        report.figure(
            f"another client's waiting time, {name}",
            f"p50 {_us(one.p50 for one in waits)}, p99 {_us(one.p99 for one in waits)}, "
            f"p99.9 {_us(one.p999 for one in waits)}, longest {max(one.longest for one in waits):,.0f} µs",
        )


def _us(values: Iterable[float]) -> str:
    return f"{statistics.median(values):,.0f} µs"
