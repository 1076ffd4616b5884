"""Turns at what several processes write of one session: findings of models, and the moment from which none is taken.

An append keeps its lines whole by itself (`journal`); a number that follows from what is there needs a turn around
both. The kernel holds it, so no turn outlives its process.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tools.workspace import Workspace

WAIT_S = 10.0
"""A turn is a few appends; whoever has waited this long waits for a process that stands still."""
_LOOK_S = 0.01


@contextmanager
def turn(workspace: Workspace, wait_s: float = WAIT_S) -> Iterator[None]:
    """Hold the turn of a session. Raises TimeoutError where another does not end its own, OSError."""
    path = workspace.path("recording", "turn.lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        _wait(descriptor, time.monotonic() + wait_s)
        yield
    finally:
        os.close(descriptor)


def _wait(descriptor: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TimeoutError("another process does not end its turn at the findings") from None
            time.sleep(_LOOK_S)
        else:
            return
