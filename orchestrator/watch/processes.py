"""Processes of runs on this machine: whether one lives, and what tells it from a later one of its number."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import psutil

_CLOCK_SLACK_MS = 2_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Process(NamedTuple):
    """Whether a process runs, when it began, and what no other of this number has: its boot, and when since then."""

    alive: bool | None = None
    born_ms: int | None = None
    mark: str = ""


def process(pid: int, started_ms: int | None) -> Process:
    """What is known of a process; with `started_ms` only that very one counts as alive."""
    try:
        found = psutil.Process(pid)
        # The former moves with the clock where it is set; the difference does not.
        born_s = found.create_time()
        mark = f"{_boot()} {born_s - psutil.boot_time():.2f}"
        runs = found.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, OverflowError):
        return Process(alive=False)
    except psutil.AccessDenied:
        return Process(alive=True)
    born_ms = round(born_s * 1000)
    if not runs:
        return Process(False, born_ms)
    if started_ms is not None and abs(born_ms - started_ms) > _CLOCK_SLACK_MS:
        return Process(False, None, mark)
    return Process(True, born_ms, mark)


def _boot() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
