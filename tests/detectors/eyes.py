"""The product's own polls of a real server, on a clock that moves only when told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tools.detectors.contract import StreamView
from tools.detectors.ledger.book import LedgerBook
from tools.detectors.ledger.records import LedgerRow
from tools.detectors.pending_since import PendingSince
from tools.detectors.streams import DETECTORS
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.findings.rule import Symptom
from tools.sources.records import CodeIndex, Poll
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.readonly import ReadOnlyClient
from tools.sources.redis.sweep import StreamSource

STEP_S = 15.0


class Watch:
    """Polls of one server and what the rules say of them. The clock starts at the server's own time."""

    def __init__(self, client: ReadOnlyClient, now_ms: int, limits: Limits, code: CodeIndex | None) -> None:
        self.clock = ManualClock(now_ms)
        self.judgement = Judgement(limits=limits)
        self.code = code
        self.source = StreamSource(
            client, self.clock, limits=LookLimits(stuck_idle_ms=round(limits.pending_idle * 1000))
        )
        self.polls: list[Poll] = []
        self.book = LedgerBook()
        self.since = PendingSince()

    def poll(self, times: int = 1, step_s: float = STEP_S) -> Poll:
        """So many polls, `step_s` before each but the first."""
        for _ in range(times):
            if self.polls:
                self.clock.advance(step_s)
            poll = self.source.poll(len(self.polls), previous=self.polls[-1] if self.polls else None)
            self.polls.append(poll)
            self.book.take(poll)
            self.since.take(poll)
        return self.polls[-1]

    def recheck(self, stream: str, group: str) -> Poll:
        """The second look at a group that seems far behind."""
        self.clock.advance(self.judgement.limits.lag_recheck)
        self.polls[-1] = self.source.recheck(self.polls[-1], [(stream, group)])
        return self.polls[-1]

    def expect(self, *entries: Expectation) -> None:
        """What the owners say."""
        self.judgement = Judgement(limits=self.judgement.limits, expect=entries)

    def view(self) -> StreamView:
        """What rules see now."""
        return StreamView(
            polls=tuple(self.polls[-12:]),
            baseline=self.polls[0],
            judgement=self.judgement,
            code=self.code,
            ledger=self.book,
            pending_since=self.since,
        )

    def symptoms(self, rule: str | None = None) -> list[Symptom]:
        """The symptoms at the newest poll; of one rule where it is named."""
        seen = self.view()
        found = [symptom for detector in DETECTORS for symptom in detector.detect(seen)]
        return found if rule is None else [symptom for symptom in found if symptom.rule.id == rule]

    def told(self, rule: str | None = None) -> list[str]:
        """Their severities, with their rules where none is named."""
        return [
            str(item.severity or item.rule.severity)
            if rule
            else f"{item.rule.id} {item.severity or item.rule.severity}"
            for item in self.symptoms(rule)
        ]

    def row(self, stream: str = "s", group: str = "g") -> LedgerRow:
        """The ledger of one group."""
        ledger = self.book.ledger()
        assert ledger is not None
        return next(row for row in ledger.rows if (row.stream, row.group) == (stream, group))


@contextmanager
def watching(server: Server, limits: Limits | None = None, code: CodeIndex | None = None) -> Iterator[Watch]:
    """A watch of a server, closed at the end."""
    seconds, micros = server.client.time()
    with ReadOnlyClient.connect(server.url) as client:
        yield Watch(client, seconds * 1000 + micros // 1000, limits or Limits(), code)
