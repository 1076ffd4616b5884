"""A process that polls at the product's own pace, for what is measured from outside; told by lines what to do.

`go` lets it work, `wait` holds it before its next batch; the end of its input ends it. After each poll it prints
one line of JSON. With `--every` it keeps an interval and polls as a session does; else it sweeps without end.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import threading
import time

import msgspec
from msgspec import Struct

from benchmarks.looking import looker
from tools.clock import NEVER, StopSignal, SystemClock


class Polled(Struct, frozen=True):
    """What one poll says of itself, and what the process has used by then."""

    streams: int
    wall_s: float
    server_us: int
    cpu_s: float
    peak_mb: float


class Gate(SystemClock):
    """The product's pauses last as long as the gate is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        """As always, then until the gate is open."""
        super().sleep_until(when, stop)
        self.opened.wait()

    def obey(self) -> None:
        """Follow standard input; its end is ours."""
        for line in sys.stdin:
            if line.strip() == "go":
                self.opened.set()
            else:
                self.opened.clear()
        os._exit(0)


def main() -> None:
    """Poll until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--every", type=float, metavar="SECONDS")
    options = parser.parse_args()
    clock = Gate()
    threading.Thread(target=clock.obey, daemon=True).start()
    ours = looker(options.url, clock)
    clock.opened.wait()
    previous = None
    due = clock.monotonic()
    while True:
        began, cpu = time.perf_counter(), time.process_time()
        poll = ours.look(previous)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        said = Polled(
            streams=len(poll.streams),
            wall_s=time.perf_counter() - began,
            server_us=poll.cost.server_us,
            cpu_s=time.process_time() - cpu,
            peak_mb=usage.ru_maxrss / (1024 if sys.platform == "linux" else 1024**2),
        )
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        sys.stdout.flush()
        if options.every is not None:
            previous = poll
            due += options.every
            clock.sleep_until(due, NEVER)


if __name__ == "__main__":
    main()
