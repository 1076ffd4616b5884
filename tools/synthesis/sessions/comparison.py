"""Two sessions compared by fingerprint: what is new, persists, was updated, is resolved, or was not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import dropwhile, pairwise

from msgspec import Struct, structs

from tools.findings.model import Priority, Severity
from tools.synthesis.sessions.accepting import no_more
from tools.synthesis.sessions.pairing import Pair, pairs
from tools.synthesis.sessions.record import KnownFinding, SessionRecord, was_of
from tools.synthesis.sessions.scope import Looking

SESSIONS_MAX = 20
"""Sessions of a series that are looked back on: for what comes and goes, and for the trend."""


class State(StrEnum):
    """What became of a finding between two sessions."""

    NEW = "new"
    PERSISTING = "persisting"
    UPDATED = "updated"
    RESOLVED = "resolved"
    NOT_OBSERVED = "not observed"


class Compared(Struct, frozen=True, kw_only=True, rename="camel"):
    """One finding of either session. `finding_id` is that of `session_id`, the newest in which it was seen.

    `change` says what an updated one was, or why an absent one is resolved or not observed. `returned` is how often
    it came back in the sessions looked back on. `accepted` is the reason of an entry that accepts it.
    """

    state: State
    fingerprint: str
    finding_id: str
    session_id: str
    rule_id: str
    category: str
    level: str
    title: str
    services: tuple[str, ...]
    streams: tuple[str, ...]
    change: str = ""
    worse: bool = False
    returned: int = 0
    accepted: str = ""
    was: str = ""
    """Its fingerprint in the earlier session, where that was another."""
    lapsed: bool = False
    """Whether it was accepted in the earlier session and is not any more."""

    @property
    def is_news(self) -> bool:
        """Whether it was not there before, not as bad, or accepted."""
        return self.state is State.NEW or self.worse or self.lapsed

    @property
    def is_flapping(self) -> bool:
        """Whether it comes and goes."""
        return self.returned > 0


class TrendPoint(Struct, frozen=True, kw_only=True, rename="camel"):
    """One session of the series: its measured findings by severity, and its enhancements. Times ms since the epoch."""

    session_id: str
    ended_ms: int | None
    incomplete: str
    by_severity: dict[str, int]
    enhancements: int


class AcceptedView(Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of an entry that accepts a finding: `in force`, `worse`, `expired`, `unused` or `not looked for`.

    `worse` is one whose finding is worse than what was accepted: `level` is what it has now. `now` is the fingerprint that its finding has since its line was edited or its file moved, "" where it has none. One
    that is in force accepts it all the same.
    """

    fingerprint: str
    reason: str
    expires: str
    state: str
    place: str
    now: str = ""
    level: str = ""


class SessionComparison(Struct, frozen=True, kw_only=True, rename="camel"):
    """The later session against an earlier one; `earlier` is "" where there is none, then everything is new.

    `why_none` says then why. `notes` tell what makes the two unlike each other.
    """

    earlier: str
    earlier_ended_ms: int | None
    later: str
    counts: dict[str, int]
    flapping: int
    accepted: int
    notes: tuple[str, ...]
    findings: tuple[Compared, ...]
    trend: tuple[TrendPoint, ...] = ()
    acceptances: tuple[AcceptedView, ...] = ()
    why_none: str = ""
    over: tuple[str, ...] = ()
    """Where another one than the last of the series was named: what that one had, and is resolved."""
    renamed: tuple[tuple[str, str], ...] = ()
    """And what it had under another fingerprint: before, and now."""

    def told(self) -> SessionComparison:
        """Without what only persists: a report holds these findings already, and counts them here."""
        rows = [
            row
            for row in self.findings
            if row.state is not State.PERSISTING or row.returned or row.accepted or row.lapsed
        ]
        return structs.replace(self, findings=tuple(rows))

    def of(self, *states: State) -> tuple[Compared, ...]:
        """The findings in one of these states, the worst first."""
        return tuple(row for row in self.findings if row.state in states)


class Past(Struct, frozen=True, kw_only=True, rename="camel"):
    """A session of the series before the earlier one: what was seen in it, and what it did not look for."""

    point: TrendPoint
    seen: frozenset[str]
    unobserved: frozenset[str]


def compare(
    earlier: SessionRecord | None,
    later: SessionRecord,
    past: Sequence[Past] = (),
    accepted: Mapping[str, str] | None = None,
    why_none: str = "",
) -> SessionComparison:
    """What changed from the earlier to the later session. `past` is oldest first, without these two.

    `accepted` are reasons by fingerprint, None where nobody knows of any. Without an earlier session everything is new.
    """
    reasons = accepted or {}
    rows = _rows(earlier, later)
    lapsed = frozenset[str]() if earlier is None or accepted is None else no_more(earlier, reasons)
    unobserved = frozenset(row.fingerprint for row in rows if row.state is State.NOT_OBSERVED)
    now = structs.replace(past_of(later), unobserved=unobserved)
    sessions = (now,) if earlier is None else (*past, past_of(earlier), now)
    shown = [
        structs.replace(
            row,
            returned=_returned(row.fingerprint, sessions),
            accepted=reasons.get(row.fingerprint, ""),
            lapsed=_is_lapsed(row, lapsed, reasons),
        )
        for row in rows
    ]
    shown.sort(
        key=lambda row: (list(State).index(row.state), _RANKS.get(row.level, len(_RANKS)), row.finding_id)
    )
    return SessionComparison(
        earlier="" if earlier is None else earlier.session_id,
        earlier_ended_ms=None if earlier is None else earlier.ended_ms,
        later=later.session_id,
        counts={state.value: sum(row.state is state for row in shown) for state in State},
        flapping=sum(row.is_flapping for row in shown),
        accepted=sum(bool(row.accepted) for row in shown if row.state in PRESENT),
        notes=() if earlier is None else tuple(_notes(earlier, later)),
        findings=tuple(shown),
        trend=tuple(item.point for item in sessions),
        why_none=why_none,
    )


_THERE_GONE_AND_BACK = 3
"""Sessions that it takes to come back."""
PRESENT = frozenset({State.NEW, State.PERSISTING, State.UPDATED})
_RANKS = {level.value: level.rank for level in (*Severity, *Priority)}


def past_of(record: SessionRecord) -> Past:
    """What later comparisons need of a session that lies further back."""
    severities = {level.value: 0 for level in Severity}
    enhancements = 0
    for known in record.findings:
        if known.level in severities:
            severities[known.level] += 1
        else:
            enhancements += 1
    return Past(
        point=TrendPoint(
            session_id=record.session_id,
            ended_ms=record.ended_ms,
            incomplete=record.incomplete,
            by_severity=severities,
            enhancements=enhancements,
        ),
        # What was edited and is edited back was there all the while.
        seen=frozenset(name for known in record.findings for name in (known.fingerprint, *known.formerly)),
        unobserved=frozenset(known.fingerprint for known in record.carried),
    )


def carried_on(earlier: SessionRecord | None, found: SessionComparison) -> tuple[KnownFinding, ...]:
    """The earlier findings that the later session did not look for: the next one compares with them too.

    What nobody looked for in `SESSIONS_MAX` sessions in a row is let go: the last comparison says so.
    """
    if earlier is None:
        return ()
    open_still = {row.fingerprint for row in found.of(State.NOT_OBSERVED)}
    was = was_of(earlier.scope)
    return tuple(
        structs.replace(known, was=known.was or was, missed=known.missed + 1)
        for known in (*earlier.findings, *earlier.carried)
        if known.fingerprint in open_still and not _is_let_go(known)
    )


def _rows(earlier: SessionRecord | None, later: SessionRecord) -> list[Compared]:
    if earlier is None:
        return [_row(State.NEW, known) for known in later.findings]
    now = {known.fingerprint: known for known in later.findings}
    # A session that was carried on is older: what was seen since counts.
    then = {known.fingerprint: known for known in (*earlier.carried, *earlier.findings)}
    rows = [_still(then[name], known) for name, known in now.items() if name in then]
    fresh = [known for name, known in now.items() if name not in then]
    absent = [known for name, known in then.items() if name not in now]
    same = pairs(absent, fresh, later)
    rows += [_otherwise(known, same[known.fingerprint]) for known in fresh if known.fingerprint in same]
    rows += [_row(State.NEW, known) for known in fresh if known.fingerprint not in same]
    paired = {pair.then.fingerprint for pair in same.values()}
    looking = Looking(earlier, later)
    gone = [known for known in absent if known.fingerprint not in paired]
    unseen = {known.fingerprint: known for known in gone if not known.joins and looking.not_observed(known)}
    return rows + [_absent(known, looking, unseen) for known in gone]


def _still(then: KnownFinding, now: KnownFinding) -> Compared:
    if then.level == now.level:
        return _row(State.PERSISTING, now)
    return _row(State.UPDATED, now, f"{then.level} before", worse=now.rank < then.rank)


def _otherwise(now: KnownFinding, pair: Pair) -> Compared:
    then, how, _ = pair
    level = "" if then.level == now.level else f", {then.level} before"
    row = _row(State.UPDATED, now, f"{how}{level}", worse=now.rank < then.rank)
    return structs.replace(row, was=then.fingerprint)


def _is_lapsed(row: Compared, lapsed: frozenset[str], reasons: Mapping[str, str]) -> bool:
    known = not lapsed.isdisjoint({row.fingerprint, row.was})
    return known and row.state in PRESENT and row.fingerprint not in reasons


def _absent(known: KnownFinding, looking: Looking, unseen: Mapping[str, KnownFinding]) -> Compared:
    """`unseen` are those that are not observed: what joined one of them may only have lost its sight."""
    if by := looking.counted_by(known):
        return _row(State.RESOLVED, known, f"its lines count to {by} now")
    why = looking.not_observed(known)
    lost = next((unseen[name] for name in known.joins if name in unseen), None)
    if not why and lost is not None:
        why = f"it joined {lost.finding_id} of {lost.session_id}, which was not observed"
    if why and _is_let_go(known):
        why += f"; so for {known.missed + 1} sessions: it is let go, and new if it is seen again"
    return _row(State.NOT_OBSERVED, known, why) if why else _row(State.RESOLVED, known)


def _is_let_go(known: KnownFinding) -> bool:
    return known.missed + 1 >= SESSIONS_MAX


def _row(state: State, known: KnownFinding, change: str = "", *, worse: bool = False) -> Compared:
    return Compared(
        state=state,
        fingerprint=known.fingerprint,
        finding_id=known.finding_id,
        session_id=known.session_id,
        rule_id=known.rule_id,
        category=known.category,
        level=known.level,
        title=known.title,
        services=known.services,
        streams=known.streams,
        change=change,
        worse=worse,
    )


def _returned(fingerprint: str, sessions: Sequence[Past]) -> int:
    """How often it was seen again after a session that looked for it in vain; sessions that did not look say nothing."""
    if len(sessions) < _THERE_GONE_AND_BACK:
        return 0
    seen = [fingerprint in item.seen for item in sessions if fingerprint not in item.unobserved]
    return sum(now and not then for then, now in pairwise(dropwhile(lambda there: not there, seen)))


def _notes(earlier: SessionRecord, later: SessionRecord) -> Iterable[str]:
    pairs = (
        ("mode", earlier.mode, later.mode),
        ("product version", earlier.product, later.product),
        ("project", earlier.project, later.project),
    )
    for what, then, now in pairs:
        if then != now:
            yield f"another {what}: {then or 'none'}, now {now or 'none'}"
    if earlier.mode == "attach" == later.mode and earlier.redis != later.redis:
        yield f"another server: {earlier.redis or 'none'}, now {later.redis or 'none'}"
    if earlier.scope and later.scope and earlier.scope.judgement != later.scope.judgement:
        yield "limits or intent ([thresholds], [[expect]], [[logs.expected]]) are not the same"
    if earlier.started_ms > later.started_ms > 0:
        yield "the one that is called earlier began later: what is called new may be resolved"
    if earlier.incomplete:
        yield f"the earlier session is not complete: {earlier.incomplete}"
    if later.incomplete:
        yield f"the later session is not complete: {later.incomplete}"
