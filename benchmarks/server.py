"""The measured server: started here, bound to a core, and asked what work cost it.

CPU time comes from the kernel, so that asking costs the server nothing; commands, their time and the reads from
sockets come from INFO, and what INFO itself adds is measured empty and taken off.
"""

from __future__ import annotations

import os
import signal
import socket
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from benchmarks import machine
from tools.clock import SystemClock
from tools.sources.redis import embedded

_READY_S = 20.0
_EMPTY_READINGS = 9


@dataclass(frozen=True, slots=True)
class Spent:
    """What a piece of work cost the server. `calls` and `command_us` are by command, as commandstats names them."""

    cpu_s: float = 0.0
    calls: dict[str, int] = field(default_factory=dict)
    command_us: dict[str, int] = field(default_factory=dict)
    reads: int = 0
    """Reads from client sockets: one for each round trip of a client that sends its batches whole."""

    @property
    def commands(self) -> int:
        """How many commands ran."""
        return sum(self.calls.values())

    @property
    def inside_s(self) -> float:
        """Time inside the commands: nothing can ask the same for less."""
        return sum(self.command_us.values()) / 1e6


@dataclass
class _Reading:
    calls: dict[str, int]
    command_us: dict[str, int]
    reads: int


class Meter:
    """One measurement; `spent` is set when its block ends."""

    spent: Spent = Spent()


class BenchServer:
    """A server of ours on loopback, on a free port, without persistence."""

    def __init__(self, binary: Path, folder: Path) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = subprocess.Popen(
            embedded.command(binary, self.port, folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.core = machine.cores()[0]
        self.pinned = machine.pin(self.process.pid, self.core)
        embedded.wait_until_ready(self.url, SystemClock(), _READY_S)
        self.client: Any = patient_client(self.url)
        self.hastened = False
        self._empty = _Reading({}, {}, 0)

    @property
    def name(self) -> str:
        """What it is and which version."""
        known = self.client.info("server")
        if "valkey_version" in known:
            return f"Valkey {known['valkey_version']}"
        return f"Redis {known['redis_version']}"

    def hasten(self) -> bool:
        """Real-time priority, for measurements of latency."""
        self.hastened = machine.hasten(self.process.pid, machine.SERVER_PRIORITY)
        return self.hastened

    def cpu_s(self) -> float:
        """CPU time that its process has used, seconds; to the nanosecond where the kernel says it."""
        total_ns = 0
        try:
            for task in Path(f"/proc/{self.process.pid}/task").iterdir():
                total_ns += int((task / "schedstat").read_text(encoding="ascii").split()[0])
        except OSError:
            times = psutil.Process(self.process.pid).cpu_times()
            return float(times.user + times.system)
        return total_ns / 1e9

    def calibrate(self) -> None:
        """Learn what a measurement itself adds. Once the data is there."""
        self._empty = _Reading({}, {}, 0)
        found = []
        for _ in range(_EMPTY_READINGS):
            with self.measure() as meter:
                pass
            found.append(meter.spent)
        self._empty = _Reading(
            calls={"info": round(statistics.median(one.calls.get("info", 0) for one in found))},
            command_us={"info": round(statistics.median(one.command_us.get("info", 0) for one in found))},
            reads=round(statistics.median(one.reads for one in found)),
        )

    @contextmanager
    def measure(self) -> Iterator[Meter]:
        """Measure what the block costs the server: everything that happens on it meanwhile."""
        meter = Meter()
        before = self._read()
        cpu_before = self.cpu_s()
        yield meter
        cpu_s = self.cpu_s() - cpu_before
        meter.spent = self._difference(before, self._read(), cpu_s)

    def _read(self) -> _Reading:
        pipe = self.client.pipeline(transaction=False)
        pipe.info("stats")
        pipe.info("commandstats")
        stats, counters = pipe.execute()
        named = {name.removeprefix("cmdstat_"): figures for name, figures in counters.items()}
        return _Reading(
            calls={name: int(figures["calls"]) for name, figures in named.items()},
            command_us={name: int(figures["usec"]) for name, figures in named.items()},
            reads=int(stats.get("total_reads_processed", 0)),
        )

    def _difference(self, before: _Reading, after: _Reading, cpu_s: float) -> Spent:
        return Spent(
            cpu_s=cpu_s,
            calls=_grown(before.calls, after.calls, self._empty.calls),
            command_us=_grown(before.command_us, after.command_us, self._empty.command_us),
            reads=after.reads - before.reads - self._empty.reads,
        )

    def stop(self) -> None:
        """End it."""
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _grown(before: dict[str, int], after: dict[str, int], empty: dict[str, int]) -> dict[str, int]:
    grown = {name: count - before.get(name, 0) - empty.get(name, 0) for name, count in after.items()}
    return {name: count for name, count in sorted(grown.items()) if count > 0}


@contextmanager
def running(binary: Path | None) -> Iterator[BenchServer]:
    """A server for the block: the named program, else what the product would start itself."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-") as folder:
        server = BenchServer(binary or embedded.find_server(os.environ), Path(folder))
        try:
            yield server
        finally:
            server.stop()


def patient_client(url: str, **options: Any) -> Any:
    """redis-py without a time limit and without repeating: what is sent twice is measured twice."""
    return redis.Redis.from_url(url, protocol=2, socket_timeout=None, retry=Retry(NoBackoff(), 0), **options)


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
