"""How many polls it took to see a finding: a session that polls seldom has no chance where a rule needs some in a row."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from tools.clock import from_iso
from tools.detectors.thresholds import Limits
from tools.findings.model import Finding
from tools.sources.records import Poll

_USUAL = 2
"""What most rules need: a poll, and a second look."""
_LIVE, _WATCHED = 5, 4
"""As `live.polling-reads` and `stream.orphaned` say of themselves."""


class Polled:
    """The polls of a session, and what of them its rules need."""

    def __init__(self, polls: Iterable[Poll], limits: Limits) -> None:
        self._at_ms = sorted(poll.at_ms for poll in polls)
        self._in_a_row = {
            "stream.time-lag": limits.time_lag_polls,
            "stream.growing": limits.growing_polls + 2,
            "stream.missing-ack": limits.pending_rising_polls + 1,
            "stream.orphaned": _WATCHED,
            "live.polling-reads": _LIVE,
        }

    def needed(self, finding: Finding) -> int:
        """Of the polls up to the first sight of a finding, as many as its rule needs at most."""
        made = bisect_right(self._at_ms, from_iso(finding.timestamp))
        return min(self._in_a_row.get(finding.rule_id, _USUAL), made)
