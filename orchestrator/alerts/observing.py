"""What a session says to alerts: measured findings as episodes, how it ended, and what it found resolved."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct

from orchestrator.alerts.episodes import Episode, Labels, Observed
from orchestrator.store.fill import is_at_work
from tools.clock import from_iso
from tools.errors import UsageError
from tools.findings.model import Severity
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.synthesis.sessions import against, store
from tools.synthesis.sessions.comparison import State
from tools.synthesis.sessions.record import begun
from tools.workspace import Workspace

MEASURED = "measured"


class FindingLine(Struct, frozen=True, rename="camel"):
    """What of a finding alerts need."""

    fingerprint: str
    agent_id: str
    rule_id: str
    category: str
    title: str
    timestamp: str
    severity: Severity | None = None
    origin: str = MEASURED
    service: str = ""
    stream: str = ""
    affected_streams: tuple[str, ...] = ()
    finding_id: str = ""
    ended_at: str | None = None


class _Cluster(Struct, frozen=True, rename="camel"):
    root_fingerprint: str
    members: tuple[str, ...]


class _Report(Struct, frozen=True):
    clusters: tuple[_Cluster, ...] = ()


class _Ending(StrEnum):
    FINISHED = "run.finished"
    FAILED = "run.failed"
    INCOMPLETE = "run.incomplete"


_LEVELS = {
    _Ending.FINISHED: Severity.INFO,
    _Ending.FAILED: Severity.HIGH,
    _Ending.INCOMPLETE: Severity.MEDIUM,
}


def observed(workspace: Workspace, now_ms: int) -> Observed:
    """What the session in a workspace says. Raises UsageError where there is none, or it is at work.

    Only measured findings count, and none that the owners accept. A session whose findings cannot be read, or that
    looked at less than it should, resolves nothing by its silence: the comparison says what it looked for.
    """
    try:
        facts = session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(f"{workspace.root} holds no session. Name one with --workspace.") from error
    if is_at_work(workspace):
        raise UsageError(f"The session in {workspace.root} is at work. Alerts follow when it is over.")
    series = series_of(workspace, facts)
    compared = against.result(workspace)
    rows = () if compared is None else compared.findings
    accepted = {row.fingerprint for row in rows if row.accepted}
    resolved = [row.fingerprint for row in rows if row.state is State.RESOLVED]
    names = [(row.was, row.fingerprint) for row in rows if row.was]
    if compared is not None:  # whichever session was named for display, alerts go on from the last one
        resolved, names = [*resolved, *compared.over], [*names, *compared.renamed]
    found = _findings(workspace)
    report = str(workspace.report(facts.session_id))
    causes = _causes(workspace)
    ended = [] if found is None else [item.fingerprint for item in found if item.ended_at is not None]
    episodes = [
        episode_of(item, facts, series, causes, report, now_ms)
        for item in found or ()
        if item.severity is not None
        and item.origin == MEASURED
        and item.ended_at is None
        and item.fingerprint not in accepted
    ]
    episodes.append(_run(facts, series, whole=found is not None, report=report, now_ms=now_ms))
    # What is accepted since it was told of is nobody's concern any more.
    gone = sorted({*resolved, *ended, *accepted})
    keys = tuple(key_of(series, fingerprint) for fingerprint in gone)
    renamed = tuple((key_of(series, was), key_of(series, now)) for was, now in dict.fromkeys(names))
    record = store.in_workspace(workspace)
    complete = found is not None and record is not None and not record.incomplete
    could_see = key_of(series, "") if complete else ""
    return Observed(tuple(episodes), keys, renamed, facts.started_ms, could_see, facts.session_id)


def _findings(workspace: Workspace) -> list[FindingLine] | None:
    try:
        return msgspec.json.decode(workspace.all_findings.read_bytes(), type=list[FindingLine])
    except (OSError, msgspec.MsgspecError):
        return None


def _causes(workspace: Workspace) -> Mapping[str, str]:
    """Finding id → the fingerprint at the root of its cluster."""
    try:
        report = msgspec.json.decode(workspace.path("report.json").read_bytes(), type=_Report)
    except (OSError, msgspec.MsgspecError):
        return {}
    return {member: cluster.root_fingerprint for cluster in report.clusters for member in cluster.members}


def episode_of(  # noqa: PLR0917 - one finding and what its session says
    item: FindingLine, facts: SessionFacts, series: str, causes: Mapping[str, str], report: str, now_ms: int
) -> Episode:
    """The episode that a measured finding is, or begins."""
    assert item.severity is not None
    labels = Labels(
        severity=item.severity,
        category=item.category,
        agent=item.agent_id,
        service=item.service,
        stream=item.stream or next(iter(item.affected_streams), ""),
        rule=item.rule_id,
        cause=causes.get(item.finding_id, item.fingerprint),
        project=facts.project_root,
        run=facts.session_id,
    )
    return Episode(
        key=key_of(series, item.fingerprint),
        labels=labels,
        title=item.title,
        started_ms=_moment(item.timestamp, now_ms),
        seen_ms=now_ms,
        report=report,
    )


def _run(facts: SessionFacts, series: str, *, whole: bool, report: str, now_ms: int) -> Episode:
    ending, why = _ending(facts, whole=whole)
    status = {_Ending.FINISHED: "COMPLETED", _Ending.FAILED: "FAILED", _Ending.INCOMPLETE: "INTERRUPTED"}[
        ending
    ]
    # Ids are seconds: sessions of several projects that begin at the same one, as a timer starts them, have the same.
    key = f"run {facts.session_id} {series}"
    return Episode(
        key=key,
        labels=Labels(
            event=ending.value,
            severity=_LEVELS[ending],
            status=status,
            cause=key,
            project=facts.project_root,
            run=facts.session_id,
        ),
        title=f"session {facts.session_id} {why}",
        started_ms=now_ms,
        seen_ms=now_ms,
        momentary=True,
        report=report,
    )


def _ending(facts: SessionFacts, *, whole: bool) -> tuple[_Ending, str]:
    failed = next((step for step in facts.phases if step.status == "failed"), None)
    if facts.ended_by == "failure" or failed is not None:
        at = f" in {failed.name}: {failed.detail}" if failed is not None else ""
        return _Ending.FAILED, f"failed{at}"
    complete = any(step.name == "complete" and step.status == "done" for step in facts.phases)
    if not complete or not whole:
        return _Ending.INCOMPLETE, "did not come to its end"
    return _Ending.FINISHED, f"finished, ended by {facts.ended_by}"


def series_of(workspace: Workspace, facts: SessionFacts) -> str:
    """What sessions have in common that are compared with one another, as a short hash; the same at any moment."""
    record = store.in_workspace(workspace)
    parts = (record or begun(facts)).series
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:12]


def key_of(series: str, fingerprint: str) -> str:
    """The key of a finding's episode."""
    return f"finding {series} {fingerprint}"


def _moment(text: str, otherwise_ms: int) -> int:
    try:
        return from_iso(text)
    except ValueError:
        return otherwise_ms
