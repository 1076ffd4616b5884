"""Where a piece of evidence came from, read and masked again: log bytes, code lines, polls, other findings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from tools import masking
from tools.errors import JournalCorrupt, StreamgaugeError
from tools.findings import journal
from tools.findings.model import AgentId, EvidenceKind, EvidenceRef, Finding
from tools.report import masked_copies
from tools.sources.logs import commands, wide
from tools.sources.metrics import SOURCE as SAMPLES
from tools.sources.records import Poll, StreamState
from tools.sources.redis.poll_steps import PollSteps
from tools.sources.redis.polls import read_baseline
from tools.workspace import Workspace

FILE_BYTES_MAX = 8 * 1024 * 1024
"""Larger source files are not read again whole."""
RANGE_BYTES_MAX = 4 * 1024 * 1024
COMPARED_CHARS = 160
"""Where a source shortened a very long line, its beginning decides."""

_NOT_TEXT = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]|\s+|\ufffd")
_BYTE = re.compile(r"byte (\d+)")


@dataclass(frozen=True, slots=True)
class Same:
    """The origin says what the copy says."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The origin cannot be read any more, or has moved on since."""

    reason: str


@dataclass(frozen=True, slots=True)
class Differs:
    """A file of the session itself says something else."""

    file: str
    byte: int
    reason: str


Outcome = Same | Gone | Differs
Polls = Mapping[tuple[int, str], list[StreamState | Poll]]
_POLLS = "streams/polls.jsonl"


class _Named(Struct):
    name: str = ""


class _JournalLine(Struct):
    poll: int | None = None
    state: _Named | None = None


class Origins:
    """Reads origins again; polls are read once, and only what references of `findings` need of them is kept."""

    def __init__(self, workspace: Workspace, project_root: Path, findings: Mapping[str, Finding]) -> None:
        self._workspace = workspace
        self._project_root = project_root
        self._findings = findings
        self._journals: dict[str, Polls | Differs] = {}
        self._evidence: dict[AgentId, dict[str, list[str]]] = {}
        self._texts: dict[int, str] = {}

    def compare(self, reference: EvidenceRef, text: str) -> Outcome:
        """Compare one reference's origin with the text of its copy."""
        if reference.kind is EvidenceKind.LOG:
            return self._log(reference, text)
        if reference.kind is EvidenceKind.FILE:
            return self._file(reference, text)
        if reference.kind is EvidenceKind.REDIS:
            return self._redis(reference, text)
        if reference.kind is EvidenceKind.FINDING:
            return self._finding(reference, text)
        if reference.source == SAMPLES:
            return self._sample(reference, text)
        return Gone("a process's state at that moment leaves nothing to read again")

    def _log(self, reference: EvidenceRef, text: str) -> Outcome:
        at = reference.locator
        if commands.is_source(reference.source):
            keeper = reference.source.partition(":")[0]
            return Gone(f"{keeper} keeps this log, and is not asked again")
        place = self._place(reference.source)
        if place is None or at.byte_offset is None or at.byte_length is None:
            return Gone("the source is no file that can be read again")
        path, ours = place
        try:
            with path.open("rb") as file:
                codec = wide.codec_of(file.read(wide.BYTES)) if at.byte_offset else ""
                file.seek(at.byte_offset)
                raw = file.read(
                    min(max(at.byte_length, 4 * len(text.encode("utf-8", "replace"))), RANGE_BYTES_MAX)
                )
        except OSError as error:
            return Gone(f"not readable: {error.strerror}")
        line, rest = raw[: at.byte_length], raw
        if len(line) < at.byte_length:
            # What the session captured itself is never rotated: a shorter file was cut.
            reason = "the file is shorter than it was"
            return Differs(reference.source, at.byte_offset, reason) if ours else Gone(reason)
        if codec:
            line, rest = wide.decoded(line, codec), wide.decoded(rest, codec)
        if _says(line, text) or _says(rest, text):
            return Same()
        reason = "these bytes say something else than the copy"
        return (
            Differs(reference.source, at.byte_offset, reason) if ours else Gone("rotated or rewritten since")
        )

    def _sample(self, reference: EvidenceRef, text: str) -> Outcome:
        """A line of our own journal, which is as it was written or is not ours any more."""
        at = reference.locator
        if at.byte_offset is None or at.byte_length is None:
            return Gone("the sample's place is not known")
        try:
            with (self._workspace.root / reference.source).open("rb") as file:
                file.seek(at.byte_offset)
                line = file.read(at.byte_length)
        except OSError as error:
            return Gone(f"not readable: {error.strerror}")
        if masking.mask(line.decode("utf-8", "replace")) == text:
            return Same()
        return Differs(reference.source, at.byte_offset, "the journal says something else than the copy")

    def _file(self, reference: EvidenceRef, text: str) -> Outcome:
        place = self._place(reference.source)
        if place is None:
            return Gone("the file is gone")
        path, ours = place
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                return Gone("the file is too large to be read again")
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            return Gone(f"not readable: {error.strerror}")
        start = (reference.locator.line or 1) - 1
        raw = b"\n".join(lines[start : start + text.count("\n") + 1])
        whole = raw if reference.locator.line is not None else b"\n".join(lines)
        if _says(raw, text) or _says(whole, text) or _says_around_marks(whole, text):
            return Same()
        if ours:
            byte = sum(len(line) + 1 for line in lines[:start])
            return Differs(reference.source, byte, "the file says something else than the copy")
        return Gone("the file has changed since")

    def _redis(self, reference: EvidenceRef, text: str) -> Outcome:
        at = reference.locator
        if at.poll is None:
            return Gone("a reply of the server that is in no poll")
        source = self._journal_of(reference.source)
        polls = self._polls_of(source)
        if isinstance(polls, Differs):
            return polls
        stream = at.stream or ""
        states = polls.get((at.poll, stream))
        if states is None:
            return Gone(f"poll {at.poll} is not in the journal any more")
        for state in states:
            if id(state) not in self._texts:  # the journals keep every state alive
                self._texts[id(state)] = _plain(masking.mask(msgspec.json.encode(state).decode()))
            if _plain(text) in self._texts[id(state)]:
                return Same()
        byte = self._byte_of(source, at.poll, stream)
        return Differs(source, byte, f"poll {at.poll} says something else of {stream or 'the server'}")

    def _journal_of(self, source: str) -> str:
        """The journal of polls that a reference names; each process that polls keeps its own."""
        own = self._workspace.root / source
        return source if source.endswith(".jsonl") and own.is_file() else _POLLS

    def _polls_of(self, source: str) -> Polls | Differs:
        if source not in self._journals:
            self._journals[source] = self._read_polls(source)
        return self._journals[source]

    def _finding(self, reference: EvidenceRef, text: str) -> Outcome:
        name = reference.locator.finding_id or ""
        finding = self._findings.get(name)
        if finding is None:
            return Differs(reference.source, 0, f"there is no finding {name or '(unnamed)'}")
        if text in finding.evidence or any(text in earlier for earlier in self._revisions_of(name, finding)):
            return Same()
        return Gone(f"no revision of {name} holds it any more")

    def _revisions_of(self, name: str, finding: Finding) -> list[str]:
        """The evidence of every revision of a finding: a newer one brings newer evidence, the older line stays."""
        agent = AgentId(finding.agent_id)
        if agent not in self._evidence:
            texts: dict[str, list[str]] = {}
            with suppress(JournalCorrupt):
                for data in journal.read_data(self._workspace.findings(agent)):
                    texts.setdefault(str(data.get("findingId")), []).append(str(data.get("evidence", "")))
            self._evidence[agent] = texts
        return self._evidence[agent].get(name, [])

    def _read_polls(self, source: str) -> Polls | Differs:
        """Per poll and stream what they said of what is wanted; the damage where there is one."""
        found: dict[tuple[int, str], list[StreamState | Poll]] = {}
        wanted = self._wanted(source)
        try:
            steps = PollSteps(self._workspace.root / source)
            for step in steps:
                number = step.poll.number
                for stream in wanted.get(number, ()):
                    said = steps.exact(stream) if stream else steps.whole()
                    if said is not None:
                        found.setdefault((number, stream), []).append(said)
            baseline = (
                read_baseline(self._workspace.path("streams", "baseline.json")) if source == _POLLS else None
            )
        except (StreamgaugeError, OSError, ValueError) as error:
            named = _BYTE.search(str(error))
            return Differs(source, int(named.group(1)) if named is not None else 0, "the journal is damaged")
        if baseline is not None:
            for stream in wanted.get(baseline.number, ()):
                said = baseline.stream(stream) if stream else baseline
                if said is not None:
                    found.setdefault((baseline.number, stream), []).append(said)
        return found

    def _wanted(self, source: str) -> Mapping[int, set[str]]:
        """Per poll of a journal the streams that references of the findings name ("": the poll itself)."""
        wanted: dict[int, set[str]] = {}
        for finding in self._findings.values():
            for reference in finding.evidence_refs:
                at = reference.locator
                if (
                    reference.kind is EvidenceKind.REDIS
                    and at.poll is not None
                    and self._journal_of(reference.source) == source
                ):
                    wanted.setdefault(at.poll, set()).add(at.stream or "")
        return wanted

    def _byte_of(self, source: str, poll: int, stream: str) -> int:
        """Where the journal holds what a poll says of a stream: its last line up to that poll."""
        byte = 0
        for offset, line in journal.read(self._workspace.root / source):
            head = msgspec.json.decode(line, type=_JournalLine)
            if head.poll is not None and head.state is not None and head.poll <= poll:
                byte = offset if head.state.name == stream else byte
        return byte

    def _place(self, source: str) -> tuple[Path, bool] | None:
        """The file that a source names, and whether it is the session's own."""
        own = self._workspace.root.resolve()
        for root in (self._workspace.root, self._project_root):
            path = root / source
            if path.is_file():
                return path, path.resolve().is_relative_to(own)
        return None


def _says(raw: bytes, text: str) -> bool:
    """Whether raw bytes, masked again, hold the copy's text, or the copy holds theirs."""
    here = _plain(masking.mask(raw.decode("utf-8", "replace")))
    there = _plain(text)
    if not here or not there:
        return False
    if there in here or (here in there and len(here) >= min(len(there), 8)):
        return True
    return len(there) > COMPARED_CHARS and there[:COMPARED_CHARS] in here


def _says_around_marks(raw: bytes, text: str) -> bool:
    """The same of a copy that was masked by the names of variables: what it shows stands in the raw bytes."""
    return masked_copies.stands_in(_plain(raw.decode("utf-8", "replace")), _plain(text))


def _plain(text: str) -> str:
    """Text without control characters, escape sequences and white space: sources clean lines differently."""
    return _NOT_TEXT.sub("", text)
