"""Where the Log Watcher stands: what a new attempt, or a check of one finding, goes on from."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from agents.log_processes import ProcessesState
from tools.sources.logs.intake import SourceState
from tools.sources.logs.merged import MergedMark
from tools.sources.logs.window_state import WindowState


class WatcherState(Struct, kw_only=True):
    """What a new attempt continues from."""

    window: WindowState
    sources: list[SourceState]
    lines: int
    merged: MergedMark | None
    recording_bytes: int
    processes: ProcessesState = ProcessesState()


def load(path: Path) -> WatcherState | None:
    """The state that a file holds; None where there is none, or none that can be read. Raises OSError otherwise."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=WatcherState)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
