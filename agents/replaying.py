"""A recorded session's looks, looked at again by the same detectors, from files alone: no server, no network, no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace

import msgspec

from agents.change import Change
from agents.config_comparison import Comparison
from agents.detecting import OF_FILES_MAX, run_detectors
from agents.enhancement_scout import readable
from agents.job import WatcherJob
from agents.looks import (
    FLUSH,
    LOOKS,
    CodeLook,
    ConfigLook,
    CrossLook,
    LiveLook,
    LogLook,
    LogLooks,
    Look,
    StreamLook,
    looks_file,
)
from agents.loop import Reporter
from agents.stream_books import Books
from tools.clock import FixedClock
from tools.detectors.config import OF_FILES
from tools.detectors.config.silence import silenced
from tools.detectors.contract import CodeView, ConfigView, LiveView, StreamView
from tools.detectors.registry import (
    CODE_DETECTORS,
    CONFIG_DETECTORS,
    LIVE_DETECTORS,
    LOG_DETECTORS,
    STREAM_DETECTORS,
)
from tools.detectors.streams.roles import dead_letters_in
from tools.errors import SourceUnavailable
from tools.findings.journal import Journal, read
from tools.findings.measured import MeasuredLines
from tools.findings.model import AgentId, Origin
from tools.findings.recorder import Recorder, revisions
from tools.sources import recording
from tools.sources.code.index import read_index
from tools.sources.records import CodeIndex, Poll
from tools.sources.redis import polls
from tools.synthesis import cross_agent
from tools.workspace import Workspace

_PARTIAL = "partial"
_OF_SESSION = "session."
Looker = Callable[[Look], None]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one agent's looks: how many there were, whether the quota had cut them, and what failed."""

    looks: int
    partial: bool
    failures: tuple[str, ...]


def replay(source: Workspace, job: WatcherJob) -> Replayed:
    """Write the findings of one agent of `source` anew into the job's workspace, judged by the job's judgement.

    The workspace holds the session's other files. What the session itself found is taken over as it was recorded; what
    a model found is left out, and comes from its transcript. The Scout comes last: it reads what the others found. Raises OSError, JournalCorrupt, msgspec.DecodeError.
    """
    agent, target = AgentId(job.agent), Workspace(job.workspace)
    failures: list[str] = []
    before, after = _taken_over(source, agent)
    _append(target, agent, before)
    with ExitStack() as stack:
        recorder = Recorder(target, agent, None, lambda rule, why: failures.append(f"{rule}: {why}"))
        stack.callback(recorder.close)
        events = stack.enter_context(Journal(target.path("recording", "replay-events.jsonl")))
        gaps = stack.enter_context(Journal(target.path("recording", "replay-gaps.jsonl")))
        reporter = Reporter(job, FixedClock(0), target, recorder, events, gaps)
        looks, partial = 0, False
        look_at = _LOOKERS[agent](reporter)
        for kind, raw in recording.read(looks_file(source, agent)):
            if kind == FLUSH:
                reporter.flush()
            elif kind == _PARTIAL:
                partial = True
            elif kind in LOOKS:
                look = msgspec.json.decode(raw, type=LOOKS[kind])
                reporter.look(look)
                look_at(look)
                looks += 1
        reporter.looks.write()
    _append(target, agent, after)
    return Replayed(looks, partial, tuple(failures))


def _taken_over(source: Workspace, agent: AgentId) -> tuple[list[bytes], list[bytes]]:
    """The lines that the session itself wrote, before its watcher's first and after it."""
    before: list[bytes] = []
    after: list[bytes] = []
    watched = False
    lines = (line for _, line in _lines(source, agent))
    for finding, line in zip(revisions(source.findings(agent)), lines, strict=True):
        if finding.rule_id.startswith(_OF_SESSION):
            (after if watched else before).append(line)
        elif finding.origin is not Origin.MODEL:
            watched = True
    return before, after


def _lines(workspace: Workspace, agent: AgentId) -> Iterator[tuple[int, bytes]]:
    return read(workspace.findings(agent))


def _append(target: Workspace, agent: AgentId, lines: list[bytes]) -> None:
    with Journal(target.findings(agent)) as journal:
        for line in lines:
            journal.append_encoded(line)


class _Logs:
    """Looks of the Log Watcher hold all that they saw."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._looks = reporter, LogLooks()

    def __call__(self, look: Look) -> None:
        if isinstance(look, LogLook):
            view = self._looks.view(look, self._reporter.job.judgement)
            run_detectors(LOG_DETECTORS, view, self._reporter)


class _Polls:
    """The polls of a journal, up to the one that a look is at."""

    def __init__(self, workspace: Workspace, *parts: str) -> None:
        self._polls = polls.read_polls(workspace.path(*parts))
        self._last = -1

    def until(self, number: int) -> Iterator[Poll]:
        """Those after the last that were given, up to this one."""
        while self._last < number:
            poll = next(self._polls, None)
            if poll is None:
                return
            self._last = poll.number
            yield poll


class _Streams:
    """Looks of the Stream Analyst: its journal is read beside them, and the books are kept again."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, workspace = reporter, reporter.workspace
        self._baseline = polls.read_baseline(workspace.path("streams", "baseline.json"))
        self._books = Books(None, self._baseline)
        self._polls = _Polls(workspace, "streams", "polls.jsonl")
        self._history: deque[Poll] = deque()
        self._began_anew: Poll | None = None
        self._code = _index(workspace)

    def __call__(self, look: Look) -> None:
        if not isinstance(look, StreamLook):
            return
        for poll in self._polls.until(look.poll):
            self._books.take(poll)
            self._baseline = self._baseline or poll
            self._began_anew = poll if poll.after_gap else self._began_anew
            self._history.append(poll)
        while len(self._history) > look.depth:
            self._history.popleft()
        code = self._code if look.code else None
        newest_poll = self._history[-1]
        view = StreamView(
            polls=tuple(self._history),
            baseline=self._began_anew or self._baseline or newest_poll,
            judgement=self._reporter.job.judgement,
            code=code,
            dead_letters=frozenset() if code is None else dead_letters_in(code),
            ledger=self._books.ledger,
            pending_since=self._books.pending_since,
        )
        run_detectors(STREAM_DETECTORS, view, self._reporter)


class _Configuration:
    """Looks of the Config Auditor, with the readings of files that had changed."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, workspace = reporter, reporter.workspace
        self._baseline = polls.read_baseline(workspace.path("streams", "baseline.json"))
        self._polls = {
            poll.number: poll for poll in polls.read_polls(workspace.path("config", "polls.jsonl"))
        }
        self._index = _index(workspace)
        self._compared = Comparison(reporter)
        if self._index is not None:
            self._compared.begin(self._index)

    def __call__(self, look: Look) -> None:
        index = self._index
        if not isinstance(look, ConfigLook) or index is None:
            return
        files = index
        if look.reread is not None:
            files = read_index(self._reporter.workspace.path("recording", look.reread))
        view = ConfigView(
            index=files,
            moment=look.moment,  # type: ignore[arg-type]  # one of three words, as it was written
            judgement=self._reporter.job.judgement,
            baseline=self._baseline if look.baseline else None,
            now=None if look.poll is None else self._polls[look.poll],
        )
        detectors = OF_FILES if look.of_files else CONFIG_DETECTORS
        if look.reread is not None:
            self._compared.look(detectors, view, look.changed)
            return
        change = Change.of(self._reporter, detectors, lambda base: replace(view, index=base))
        run_detectors(
            detectors,
            view,
            self._reporter,
            lambda it: not silenced(index, it) and change.brings(it),
            OF_FILES_MAX,
        )
        change.write()


class _Scout:
    """Looks of the Enhancement Scout: the code, the polls, and what all agents had found by then."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter, self._workspace = reporter, reporter.workspace
        self._polls = _Polls(self._workspace, "streams", "polls.jsonl")
        self._history: deque[Poll] = deque()
        self._index = _index(self._workspace)
        self._measured = {agent.slug: MeasuredLines(self._workspace.findings(agent)) for agent in AgentId}

    def __call__(self, look: Look) -> None:
        if isinstance(look, CodeLook):
            self._read_code()
        elif isinstance(look, LiveLook):
            self._history.extend(self._polls.until(look.poll))
            while len(self._history) > look.depth:
                self._history.popleft()
            code = readable(self._index) if look.code else None
            view = LiveView(polls=tuple(self._history), judgement=self._reporter.job.judgement, code=code)
            run_detectors(LIVE_DETECTORS, view, self._reporter)
        elif isinstance(look, CrossLook):
            self._join(look)

    def _read_code(self) -> None:
        if self._index is not None:
            view = CodeView(index=self._index, judgement=self._reporter.job.judgement)
            change = Change.of(self._reporter, CODE_DETECTORS, lambda base: replace(view, index=base))
            run_detectors(CODE_DETECTORS, view, self._reporter, change.brings, OF_FILES_MAX)
            change.write()

    def _join(self, look: CrossLook) -> None:
        found = [
            finding
            for slug, lines in self._measured.items()
            for finding in lines.newest(look.lines.get(slug, 0))
        ]
        code = readable(self._index) if look.code else None
        for symptom in cross_agent.symptoms(found, look.at_ms, code):
            self._reporter.record(symptom)


_LOOKERS: Mapping[AgentId, Callable[[Reporter], Looker]] = {
    AgentId.LOG_WATCHER: _Logs,
    AgentId.REDIS_STREAM_ANALYST: _Streams,
    AgentId.CONFIG_AUDITOR: _Configuration,
    AgentId.ENHANCEMENT_SCOUT: _Scout,
}


def _index(workspace: Workspace) -> CodeIndex | None:
    try:
        return read_index(workspace.code_index)
    except (FileNotFoundError, SourceUnavailable):
        return None
