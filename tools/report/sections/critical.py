"""Section 2, critical findings: each CRITICAL, with its cluster. The Scout's P0 stand in the roadmap."""

from __future__ import annotations

from tools.findings.model import ConfigFinding, Finding, Severity, StreamFinding, rank_of
from tools.report.context import Context
from tools.report.model import CriticalFinding
from tools.synthesis.health import is_open


def build(context: Context) -> tuple[CriticalFinding, ...]:
    """CRITICAL findings in the order of `findings`, those of the weightiest cluster first."""
    rows = [
        CriticalFinding(
            finding_id=finding.finding_id,
            open_at_end=is_open(finding, context.last_poll_ms, context.data.poll_interval_ms)
            if isinstance(finding, StreamFinding) or _has_ended(finding)
            else None,
            cluster_id=context.cluster_ids.get(finding.finding_id),
        )
        for finding in context.serious
        if rank_of(finding) == Severity.CRITICAL.rank
    ]
    return tuple(
        sorted(
            rows,
            key=lambda row: (row.cluster_id is None, row.finding_id in context.over, _number(row)),
        )
    )


def _number(row: CriticalFinding) -> int:
    """Of its cluster, in their order."""
    return int((row.cluster_id or "C-0").removeprefix("C-"))


def _has_ended(finding: Finding) -> bool:
    return isinstance(finding, ConfigFinding) and finding.ended_at is not None
