"""What a session is compared with, kept in its workspace, so that a report made later compares alike."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
from msgspec import Struct, structs

from tools import masking
from tools.synthesis.session_data import SessionData
from tools.synthesis.sessions import accepting, making, store
from tools.synthesis.sessions.accepting import Acceptance, Accepted
from tools.synthesis.sessions.comparison import (
    PRESENT,
    AcceptedView,
    Past,
    SessionComparison,
    State,
    carried_on,
    compare,
)
from tools.synthesis.sessions.naming import accepted_by, former_names, known_by
from tools.synthesis.sessions.record import OF_A_CHANGE, TEMPLATES_MAX, KnownFinding, SessionRecord
from tools.workspace import Workspace, write_atomically

FILE = ("recording", "earlier.json.gz")
RESULT = ("recording", "comparison.json")
"""What the comparison came to, for who needs no report."""
NO_EARLIER = "there is no complete earlier session of this kind on this project"


class Against(Struct, frozen=True, kw_only=True, rename="camel"):
    """The earlier session, those before it, and what is accepted. `why_none` where there is no earlier one.

    `last` is the last one of the series where the user named another: what it left open stays open.
    """

    record: SessionRecord | None = None
    last: SessionRecord | None = None
    past: tuple[Past, ...] = ()
    acceptances: tuple[Acceptance, ...] = ()
    why_none: str = NO_EARLIER


def write(workspace: Workspace, against: Against) -> None:
    """Keep it. Raises OSError."""
    plain = masking.mask_data(msgspec.to_builtins(against))
    write_atomically(workspace.path(*FILE), gzip.compress(msgspec.json.encode(plain), 6, mtime=0))


def read(workspace: Workspace) -> Against | None:
    """What was kept; None where nothing was. Raises OSError, and ValueError for a damaged one."""
    try:
        data = workspace.path(*FILE).read_bytes()
    except FileNotFoundError:
        return None
    try:
        return msgspec.json.decode(store.unpacked(data), type=Against)
    except (EOFError, zlib.error, RecursionError) as error:
        raise ValueError(f"{'/'.join(FILE)}: damaged ({error})") from error


def conclude(workspace: Workspace, data: SessionData) -> SessionComparison | None:
    """Compare the session with what it has beside it, and leave its own record and the result in the workspace.

    None where it has nothing beside it: it is of a version that compared nothing. Raises OSError, and what `read` does.
    """
    against = read(workspace)
    if against is None:
        return None
    record = making.record_of(workspace, data)
    found = compared(record, against)
    store.write(workspace.path(*store.FILE), left(record, against, found))
    workspace.write_json(workspace.path(*RESULT), found)
    return found


def left(record: SessionRecord, against: Against, found: SessionComparison) -> SessionRecord:
    """The record with what later sessions need of its comparison."""
    names = former_names(_last(against), record)
    findings = tuple(structs.replace(it, formerly=names.get(it.fingerprint, ())) for it in record.findings)
    accepted = _accepted(record, against, names)
    return structs.replace(
        record,
        findings=findings,
        carried=_carried(record, against, found),
        accepted=accepted.ranks,
        templates=_templates(record, _last(against)),
    )


def learnt(workspace: Workspace) -> tuple[tuple[str, str], ...]:
    """Services and templates of log lines in which names vary, as earlier sessions saw; () where nothing can be read."""
    try:
        against = read(workspace)
    except (OSError, ValueError):
        return ()
    last = None if against is None else _last(against)
    return () if last is None else last.templates


def _templates(record: SessionRecord, last: SessionRecord | None) -> tuple[tuple[str, str], ...]:
    own = ((service, it.template) for it in record.findings if it.names_vary for service in it.services)
    return tuple(dict.fromkeys((*own, *(last.templates if last is not None else ()))))[:TEMPLATES_MAX]


def compared(record: SessionRecord, against: Against) -> SessionComparison:
    """A session against what it has beside it; entries of the ignore file count as of the session's start."""
    names = former_names(_last(against), record)
    accepted = _accepted(record, against, names)
    why = "" if against.record is not None else against.why_none
    found = compare(against.record, record, against.past, accepted.reasons, why)
    open_still = {known.fingerprint for known in _carried(record, against, found)}
    needless = _Needless(record, against, found, open_still)
    views = _views(against.acceptances, record, _now(found, names, accepted), needless)
    found = structs.replace(found, acceptances=tuple(views))
    if against.last is None:
        return found
    rows = compare(against.last, record).findings
    return structs.replace(
        found,
        over=tuple(row.fingerprint for row in rows if row.state is State.RESOLVED),
        renamed=tuple((row.was, row.fingerprint) for row in rows if row.was),
    )


def _last(against: Against) -> SessionRecord | None:
    """The last session of the series, whichever was named for display."""
    return against.record if against.last is None else against.last


def _carried(record: SessionRecord, against: Against, found: SessionComparison) -> tuple[KnownFinding, ...]:
    """What stays open of the last session of the series."""
    if against.last is not None:
        return carried_on(against.last, compare(against.last, record))
    return carried_on(against.record, found)


def _accepted(record: SessionRecord, against: Against, names: accepting.Names) -> Accepted:
    entries = accepting.in_force(against.acceptances, record.started_ms)
    return accepting.accepted(entries, record.findings, _last(against), names)


def accepted_at(against: Against, started_ms: int, rank: int) -> dict[str, str]:
    """Reasons by fingerprint of what is accepted at this rank in a session that began then.

    Findings are known by the names that the last session gave them, too.
    """
    last = _last(against)
    names = known_by(last)
    entries = accepting.in_force(against.acceptances, started_ms)
    found: dict[str, str] = {}
    for name, entry in entries.items():
        most = accepting.rank_of(entry, last)
        if most is None or most <= rank:
            now = (it for it, before in names.items() if accepted_by(before, entries) == name)
            found |= dict.fromkeys((name, *now), entry.reason)
    return found


def result(workspace: Workspace) -> SessionComparison | None:
    """What the comparison came to; None where there was none, or it cannot be read."""
    try:
        return msgspec.json.decode(workspace.path(*RESULT).read_bytes(), type=SessionComparison)
    except (OSError, ValueError):
        return None


class _Needless:
    """Tells whether an entry is needed no more: only where the session would have found what it accepts."""

    def __init__(
        self, record: SessionRecord, against: Against, found: SessionComparison, open_still: Collection[str]
    ) -> None:
        self._open = open_still
        self._gone = {row.fingerprint for row in found.of(State.RESOLVED)} | {
            row.was for row in found.findings
        }
        self._once = {fingerprint for past in against.past for fingerprint in past.seen}
        self._is_of_change = record.incomplete == OF_A_CHANGE
        self._is_whole = not record.incomplete and record.scope is not None and record.scope.is_whole

    def __call__(self, fingerprint: str) -> bool:
        """A session of this kind that saw it once and does not leave it open has looked in vain, now or before."""
        if self._is_of_change or fingerprint in self._open:
            return False
        return fingerprint in self._gone or fingerprint in self._once or self._is_whole


class _Now(NamedTuple):
    """The fingerprints that are there; those of before → what these are now; and those under which they are accepted.

    `worse` are entries of findings that got worse, with the level of now.
    """

    here: frozenset[str]
    called: Mapping[str, str]
    followed: Mapping[str, str]
    worse: Mapping[str, str]


def _now(found: SessionComparison, names: accepting.Names, accepted: Accepted) -> _Now:
    followed = {before: now for now, all_before in names.items() for before in all_before}
    called = {row.was: row.fingerprint for row in found.findings if row.was}
    here = frozenset(row.fingerprint for row in found.of(*PRESENT))
    levels = {row.fingerprint: row.level for row in found.of(*PRESENT)}
    worse = {entry: levels[name] for name, entry in accepted.worse.items() if name in levels}
    return _Now(here=here, called={**called, **followed}, followed=followed, worse=worse)


def _views(
    entries: Sequence[Acceptance], record: SessionRecord, now: _Now, is_needless: Callable[[str], bool]
) -> Iterator[AcceptedView]:
    # What is named as it is called now needs no other entry.
    named = accepting.in_force(entries, record.started_ms)
    follows = {before for before, name in now.followed.items() if name not in named}
    for entry in entries:
        if entry.fingerprint not in named:
            state = "expired"
        elif entry.fingerprint in now.worse:
            state = "worse"
        elif entry.fingerprint in now.here or entry.fingerprint in follows:
            state = "in force"
        else:
            state = "unused" if is_needless(entry.fingerprint) else "not looked for"
        yield AcceptedView(
            fingerprint=entry.fingerprint,
            reason=entry.reason,
            expires=entry.expires.isoformat(),
            state=state,
            place=entry.place,
            now=now.called.get(entry.fingerprint, ""),
            level=now.worse.get(entry.fingerprint, "") if state == "worse" else "",
        )
