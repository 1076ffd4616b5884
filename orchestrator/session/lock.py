"""One live session per workspace, and per Redis and project.

The workspace has a second lock inside it, because sessions with different state folders may be given the same one.

The kernel holds the locks, so none outlives its session, whatever ended it. The files are never removed:
removing a locked file would let two sessions hold "the same" lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tools.errors import LockHeld


@contextmanager
def hold(folder: Path, subjects: tuple[tuple[str, str], ...], session_id: str) -> Iterator[None]:
    """Hold the lock of every subject (kind, name), in order, or none of them.

    Raises LockHeld, which names the holder's pid and session; OSError where the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        for kind, name in subjects:
            held.enter_context(_one(folder, kind, name, session_id))
        yield


@contextmanager
def _one(folder: Path, kind: str, name: str, session_id: str) -> Iterator[None]:
    digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    with hold_file(folder / f"{kind}-{digest}.lock", kind, session_id):
        yield


@contextmanager
def hold_file(path: Path, kind: str, session_id: str) -> Iterator[None]:
    """Hold one file's lock. Raises LockHeld, OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 200, 0).decode("ascii", "replace").strip() or "an unknown process"
            raise LockHeld(f"Another session is at work on this {kind}: {holder}.") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}, session {session_id}\n".encode("ascii"), 0)
        yield
    finally:
        os.close(descriptor)
