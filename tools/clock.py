"""The one place that reads the clock and sleeps; tests hand in a clock of their own."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class StopSignal(Protocol):
    """Anything that can say that the window has ended."""

    def is_set(self) -> bool:
        """Whether to stop now."""
        ...


class _Never:
    def is_set(self) -> bool:
        return False


NEVER: StopSignal = _Never()
"""For a wait that nothing but its own bound ends."""


class Clock(Protocol):
    """Wall time for records, monotonic time for loops."""

    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go backwards; only differences mean anything."""
        ...

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        """Sleep until `monotonic() >= when` or `stop` is set, whichever is first."""
        ...

    async def sleep_until_async(self, when: float, stop: StopSignal) -> None:
        """The same for the event loop."""
        ...


class SystemClock:
    """The real clock. `stop` is looked at every `slice_s` seconds while it sleeps."""

    def __init__(self, slice_s: float = 0.2) -> None:
        self._slice_s = slice_s

    def now_ms(self) -> int:
        """Wall time, milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds since an arbitrary point."""
        return time.monotonic()

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        """Sleep in slices until `when` or until `stop` is set."""
        while not stop.is_set():
            left = when - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, self._slice_s))

    async def sleep_until_async(self, when: float, stop: StopSignal) -> None:
        """Sleep in slices until `when` or until `stop` is set, without blocking the loop."""
        # 4 MB and 13 ms: of the processes that read a clock only those with a loop need it.
        import asyncio

        while not stop.is_set():
            left = when - time.monotonic()
            if left <= 0:
                return
            await asyncio.sleep(min(left, self._slice_s))


class FixedClock:
    """Time that stands still: for what is made again of records, where only their own times may appear."""

    def __init__(self, at_ms: int) -> None:
        self._at_ms = at_ms

    def now_ms(self) -> int:
        """Always the same."""
        return self._at_ms

    def monotonic(self) -> float:
        """The same in seconds."""
        return self._at_ms / 1000

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        """Nothing is waited for."""

    async def sleep_until_async(self, when: float, stop: StopSignal) -> None:
        """Nothing is waited for."""


def iso(ms: int) -> str:
    """Milliseconds since the epoch as ISO 8601, UTC, milliseconds, `Z`."""
    moment = datetime.fromtimestamp(ms / 1000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def from_iso(text: str) -> int:
    """The reverse of `iso`; milliseconds since the epoch. Raises ValueError on other text."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
