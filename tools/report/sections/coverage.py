"""Section 7, coverage: what was looked at, what was not, and why. Blindness is always stated."""

from __future__ import annotations

from collections.abc import Iterator

from tools.clock import iso
from tools.detectors import registry
from tools.findings.model import AgentId
from tools.findings.rule import Rule
from tools.report import session_failure
from tools.report.context import Context
from tools.report.model import Coverage, SourceGap
from tools.report.sections.dashboard import services
from tools.sources.gaps import lasts
from tools.sources.records import Gap
from tools.synthesis.session_data import SessionData

POLLS = "streams/polls.jsonl"
_SLOTS_SHOWN = 60
_BEFORE_IT_BEGAN = (
    "log lines written before the session began: they were not read; the last of them only for their format"
)


def build(context: Context) -> Coverage:
    """Windows, services, lines, streams and rules."""
    data, facts = context.data, context.data.facts
    rules = tuple(registry.rules().values())
    lines = {log.service: log.lines for log in data.logs.services}
    ended_ms = None if facts is None else facts.ended_ms
    return Coverage(
        window_ms=None if facts is None or ended_ms is None else ended_ms - facts.started_ms,
        dead_times=() if facts is None else tuple((iso(start), iso(end)) for start, end in facts.dead_times),
        redis_unseen=tuple(_redis_unseen(data)),
        redis_nodes=tuple(_redis_nodes(data)),
        polls=len(data.polls.heads),
        streams=0 if data.final is None else len(data.final.streams),
        streams_unread_in_detail=_partial_groups(context),
        lines=data.logs.lines,
        lines_by_service=lines,
        services_without_lines=tuple(name for name in services(context) if name not in lines),
        files_read=None if data.index is None else data.index.files_read,
        languages={} if data.index is None else dict(sorted(data.index.languages.items())),
        rules_active=len(rules),
        rules_not_looked_at=tuple(_idle_rules(context, rules)),
        ignored=tuple(_ignored(data, rules)),
        limits=tuple(_limits(context)),
        agents=tuple(_agents(context)),
    )


def source_gaps(context: Context) -> tuple[SourceGap, ...]:
    """Every gap of the session once, blind ones first."""
    found = {gap.key: gap for gap in context.data.gaps}
    if context.data.index is not None:
        found |= {gap.key: gap for gap in context.data.index.gaps}
    rows = [
        SourceGap(
            what=gap.what,
            why=gap.why,
            fix=gap.fix,
            source=gap.source,
            at=iso(gap.at_ms),
            blind=gap.blind,
            until=None if (until_ms := _until_ms(gap, context.data)) is None else iso(until_ms),
        )
        for gap in found.values()
    ]
    return tuple(sorted(rows, key=lambda gap: (not gap.blind, gap.source, gap.what, gap.at)))


def _ignored(data: SessionData, rules: tuple[Rule, ...]) -> Iterator[str]:
    """Each comment that silences a rule; one that names no rule silences nothing, and is told so."""
    known = {rule.id for rule in rules}
    for ignore in data.index.ignores if data.index is not None else ():
        rule, _, reason = ignore.text.partition(" ")
        note = "" if rule in known else " (there is no such rule)"
        yield f"{rule} at {ignore.path}:{ignore.line}: {reason}{note}"


def _until_ms(gap: Gap, data: SessionData) -> int | None:
    """When a span ended; one that was never closed lasted to the window's end."""
    return max(data.end_ms, gap.at_ms) if lasts(gap) else gap.until_ms


def _redis_unseen(data: SessionData) -> Iterator[tuple[str, str]]:
    for gap in data.gaps:
        until_ms = _until_ms(gap, data)
        if gap.period and gap.blind and gap.source == POLLS and until_ms is not None:
            yield iso(gap.at_ms), iso(until_ms)


def _redis_nodes(data: SessionData) -> Iterator[str]:
    """Those of the last poll, then those that were primaries before."""
    last = () if data.final is None else data.final.nodes
    for node in last:
        slots = node.slots if len(node.slots) <= _SLOTS_SHOWN else f"{node.slots[:_SLOTS_SHOWN]}…"
        parts = [f"slots {slots}" if slots else "", f"{node.streams} streams" if node.server else "not seen"]
        yield f"{node.address} ({', '.join(part for part in parts if part)})"
    earlier = {
        node.address: None for poll in (data.baseline, *data.polls.heads) if poll for node in poll.nodes
    }
    for address in earlier:
        if address not in {node.address for node in last}:
            yield f"{address} (no primary at the end)"


def _partial_groups(context: Context) -> int:
    final = context.data.final
    groups = [group for stream in final.streams for group in stream.groups] if final is not None else []
    return sum(group.consumers is None or not group.pending_complete for group in groups)


def _idle_rules(context: Context, rules: tuple[Rule, ...]) -> Iterator[str]:
    reasons: dict[AgentId, str] = {}
    if not context.data.logs.lines:
        reasons[AgentId.LOG_WATCHER] = "no log line was read"
    if not context.data.polls.heads:
        reasons[AgentId.REDIS_STREAM_ANALYST] = "Redis was not polled"
    if context.data.index is None:
        reasons[AgentId.CONFIG_AUDITOR] = "the project's files were not indexed"
        reasons[AgentId.ENHANCEMENT_SCOUT] = "the project's files were not indexed"
    for rule in sorted(rules, key=lambda rule: rule.id):
        if rule.id.startswith("live."):
            if not context.data.polls.heads:
                yield f"{rule.id}: Redis was not polled"
        elif rule.agent in reasons:
            yield f"{rule.id}: {reasons[rule.agent]}"


def _limits(context: Context) -> Iterator[str]:
    facts = context.data.facts
    failed = session_failure.before_the_window(session_failure.failed_phase(facts))
    if facts is not None and facts.mode == "attach" and not failed:
        yield _BEFORE_IT_BEGAN


def _agents(context: Context) -> Iterator[str]:
    for run in () if context.data.facts is None else context.data.facts.agents:
        reasons = f" ({'; '.join(run.reasons)})" if run.reasons else ""
        if not run.finished:
            yield f"{run.agent} did not finish its last look{reasons}"
        elif run.attempts > 1:
            yield f"{run.agent} was restarted {run.attempts - 1} times{reasons}"
