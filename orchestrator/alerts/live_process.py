"""The process that alerts while a session runs: a job on standard input, lines on standard output.

It ends when its input does: whoever started it is done, or is gone; in the middle of a message soon after.
"""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress

import msgspec

from orchestrator.alerts.live import LOOK_S, Job, Live
from orchestrator.cli.terminal_text import clean
from tools.clock import NEVER, SystemClock
from tools.masking import mask

_NICE = 5
"""It stands back behind the session."""


class InputEnds:
    """Says to stop once nobody holds the other end of standard input."""

    def is_set(self) -> bool:
        """Whether it ended."""
        readable, _, _ = select.select([sys.stdin], [], [], 0)
        return bool(readable)


def _leave(orphan_s: float, clock: SystemClock) -> None:
    """End the process whatever it does, once its input ended: peers that hang cost minutes, each its tries."""
    select.select([sys.stdin], [], [])
    clock.sleep_until(clock.monotonic() + orphan_s, NEVER)
    os._exit(1)


def main() -> None:
    """Look until the input ends."""
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as unbuffered:
        job = msgspec.json.decode(unbuffered.readline(), type=Job)
    with suppress(OSError):
        os.nice(_NICE)
    clock, stop = SystemClock(), InputEnds()
    threading.Thread(target=_leave, args=(job.orphan_s, clock), name="leave", daemon=True).start()
    live = Live(job, os.environ, clock)
    while not stop.is_set():
        for line in live.look():
            told = "".join(f"{'alert':<10} {clean(mask(part))}\n" for part in line.splitlines())
            sys.stdout.write(told)
            sys.stdout.flush()
        clock.sleep_until(clock.monotonic() + LOOK_S, stop)


if __name__ == "__main__":
    main()
