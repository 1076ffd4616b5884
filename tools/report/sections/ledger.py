"""Section 3, conservation ledger: every poll of the window, added up for each group."""

from __future__ import annotations

from tools.detectors.ledger.records import Ledger
from tools.report.context import Context


def build(context: Context) -> Ledger | None:
    """The ledger at the last poll; None where Redis was never polled."""
    return context.data.polls.ledger.get().ledger()
