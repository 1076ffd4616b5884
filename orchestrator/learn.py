"""Proposals of `[[expect]]` entries: what session after session finds and nobody mends may be meant to be so.

Nothing is ever written to a configuration: whoever takes an entry over says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tools.detectors.streams.families import family_of
from tools.findings.model import Severity
from tools.synthesis.sessions.record import KnownFinding, SessionRecord

SESSIONS_MIN = 3
"""Complete sessions of one series in which a finding must stand."""
SESSIONS_MAX = 20
_ID = "*[0-9]*"
"""A glob for what a family of streams has for an id: each holds a digit."""
_OF_STREAM = {
    "stream.no-consumer-group": "no_group_ok",
    "stream.competing-consumers": "fan_out_ok",
    "stream.unbounded": "unbounded_ok",
    "stream.missing-maxlen": "unbounded_ok",
}
_OF_GROUP = {"stream.silent-loss": "loss_ok", "stream.dead-consumer": "idle_ok"}
_OF_SERVICE = {"log.silence": "idle_ok", "log.memory-growth": "memory_ok"}
"""Rule → the flag of `[[expect]]` that says that what it sees is meant."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One entry: what it names, its flag, and the findings that speak for it, newest first, with their sessions."""

    names: tuple[tuple[str, str], ...]
    flag: str
    seen: tuple[KnownFinding, ...]
    sessions: int


def series_of(records: Iterable[SessionRecord]) -> list[SessionRecord]:
    """Of records, newest first, the complete ones of the newest's series, at most `SESSIONS_MAX`."""
    found: list[SessionRecord] = []
    for record in records:
        if not record.incomplete and (not found or record.series == found[0].series):
            found.append(record)
            if len(found) == SESSIONS_MAX:
                break
    return found


def proposals(sessions: list[SessionRecord]) -> Iterator[Proposal]:
    """Entries for what the newest session of a series finds, and `SESSIONS_MIN` of it or more did, and no less than the half.

    A CRITICAL finding is never proposed to be expected.
    """
    if len(sessions) < SESSIONS_MIN:
        return
    seen: dict[tuple[tuple[tuple[str, str], ...], str], dict[str, KnownFinding]] = defaultdict(dict)
    for record in sessions:
        for known in record.findings:
            if known.level != Severity.CRITICAL:
                for names, flag in _entries(known):
                    seen[names, flag].setdefault(record.session_id, known)
    for (names, flag), by_session in sorted(seen.items()):
        there = len(by_session)
        if sessions[0].session_id in by_session and there >= max(SESSIONS_MIN, len(sessions) / 2):
            yield Proposal(names, flag, tuple(by_session.values()), there)


def toml(proposal: Proposal, sessions: int) -> Iterator[str]:
    """The entry as lines of TOML, its ground in comments."""
    newest, oldest = proposal.seen[0], proposal.seen[-1]
    yield (
        f"# In {proposal.sessions} of the last {sessions} complete sessions, "
        f"{_plain(oldest.session_id)} to {_plain(newest.session_id)}:"
    )
    yield _plain(f"# {newest.finding_id} {newest.level} {newest.rule_id}: {newest.title}")
    yield "[[expect]]"
    for key, name in proposal.names:
        yield f"{key} = {_string(_of_family(name) if key == 'stream' else _glob(name))}"
    yield f"{proposal.flag} = true"
    yield 'reason = ""  # why it is meant; without a reason, mend it instead'


def _entries(known: KnownFinding) -> Iterator[tuple[tuple[tuple[str, str], ...], str]]:
    if known.rule_id in _OF_STREAM:
        for stream in known.streams:
            yield (("stream", family_of(stream)),), _OF_STREAM[known.rule_id]
    elif known.rule_id in _OF_GROUP and known.group is not None:
        for stream in known.streams:
            yield (("stream", family_of(stream)), ("group", known.group)), _OF_GROUP[known.rule_id]
    elif known.rule_id in _OF_SERVICE:
        for service in known.services:
            yield (("service", service),), _OF_SERVICE[known.rule_id]


def _of_family(name: str) -> str:
    return _ID.join(map(_glob, name.split("{}")))


def _glob(name: str) -> str:
    """A pattern that matches this name alone."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in name)


def _string(text: str) -> str:
    """A basic string of TOML: whatever is not printable, a quote or a backslash is escaped."""
    return '"' + "".join(_char(char) for char in text) + '"'


def _char(char: str) -> str:
    if char in '"\\':
        return f"\\{char}"
    if char.isprintable():
        return char
    # A lone surrogate is no character that TOML could name.
    return "?" if "\ud800" <= char <= "\udfff" else f"\\U{ord(char):08x}"


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
