"""What the Stream Analyst folds from every poll, and reads again from the journal when it starts anew."""

from __future__ import annotations

from pathlib import Path

from tools.detectors.ledger.book import LedgerBook
from tools.detectors.pending_since import PendingSince
from tools.sources.records import Poll
from tools.sources.redis import polls


class Books:
    """The ledger, and since when messages are pending."""

    def __init__(self, journal: Path | None, baseline: Poll | None) -> None:
        """Take the baseline and what earlier attempts polled, if any. Raises JournalCorrupt, OSError."""
        self.ledger = LedgerBook()
        self.pending_since = PendingSince()
        if baseline is not None:
            self.take(baseline)
        for poll in polls.read_polls(journal) if journal is not None else ():
            self.take(poll)

    def take(self, poll: Poll) -> None:
        """Add the newest poll."""
        self.ledger.take(poll)
        self.pending_since.take(poll)
