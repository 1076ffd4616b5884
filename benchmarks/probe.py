"""The client whose waiting time is watched: a C program where there is a compiler, else this module itself."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks import machine

SOURCE = Path(__file__).with_name("probe.c")
INTERVAL_US = 500
"""2,000 questions a second."""

_QUESTION = b"*2\r\n$3\r\nGET\r\n$5\r\nprobe\r\n"


class Waits(Struct, frozen=True):
    """Waiting times of one run, microseconds."""

    asked: int
    p50: float
    p99: float
    p999: float
    longest: float


@dataclass(frozen=True, slots=True)
class Probe:
    """How the probe is run."""

    command: tuple[str, ...]
    kind: str

    def run(self, port: int, seconds: float, core: int) -> tuple[Waits, bool]:
        """Ask for so long; also says whether it had real-time priority."""
        process = subprocess.Popen(
            [*self.command, str(port), str(seconds), str(INTERVAL_US)],
            cwd=machine.ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        machine.pin(process.pid, core)
        hastened = machine.hasten(process.pid, machine.PROBE_PRIORITY)
        said, _ = process.communicate(b"go\n", timeout=seconds + 30)
        if process.returncode != 0:
            raise SystemExit(f"the latency probe failed with code {process.returncode}")
        return msgspec.json.decode(said, type=Waits), hastened


def best() -> Probe:
    """The C program, compiled once for each version of its text; without a compiler, Python."""
    compiler = shutil.which("cc")
    if compiler is None:
        return Probe((sys.executable, "-m", "benchmarks.probe"), "Python probe (no C compiler found)")
    program = machine.CACHE / f"probe-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    if not program.is_file():
        machine.CACHE.mkdir(exist_ok=True)
        subprocess.run([compiler, "-O2", "-o", program, SOURCE], check=True)
    return Probe((str(program),), "C probe")


def main() -> None:
    """The same as probe.c, in Python: more jitter of its own, for idle and busy alike."""
    port, seconds, interval_s = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]) / 1e6
    waits: list[float] = []
    asked = 0
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdin.readline()
        due = time.perf_counter()
        end = due + seconds
        while due < end:
            time.sleep(max(0.0, due - time.perf_counter()))
            began = time.perf_counter()
            connection.sendall(_QUESTION)
            connection.recv(512)
            ended = time.perf_counter()
            asked += 1
            wait = ended - began
            while wait > 0:
                waits.append(wait)
                wait -= interval_s
            due = max(due + interval_s, ended)
    waits.sort()
    at = [waits[int((len(waits) - 1) * share)] * 1e6 for share in (0.5, 0.99, 0.999, 1.0)]
    sys.stdout.write(msgspec.json.encode(Waits(asked, *at)).decode())


if __name__ == "__main__":
    main()
