"""`session start`: `run` as a process of its own, and the moment at which its window is open."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator import session_status
from orchestrator.session_status import SessionStatus
from tools.clock import NEVER, Clock
from tools.errors import StreamgaugeError, UsageError
from tools.workspace import session_mark, workspace_at

LOG = "session-run.log"
_LOOK_S = 0.2
_TOLD_BYTES = 4000
_Begun = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Start:
    """What is started and where. `arguments` are those of `run`; the folders, and whether it resumes, follow from them."""

    arguments: Sequence[str]
    resume: bool
    workspace: Path
    state_folder: Path
    cwd: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Begun:
    """How it began. `exit_code` is there where it ended before its window opened; `said` is what it printed."""

    status: SessionStatus | None
    exit_code: int | None
    said: str
    is_open: bool = False


def start(order: Start, clock: Clock, within_s: float) -> Begun:
    """Start it and wait until its window is open, it has ended, or the time is over.

    Raises UsageError where its log cannot be written. The session goes on when we do not.
    """
    before = _begun(order)
    log, begins_at = _open_log(order.state_folder)
    with log:
        child = subprocess.Popen(
            # -P: a folder of the audited project is never taken for a package of ours.
            [sys.executable, "-P", "-m", "orchestrator", "run", "--plain", *order.arguments],
            cwd=order.cwd,
            env=dict(order.environ),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    path = order.state_folder / LOG
    until = clock.monotonic() + within_s
    try:
        while clock.monotonic() < until and child.poll() is None:
            status = _status(order, before, clock)
            if status is not None and status.stage not in {"beginning", "killed"}:
                return Begun(status, None, _said(path, begins_at), is_open=True)
            clock.sleep_until(clock.monotonic() + _LOOK_S, NEVER)
    except KeyboardInterrupt:
        child.terminate()  # it writes its report
        raise
    return Begun(_status(order, before, clock), child.poll(), _said(path, begins_at))


def _status(order: Start, before: _Begun, clock: Clock) -> SessionStatus | None:
    """Of the session that was started or resumed; None while the folder holds none, or the one before."""
    if _begun(order) == before:
        return None
    try:
        return session_status.read(order.workspace, clock)
    except StreamgaugeError:
        return None


def _begun(order: Start) -> _Begun:
    """What changes once it has begun: the session's folder, and how often the session in it was resumed."""
    workspace = workspace_at(order.workspace)
    mark = session_mark(workspace)
    if mark is None:
        return None
    return (*mark, session_status.resumed(workspace) if order.resume else 0)


def _open_log(folder: Path) -> tuple[BinaryIO, int]:
    path = folder / LOG
    try:
        folder.mkdir(parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="ascii")
        log = path.open("ab")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}. Set output.state_db elsewhere."
        ) from error
    return log, log.seek(0, os.SEEK_END)


def _said(path: Path, begins_at: int) -> str:
    """The end of what it printed: masked and harmless already, as all output of ours."""
    with path.open("rb") as file:
        file.seek(begins_at)
        text = file.read().decode("utf-8", "replace")
    return text[-_TOLD_BYTES:]
