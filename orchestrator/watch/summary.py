"""`reports/<run>_summary.json`: what a run came to, for programs and people, made from its archive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct, structs

from orchestrator.archive.layout import BagInfo
from orchestrator.config.watch import WatchSection
from orchestrator.watch import archived, verdicts, views
from orchestrator.watch.langsmith_runs import RunSpans
from orchestrator.watch.ledger import Watched
from orchestrator.watch.verdicts import Anomaly, Verdict
from orchestrator.watch.views import View
from tools.clock import iso


class Found(NamedTuple):
    """What there is of a run besides its view. `archive` is None where there is none, and `why_not` says why."""

    archive: Path | None
    why_not: str = ""
    spans: RunSpans | None = None
    not_seen: str = ""


class ArchiveFacts(Struct, frozen=True, kw_only=True, rename="camel"):
    """The archive of a run, verified."""

    path: str
    sha256: str
    files: int
    bytes: int


class StepFacts(Struct, frozen=True, kw_only=True, rename="camel"):
    """One step of a run."""

    name: str
    status: str
    started_at: str | None
    ended_at: str | None
    seconds: float | None
    retries: int
    detail: str


class Summary(Struct, frozen=True, kw_only=True, rename="camel"):
    """The report of a run. Times are ISO 8601 in UTC; `cost_usd` and `tokens` are null where nobody told them."""

    run_id: str
    key: str
    source: str
    kind: str
    generation: int
    status: str
    why: str
    verdict: Verdict
    reasons: tuple[str, ...]
    started_at: str | None
    ended_at: str
    seconds: float | None
    steps: tuple[StepFacts, ...]
    findings: dict[str, int]
    health: str
    cost_usd: float | None
    tokens: int | None
    safety_score: float | None
    retries: int
    anomalies: tuple[Anomaly, ...]
    spans: RunSpans | None
    """Of LangSmith, where it was asked."""
    not_seen: str
    """Why something that was to be asked did not answer."""
    archive: ArchiveFacts | None
    not_archived: str
    made_at: str


class _Finding(Struct, frozen=True, rename="camel"):
    severity: str | None = None
    priority: str | None = None
    origin: str = "measured"
    ended_at: str | None = None


def make(run: Watched, found: Found, limits: WatchSection, now_ms: int) -> Summary:
    """Of a run that is over."""
    assert run.view is not None
    assert run.ended_ms is not None
    path = found.archive
    info, tag_hash = archived.verify(path) if path is not None else (None, "")
    view = _with_spans(_complete(run.view, path, info), found.spans)
    verdict, reasons = verdicts.verdict(view, run.status)
    started_ms = run.started_ms or None
    return Summary(
        run_id=run.run_id,
        key=run.key,
        source=run.source,
        kind=run.kind,
        generation=run.generation,
        status=run.status,
        why=run.why,
        verdict=verdict,
        reasons=reasons,
        started_at=None if started_ms is None else iso(started_ms),
        ended_at=iso(run.ended_ms),
        seconds=None if started_ms is None else max(0.0, (run.ended_ms - started_ms) / 1000),
        steps=tuple(_steps(view)),
        findings=_findings(path),
        health=info.health if info is not None else "UNKNOWN",
        cost_usd=view.cost_usd,
        tokens=view.tokens,
        safety_score=view.safety,
        retries=view.retries,
        anomalies=tuple(verdicts.anomalies(view, limits, run.ended_ms)),
        spans=found.spans,
        not_seen=found.not_seen,
        archive=None if info is None or path is None else _archive(path, info, tag_hash),
        not_archived=found.why_not,
        made_at=iso(now_ms),
    )


def _with_spans(view: View, spans: RunSpans | None) -> View:
    """What the source of a run does not tell of tokens and cost."""
    if spans is None:
        return view
    return structs.replace(
        view,
        tokens=view.tokens if view.tokens is not None else spans.tokens,
        cost_usd=view.cost_usd if view.cost_usd is not None else float(spans.cost_usd),
    )


def _complete(view: View, path: Path | None, info: BagInfo | None) -> View:
    """A session's open criticals and blind gaps stand in its archive."""
    if view.kind != views.SESSION or path is None or info is None:
        return view
    return structs.replace(view, open_criticals=info.open_criticals, blind_gaps=_blind_gaps(path))


def _blind_gaps(path: Path) -> int:
    found = archived.json_member(path, "report.json")
    dashboard = found.get("dashboard") if isinstance(found, dict) else None
    number = dashboard.get("blindGaps") if isinstance(dashboard, dict) else None
    return number if isinstance(number, int) else 0


def _steps(view: View) -> list[StepFacts]:
    return [
        StepFacts(
            name=step.name,
            status=step.status,
            started_at=None if step.started_ms is None else iso(step.started_ms),
            ended_at=None if step.ended_ms is None else iso(step.ended_ms),
            seconds=None
            if step.started_ms is None or step.ended_ms is None
            else (step.ended_ms - step.started_ms) / 1000,
            retries=step.retries,
            detail=step.detail,
        )
        for step in view.steps
    ]


def _findings(path: Path | None) -> dict[str, int]:
    """Measured findings of a session by severity (priority), those that ended left out."""
    data = None if path is None else archived.json_member(path, "all-findings.json")
    try:
        found = msgspec.convert(data or [], list[_Finding])
    except msgspec.ValidationError:
        return {}
    counted = Counter(
        item.severity or item.priority or ""
        for item in found
        if item.origin == "measured" and item.ended_at is None
    )
    return dict(sorted(counted.items()))


def _archive(path: Path, info: BagInfo, tag_hash: str) -> ArchiveFacts:
    return ArchiveFacts(path=str(path), sha256=tag_hash, files=info.payload_files, bytes=info.payload_bytes)


def plain(summary: Summary) -> Any:
    """As JSON data."""
    return msgspec.to_builtins(summary)
