"""What ends the window: the deadline, a signal, or a STOP file that anyone may write; whichever comes first."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from tools.clock import Clock, iso
from tools.workspace import Workspace

EndedBy = Literal["deadline", "stop-file", "signal", "failure"]
_WAYS: tuple[EndedBy, ...] = ("deadline", "stop-file", "signal", "failure")


class Ending:
    """Set for good once the window is over; the STOP file tells the watchers.

    The window has the length it was given, however the wall clock is set meanwhile. There is no deadline before `begin`. A STOP file that lies there from before (resume) counts.
    """

    def __init__(self, workspace: Workspace, clock: Clock) -> None:
        self._workspace, self._clock = workspace, clock
        self._ends_at: float | None = None
        self.by: EndedBy | None = None
        self.signal: int | None = None

    def begin(self, deadline_ms: int) -> None:
        """The window runs from now to `deadline_ms` (since the epoch)."""
        self._ends_at = self._clock.monotonic() + (deadline_ms - self._clock.now_ms()) / 1000

    def is_set(self) -> bool:
        """Whether the window is over; the first to see it writes STOP."""
        if self.by is not None:
            return True
        if self._workspace.stop_file.exists():
            self.by = self._reason_on_disk()
        elif self._ends_at is not None and self._clock.monotonic() >= self._ends_at:
            self.end("deadline")
        return self.by is not None

    def end(self, by: EndedBy, number: int | None = None) -> None:
        """End the window now, for this reason; `number` is a signal's. Only the first reason counts."""
        if self.by is None:
            self.by = by
        if self.signal is None:
            self.signal = number
        # A full disk must not keep the session from ending: the watchers' grace ends them then.
        with suppress(OSError):
            if not self._workspace.stop_file.exists():
                text = f"{self.by}\nat {iso(self._clock.now_ms())}\n"
                self._workspace.write_text(self._workspace.stop_file, text)

    def _reason_on_disk(self) -> EndedBy:
        with suppress(OSError, UnicodeDecodeError):
            first = self._workspace.stop_file.read_text(encoding="utf-8").partition("\n")[0].strip()
            return next((way for way in _WAYS if way == first), "stop-file")
        return "stop-file"
