"""`session wait`, `stop` and `done`: what is said to a running session is a file in its workspace."""

from __future__ import annotations

from pathlib import Path

from orchestrator import session_status
from orchestrator.session_status import SessionStatus, Stage
from tools.clock import NEVER, Clock
from tools.errors import UsageError
from tools.quantities import parse_duration
from tools.workspace import workspace_at

_LOOK_S = 0.5
_ORDER: tuple[Stage, ...] = ("beginning", "window", "stopping", "held", "ending", "over")
_MOMENTS: dict[str, Stage] = {"window": "window", "end": "held", "report": "over"}


def wait(folder: Path, until: str, timeout: str, clock: Clock) -> tuple[SessionStatus, bool]:
    """Where the session stands, and whether it has come to the moment. Raises UsageError."""
    if until not in _MOMENTS:
        raise UsageError(f"There is no moment {until!r}. Use {', '.join(_MOMENTS)}.")
    ends_at = clock.monotonic() + _seconds(timeout)
    while True:
        told = session_status.read(folder, clock)
        if told.stage == "killed":
            return told, False
        if _ORDER.index(told.stage) >= _ORDER.index(_MOMENTS[until]):
            return told, True
        if clock.monotonic() >= ends_at:
            return told, False
        clock.sleep_until(min(ends_at, clock.monotonic() + _LOOK_S), NEVER)


def mark(folder: Path, what: str) -> None:
    """Write STOP (`stop`), or that nobody investigates any more (`done`). Raises UsageError where no session runs.

    Where the window is over, or was ended before, `stop` can only mean that nobody is to be waited for either.
    """
    workspace = workspace_at(folder)
    if not session_status.is_alive(workspace):
        raise UsageError(
            f"No session is at work in {folder}. `streamgauge session status` tells where it stands."
        )
    ends_window = what == "stop" and not workspace.stop_file.exists()
    path = workspace.stop_file if ends_window else workspace.investigated_file
    try:
        if not path.exists():
            workspace.write_text(path, f"asked for by `streamgauge session {what}`\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error


def _seconds(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}. Write it like 90s or 2m.") from error
