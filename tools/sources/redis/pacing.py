"""Questions in small batches with a pause between, so that the server's own clients do not wait for us.

50 light commands take the server about 0.2 ms, and with 5 ms between batches the waiting time of a concurrent
client stays what it is without us (measured with a 2.5 kHz probe).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tools.clock import Clock
from tools.sources.redis.allowlist import Command
from tools.sources.redis.readonly import ReadOnlyClient, Reply

BATCH_COMMANDS = 50
BATCH_GAP_S = 0.005
SLOW_BATCH_S = 0.005
"""A batch that takes this much longer than the quickest one halves the next."""


BATCH_REPLY_BYTES = 262_144
"""Replies of one batch; a stream with entries of 1 MB sends 2 MB for one XINFO STREAM."""


class Never:
    """A stop signal that is never set."""

    def is_set(self) -> bool:
        """False."""
        return False


class Pacer:
    """Sends commands in batches through one client. Raises what the client raises."""

    def __init__(self, client: ReadOnlyClient, clock: Clock) -> None:
        self.client = client
        self._clock = clock
        self._size = BATCH_COMMANDS
        self._quickest_s: float | None = None
        self._free_at = clock.monotonic()

    def run(self, commands: Iterable[Command], expected_bytes: Sequence[int] = ()) -> list[Reply]:
        """Replies in order. `expected_bytes`, one per command where given, keeps big replies apart."""
        waiting = list(commands)
        replies: list[Reply] = []
        while len(replies) < len(waiting):
            start = len(replies)
            take = _fitting(expected_bytes[start : start + self._size]) if expected_bytes else self._size
            replies += self.batch(waiting[start : start + take])
        return replies

    def batch(self, commands: Sequence[Command]) -> list[Reply]:
        """One batch, sent whole, not before the pause after the last one is over."""
        self._clock.sleep_until(self._free_at, Never())
        started = self._clock.monotonic()
        replies = self.client.pipeline(commands)
        ended = self._clock.monotonic()
        self._free_at = ended + BATCH_GAP_S
        self._adapt(ended - started)
        return replies

    def _adapt(self, took_s: float) -> None:
        self._quickest_s = took_s if self._quickest_s is None else min(self._quickest_s, took_s)
        if took_s > self._quickest_s + SLOW_BATCH_S:
            self._size = max(1, self._size // 2)
        else:
            self._size = min(BATCH_COMMANDS, self._size + 5)


def _fitting(sizes: Sequence[int]) -> int:
    """How many of the next replies fit into one batch; at least one."""
    total = 0
    for index, size in enumerate(sizes):
        total += size
        if total > BATCH_REPLY_BYTES:
            return max(index, 1)
    return len(sizes)
