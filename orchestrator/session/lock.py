"""One live session per workspace, and per Redis and project.

What one Redis is, addresses tell (`Target.keys`): a server by its address, a service by each of its Sentinels, a
cluster by each node that its address names.

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

from orchestrator.config.model import Config, Mode
from tools.clock import NEVER, Clock
from tools.errors import LockHeld
from tools.sources.redis.target import parse

_LOOK_S = 0.2


def subjects(config: Config, mode: Mode) -> tuple[tuple[str, str], ...]:
    """What a session of this configuration holds: a kind and a name each. Raises UsageError where its url is none.

    Each server that the address names is one, so that two addresses of a deployment that share one exclude each other.
    """
    found = [("workspace", str(config.output.workspace.resolve()))]
    if mode is not Mode.STATIC and config.redis.url is not None:
        project = config.project.root.resolve()
        keys = parse(config.redis.url.get_secret_value()).keys
        found += [("Redis and project", f"{key} {project}") for key in keys]
    return tuple(found)


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
def hold_when_free(path: Path, kind: str, session_id: str, clock: Clock, wait_s: float) -> Iterator[None]:
    """The same, waiting for its holder for at most `wait_s`. Raises LockHeld, OSError."""
    with ExitStack() as held:
        deadline = clock.monotonic() + wait_s
        while True:
            try:
                held.enter_context(hold_file(path, kind, session_id))
                break
            except LockHeld:
                if clock.monotonic() >= deadline:
                    raise
            clock.sleep_until(clock.monotonic() + _LOOK_S, NEVER)
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
