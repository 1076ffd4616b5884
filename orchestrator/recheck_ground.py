"""What a look in vain is worth: a finding is gone only where all that it was about was really looked at.

Each function gives why it was not, as a sentence; "" where it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from tools import masking
from tools.clock import from_iso
from tools.detectors.streams.families import family_of
from tools.findings.model import (
    AgentId,
    ConfigFinding,
    Enhancement,
    EvidenceKind,
    Finding,
    services_of,
    streams_of,
)
from tools.sources.code.index import unnamed
from tools.sources.code.syntax import LANGUAGES
from tools.sources.code.walk import ProjectFile, in_scope, read_source
from tools.sources.records import CodeIndex, Gap, Poll, entry_time_ms, plain_name
from tools.synthesis.sessions.entries import is_of_entries
from tools.synthesis.sessions.scope import (
    HIDDEN_BY_NAMES,
    MORE_NAMES,
    OF_ARRIVAL,
    OF_CODE_TOO,
    WRONG_BY_BEING_THERE,
)

_AGAIN = "Run a session."
_LOST_LINES = "lines of "
"""How the Log Watcher's gaps begin where lines were lost between two reads."""


def files_of(finding: Finding) -> tuple[str, ...]:
    """The paths of the files that a finding is about, masked, without the lines; for a stream's, of what it quotes."""
    if isinstance(finding, ConfigFinding | Enhancement):
        return tuple(dict.fromkeys(map(_path, finding.affected_files)))
    quoted = (ref.source for ref in finding.evidence_refs if ref.kind is EvidenceKind.FILE)
    return tuple(dict.fromkeys(quoted))


def akin(finding: Finding, now: Iterable[Finding], then: Collection[str]) -> Finding | None:
    """The finding about code as it is now where only its line reads otherwise, or went into another file.

    Its fingerprint holds what the line says, so any edit makes another one. `then` are the fingerprints that the
    session had: these are other places.
    """
    if finding.agent_id is not AgentId.ENHANCEMENT_SCOUT:
        return None
    fresh = [it for it in now if it.rule_id == finding.rule_id and it.fingerprint not in then]
    here, quoted = set(files_of(finding)), _quoted(finding)
    alike = [it for it in fresh if _about(it) == _about(finding)]
    found = next((it for it in alike if here.intersection(files_of(it))), None)
    return found or next((it for it in alike if quoted and quoted == _quoted(it)), None)


def neighbour(finding: Finding, now: Iterable[Finding], then: Collection[str]) -> str:
    """What the rule finds newly in the same files about something else: it may be the same line."""
    if finding.agent_id is not AgentId.ENHANCEMENT_SCOUT:
        return ""
    here = set(files_of(finding))
    for it in now:
        fresh = it.rule_id == finding.rule_id and it.fingerprint not in then
        if fresh and here.intersection(files_of(it)):
            return (
                f"the rule finds what the session did not have, perhaps the same place: {it.title}. {_AGAIN}"
            )
    return ""


def files_unseen(
    finding: Finding, files: Iterable[ProjectFile], index: CodeIndex, then: CodeIndex | None
) -> str:
    """Of the files that a finding is about; `then` is what the session read, where that is known."""
    blind = next((gap for gap in index.gaps if gap.blind), None)
    if blind is not None:
        return f"{blind.what}: {blind.why}. {_AGAIN}"
    if not index.files_read:
        return "no file of the project was read."
    there = {masking.mask(file.path): file for file in files}
    known = () if then is None else then.gaps
    for path in files_of(finding):
        file = there.get(path)
        reason = "is not among the files that are read now" if file is None else _unread(finding, file)
        if reason:
            return f"{path} {reason}. {_AGAIN}"
        if (gap := _fresh_gap(path, index.gaps, known)) is not None:
            return f"{gap.what}: {gap.why}. {_AGAIN}"
    if finding.rule_id in HIDDEN_BY_NAMES and then is not None and _open_names(index) > _open_names(then):
        return f"{MORE_NAMES}. {_AGAIN}"
    return ""


def _open_names(index: CodeIndex) -> int:
    return sum(map(len, unnamed(index.uses).values()))


def streams_unseen(finding: Finding, last: Poll | None, needed: Collection[str] | None = None) -> str:
    """Of the streams and the group, at the last poll; with `needed` only of these families of streams."""
    if last is None:
        return "no poll was made."
    if not last.whole:
        return "a part of the server was not seen by the last poll."
    if not last.streams:
        return f"the server holds no stream at all. {_AGAIN}"
    groups: dict[str, set[str]] = {}
    for state in last.streams:
        for name in {state.name, plain_name(state.name)}:
            groups.setdefault(family_of(name), set()).update(group.info.name for group in state.groups)
    if finding.rule_id in WRONG_BY_BEING_THERE:
        return _arrived(finding, groups) if finding.rule_id in OF_ARRIVAL else ""
    wanted = [name for name in streams_of(finding) if needed is None or family_of(name) in needed]
    gone = next((name for name in wanted if family_of(name) not in groups), None)
    if gone is not None:
        return f"stream {gone} is not there now. {_AGAIN}"
    group = None if needed is not None else getattr(finding, "consumer_group", None)
    lost = next((name for name in wanted if group is not None and group not in groups[family_of(name)]), None)
    return "" if lost is None else f"group {group} of {lost} is not there now. {_AGAIN}"


def _arrived(finding: Finding, groups: Mapping[str, Collection[str]]) -> str:
    """That it is there; whether anything names it by now, its rule does not say of what was there before."""
    group = getattr(finding, "consumer_group", None)
    for name in streams_of(finding):
        there = groups.get(family_of(name))
        if there is not None and (group is None or group in there):
            what = f"stream {name}" if group is None else f"group {group} of {name}"
            return f"{what} is there, and its rule speaks only of what appears while it watches."
    return ""


def entries_unseen(finding: Finding, last: Poll | None) -> str:
    """Of the entries that a finding is about: one that was added since the session must have been read."""
    if not is_of_entries(finding):
        return ""
    since_ms = from_iso(finding.last_seen)
    for name in streams_of(finding):
        states = [] if last is None else [it for it in last.streams if family_of(it.name) == family_of(name)]
        ids = [shape.id for state in states for shape in state.sample]
        if not ids:
            return f"no entry of {name} was read. {_AGAIN}"
        times = [entry_time_ms(entry_id) for entry_id in ids]
        if not any(added_ms is None or added_ms > since_ms for added_ms in times):
            return f"nothing was added to {name} since the session. Try again later."
    return ""


def families(seen: Iterable[Poll]) -> frozenset[str]:
    """The families of the streams that polls hold."""
    return frozenset(
        family_of(name)
        for poll in seen
        for state in poll.streams
        for name in (state.name, plain_name(state.name))
    )


def lines_unseen(gaps: Sequence[Gap]) -> str:
    """Of the logs, between where the session's reading stood and now."""
    lost = next((gap for gap in gaps if gap.what.startswith(_LOST_LINES)), None)
    return "" if lost is None else f"{lost.what}: {lost.why}. {_AGAIN}"


def _about(finding: Finding) -> tuple[object, ...]:
    return streams_of(finding), services_of(finding)


def _quoted(finding: Finding) -> frozenset[str]:
    return frozenset(ref.sha256 for ref in finding.evidence_refs if ref.kind is EvidenceKind.FILE)


def _unread(finding: Finding, file: ProjectFile) -> str:
    try:
        data = read_source(file)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    if data is None:
        return "is too big, binary or minified, and not read"
    speaks_of_code = finding.agent_id is AgentId.ENHANCEMENT_SCOUT or finding.rule_id in OF_CODE_TOO
    of_code = speaks_of_code and file.ending in LANGUAGES
    return (
        "is generated code or a test now, of which no rule speaks"
        if of_code and not in_scope(file.path, data)
        else ""
    )


def _fresh_gap(path: str, gaps: Iterable[Gap], known: Iterable[Gap]) -> Gap | None:
    """A gap that names this file, and that the session had not."""
    before = {gap.why for gap in known if _names(gap, path)}
    return next((gap for gap in gaps if _names(gap, path) and gap.why not in before), None)


def _names(gap: Gap, path: str) -> bool:
    return f" {path} " in f" {gap.what} "


def _path(place: str) -> str:
    """The path of `path:line`."""
    path, _, line = place.rpartition(":")
    return path if path and line.isdigit() else place


def last_of(seen: Iterable[Poll]) -> Poll | None:
    """The last poll of a journal."""
    last: Poll | None = None
    for last in seen:  # noqa: B007 - the last is what is wanted
        pass
    return last
