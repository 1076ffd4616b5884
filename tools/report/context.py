"""What all sections are built from: the session's data, and what synthesis made of it once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tools.clock import iso
from tools.findings.model import Finding, Origin, Severity, rank_of
from tools.synthesis import drift, ended, wiring
from tools.synthesis.clusters import Cluster, clusters
from tools.synthesis.drift import DriftRow
from tools.synthesis.flows.roles import roles
from tools.synthesis.health import is_serious
from tools.synthesis.session_data import SessionData
from tools.synthesis.wiring import Seen, Wiring

SEVERITIES = tuple(Severity)


@dataclass(frozen=True, slots=True)
class Context:
    """Shared input of the sections; `findings` are sorted as in `all-findings.json`."""

    data: SessionData
    findings: tuple[Finding, ...]
    by_id: Mapping[str, Finding]
    wiring: Wiring
    clusters: tuple[Cluster, ...]
    cluster_ids: Mapping[str, str]
    """Finding id → id of the cluster that it is a member of."""
    drift: tuple[DriftRow, ...]
    serious: tuple[Finding, ...]
    """The measured findings that are HIGH or worse, in their order."""
    last_poll_ms: int | None
    now_ms: int
    over: Mapping[str, int] = field(default_factory=dict)
    """By id of the root of a trouble, or of a finding in none, that was over by the end: when it was seen last, in ms."""


def prepare(data: SessionData, now_ms: int) -> Context:
    """Sort the findings and cluster them."""
    findings = tuple(sorted(data.findings, key=order))
    streams = [state.name for state in data.final.streams] if data.final is not None else []
    # What a model says joins nothing: a cluster, its root and its reach are measured.
    measured = [finding for finding in findings if finding.origin is Origin.MEASURED]
    known = wiring.build(data.index, measured, streams)
    seen = roles(data.logs.flow_lines, data.samples, known)
    topology = wiring.build(data.index, measured, streams, seen) if seen != Seen() else known
    by_id = {finding.finding_id: finding for finding in findings}
    found = clusters(measured, topology)
    over = ended.ended(data, measured)
    ended_troubles = ended.troubles(found, by_id, over)
    found = ended.behind(found, ended_troubles)
    cluster_ids = {name: cluster.cluster_id for cluster in found for name in cluster.members}
    alone = {name: at_ms for name, at_ms in over.items() if name not in cluster_ids}
    return Context(
        data=data,
        findings=findings,
        by_id=by_id,
        wiring=topology,
        clusters=found,
        cluster_ids=cluster_ids,
        drift=drift.registry(findings),
        serious=tuple(finding for finding in findings if is_serious(finding)),
        last_poll_ms=data.final.at_ms if data.final is not None else None,
        now_ms=now_ms,
        over=alone | ended_troubles,
    )


def order(finding: Finding) -> str:
    """Severity rank, then time of first observation, then id: as one text, for ranks and times are all equally long."""
    return f"{rank_of(finding)}{finding.timestamp}{finding.finding_id}"


def severity(finding: Finding) -> Severity:
    """A finding's severity; the Scout's priorities on the same scale."""
    return SEVERITIES[rank_of(finding)]


def when(ms: int | None) -> str | None:
    """A time as ISO 8601, or None."""
    return None if ms is None else iso(ms)
