"""Leads a run through its chain again and again, each time killed (SIGKILL) a few changes later, then once more.

Prints a JSON list: for each kill how often each effect was there when the next daemon had come to its end. A change is
a statement of SQL that writes or commits, or a change of the file system; the interpreter's own hooks tell of both, so
that the product needs no door for this. One process forks all others.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
from itertools import count
from pathlib import Path
from typing import Any

from tests.fakes.clock import ManualClock
from tests.orchestrator.watch.scenes import OtherOrchestrator, Parts, counted, rules

_FILES = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link", "os.truncate"})
_READS = ("SELECT", "PRAGMA")
_SEND = "socket.connect"


def _kill_at(number: int) -> None:
    """Just before the change of that number."""
    seen = 0

    def change(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen > number:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(text: str) -> None:
        if not text.lstrip().upper().startswith(_READS):
            change()

    def hook(event: str, given: tuple[Any, ...]) -> None:
        writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        if event in _FILES or event == _SEND or writes:
            change()

    connect = sqlite3.connect

    def traced(*arguments: Any, **more: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **more)
        connection.set_trace_callback(statement)
        return connection

    vars(sqlite3)["connect"] = traced
    sys.addaudithook(hook)


def _watch(folder: Path, at_ms: int, kill_at: int | None) -> int:
    """In a process of its own: a daemon's look and the chain behind it; its exit status."""
    child = os.fork()
    if child == 0:
        if kill_at is not None:
            _kill_at(kill_at)
        code = 1
        try:
            clock = ManualClock(at_ms)
            parts = Parts(folder, clock, databases=[{"path": folder / "other.db"}])
            for _ in range(3):
                parts.tick()
                clock.advance(3600)
            code = 0
        finally:  # an error must not go on as the parent
            os._exit(code)
    return os.waitpid(child, 0)[1]


def main(base: Path, url: str, stride: int) -> None:
    """Print what was there after each kill; the last entry is of the first that came after the end of the chain."""
    found = []
    start_ms = ManualClock().now_ms()
    for step in count():
        folder = base / str(step)
        folder.mkdir()
        (folder / "alerts.yaml").write_text(rules(url), encoding="utf-8")
        other = OtherOrchestrator(folder / "other.db", ManualClock(start_ms))
        run_id = f"run-{step}"
        other.begin(run_id, "build")
        other.end(run_id)
        killed = _watch(folder, start_ms, step * stride)
        # What was killed had its hour; the next daemon has hours, for whatever waits.
        again = _watch(folder, start_ms + 3_600_000, None)
        found.append(
            {
                "run": run_id,
                "killed": killed == signal.SIGKILL,
                "again": again,
                "counts": {name: dict(counts) for name, counts in counted(folder).items()},
                "left": sorted(path.name for path in (folder / ".state" / "watch").iterdir()),
            }
        )
        if killed == 0:
            break
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
