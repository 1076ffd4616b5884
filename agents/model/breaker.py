"""The breaker: after failures in a row nobody asks for a while, then one call tries; what will not mend stays shut.

While it is open the session works with rules only. It knows calls that succeeded and failed, nothing of why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.clock import Clock

State = Literal["closed", "open", "trying", "shut"]

FAILURES_MAX = 3
"""Questions in a row that failed, each after its retries."""
COOL_DOWN_S = 60.0
"""The first pause; it doubles each time the trying call fails too."""
OPENINGS_MAX = 4
"""So often it opens before it stays shut for the session."""


@dataclass
class Breaker:
    """Whether the model may be asked now. `reason` says why not."""

    clock: Clock
    reason: str = ""
    opened: int = 0
    _failures: int = 0
    _state: State = "closed"
    _until: float = field(default=0.0)

    @property
    def state(self) -> State:
        """As of now: an open one whose pause is over lets one call try."""
        if self._state == "open" and self.clock.monotonic() >= self._until:
            return "trying"
        return self._state

    def lets_through(self) -> bool:
        """Whether to ask; the one that tries takes the turn, and others wait for how it ends."""
        if self.state == "trying" and self._state == "open":
            self._state = "trying"
            return True
        return self._state == "closed"

    def succeeded(self) -> bool:
        """A call came back; returns whether that closed the breaker."""
        closed = self._state == "trying"
        if self._state != "shut":
            self._state, self._failures, self.reason = "closed", 0, ""
        return closed

    def failed(self, reason: str, *, for_good: bool = False) -> bool:
        """A question failed for good or after its retries; returns whether that opened the breaker."""
        was = self._state
        self._failures += 1
        if for_good:
            self._state, self.reason = "shut", reason
            return was != "shut"
        if was == "trying" or (was == "closed" and self._failures >= FAILURES_MAX):
            self.opened += 1
            self._state = "shut" if self.opened >= OPENINGS_MAX else "open"
            self._until = self.clock.monotonic() + COOL_DOWN_S * 2 ** (self.opened - 1)
            self.reason = reason
            return True
        return False

    def gave_up_trying(self) -> None:
        """The call that tried was not made after all (no budget, the window ended): somebody else may."""
        if self._state == "trying":
            self._state = "open"
