"""Puts a session away again and again, each time killed (SIGKILL) one change of the file system later, then once more.

Prints a JSON list: for each kill what was left when the next session had begun. One process forks all others, so that
a kill costs milliseconds.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from orchestrator.archive.bag import Bag
from orchestrator.archive.shelf import Shelf
from orchestrator.session import opening
from tests.fakes.clock import ManualClock
from tools.workspace import Workspace

FILES = {"SESSION_ID": b"1\n", "logs/a.log": b"line\n" * 50, "session.json": b"{}"}
_CHANGES = frozenset({"os.rename", "os.mkdir", "os.rmdir", "os.remove", "os.link"})
_FIRST_MS, _NEXT_MS = 1_750_000_000_000, 1_750_000_600_000


def _kill_at(number: int) -> None:
    """Just before the change of that number."""
    seen = 0

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal seen
        writes = event == "open" and isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR)
        if event not in _CHANGES and not writes:
            return
        seen += 1
        if seen > number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def _begin(folder: Path, session_id: str, at_ms: int, kill_at: int | None) -> int:
    """In a process of its own: the session in the workspace is put away, another begins."""
    child = os.fork()
    if child == 0:
        if kill_at is not None:
            _kill_at(kill_at)
        opening.create_workspace(Workspace(folder / "monitor-session"), session_id, ManualClock(at_ms))
        os._exit(0)
    return os.waitpid(child, 0)[1]


def _left(folder: Path) -> dict[str, Any]:
    shelf = Shelf(folder / ".archive")
    whole, unpacked = [], [item.root.name for item in shelf.unpacked()]
    for path in shelf.paths():
        with Bag(path) as bag:
            held = {name: b"".join(bag.read(name)) for name in bag.files}
            if bag.info.run == "1":
                whole.append(held == FILES)
    workspace = Workspace(folder / "monitor-session")
    halves = [path.name for path in shelf.folder.iterdir() if ".tmp." in path.name or "removing" in path.name]
    return {
        "whole": whole,
        "unpacked": unpacked,
        "now": opening.existing_session_id(workspace),
        "halves": halves,
    }


def main(base: Path) -> None:
    """Print what was left after each kill; the last entry is of the first that came after the next session's beginning."""
    found = []
    for number in count():
        folder = base / str(number)
        for name, data in FILES.items():
            (folder / "monitor-session" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "monitor-session" / name).write_bytes(data)
        _begin(folder, "2", _FIRST_MS, number)
        begun = opening.existing_session_id(Workspace(folder / "monitor-session")) == "2"
        # Twice: what a kill left beside the archives goes with the next one that is written.
        again = 0 if begun else _begin(folder, "3", _NEXT_MS, None) | _begin(folder, "4", 2 * _NEXT_MS, None)
        found.append({"again": again} | _left(folder))
        if begun:
            break
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
