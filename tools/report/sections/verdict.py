"""The first page: are we on fire, why, what first. Every sentence names the findings that prove it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from msgspec import structs

from tools.findings.model import Priority, Severity
from tools.quantities import format_duration
from tools.report import session_failure
from tools.report.context import Context
from tools.report.model import Dashboard, Reason, RoadmapItem, Verdict
from tools.report.sections import harm, reasons, secrets, service_states
from tools.report.sections.reasons import Told, count
from tools.synthesis.health import is_measured

WHY_MAX = 5
OTHERS_MAX = 15
"""Further troubles that the first page names by their title alone."""
FIRST_MAX = 8
_SECRETS_TOLD = 3
_SOON = (Priority.P0_CRITICAL, Priority.P1_HIGH)


def build(
    context: Context,
    dashboard: Dashboard,
    roadmap: tuple[RoadmapItem, ...],
    told: Told,
) -> Verdict:
    """Headline, what it is about, at most five reasons, the other troubles by name, at most eight things to do first."""
    why = reasons.reasons(context, told)
    stopped = _was_stopped(context)
    others = [make() for make in why[WHY_MAX : WHY_MAX + OTHERS_MAX]]
    open_secrets = {finding.finding_id for finding in secrets.of(context)}
    first = _first(open_secrets, roadmap)
    return Verdict(
        headline=_of_change(context)
        + _with_failure(context, _headline(dashboard, len(why), reasons.over(context), stopped=stopped)),
        about=_about(context, dashboard),
        harm=harm.told(context, told.streams),
        at_the_end=service_states.told(told.states),
        why=tuple(make() for make in why[:WHY_MAX]),
        others=tuple(
            structs.replace(one, text=reasons.named(context.by_id[one.finding_ids[0]], told))
            for one in others
        ),
        more=max(0, len(why) - WHY_MAX - OTHERS_MAX),
        counted=_counted(context, len(why)),
        first=tuple(
            Reason(
                text=item.action,
                finding_ids=item.finding_ids[: None if open_secrets.intersection(item.finding_ids) else 1],
                now=item.now,
                cluster_id=item.cluster_id,
                over=told.over.get(item.finding_ids[0]),
                seen=item.evidence if open_secrets.intersection(item.finding_ids) else None,
            )
            for item in first
        ),
        first_more=_soon(roadmap) - _soon(first),
        stopped=stopped,
    )


_STOPPED = (
    "started for this audit and stopped again: nothing of it runs now, what is told here is of then (managed)"
)
_MODES = {
    "managed": "started for this audit; that all of it was stopped again was not seen (managed)",
    "attach": "found running, only looked at, and left running: what was open at the end may go on now (attach)",
    "static": "its files alone",
}


def _was_stopped(context: Context) -> bool:
    """Whether the session started the services itself, and saw that nothing of them was left after it."""
    facts = context.data.facts
    if facts is None or facts.mode != "managed":
        return False
    left = [event.get("leftovers") for event in context.data.events if event.get("type") == "shutdown"]
    return bool(left) and left[-1] == 0


def _soon(items: Sequence[RoadmapItem]) -> int:
    return sum(item.priority in _SOON for item in items)


def _about(context: Context, dashboard: Dashboard) -> str:
    """The project by its folder, the server, what was seen of it, and when."""
    facts = context.data.facts
    if facts is None:
        return ""
    said = [PurePath(facts.project_root).name or facts.project_root]
    if facts.redis is not None:
        said.append(f"Redis at {facts.redis}")
    if dashboard.services:
        said.append(count(len(dashboard.services), "service"))
    if dashboard.streams_discovered:
        said.append(count(dashboard.streams_discovered, "stream"))
    said.append(_STOPPED if _was_stopped(context) else _MODES.get(facts.mode, facts.mode))
    return f"{', '.join(said)}; {_when(dashboard)}." if dashboard.started_at else f"{', '.join(said)}."


def _when(dashboard: Dashboard) -> str:
    start, end = dashboard.started_at or "", dashboard.ended_at
    if end is None or dashboard.duration_ms is None:
        return f"watched from {start[:10]} {start[11:19]} UTC on"
    until = end[11:19] if end[:10] == start[:10] else f"{end[:10]} {end[11:19]}"
    lasted = format_duration(round(dashboard.duration_ms / 1000))
    return f"watched for {lasted}, {start[:10]} {start[11:19]} to {until} UTC"


def _first(open_secrets: set[str], roadmap: tuple[RoadmapItem, ...]) -> list[RoadmapItem]:
    """The top of the roadmap; what makes an open secret worthless stands second, as among the reasons."""
    about = [item for item in roadmap if open_secrets.intersection(item.finding_ids)][:_SECRETS_TOLD]
    rest = [item for item in roadmap if item not in about]
    return [*rest[:1], *about, *rest[1:]][:FIRST_MAX]


def _of_change(context: Context) -> str:
    """A session about a change judges only that: of all else its silence says nothing."""
    facts = context.data.facts
    if facts is None or facts.change is None:
        return ""
    return f"Only what changed since {facts.change.asked} ({facts.change.commit[:12]}) counts here. "


def _with_failure(context: Context, said: str) -> str:
    """A session that failed says so first: its silence proves nothing."""
    run = session_failure.failed_phase(context.data.facts)
    if run is None:
        return _ended_early(context, said)
    failed = session_failure.sentence(run)
    if not session_failure.before_the_window(run):
        return f"{said} But {failed}."
    if not any(is_measured(finding) for finding in context.findings):
        return f"Nothing can be said: {failed}."
    return f"{failed[0].upper()}{failed[1:]}. Nothing else was looked at; what was seen until then: {said}"


def _ended_early(context: Context, said: str) -> str:
    """The window itself was cut short where all who look had failed."""
    facts = context.data.facts
    if facts is None or facts.ended_by != "failure":
        return said
    reasons = [f"{run.agent}: {run.reasons[-1]}" for run in facts.agents if not run.finished and run.reasons]
    tail = f" ({'; '.join(reasons)})" if reasons else ""
    return f"{said} But the window ended early by a failure{tail}."


def _headline(dashboard: Dashboard, troubles: int, over: int, *, stopped: bool) -> str:
    """`troubles` is to how many causes and lone findings all CRITICAL and HIGH ones come down, `over` how many were over.

    Of a system that the audit itself has stopped nothing is said in the present tense.
    """
    fire = "On fire until this audit stopped it" if stopped else "Yes, on fire"
    well = "It was not on fire, but not well" if stopped else "Not on fire, but not well"
    part = f"{over} of them" if over < troubles else "all of it"
    ended = f", {part} over by the end" if over else ""
    critical = dashboard.by_severity[Severity.CRITICAL.value]
    high = dashboard.by_severity[Severity.HIGH.value]
    if dashboard.health == "CRITICAL":
        if 0 < over == troubles:
            fire, ended = "It was on fire, and nothing of that was seen any more at the end", ""
        joined = f", which come down to {count(troubles, 'trouble')}" if troubles < critical + high else ""
        return f"{fire}: {count(critical, 'critical finding')} and {count(high, 'high one')}{joined}{ended}."
    if dashboard.health == "DEGRADED":
        if critical:
            return f"No longer on fire, but it was: {count(critical, 'critical finding')} did not last to the end."
        if high:
            joined = f", which come down to {count(troubles, 'trouble')}" if troubles < high else ""
            return f"{well}: {count(high, 'high finding')}{joined}{ended}."
        return f"Nothing serious was seen, but not everything could be: {count(dashboard.blind_gaps, 'gap')}."
    return "No. Nothing above MEDIUM was measured, and every configured source could be looked at."


def _counted(context: Context, troubles: int) -> str:
    """The figures of the first page and of the root causes, each of which counts something else."""
    serious = sum(cluster.severity.rank <= Severity.HIGH.rank for cluster in context.clusters)
    milder = len(context.clusters) - serious
    shown = len(secrets.of(context))
    alone = troubles - serious - bool(shown)
    parts = [count(serious, "root cause")] if serious else []
    if shown:
        parts.append(f"{count(shown, 'secret')} in logs{' (told as one)' if shown > 1 else ''}")
    if alone:
        parts.append(f"{count(alone, 'finding')} that nothing else explains")
    *first, last = parts or [""]
    named = "trouble is" if troubles == 1 else f"{troubles} troubles are"
    said = f"The {named} {', '.join(first)}{' and ' if first else ''}{last}." if last else ""
    if milder:
        is_are = "is" if milder == 1 else "are"
        said += f"{' ' if said else ''}{count(milder, 'more root cause' if serious else 'root cause')} {is_are} MEDIUM or milder."
    return said
