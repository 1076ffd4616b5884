"""What the daemon says to alerts: how a run ended, what was out of the ordinary, and links of its chain that were given up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.alerts.episodes import Episode, Labels
from orchestrator.watch import views
from orchestrator.watch.ledger import LinkRow, Watched
from orchestrator.watch.verdicts import Anomaly
from tools.findings.model import Severity

_ENDS = {
    views.COMPLETED: ("run.finished", Severity.INFO),
    views.FAILED: ("run.failed", Severity.HIGH),
    views.INTERRUPTED: ("run.incomplete", Severity.MEDIUM),
    views.STALLED: ("run.stalled", Severity.HIGH),
}


def end_of(run: Watched, verdict: str, report: str, now_ms: int) -> Episode:
    """How a run of another orchestrator ended; sessions tell it themselves."""
    event, severity = ("test", Severity.INFO) if run.kind == views.TEST else _ENDS[run.status]
    title = f"run {run.run_id} {_ENDED[run.status]} ({run.why}); {verdict}"
    return _episode(run, "", event, severity, title, report, now_ms)


_ENDED = {
    views.COMPLETED: "finished",
    views.FAILED: "failed",
    views.INTERRUPTED: "was cut off",
    views.STALLED: "stalled",
}


def stalled(run: Watched, minutes: int, now_ms: int) -> Episode:
    """A run whose process lives and that stands still."""
    title = f"run {run.run_id} has made no progress for {minutes} minutes; its process runs"
    return _episode(run, f" still {run.progressed_ms}", "run.stalled", Severity.HIGH, title, "", now_ms)


def anomaly_of(run: Watched, found: tuple[Anomaly, ...], report: str, now_ms: int) -> Iterator[Episode]:
    """One episode for all that was out of the ordinary in a run."""
    if found:
        title = f"run {run.run_id}: {'; '.join(item.text for item in found)}"
        yield _episode(run, " anomaly", "run.anomaly", Severity.MEDIUM, title, report, now_ms)


def failed_links(run: Watched, links: Iterable[LinkRow], report: str, now_ms: int) -> Iterator[Episode]:
    """One episode for the links of a chain that were given up."""
    told = [f"{row.link}: {row.detail}" for row in links]
    if told:
        title = f"run {run.run_id} could not be dealt with in full: {'; '.join(told)}"
        yield _episode(run, " chain", "chain.failed", Severity.HIGH, title, report, now_ms)


def _episode(  # noqa: PLR0917 - what is told and of which run
    run: Watched, suffix: str, event: str, severity: Severity, title: str, report: str, now_ms: int
) -> Episode:
    # As a session's own message about its end is keyed, so that a run that tells it itself is not told twice.
    generation = f" {run.generation}" if run.generation > 1 else ""
    key = f"run {run.key}{generation}{suffix}"
    labels = Labels(
        event=event, severity=severity, status=run.status, cause=key, project=run.source, run=run.key
    )
    return Episode(
        key=key,
        labels=labels,
        title=title,
        started_ms=now_ms,
        seen_ms=now_ms,
        momentary=True,
        report=report,
    )
