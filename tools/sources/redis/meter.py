"""What we cost the server: its own time in our commands, by its own counters."""

from __future__ import annotations

from collections import Counter

from tools.sources.redis import commandstats, server
from tools.sources.redis.pacing import Pacer
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.replies import as_bytes

_GUESSED = ("xinfo", "xpending", "xrange", "xrevrange")
"""Commands whose cost a pacer guesses, and is told."""


class Meter:
    """Adds up the microseconds of our commands: each is counted once, at the first reading after it was sent."""

    def __init__(self, client: ReadOnlyClient) -> None:
        self._client = client
        self._stats: commandstats.Stats | None = None
        self._sent: Counter[str] = Counter()
        self._estimated_us = 0.0

    def read(self, pacer: Pacer) -> int:
        """Our server time since the last reading, by one INFO; the pacer's guesses are set right by it.

        0 at the first reading, and where the counters began anew. Raises SourceUnavailable.
        """
        sent = self._client.sent.copy()
        info = server.parse_info(as_bytes(pacer.batch([("INFO", "commandstats")])[0]))
        before, stats, own = self._stats, commandstats.parse(info), sent - self._sent
        if before is not None:
            guessed = {name: count for name, count in own.items() if name.partition("|")[0] in _GUESSED}
            measured_us = commandstats.own_usec(before, stats, guessed)
            pacer.learn(measured_us, pacer.estimated_us - self._estimated_us)
        self._estimated_us = pacer.estimated_us
        return self.add(stats, sent)

    def add(self, stats: commandstats.Stats, sent: Counter[str]) -> int:
        """The same by counters that were just read; `sent` is what we had sent before we asked for them."""
        before, own = self._stats, sent - self._sent
        self._stats, self._sent = stats, sent
        return 0 if before is None else commandstats.own_usec(before, stats, own)

    def moved(self, before: commandstats.Stats, sent: Counter[str]) -> dict[str, int]:
        """Calls of others from these counters to those read last; `sent` is what we had sent before the first."""
        return {} if self._stats is None else commandstats.growth(before, self._stats, self._sent - sent)
