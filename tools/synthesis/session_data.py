"""A session's workspace as data: everything that synthesis and report read, loaded once.

Any part may be missing or torn. Then it is left out, a gap says so, and the rest is loaded all the same.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec
from pydantic import ValidationError

from tools.clock import from_iso
from tools.detectors.thresholds import Judgement
from tools.errors import StreamgaugeError
from tools.findings import journal, readings
from tools.findings.model import FINDING, AgentId, Finding
from tools.findings.readings import Reading
from tools.sources import change, recording, session_facts
from tools.sources.change import ChangeCounts
from tools.sources.code.index import read_index
from tools.sources.entry_samples import FILE, EntrySample, LeftOut, read_samples
from tools.sources.gaps import newest
from tools.sources.line_blocks import LineBlock
from tools.sources.records import CodeIndex, Gap, LogLine, Poll
from tools.sources.redis.poll_steps import PollSteps
from tools.sources.redis.polls import read_baseline
from tools.sources.session_facts import SessionFacts
from tools.synthesis import judged, timeline, wording
from tools.synthesis.flows.collect import Sampled
from tools.synthesis.health import pause_of
from tools.synthesis.log_survey import LogSurvey, survey
from tools.synthesis.poll_digest import PollDigest
from tools.synthesis.wording import ClusterWording
from tools.workspace import Workspace

BASELINE = ("streams", "baseline.json")
SOURCE = "synthesis"
"""The `source` of gaps that are stated here."""
EVENTS_MAX = 20_000
"""Events kept, the newest; a session writes far fewer."""

_Part = TypeVar("_Part")
_UNREADABLE = (OSError, EOFError, zlib.error, ValueError, StreamgaugeError)
"""What a damaged file of ours raises: msgspec's and pydantic's errors are ValueErrors."""


@dataclass(frozen=True, slots=True)
class SessionData:
    """What a session left. `gaps` are those of its processes and those found while loading."""

    session_id: str
    facts: SessionFacts | None = None
    findings: tuple[Finding, ...] = ()
    gaps: tuple[Gap, ...] = ()
    polls: PollDigest = field(default_factory=PollDigest)
    baseline: Poll | None = None
    index: CodeIndex | None = None
    judgement: Judgement = field(default_factory=Judgement)
    logs: LogSurvey = field(default_factory=LogSurvey)
    samples: tuple[Sampled, ...] = ()
    samples_left: Mapping[str, int] = field(default_factory=dict)
    """By stream how many entries are known to have been left out."""
    samples_full: bool = False
    """Whether the journal of samples was used up: what was read later is not in it."""
    events: tuple[dict[str, object], ...] = ()
    heartbeats: dict[str, dict[str, object]] = field(default_factory=dict)
    """The last heartbeat of each agent, by its slug."""
    readings: tuple[Reading, ...] = ()
    """What a model made of the findings."""
    wordings: tuple[ClusterWording, ...] = ()
    """A model's words for clusters."""
    change_counts: tuple[ChangeCounts, ...] = ()
    """Of a session about a change, by each agent that compared."""

    @property
    def samples_left_out(self) -> int:
        """How many entries are known not to have been sampled."""
        return sum(self.samples_left.values())

    @property
    def final(self) -> Poll | None:
        """The newest poll."""
        return self.polls.final or self.baseline

    @property
    def end_ms(self) -> int:
        """When the window ended; where nothing tells, when anything was seen last (0: never)."""
        if self.facts is not None:
            return self.facts.ended_ms or self.facts.deadline_ms
        # Times of findings are all written in one way, so that their texts sort as they do.
        last = max((finding.last_seen for finding in self.findings), default=None)
        seen = [] if last is None else [from_iso(last)]
        return max([*seen, *(poll.at_ms for poll in self.polls.heads)], default=0)

    @property
    def poll_interval_ms(self) -> int:
        """The longest pause between the last few polls; the default where there are too few to tell."""
        return pause_of(self.polls.heads)


def load(workspace: Workspace, now_ms: int) -> SessionData:
    """Everything readable in a workspace; `now_ms` dates the gaps found here. Raises nothing for bad parts."""
    found: list[Gap] = []

    def part(name: str, read: Callable[[], _Part], otherwise: _Part) -> _Part:
        try:
            return read()
        except FileNotFoundError:
            blind = name == session_facts.FILE
            found.append(_gap(name, "the session left no such file", now_ms, blind=blind))
        except _UNREADABLE as error:
            found.append(_gap(name, f"damaged: {_one_line(error)}", now_ms))
        return otherwise

    facts = part("session.json", lambda: session_facts.read(workspace), None)
    findings = tuple(finding for agent in AgentId for finding in _findings(workspace, agent, now_ms, found))
    gaps = newest(_structs(workspace, now_ms, found))
    polled = facts is None or (facts.mode != "static" and facts.redis is not None)
    baseline = part("streams/baseline.json", lambda: read_baseline(workspace.path(*BASELINE)), None)
    index = part("recording/code.json.gz", lambda: read_index(workspace.code_index), None)
    judgement = part(judged.FILE, lambda: judged.read(workspace), Judgement())
    polls = PollDigest(baseline, judgement, timeline.named(findings))
    if polled:
        _read_polls(workspace, polls, now_ms, found)
    logs = LogSurvey()
    if facts is None or facts.mode != "static":
        logs = part("recording/log-watcher.jsonl.gz", lambda: survey(_lines(workspace)), logs)
    no_samples = _Samples((), {}, full=False)
    samples = part(FILE, lambda: _samples(workspace), no_samples) if polled else no_samples
    no_events: tuple[dict[str, object], ...] = ()
    events = part("events.jsonl", lambda: tuple(journal.read_data(workspace.events))[-EVENTS_MAX:], no_events)
    data = SessionData(
        session_id=_session_id(workspace, facts),
        facts=facts,
        findings=findings,
        gaps=(*gaps, *found),
        polls=polls,
        baseline=baseline,
        index=index,
        judgement=judgement,
        logs=logs,
        samples=samples.kept,
        samples_left=samples.left,
        samples_full=samples.full,
        events=events,
        heartbeats=part("agents/*/heartbeat.jsonl", lambda: _heartbeats(workspace), {}),
        readings=tuple(reading for agent in AgentId for reading in readings.read(workspace, agent)),
        wordings=part("recording/wording.json", lambda: wording.read(workspace), ()),
        change_counts=() if facts is None or facts.change is None else tuple(_counts(workspace)),
    )
    if not polls.heads and baseline is not None:
        polls.take_one(baseline)
    polls.end(data.final, data.end_ms, data.poll_interval_ms)
    return data


def _gap(name: str, why: str, now_ms: int, *, blind: bool = True) -> Gap:
    """What is damaged blinds; what was never written was told by the source that should have, where it matters."""
    fix = "Run the session again; if it comes back, keep the workspace and report it."
    if not blind:
        fix = "Nothing to do where this session had no such source; else run it again."
    return Gap(what=f"{name} of this session", why=why, fix=fix, source=SOURCE, at_ms=now_ms, blind=blind)


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__


def _session_id(workspace: Workspace, facts: SessionFacts | None) -> str:
    if facts is not None:
        return facts.session_id
    try:
        return workspace.session_id_file.read_text(encoding="utf-8").strip() or "unknown"
    except OSError:
        return "unknown"


def _findings(workspace: Workspace, agent: AgentId, now_ms: int, found: list[Gap]) -> list[Finding]:
    """The newest revision of each valid finding; a line that is none becomes a gap that names its byte."""
    path = workspace.findings(agent)
    name = f"findings/{path.name}"
    if not path.exists():
        found.append(_gap(name, "the session left no such file", now_ms))
    newest: dict[str, Finding] = {}
    try:
        for offset, line in journal.read(path):
            try:
                finding = FINDING.validate_json(line)
            except ValidationError as error:
                found.append(_gap(name, f"byte {offset} is no valid finding: {_one_line(error)}", now_ms))
                continue
            newest[finding.finding_id] = finding
    except OSError as error:
        found.append(_gap(name, f"not readable: {_one_line(error)}", now_ms))
    return list(newest.values())


def _structs(workspace: Workspace, now_ms: int, found: list[Gap]) -> Iterator[Gap]:
    decoder = msgspec.json.Decoder(Gap)
    try:
        for offset, line in journal.read(workspace.gaps):
            try:
                yield decoder.decode(line)
            except (msgspec.DecodeError, UnicodeError) as error:
                found.append(_gap("recording/gaps.jsonl", f"byte {offset}: {_one_line(error)}", now_ms))
    except OSError as error:
        found.append(_gap("recording/gaps.jsonl", f"not readable: {_one_line(error)}", now_ms))


def _read_polls(workspace: Workspace, polls: PollDigest, now_ms: int, found: list[Gap]) -> None:
    """Every whole poll up to the first damaged line."""
    try:
        polls.read(PollSteps(workspace.polls))
    except _UNREADABLE as error:
        found.append(_gap("streams/polls.jsonl", f"damaged: {_one_line(error)}", now_ms))
    if not polls.heads:
        found.append(_gap("streams/polls.jsonl", "it holds no poll", now_ms))


def _lines(workspace: Workspace) -> Iterator[LogLine | LineBlock]:
    path = workspace.path("recording", f"{AgentId.LOG_WATCHER.slug}.jsonl.gz")
    decoder, blocks = msgspec.json.Decoder(LogLine), msgspec.json.Decoder(LineBlock)
    empty = path.stat().st_size > 0
    for kind, record in recording.read(path):
        empty = False
        if kind == "line":
            yield decoder.decode(record)
        elif kind == "block":
            yield blocks.decode(record)
    if empty:
        raise ValueError("it holds no whole record")


@dataclass(frozen=True, slots=True)
class _Samples:
    """What the journal of samples holds."""

    kept: tuple[Sampled, ...]
    left: Mapping[str, int]
    full: bool


def _samples(workspace: Workspace) -> _Samples:
    kept: list[Sampled] = []
    left: Counter[str] = Counter()
    full = False
    for number, record in read_samples(workspace.path(*FILE.split("/"))):
        if isinstance(record, EntrySample):
            kept.append(Sampled(number, record))
        elif isinstance(record, LeftOut):
            left[record.stream] += record.entries or 1
        else:
            full = True
    return _Samples(tuple(kept), left, full)


def _counts(workspace: Workspace) -> Iterator[ChangeCounts]:
    """Where an agent left none, a gap of its own says that it could not compare."""
    for agent in AgentId:
        with suppress(OSError, msgspec.MsgspecError):
            yield change.read_counts(workspace, agent)


def _heartbeats(workspace: Workspace) -> dict[str, dict[str, object]]:
    last: dict[str, dict[str, object]] = {}
    for agent in AgentId:
        for beat in journal.read_data(workspace.agent_dir(agent) / "heartbeat.jsonl"):
            last[agent.slug] = beat
    return last
