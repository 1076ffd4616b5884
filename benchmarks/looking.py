"""The product's poller as it is, taken through its public surface: paced as in a session, or as fast as it goes."""

from __future__ import annotations

from dataclasses import dataclass

from tools.clock import Clock, StopSignal, SystemClock
from tools.sources.records import Poll
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource


class Unpaced(SystemClock):
    """Stands for a sweep without pauses: the poller asks its clock to wait between batches, and does not."""

    def sleep_until(self, when: float, stop: StopSignal) -> None:
        """Return at once."""


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


def looker(url: str, clock: Clock) -> Looker:
    """A poller that has seen nothing yet, on an open connection."""
    client = ReadOnlyClient.connect(url, name="streamgauge-bench")
    return Looker(client, StreamSource(client, clock))


def unpaced(url: str) -> Looker:
    """One that makes no pauses."""
    return looker(url, Unpaced())
