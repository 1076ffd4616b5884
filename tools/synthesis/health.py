"""Are we on fire: one word from the measured findings, for the system and for each stream.

Only what a rule measured counts; the Scout's priorities and the model's own findings do not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal

from tools.clock import from_iso
from tools.findings.model import (
    ConfigFinding,
    Enhancement,
    Finding,
    Origin,
    Severity,
    StreamFinding,
    rank_of,
)
from tools.sources.records import Gap, Poll

Health = Literal["CRITICAL", "DEGRADED", "HEALTHY"]

POLL_INTERVAL_MS = 15_000
"""The configured default; the session's own is taken from its polls."""


def health(
    findings: Iterable[Finding],
    gaps: Iterable[Gap],
    last_poll_ms: int | None,
    poll_interval_ms: int = POLL_INTERVAL_MS,
) -> Health:
    """One word for a system. Times in ms since the epoch.

    CRITICAL: a measured CRITICAL is open at the end. DEGRADED: a measured HIGH or worse was seen, or a
    configured source could not be looked at. HEALTHY: neither.
    """
    serious = [finding for finding in findings if is_serious(finding)]
    if any(
        rank_of(finding) == Severity.CRITICAL.rank and is_open(finding, last_poll_ms, poll_interval_ms)
        for finding in serious
    ):
        return "CRITICAL"
    if serious or any(gap.blind for gap in gaps):
        return "DEGRADED"
    return "HEALTHY"


def is_measured(finding: Finding) -> bool:
    """Whether a finding counts for health and exit code."""
    return finding.origin is Origin.MEASURED and not isinstance(finding, Enhancement)


def is_serious(finding: Finding) -> bool:
    """Whether a finding that counts is HIGH or worse."""
    return rank_of(finding) <= Severity.HIGH.rank and is_measured(finding)


def is_open(finding: Finding, last_poll_ms: int | None, poll_interval_ms: int = POLL_INTERVAL_MS) -> bool:
    """Whether a finding still held at the end.

    A stream finding does where it was seen within one poll interval of the last poll, one about configuration
    unless the files were seen to show it no longer. What a log told cannot be seen to end, so it counts as open.
    """
    if isinstance(finding, ConfigFinding):
        return finding.ended_at is None
    if not isinstance(finding, StreamFinding) or last_poll_ms is None:
        return True
    return from_iso(finding.last_seen) >= last_poll_ms - poll_interval_ms


def by_stream(
    about: Mapping[str, Sequence[Finding]],
    last_poll_ms: int | None,
    poll_interval_ms: int = POLL_INTERVAL_MS,
) -> Mapping[str, Health]:
    """The same for each stream, from the findings about it; a stream that none is about is HEALTHY and not listed."""
    return {name: health(found, (), last_poll_ms, poll_interval_ms) for name, found in about.items()}


def pause_of(polls: Sequence[Poll]) -> int:
    """The longest pause between the last few polls, in ms; the default where there are too few to tell."""
    times = [poll.at_ms for poll in polls[-4:]]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    return max(pauses, default=POLL_INTERVAL_MS)
