"""What polls may cost the server: above its share of one core they come less often."""

from __future__ import annotations

from collections import deque

RECENT_POLLS = 4
"""The mean of so many decides: at least one of them looked at everything."""

INTERVAL_S_MAX = 120.0
"""Polls that are rarer see too little; at such a cost a shorter look must be configured."""

_ROUNDING = 0.001


class CostGuard:
    """The pace of polls. In: the wanted interval, seconds, and the share of one core that they may take."""

    def __init__(self, wanted_s: float, share_max: float) -> None:
        self._wanted_s, self._share_max = wanted_s, share_max
        self._recent: deque[int] = deque(maxlen=RECENT_POLLS)

    def saw(self, server_us: int) -> None:
        """A poll cost this much of the server's time, microseconds."""
        self._recent.append(server_us)

    @property
    def cost_ms(self) -> float:
        """What one of the last few polls took on average, the dearest left out, milliseconds of the server's time.

        One alone may have been stopped in the middle: the server's clock runs on in a pause of its machine.
        """
        counted = sorted(self._recent)[:-1] if len(self._recent) > 1 else self._recent
        return sum(counted) / len(counted) / 1000 if counted else 0.0

    @property
    def interval_s(self) -> float:
        """From one poll to the next: as wanted, or as long as such polls can be afforded."""
        afforded_s = min(self.cost_ms / 1000 / self._share_max, max(INTERVAL_S_MAX, self._wanted_s))
        return afforded_s if afforded_s > self._wanted_s * (1 + _ROUNDING) else self._wanted_s

    def slowed(self) -> str | None:
        """Why polls come less often than wanted; None where they do not."""
        if self.interval_s <= self._wanted_s:
            return None
        return (
            f"one look takes {self.cost_ms:.0f} ms of the server's time; so that polls take no more than "
            f"{self._share_max:.2%} of one core, they come every {self.interval_s:.0f} s and not every "
            f"{self._wanted_s:g} s"
        )
