"""A group name in code that the server does not have, or the reverse.

Three faults look alike: read but never created (the reader gets NOGROUP), created but never read (entries wait for ever), and only documented.
It speaks only of streams whose group uses are all resolved; the rest is a gap that the index states. Where one call
takes several streams and several groups, nobody knows which belong together: such a pair is no finding, and counts
as a use of each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.detectors.code import known
from tools.detectors.config import names
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources.records import CodeKind, CodeUse, ConfigFact, FactKind, GroupState, StreamState

RULE = Rule(
    id="config.group-name-mismatch",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.GROUP_NAME_MISMATCH,
    condition=(
        "a group that the code reads and the server's stream does not have, or a group of the server that the code "
        "creates and nothing reads: CRITICAL; the same without a server: HIGH; a group in documents only: MEDIUM, "
        "without a server LOW"
    ),
    severity=Severity.CRITICAL,
)
RULES: tuple[Rule, ...] = (RULE,)


@dataclass(slots=True)
class _Uses:
    """The group uses of one stream."""

    reads: dict[str, list[CodeUse]] = field(default_factory=lambda: defaultdict(list))
    creates: dict[str, list[CodeUse]] = field(default_factory=lambda: defaultdict(list))
    mixed: set[str] = field(default_factory=set)
    """Groups of which every use is one of several pairs of its call."""


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each stream and group that do not match."""
    by_stream = _by_stream(view)
    for stream, uses in sorted(by_stream.items()):
        live = view.now.in_code(stream) if view.now is not None else None
        if view.now is not None and live is None:
            continue
        for group in sorted(uses.reads.keys() - uses.mixed):
            if _read_is_lost(view, stream, group, uses, live):
                yield _never_created(view, stream, group, uses, live)
        for group in sorted(uses.creates.keys() - uses.reads.keys() - uses.mixed):
            if _creation_is_lost(view, stream, group, uses, live):
                yield _never_read(view, stream, group, uses, live)
    yield from _only_documented(view, by_stream)


def _by_stream(view: ConfigView) -> dict[str, _Uses]:
    found: dict[str, _Uses] = defaultdict(_Uses)
    pairs: dict[tuple[CodeKind, str, int], set[tuple[str, str]]] = defaultdict(set)
    uses: list[tuple[str, str, CodeUse]] = []
    for use in known.of_kind(view.index, CodeKind.XREADGROUP, CodeKind.XGROUP_CREATE):
        stream, group = use.stream, use.group
        if known.known(stream) and known.known(group) and not known.silenced(view.index, RULE.id, use):
            uses.append((stream.value or "", group.value or "", use))
            pairs[use.kind, use.path, use.line].add(uses[-1][:2])
    sure: set[tuple[str, str]] = set()
    for stream_name, group_name, use in uses:
        of_stream = found[stream_name]
        kind = of_stream.reads if use.kind is CodeKind.XREADGROUP else of_stream.creates
        kind[group_name].append(use)
        together = pairs[use.kind, use.path, use.line]
        if len({pair[0] for pair in together}) < 2 or len({pair[1] for pair in together}) < 2:
            sure.add((stream_name, group_name))
    for stream_name, of_stream in found.items():
        groups = of_stream.reads.keys() | of_stream.creates.keys()
        of_stream.mixed |= {group for group in groups if (stream_name, group) not in sure}
    return found


def _read_is_lost(view: ConfigView, stream: str, group: str, uses: _Uses, live: StreamState | None) -> bool:
    created = group in uses.creates
    if live is None:
        return not created and bool(uses.creates) and not _open(view, CodeKind.XGROUP_CREATE, stream, group)
    if live.group(group) is not None or view.judgement.allows("idle_ok", stream=stream, group=group):
        return False
    # A group that its reader creates may come a little later than the baseline.
    return not (created and view.moment == "start")


def _creation_is_lost(
    view: ConfigView, stream: str, group: str, uses: _Uses, live: StreamState | None
) -> bool:
    if _open(view, CodeKind.XREADGROUP, stream, group):
        return False
    # What a script or a document creates may be for a reader that lies elsewhere.
    if live is None and all(use.language == known.SCRIPT for use in uses.creates[group]):
        return False
    if live is None:
        return bool(uses.reads)
    state = live.group(group)
    return (
        state is not None
        and not _is_used(state)
        and not view.judgement.allows("idle_ok", stream=stream, group=group)
    )


def _open(view: ConfigView, kind: CodeKind, stream: str, group: str) -> bool:
    """Whether a use whose names are not resolved could be the one that is missed."""
    return any(
        known.may_be(use.stream, stream)
        and known.may_be(use.group, group)
        and not (known.known(use.stream) and known.known(use.group))
        for use in known.of_kind(view.index, kind)
    )


def _is_used(state: GroupState) -> bool:
    """Whether somebody reads it all the same, from outside the indexed code."""
    return state.info.consumers > 0


def _reply(view: ConfigView, live: StreamState | None) -> tuple[Quote, ...]:
    state = None if view.now is None or live is None else view.now.stream(live.name)
    if view.now is None or state is None:
        return ()
    return (state.quote(view.now.number, view.now.source),)


def _near(group: str, uses: _Uses, live: StreamState | None) -> str | None:
    """A group of the server with a name like this one's, which the code does not know."""
    there = {state.info.name for state in live.groups} if live is not None else set()
    return names.meant(group, there - uses.reads.keys() - uses.creates.keys())


def _said(view: ConfigView, stream: str) -> tuple[Quote, ...]:
    """What documents say of the groups of a stream: their first line."""
    facts = (fact for fact in view.index.facts if fact.kind is FactKind.GROUP and fact.value == stream)
    return tuple(fact.quote() for fact in facts)[:1]


def _set_at(use: CodeUse) -> str:
    """Where else than at the use itself the name of its group is written: a constant, a default, a variable's value."""
    group = use.group
    if group is None or not group.value:
        return ""
    lines = [step for step in group.chain if group.value in step.text]
    places = [
        f"{step.path}:{step.line}"
        for step in lines
        if not (step.path == use.path and use.line <= step.line <= use.end_line)
    ]
    return f" (set at {', '.join(dict.fromkeys(places))})" if places else ""


def _documents(view: ConfigView, stream: str, *groups: str) -> str:
    """Which of two names documents have, and where: the next reader will take that."""
    facts = [fact for fact in view.index.facts if fact.kind is FactKind.GROUP and fact.value == stream]
    said = {fact.name: f"{fact.path}:{fact.line}" for fact in reversed(facts) if fact.name in groups}
    return "".join(f" {said[name]} names {name!r}." for name in groups if name in said)


def _names(live: StreamState | None, uses: _Uses) -> str:
    if live is not None:
        return ", ".join(sorted(repr(group.info.name) for group in live.groups)) or "no group"
    return ", ".join(map(repr, sorted(uses.creates))) or "none"


def _afterwards(stream: str, group: str, created: str, live: StreamState | None) -> str:
    """What becomes of entries that wait: those of a group that is there are handled once it is read."""
    if live is not None and any(item.info.name == created for item in live.groups):
        return f"What waits for {created!r} is handled once it is read by that name."
    return f"Then XGROUP CREATE {stream} {group} 0 for the entries that already wait."


def _never_created(
    view: ConfigView, stream: str, group: str, uses: _Uses, live: StreamState | None
) -> Symptom:
    read = uses.reads[group][0]
    unread = sorted(uses.creates.keys() - uses.reads.keys())
    makers = [uses.creates[name][0] for name in unread] or [found[0] for found in uses.creates.values()]
    created = group in uses.creates
    where = "the server does not have it" if live is not None else "nothing creates it"
    if created:
        fix = f"Run what creates {group!r} ({_place(uses.creates[group][0])}): it has not run, or the group was destroyed."
    elif unread:
        fix = (
            f"Use one name: {_place(read)} reads {group!r}{_set_at(read)}, {_place(makers[0])} creates {unread[0]!r}"
            f"{_set_at(makers[0])}.{_documents(view, stream, group, unread[0])} {_afterwards(stream, group, unread[0], live)}"
        )
    elif (near := _near(group, uses, live)) is not None:
        fix = (
            f"{_place(read)} reads {group!r}, the server has {near!r}, which no code names: use one name, or "
            f"XGROUP CREATE {stream} {group} 0 for the entries that already wait."
        )
    else:
        fix = f"Create {group!r} before {_place(read)} reads it: XGROUP CREATE {stream} {group} 0 MKSTREAM."
    return Symptom(
        rule=RULE,
        severity=RULE.severity if live is not None else Severity.HIGH,
        title=f"Group {group!r} of {stream!r} is read but never created: {where}",
        entity=(stream, group),
        evidence=(
            *known.chain_quotes(read, read.group),
            *_reply(view, live),
            *(quote for maker in makers[:1] for quote in known.chain_quotes(maker, maker.group)),
            *_said(view, stream),
        ),
        recommendation=fix,
        confidence=known.confidence_of(read.stream, read.group),
        position=_position(view),
        service=read.service,
        streams=(stream,),
        consumer_group=group,
        files=known.files_of([*uses.reads[group], *makers[:1]]),
        expected=f"{stream} has the group {group!r}, as {_place(read)} reads it",
        actual=f"{stream} has {_names(live, uses)}"
        if live is not None
        else f"the code creates {_names(live, uses)}",
    )


def _never_read(view: ConfigView, stream: str, group: str, uses: _Uses, live: StreamState | None) -> Symptom:
    maker = uses.creates[group][0]
    lost = sorted(uses.reads.keys() - uses.creates.keys())
    reader = uses.reads[lost[0]][0] if lost else None
    fix = (
        f"Use one name: {_place(maker)} creates {group!r}{_set_at(maker)}, {_place(reader)} reads {lost[0]!r}{_set_at(reader)}, "
        f"which nothing creates.{_documents(view, stream, group, lost[0])} What waits for {group!r} is handled once it is read by that name."
        if reader
        else f"Read {group!r}, which {_place(maker)} creates, or leave it out there: XGROUP DESTROY {stream} {group} "
        "removes it, with its position and its pending entries."
    )
    return Symptom(
        rule=RULE,
        severity=RULE.severity if live is not None else Severity.HIGH,
        title=f"Group {group!r} of {stream!r} is created but never read",
        entity=(stream, group),
        evidence=(
            *known.chain_quotes(maker, maker.group),
            *_reply(view, live),
            *(known.chain_quotes(reader, reader.group) if reader else ()),
            *_said(view, stream),
        ),
        recommendation=fix,
        confidence=known.confidence_of(maker.stream, maker.group),
        position=_position(view),
        service=maker.service,
        streams=(stream,),
        consumer_group=group,
        files=known.files_of([*uses.creates[group], *([reader] if reader else [])]),
        expected=f"what {_place(maker)} creates is read",
        actual=f"no XREADGROUP in the indexed code names {group!r} on {stream}",
    )


def _only_documented(view: ConfigView, by_stream: dict[str, _Uses]) -> Iterator[Symptom]:
    said: dict[tuple[str, str], ConfigFact] = {}
    for fact in view.index.facts:
        if fact.kind is FactKind.GROUP and fact.value is not None:
            said.setdefault((fact.value, fact.name), fact)
    for (stream, group), fact in sorted(said.items()):
        uses = by_stream.get(stream)
        live = view.now.in_code(stream) if view.now is not None else None
        if uses is None or group in uses.reads or group in uses.creates:
            continue
        if view.now is not None and (live is None or live.group(group) is not None):
            continue
        if any(_open(view, kind, stream, group) for kind in (CodeKind.XREADGROUP, CodeKind.XGROUP_CREATE)):
            continue
        yield _documented(view, fact, stream, uses, live)


def _documented(
    view: ConfigView, fact: ConfigFact, stream: str, uses: _Uses, live: StreamState | None
) -> Symptom:
    all_uses = [use for kind in (uses.reads, uses.creates) for found in kind.values() for use in found]
    used = ", ".join(map(repr, sorted({*uses.reads, *uses.creates})))
    return Symptom(
        rule=RULE,
        # The consumer may be of another repository: only a server that lacks the group tells more.
        severity=Severity.MEDIUM if live is not None else Severity.LOW,
        title=f"Group {fact.name!r} of {stream!r} is only documented",
        entity=(stream, fact.name, "documented"),
        evidence=(fact.quote(), *_reply(view, live), all_uses[0].quote()),
        recommendation=f"Correct {fact.path}:{fact.line} (the code uses {used}), or add the consumer that it promises.",
        position=_position(view),
        service=fact.service,
        streams=(stream,),
        consumer_group=fact.name,
        files=(f"{fact.path}:{fact.line}", *known.files_of(all_uses[:3])),
        expected=f"{fact.path}:{fact.line} names a group that exists",
        actual=f"neither code{' nor server' if live is not None else ''} has it; the code uses {used}",
    )


def _position(view: ConfigView) -> tuple[str, int]:
    return (view.now.source, 0) if view.now is not None else ("config", 0)


def _place(use: CodeUse) -> str:
    return f"{use.path}:{use.line}"
