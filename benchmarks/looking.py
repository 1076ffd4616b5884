"""The product's poller as it is, taken through its public surface: paced as in a session, or as fast as it goes."""

from __future__ import annotations

from dataclasses import dataclass

from tools.clock import Clock, SystemClock
from tools.sources.records import Poll
from tools.sources.redis.pacing import Pace
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource

UNPACED = Pace(batch_us=10_000.0, commands=2_000, gap_s=0.0)
_PATIENCE_S = 60.0
"""A busy machine must not end a measurement."""


@dataclass
class Looker:
    """One poller with its own connection."""

    client: ReadOnlyClient
    source: StreamSource
    number: int = 0

    def look(self, previous: Poll | None) -> Poll:
        """One poll; with None for `previous` everything is asked, as at a session's beginning."""
        poll = self.source.poll(self.number, previous=previous)
        self.number += 1
        return poll

    def close(self) -> None:
        """Close the connection."""
        self.client.close()


def looker(url: str, clock: Clock, pace: Pace | None = None) -> Looker:
    """A poller that has seen nothing yet, on an open connection; at the normal pace unless told otherwise."""
    client = ReadOnlyClient.connect(url, name="streamgauge-bench", command_timeout_s=_PATIENCE_S)
    return Looker(client, StreamSource(client, clock, pace=pace))


def unpaced(url: str) -> Looker:
    """One that makes no pauses, and asks much at once: nobody else is there who would wait."""
    return looker(url, SystemClock(), UNPACED)
