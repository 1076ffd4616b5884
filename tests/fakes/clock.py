"""A clock that moves only when told, or by being slept on."""

from __future__ import annotations

from tools.clock import StopSignal


class ManualClock:
    """Ten minutes in a millisecond: sleeping moves the time."""

    def __init__(self, start_ms: int = 1_750_000_000_000) -> None:
        self._ms = start_ms
        self._jumped_ms = 0

    def now_ms(self) -> int:
        return self._ms

    def monotonic(self) -> float:
        return (self._ms - self._jumped_ms) / 1000

    def jump(self, seconds: float) -> None:
        """The clock is set: no time passes."""
        self._ms += round(seconds * 1000)
        self._jumped_ms += round(seconds * 1000)

    def advance(self, seconds: float) -> None:
        self._ms += round(seconds * 1000)

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        if not stop.is_set():
            self._ms = max(self._ms, round(when * 1000) + self._jumped_ms)

    async def sleep_until_async(self, when: float, stop: StopSignal) -> None:
        self.sleep_until(when, stop)
