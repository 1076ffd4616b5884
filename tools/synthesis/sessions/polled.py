"""How many polls it took to see a finding: a session that polls seldom has no chance where a rule needs some in a row."""

from __future__ import annotations

from collections.abc import Iterable

from tools.clock import from_iso
from tools.detectors.thresholds import Limits
from tools.findings.model import Finding
from tools.sources.records import Poll

_USUAL = 2
"""What most rules need: a poll, and a second look."""
_LIVE, _WATCHED = 5, 4
"""As `live.polling-reads` and `stream.orphaned` say of themselves."""


def needed(finding: Finding, polls: Iterable[Poll], limits: Limits) -> int:
    """Of the polls up to the first sight of a finding, as many as its rule needs at most."""
    seen_ms = from_iso(finding.timestamp)
    return min(_in_a_row(finding.rule_id, limits), sum(poll.at_ms <= seen_ms for poll in polls))


def _in_a_row(rule_id: str, limits: Limits) -> int:
    rows = {
        "stream.time-lag": limits.time_lag_polls,
        "stream.growing": limits.growing_polls + 2,
        "stream.missing-ack": limits.pending_rising_polls + 1,
        "stream.orphaned": _WATCHED,
        "live.polling-reads": _LIVE,
    }
    return rows.get(rule_id, _USUAL)
