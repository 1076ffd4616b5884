"""`findings`: what a workspace's journals hold, filtered, as a table, JSON, CSV or SARIF."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec
from pydantic import ValidationError

from orchestrator.cli.terminal_text import clean
from tools.errors import JournalCorrupt, UsageError
from tools.findings.model import (
    AgentId,
    ConfigCategory,
    Enhancement,
    Finding,
    Locator,
    LogCategory,
    ScoutCategory,
    Severity,
    StreamCategory,
    StreamFinding,
    all_streams_of,
    dump,
    rank_of,
    services_of,
    streams_of,
)
from tools.findings.recorder import load
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace, workspace_at

_TITLE_WIDTH = 90
_MEMBERS_SHOWN = 20
_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What begins a formula; the last four are full-width, which spreadsheets take alike."""
_COLUMNS = (
    "findingId",
    "level",
    "category",
    "service",
    "stream",
    "occurrences",
    "firstSeen",
    "title",
    "recommendation",
)


_SLUGS = tuple(agent.slug for agent in AgentId)
_CATEGORIES = tuple(
    sorted({item.value for item in (*LogCategory, *StreamCategory, *ConfigCategory, *ScoutCategory)})
)


class Format(StrEnum):
    """How findings are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    SARIF = "sarif"


@dataclass(frozen=True, slots=True)
class Filter:
    """What to keep; None keeps everything. Names may be globs, case does not matter for words."""

    severity: str | None = None
    agent: str | None = None
    category: str | None = None
    service: str | None = None
    stream: str | None = None
    rule: str | None = None

    def __post_init__(self) -> None:
        """Words that no finding can have are refused. Raises UsageError."""
        if self.severity is not None:
            _rank(self.severity)
        if not _word(self.agent, (*AgentId, *_SLUGS)):
            raise _no_such("agent", str(self.agent), _SLUGS)
        if not _word(self.category, _CATEGORIES):
            raise _no_such("category", str(self.category), _CATEGORIES)

    def keeps(self, finding: Finding) -> bool:
        """Whether a finding passes every filter that is set."""
        return (
            (self.severity is None or rank_of(finding) <= _rank(self.severity))
            and _word(self.agent, (finding.agent_id, finding.agent_id.slug))
            and _word(self.category, (finding.category,))
            and _glob(self.service, services_of(finding))
            and _glob(self.stream, all_streams_of(finding))
            and _glob(self.rule, (finding.rule_id,))
        )


def read(folder: Path) -> list[Finding]:
    """The findings of a workspace, worst first, then oldest. Raises UsageError, JournalCorrupt."""
    workspace = workspace_at(folder)
    if not workspace.session_id_file.exists():
        raise UsageError(f"{folder} holds no session. Name one with --workspace.")
    found: list[Finding] = []
    for agent in AgentId:
        try:
            found += load(workspace.findings(agent))
        except ValidationError as error:
            name = workspace.findings(agent)
            raise JournalCorrupt(f"{name}: {error.error_count()} values are not a finding's") from error
    return sorted(found, key=lambda item: (rank_of(item), item.timestamp, item.finding_id))


def render(findings: Sequence[Finding], style: Format, about: Workspace | None = None) -> str:
    """All findings in one text, with a line end. `about` is the session's workspace, which SARIF tells of."""
    if style is Format.JSON:
        return json.dumps([dump(finding) for finding in findings], indent=2, ensure_ascii=True) + "\n"
    if style is Format.CSV:
        return _csv(findings)
    if style is Format.SARIF:
        return _sarif(findings, about)
    return "".join(f"{line}\n" for line in _table(findings))


def one(findings: Iterable[Finding], finding_id: str) -> str:
    """Everything about one finding, for people. Raises UsageError for an id that is not there."""
    return "".join(f"{line}\n" for line in _whole(named(findings, finding_id)))


def named(findings: Iterable[Finding], finding_id: str) -> Finding:
    """The finding of that id. Raises UsageError for one that is not there."""
    wanted = finding_id.upper()
    finding = next((item for item in findings if item.finding_id == wanted), None)
    if finding is None:
        raise UsageError(f"There is no finding {clean(finding_id)!r}. `streamgauge findings` lists them.")
    return finding


def _table(findings: Sequence[Finding]) -> Iterator[str]:
    if not findings:
        yield "no findings"
        return
    for finding in findings:
        level, where = _level(finding), ", ".join((*services_of(finding), *streams_of(finding)))
        head = f"{finding.finding_id:<8} {level:<11} {finding.category:<22}"
        yield f"{head} {clean(where, 30):<30} {clean(finding.title, _TITLE_WIDTH)}"


def _csv(findings: Sequence[Finding]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for finding in findings:
        row = (
            finding.finding_id,
            _level(finding),
            finding.category,
            " ".join(services_of(finding)),
            " ".join(streams_of(finding)),
            str(finding.occurrences),
            finding.timestamp,
            finding.title,
            finding.recommendation,
        )
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _sarif(findings: Sequence[Finding], workspace: Workspace | None) -> str:
    """The findings about code and configuration; the others lie in no file."""
    from tools.report import sarif

    facts: SessionFacts | None = None
    with suppress(OSError, msgspec.MsgspecError):
        facts = None if workspace is None else session_facts.read(workspace)
    known = ("unknown", Path()) if facts is None else (facts.session_id, Path(facts.project_root))
    data = msgspec.json.encode(sarif.build(findings, sarif.About(*known, facts)))
    return msgspec.json.format(data, indent=2).decode() + "\n"


def _cell(value: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = clean(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


def _members(finding: Finding) -> str:
    """Of a finding about a family its streams, the worst first."""
    if not isinstance(finding, StreamFinding) or not finding.members:
        return ""
    left = len(finding.members) - _MEMBERS_SHOWN + finding.more_members
    shown = ", ".join(finding.members[:_MEMBERS_SHOWN])
    return f"{shown} and {left} more" if left > 0 else shown


def _whole(finding: Finding) -> Iterator[str]:
    yield f"{finding.finding_id}  {_level(finding)}  {finding.category}  {clean(finding.title)}"
    facts = {
        "rule": finding.rule_id,
        "fingerprint": finding.fingerprint,
        "services": ", ".join(services_of(finding)),
        "streams": ", ".join(streams_of(finding)),
        "members": _members(finding),
        "files": ", ".join(getattr(finding, "affected_files", ())),
        "seen": _seen(finding),
        "hypothesis": "" if isinstance(finding, Enhancement) else getattr(finding, "hypothesis", ""),
        "recommendation": finding.recommendation,
    }
    for name, text in facts.items():
        if text:
            yield f"  {name:<15} {clean(text)}"
    yield "  evidence"
    for line in finding.evidence.splitlines():
        yield f"    {clean(line)}"
    for reference in finding.evidence_refs:
        copy = f"copy in {clean(reference.copy_at.path)}, byte {reference.copy_at.byte_offset}"
        yield f"  at {clean(reference.source)}{_place(reference.locator)} ({copy})"


def _seen(finding: Finding) -> str:
    if finding.timestamp == finding.last_seen:
        return f"{_times(finding.occurrences)}, at {finding.timestamp}"
    return f"{_times(finding.occurrences)}, {finding.timestamp} to {finding.last_seen}"


def _times(occurrences: int) -> str:
    return "once" if occurrences == 1 else f"{occurrences:,} times"


def _place(at: Locator) -> str:
    """Where in its source a piece lies, as far as a reader can look it up."""
    parts = (
        "" if at.line is None else f":{at.line}",
        "" if at.poll is None else f", poll {at.poll}",
        "" if at.stream is None else f" of {clean(at.stream)}",
    )
    return "".join(parts)


def _level(finding: Finding) -> str:
    return finding.priority if isinstance(finding, Enhancement) else finding.severity


def _rank(severity: str) -> int:
    try:
        return Severity(severity.upper()).rank
    except ValueError as error:
        raise _no_such("severity", severity, [level.value.lower() for level in Severity]) from error


def _no_such(what: str, wanted: str, known: Iterable[str]) -> UsageError:
    return UsageError(f"There is no {what} {clean(wanted)!r}. Use one of {', '.join(known)}.")


def _word(wanted: str | None, words: Iterable[str]) -> bool:
    return wanted is None or wanted.upper() in {word.upper() for word in words}


def _glob(wanted: str | None, names: Iterable[str]) -> bool:
    return wanted is None or any(name == wanted or fnmatchcase(name, wanted) for name in names)
