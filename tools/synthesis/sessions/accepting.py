"""What the owners accept: entries of the ignore file, and up to which level each goes for its finding.

Nobody accepted what a finding was not yet. A session leaves the level at which each finding was accepted, so one that is
worse than that counts, also where it was away meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import NamedTuple

from msgspec import Struct

from tools.findings.model import Priority, Severity
from tools.synthesis.sessions.naming import accepted_by
from tools.synthesis.sessions.record import KnownFinding, SessionRecord

Names = Mapping[str, tuple[str, ...]]
"""Fingerprint of a finding → those that it had before."""
_RANKS: dict[str, int] = {level.value: level.rank for level in (*Severity, *Priority)}


class Acceptance(Struct, frozen=True, kw_only=True, rename="camel"):
    """One entry of the ignore file: a finding that is accepted, why, and the last day (UTC). `place` is file and line.

    `level` is the worst severity or priority that is accepted; None for that which it had when it was accepted.
    """

    fingerprint: str
    reason: str
    expires: date
    place: str
    level: str | None = None


class Accepted(NamedTuple):
    """Of one session: reason by fingerprint of what is accepted in it; of each entry the rank up to which it goes.

    `worse` are findings that an entry would accept if they had not got worse, with the entry's fingerprint.
    """

    reasons: Mapping[str, str]
    ranks: Mapping[str, int]
    worse: Mapping[str, str]


def day_of(ms: int) -> date:
    """The day (UTC) of a moment."""
    return datetime.fromtimestamp(ms / 1000, tz=UTC).date()


def in_force(entries: Iterable[Acceptance], started_ms: int) -> dict[str, Acceptance]:
    """The entries that have not expired in a session that began then, by fingerprint."""
    today = day_of(started_ms)
    return {entry.fingerprint: entry for entry in entries if today <= entry.expires}


def accepted(
    entries: Mapping[str, Acceptance],
    findings: Iterable[KnownFinding],
    last: SessionRecord | None,
    names: Names,
) -> Accepted:
    """What of these findings is accepted, given the last session of the series. `entries` are in force."""
    reasons: dict[str, str] = {}
    worse: dict[str, str] = {}
    ranks = {name: rank for name, entry in entries.items() if (rank := rank_of(entry, last)) is not None}
    for known in findings:
        name = accepted_by((known.fingerprint, *names.get(known.fingerprint, ())), entries)
        if name is None:
            continue
        if known.rank < ranks.setdefault(name, known.rank):
            worse[known.fingerprint] = name
        else:
            reasons[known.fingerprint] = entries[name].reason
            ranks[known.fingerprint] = ranks[name]
    return Accepted(reasons, ranks, worse)


def rank_of(entry: Acceptance, last: SessionRecord | None) -> int | None:
    """The worst rank that an entry accepts: what it says, else what its finding had; None where nobody has seen it yet."""
    if entry.level is not None:
        return _RANKS[entry.level]
    if last is None:
        return None
    if entry.fingerprint in last.accepted:
        return last.accepted[entry.fingerprint]
    return min(_seen(entry.fingerprint, last), default=None)


def no_more(earlier: SessionRecord, reasons: Mapping[str, str]) -> frozenset[str]:
    """What was accepted in an earlier session and is not now: its entry expired, was taken out, or it got worse."""
    then = (known for known in earlier.findings if known.fingerprint in earlier.accepted)
    return frozenset(
        known.fingerprint
        for known in then
        if known.fingerprint not in reasons and known.rank >= earlier.accepted[known.fingerprint]
    )


def _seen(fingerprint: str, last: SessionRecord) -> Iterator[int]:
    for known in (*last.carried, *last.findings):
        if fingerprint == known.fingerprint or fingerprint in known.formerly:
            yield known.rank
