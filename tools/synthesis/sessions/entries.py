"""How many entries of each stream a session read: only there is a rule that judges entries silent for a reason."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tools.clock import from_iso
from tools.detectors import registry
from tools.detectors.config import schema_drift
from tools.detectors.streams.families import family_of
from tools.findings.model import AgentId, EvidenceKind, Finding, streams_of
from tools.sources.gaps import entries_unread
from tools.sources.records import entry_time_ms
from tools.synthesis.flows.collect import Sampled
from tools.synthesis.session_data import SessionData
from tools.synthesis.sessions.record import EntriesRead, KnownFinding, Scope

_RULES = frozenset(rule.id for rule in registry.rules().values() if rule.of_entries)


def is_of_entries(finding: Finding) -> bool:
    """Whether it is about sampled entries. A rule may judge code too: then no reply of a server is its evidence."""
    if finding.rule_id not in _RULES:
        return False
    return any(ref.kind is EvidenceKind.REDIS for ref in finding.evidence_refs)


def entries_read(data: SessionData, started_ms: int) -> Mapping[str, EntriesRead] | None:
    """By stream; None where entries were not to be read, or a server did not let them be read."""
    if any(entries_unread(data.gaps)):
        return None
    recent_ms = started_ms - schema_drift.RECENT_MS
    read: Counter[str] = Counter()
    recent: Counter[str] = Counter()
    for stream, entry_id in {(it.entry.stream, it.entry.id) for it in data.samples}:
        added_ms = entry_time_ms(entry_id)
        read[stream] += 1
        recent[stream] += added_ms is None or added_ms >= recent_ms
    # Behind a journal that is full nobody counted any more what was left out.
    return {
        name: EntriesRead(
            read=count,
            recent=recent[name],
            left_out=data.samples_left.get(name, 0) + data.samples_full,
        )
        for name, count in sorted(read.items())
    }


class Seen:
    """How many entries it took to see a finding."""

    def __init__(self, samples: Iterable[Sampled]) -> None:
        self._by_stream: dict[str, set[str]] = defaultdict(set)
        for sampled in samples:
            self._by_stream[sampled.entry.stream].add(sampled.entry.id)

    def until(self, finding: Finding) -> int:
        """Entries of its streams that were read before it was seen first; those whose ids are no times are old."""
        seen_ms = from_iso(finding.timestamp)
        return sum(
            (entry_time_ms(entry_id) or 0) <= seen_ms
            for name in streams_of(finding)
            for entry_id in self._by_stream.get(name, ())
        )


Families = Mapping[str, Sequence[EntriesRead]]


def families(scope: Scope | None) -> Families | None:
    """What a session read, by family of streams; None where it read no entries."""
    if scope is None or scope.entries is None:
        return None
    found: dict[str, list[EntriesRead]] = defaultdict(list)
    for name, it in scope.entries.items():
        found[family_of(name)].append(it)
    return found


def not_read(known: KnownFinding, by_family: Families | None) -> str:
    """Why the later session's silence about entries says nothing; "" where it says something, or is about others."""
    needed = known.entries
    if needed is None and known.rule_id in _RULES and known.agent == AgentId.REDIS_STREAM_ANALYST.slug:
        needed = 0  # of a record of before this was counted
    if needed is None:
        return ""
    if by_family is None:
        return "stream entries were not read in the later session"
    return next(_unread(known, needed, by_family), "")


def _unread(known: KnownFinding, needed: int, by_family: Families) -> Iterator[str]:
    only_recent = known.rule_id == schema_drift.RULE.id
    for name in known.streams:
        there = by_family.get(family_of(name), [])
        if not any(it.recent if only_recent else it.read for it in there):
            age = " of the last hour" if only_recent else ""
            yield f"no entry of {name}{age} was read in the later session"
    families = {family_of(name) for name in known.streams}
    there = [it for family in families for it in by_family.get(family, ())]
    read = sum(it.read for it in there)
    if read < needed and any(it.left_out for it in there):
        yield (
            f"{read:,} entries of {known.streams[0]} and not all were read in the later session, "
            f"it was first seen among {needed:,}"
        )
