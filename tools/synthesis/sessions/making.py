"""A session's record, made of what it left."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from tools.clock import from_iso
from tools.detectors import registry
from tools.detectors.streams.families import family_of
from tools.findings.model import (
    AgentId,
    ConfigFinding,
    Enhancement,
    EvidenceKind,
    Finding,
    LogFinding,
    Origin,
    StreamFinding,
    rank_of,
    services_of,
    streams_of,
)
from tools.sources import file_marks
from tools.sources.code.index import unnamed
from tools.sources.gaps import clients_unseen, lasts, logs_unread, untold_rules
from tools.sources.records import CodeIndex
from tools.sources.session_facts import SessionFacts
from tools.synthesis import cross_agent
from tools.synthesis.session_data import SOURCE, SessionData
from tools.synthesis.sessions.entries import Seen, entries_read, is_of_entries
from tools.synthesis.sessions.judging import Judging
from tools.synthesis.sessions.polled import Polled
from tools.synthesis.sessions.record import OF_A_CHANGE, KnownFinding, Scope, SessionRecord
from tools.workspace import Workspace

_HASH_CHARACTERS = 16
_CUT_SHORT = {"signal": "it was ended by a signal", "failure": "it failed", "running": "it did not end"}
_POLLS = "streams/polls.jsonl"
_POLLS_END = "/polls.jsonl"
"""Of the journals of every agent that looks at the server."""


def record_of(workspace: Workspace, data: SessionData) -> SessionRecord:
    """The record of the session in a workspace, of which `data` was loaded."""
    facts = data.facts
    started_ms = 0 if facts is None else facts.started_ms
    return SessionRecord(
        session_id=data.session_id,
        product="unknown" if facts is None else facts.version,
        mode="unknown" if facts is None else facts.mode,
        project="" if facts is None else facts.project_root,
        redis=None if facts is None else facts.redis,
        started_ms=started_ms,
        ended_ms=None if facts is None else facts.ended_ms,
        incomplete=_incomplete(facts),
        findings=tuple(_found(data, facts)),
        scope=None if facts is None else _scope(workspace, data, facts),
    )


def known_findings(findings: Sequence[Finding], session_id: str, started_ms: int) -> tuple[KnownFinding, ...]:
    """Of the measured findings that hold at the end what later sessions need, in order of their ids.

    What a model alone found may come and go with its words, so nothing follows from its absence.
    """
    kept = [finding for finding in findings if _counts(finding)]
    by_id = {finding.finding_id: finding.fingerprint for finding in kept}
    return tuple(_known(finding, session_id, started_ms, by_id) for finding in sorted(kept, key=_order))


def _found(data: SessionData, facts: SessionFacts | None) -> Iterator[KnownFinding]:
    """The findings, with what only the whole session tells of them."""
    at_run_time = _unnamed(data.index)
    by_id = {it.finding_id: it for it in data.findings}
    functions = {} if data.index is None else {f"{it.path}:{it.line}": it.function for it in data.index.uses}
    seen = Seen(data.samples if any(map(is_of_entries, data.findings)) else ())
    judged, polls = Judging(data.judgement), Polled(data.polls.heads, data.judgement.limits)
    last = data.polls.final
    there = frozenset(() if last is None else (family_of(state.name) for state in last.streams))
    window_ms = None if facts is None else facts.deadline_ms - facts.started_ms
    for known in known_findings(data.findings, data.session_id, 0 if facts is None else facts.started_ms):
        # The last look comes a moment after the deadline; another session of this length gets as far.
        after_ms = known.seen_after_ms if window_ms is None else min(known.seen_after_ms, window_ms)
        finding = by_id[known.finding_id]
        of_server = known.agent == AgentId.REDIS_STREAM_ANALYST.slug or known.rule_id.startswith("live.")
        yield structs.replace(
            known,
            seen_after_ms=after_ms,
            judged=judged.digest(known),
            polls=polls.needed(finding) if of_server else 0,
            within=tuple(sorted({functions[at] for at in _places_of(finding) if at in functions})),
            unnamed=sum(at_run_time.get(path, 0) for path in known.files),
            on_server=tuple(name for name in known.streams if family_of(name) in there),
            entries=None if known.entries is None else seen.until(finding),
        )


def _counts(finding: Finding) -> bool:
    over = isinstance(finding, ConfigFinding) and finding.ended_at is not None
    return finding.origin is Origin.MEASURED and not over


def _order(finding: Finding) -> tuple[str, int]:
    prefix, _, number = finding.finding_id.partition("-")
    return prefix, int(number)


def _known(finding: Finding, session_id: str, started_ms: int, by_id: Mapping[str, str]) -> KnownFinding:
    seen_ms = from_iso(finding.timestamp)
    quoted = [ref.sha256 for ref in finding.evidence_refs if ref.kind is EvidenceKind.FILE]
    return KnownFinding(
        fingerprint=finding.fingerprint,
        finding_id=finding.finding_id,
        agent=finding.agent_id.slug,
        rule_id=finding.rule_id,
        category=finding.category.value,
        level=(finding.priority if isinstance(finding, Enhancement) else finding.severity).value,
        rank=rank_of(finding),
        title=finding.title,
        session_id=session_id,
        seen_after_ms=max(0, seen_ms - started_ms) if started_ms else 0,
        services=services_of(finding),
        streams=streams_of(finding),
        group=None if isinstance(finding, LogFinding | Enhancement) else finding.consumer_group,
        files=tuple(sorted(set(_files_of(finding)))),
        quoted=tuple(sorted({sha256[:_HASH_CHARACTERS] for sha256 in quoted})),
        entries=0 if is_of_entries(finding) else None,
        of_server=isinstance(finding, ConfigFinding)
        and any(name.endswith(_POLLS_END) for name in finding.counted_to),
        joins=tuple(by_id[name] for name in _joined(finding) if name in by_id),
        template=(finding.template or "") if isinstance(finding, LogFinding) else "",
        names_vary=isinstance(finding, LogFinding) and finding.names_vary,
    )


def _joined(finding: Finding) -> tuple[str, ...]:
    if isinstance(finding, Enhancement) and finding.rule_id == cross_agent.RULE.id:
        return finding.related_findings
    return ()


def _places_of(finding: Finding) -> tuple[str, ...]:
    return finding.affected_files if isinstance(finding, ConfigFinding | Enhancement) else ()


def _files_of(finding: Finding) -> Iterator[str]:
    """The files that it is about; of one about a stream those with the code that it quotes."""
    yield from map(_path, _places_of(finding))
    if isinstance(finding, StreamFinding):
        yield from (ref.source for ref in finding.evidence_refs if ref.kind is EvidenceKind.FILE)


def _path(place: str) -> str:
    """The path of `path:line`."""
    path, _, line = place.rpartition(":")
    return path if path and line.isdigit() else place


def _incomplete(facts: SessionFacts | None) -> str:
    if facts is None:
        return "it left no session.json"
    if facts.change is not None:
        return OF_A_CHANGE
    if facts.ended_by in _CUT_SHORT:
        return _CUT_SHORT[facts.ended_by]
    failed = [run.name for run in facts.phases if run.status == "failed"]
    if failed:
        return f"its {failed[0]} failed"
    unfinished = [run.agent for run in facts.agents if not run.finished]
    return f"{unfinished[0]} did not finish" if unfinished else ""


def _scope(workspace: Workspace, data: SessionData, facts: SessionFacts) -> Scope:
    rules = {*registry.rules(), *(rule.id for rule in cross_agent.RULES)}
    limits = data.judgement.model_dump_json()
    return Scope(
        agents=tuple(_finished(workspace, data, facts)),
        phases=tuple(run.name for run in facts.phases if run.status == "done"),
        rules=tuple(sorted(rules)),
        broken_rules=tuple(sorted(set(_broken(data)))),
        capped_rules=tuple(sorted(set(untold_rules(data.gaps)))),
        window_ms=_window_ms(facts),
        unpolled_ms=_unpolled_ms(data, facts),
        polls=len(data.polls.heads),
        services=tuple(sorted(log.service for log in data.logs.services if log.lines)),
        unread_logs=tuple(sorted(set(logs_unread(data.gaps)))),
        streams=_streams(data),
        clients=not clients_unseen(data.gaps),
        entries=entries_read(data, facts.started_ms),
        files=_files(workspace, data.index),
        globs=(facts.include, facts.exclude),
        ignore_rules="" if data.index is None else data.index.ignore_rules,
        unread_files=() if data.index is None else data.index.unread,
        unnamed=_unnamed(data.index),
        judgement=hashlib.sha256(limits.encode()).hexdigest()[:_HASH_CHARACTERS],
        limits=limits,
    )


def _window_ms(facts: SessionFacts) -> int:
    """For how long somebody looked: the window up to its end, without the times in which the session did not run."""
    return _end_ms(facts) - facts.started_ms - _within(facts.dead_times, facts)


def _unpolled_ms(data: SessionData, facts: SessionFacts) -> int:
    """For how much of that Redis, or a part of it, was not seen."""
    spans = [
        (gap.at_ms, gap.until_ms)
        for gap in data.gaps
        if gap.source == _POLLS and gap.blind and gap.period and gap.until_ms is not None
    ]
    return _within((*spans, *facts.dead_times), facts) - _within(facts.dead_times, facts)


def _end_ms(facts: SessionFacts) -> int:
    """The end of the window as far as it came. One that ended by its deadline is as long as another of its length."""
    ended_ms = facts.deadline_ms if facts.ended_by == "deadline" else facts.ended_ms or facts.started_ms
    return max(facts.started_ms, min(ended_ms, facts.deadline_ms))


def _within(spans: Iterable[tuple[int, int]], facts: SessionFacts) -> int:
    """How much of the window spans cover, in ms; where they overlap, it counts once."""
    covered, reached_ms, end_ms = 0, facts.started_ms, _end_ms(facts)
    for from_ms, until_ms in sorted(spans):
        begin_ms = max(from_ms, reached_ms)
        reached_ms = max(reached_ms, min(until_ms, end_ms))
        covered += max(0, reached_ms - begin_ms)
    return covered


def _files(workspace: Workspace, index: CodeIndex | None) -> tuple[str, ...] | None:
    """The files that were read; None where some were left out that nothing names."""
    marks = file_marks.read(workspace)
    if index is None or marks is None or not index.files_read:
        return None
    # A blind gap that is not about one file is about all that come after.
    cut = any(gap.blind and gap.what not in index.unread for gap in index.gaps)
    return None if cut else tuple(sorted(marks))


def _unnamed(index: CodeIndex | None) -> dict[str, int]:
    return {} if index is None else {path: len(lines) for path, lines in unnamed(index.uses).items()}


def _finished(workspace: Workspace, data: SessionData, facts: SessionFacts) -> Iterator[str]:
    """Slugs, as findings name them, of the specialists that finished and whose journal could be read to its end."""
    names = {run.agent for run in facts.agents if run.finished}
    damaged = [gap.what for gap in data.gaps if gap.source == SOURCE and gap.blind]
    for agent in AgentId:
        journal = f"findings/{workspace.findings(agent).name} "
        if agent in names and not any(what.startswith(journal) for what in damaged):
            yield agent.slug


def _streams(data: SessionData) -> tuple[tuple[str, tuple[str, ...]], ...] | None:
    last = data.polls.final
    blind = any(gap.source == _POLLS and gap.blind and lasts(gap) for gap in data.gaps)
    if last is None or blind or not last.whole:
        return None
    return tuple((state.name, tuple(group.info.name for group in state.groups)) for state in last.streams)


def _broken(data: SessionData) -> Iterator[str]:
    for event in data.events:
        rules = event.get("rule")
        if event.get("type") == "error" and isinstance(rules, str):
            yield from (name.strip() for name in rules.split(","))
