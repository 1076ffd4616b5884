"""The Enhancement Scout's watcher: the code once, the polls again and again, then what the agents found together."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import msgspec

from agents.change import Change
from agents.detecting import OF_FILES_MAX, run_detectors
from agents.index_wait import IndexWait
from agents.job import WatcherJob
from agents.looks import CodeLook, CrossLook, LiveLook
from agents.loop import Reporter
from tools.detectors.contract import CodeView, LiveView
from tools.detectors.registry import CODE_DETECTORS, LIVE_DETECTORS
from tools.errors import JournalCorrupt
from tools.findings.measured import MeasuredLines
from tools.findings.model import AgentId, Enhancement, Finding
from tools.sources.records import CodeIndex, Poll
from tools.sources.redis.polls import PollTail
from tools.synthesis import cross_agent
from tools.workspace import write_atomically

LOOK_EVERY_S = 1.0
"""A look without anything to do is a stat of one file."""

LIVE_EVERY_S = 60.0
LIVE_POLLS = 20
"""Polls that rules over the running system see: 5 minutes at the default pace."""


LIVE_SPAN_S = 120.0
"""Where polls come faster, as many more: rules over a minute of them need that minute, and are asked each minute."""
LIVE_POLLS_MAX = 240


def live_polls(poll_interval_s: float) -> int:
    """How many polls are kept at this pace."""
    return min(LIVE_POLLS_MAX, max(LIVE_POLLS, math.ceil(LIVE_SPAN_S / poll_interval_s)))


class _State(msgspec.Struct, kw_only=True):
    """`agents/enhancement-scout/state.json`."""

    code_read: bool = False
    passes: int = 0
    done: bool = False


def make(job: WatcherJob, reporter: Reporter) -> EnhancementScout:
    """The watcher of one job."""
    return EnhancementScout(job, reporter)


class EnhancementScout:
    """Two passes; the second again and again."""

    def __init__(self, job: WatcherJob, reporter: Reporter) -> None:
        self.interval_s = min(LOOK_EVERY_S, job.window.poll_interval_s)
        self._job, self._reporter = job, reporter
        self._workspace, self._clock = reporter.workspace, reporter.clock
        self._index = IndexWait(reporter)
        self._state_file = self._workspace.agent_dir(AgentId.ENHANCEMENT_SCOUT) / "state.json"
        self._state = self._read_state()
        self._measured = {agent: MeasuredLines(self._workspace.findings(agent)) for agent in AgentId}
        self._next_pass: float | None = None
        self._next_live = self._clock.monotonic() + LIVE_EVERY_S
        self._tail = PollTail(self._workspace.polls)
        self._polls: deque[Poll] = deque(maxlen=live_polls(job.window.poll_interval_s))

    def look(self) -> None:
        """The first pass once the index is there; from the middle of the window the second, at its own pace."""
        self._first_pass()
        if self._clock.monotonic() >= self._next_live:
            self._next_live = self._clock.monotonic() + LIVE_EVERY_S
            self._live_pass()
        if self._job.mode == "static" or self._clock.now_ms() < self._job.window.middle_ms:
            return
        now = self._clock.monotonic()
        if self._next_pass is None or now >= self._next_pass:
            self._next_pass = now + self._job.window.cross_agent_s
            self._second_pass()

    def finish(self) -> None:
        """Whatever is left of the first pass, and the second a last time."""
        self._first_pass()
        if not self._workspace.path("findings", "es-static.txt").exists():
            self._write_static()
        self._live_pass()
        self._second_pass()
        self._state.done = True
        self._write_state()

    def beat(self) -> Mapping[str, object]:
        """codeRead: whether the first pass is done; passes: how often the second was made."""
        return {"codeRead": self._state.code_read, "passes": self._state.passes}

    def close(self) -> None:
        """Nothing is held open."""

    def _first_pass(self) -> None:
        index = None if self._state.code_read else self._index.get()
        if index is None:
            return
        view = CodeView(index=index, judgement=self._job.judgement)
        self._reporter.look(CodeLook(at_ms=self._clock.now_ms()))
        change = Change.of(self._reporter, CODE_DETECTORS, lambda base: replace(view, index=base))
        most = None if self._job.every_finding else OF_FILES_MAX
        run_detectors(CODE_DETECTORS, view, self._reporter, change.brings, most)
        change.write()
        self._write_static()
        self._state.code_read = True
        self._state.done = self._job.mode == "static"
        self._write_state()

    def _live_pass(self) -> None:
        """What the Stream Analyst polled since the last time."""
        if self._job.mode == "static":
            return
        try:
            self._polls.extend(self._tail.new())
        except JournalCorrupt as error:
            self._reporter.event("error", reason=str(error))
        if self._polls:
            code = readable(self._index.get())
            view = LiveView(polls=tuple(self._polls), judgement=self._job.judgement, code=code)
            at_ms, depth = self._clock.now_ms(), self._polls.maxlen or LIVE_POLLS
            self._reporter.look(
                LiveLook(at_ms=at_ms, poll=self._polls[-1].number, depth=depth, code=code is not None)
            )
            run_detectors(LIVE_DETECTORS, view, self._reporter)

    def _second_pass(self) -> None:
        code, at_ms = readable(self._index.get()), self._clock.now_ms()
        found = [finding for agent in AgentId for finding in self._newest(agent)]
        lines = {agent.slug: self._measured[agent].count for agent in AgentId}
        self._reporter.look(CrossLook(at_ms=at_ms, lines=lines, code=code is not None))
        for symptom in cross_agent.symptoms(found, at_ms, code):
            self._reporter.record(symptom)
        self._state.passes += 1
        self._write_state()

    def _newest(self, agent: AgentId) -> list[Finding]:
        """What rules found so far, of an agent; a damaged journal leaves its agent out."""
        try:
            return self._measured[agent].newest()
        except (JournalCorrupt, ValueError) as error:
            self._measured[agent] = MeasuredLines(self._workspace.findings(agent))
            self._reporter.event("error", reason=f"findings of {agent.slug} cannot be read: {error}")
            return []

    def _write_static(self) -> None:
        """`findings/es-static.txt`: what the first pass saw, for people."""
        lines: list[str] = []
        for finding in self._reporter.recorder.findings:
            if isinstance(finding, Enhancement) and finding.rule_id.startswith("code."):
                head = f"{finding.finding_id} {finding.priority} {finding.rule_id}"
                lines += [
                    head,
                    f"  {finding.title}",
                    f"  {', '.join(finding.affected_files)}",
                    f"  {finding.recommendation}",
                    "",
                ]
        text = "\n".join(lines) if lines else "nothing found in the code\n"
        printable = "".join(
            char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text
        )
        self._workspace.write_text(self._workspace.path("findings", "es-static.txt"), printable)

    def _read_state(self) -> _State:
        try:
            return msgspec.json.decode(self._state_file.read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.DecodeError):
            return _State()

    def _write_state(self) -> None:
        write_atomically(self._state_file, msgspec.json.encode(self._state) + b"\n")


def readable(index: CodeIndex | None) -> CodeIndex | None:
    """An index of nothing says nothing of who is wired to whom."""
    return index if index is not None and index.files_read else None
