"""The Log Watcher: follows every log, and says what fails, storms, falls silent, restarts or leaks secrets.

Every few seconds, after the findings so far are on disk, it writes where it stands. A new attempt goes on
there: lines read twice are counted once, because a tick never crosses a position that a finding is counted to.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import msgspec

from agents import log_state
from agents.detecting import run_detectors
from agents.job import WatcherJob
from agents.log_processes import ServiceProcesses
from agents.log_state import WatcherState
from agents.looks import LogLooks
from agents.loop import Reporter
from agents.stream_lives import StreamLives
from tools.clock import NEVER
from tools.detectors.contract import LogView, ServiceActivity, TemplateStats
from tools.detectors.logs import DETECTORS
from tools.findings.model import AgentId
from tools.sources.logs.activity import Activity
from tools.sources.logs.blocks import Block
from tools.sources.logs.engine import joined
from tools.sources.logs.engine.batch import Batch
from tools.sources.logs.engine.budgets import Work, over
from tools.sources.logs.engine.fold import Folder
from tools.sources.logs.engine.folded import Folded
from tools.sources.logs.engine.recorded import LineRecorder
from tools.sources.logs.engine.scanning import scanner
from tools.sources.logs.intake import MANY_SOURCES, Intake
from tools.sources.logs.merged import Merged
from tools.sources.logs.window import Item, Window, last_of
from tools.sources.logs.window_state import Template
from tools.sources.recording import Recording
from tools.sources.records import Gap
from tools.workspace import write_atomically

_TIMED_EVERY_S = 1.0
_QUIET_MS = 1000
_PROCESSES_EVERY_S = 5.0
"""Asking the system for ports and process trees costs more than reading the logs."""
_CHECKPOINT_EVERY_S = 5.0
_DRAIN_S = 7.0
"""Of the 10 s that agents have to flush."""
_DRAIN_READS_MAX = 2000
_DRAIN_PAUSE_S = 0.01
_READS_MAX = 64
_READING_S = 0.4
"""In one tick, while more is there: a backlog is read at full speed, and STOP and heartbeats are never far."""


def make(job: WatcherJob, reporter: Reporter) -> LogWatcher:
    """The watcher of one attempt. Raises OSError where the workspace cannot be written."""
    return LogWatcher(job, reporter)


class LogWatcher:
    """One attempt of the Log Watcher."""

    interval_s = 0.25

    def __init__(self, job: WatcherJob, reporter: Reporter) -> None:
        self._job, self._reporter, self._clock = job, reporter, reporter.clock
        workspace = reporter.workspace
        self._state_file = workspace.agent_dir(AgentId.LOG_WATCHER) / "state.json"
        state = log_state.load(self._state_file)
        recording = workspace.path("recording", "log-watcher.jsonl.gz")
        _cut(recording, state.recording_bytes if state else None)
        self._recording_path = recording
        self._recording = Recording(recording)
        self._merged = (
            Merged(
                workspace.path("logs", "merged.log"),
                state.merged if state else None,
                size_max=job.merged.size_bytes,
                keep=job.merged.keep,
            )
            if job.merged.enabled
            else None
        )
        self._intake = Intake(
            job.logs,
            (job.project_root, workspace.root),
            reporter.gap,
            state.sources if state else None,
            since_ms=job.logs_since_ms,
            began_ms=job.window.started_ms,
        )
        self._window = Window(
            dict.fromkeys(
                [spec.name for spec in job.services] + [log.service for log in job.logs if log.service != "*"]
            ),
            self._clock.now_ms(),
            state.window if state else None,
            job.log_templates,
        )
        self._folder = Folder(self._window, scanner())
        self._recorder = LineRecorder(self._recording, self._clock.monotonic())
        self._over_told: set[tuple[str, Work]] = set()
        self._processes = ServiceProcesses(job, self._clock, state.processes if state else None)
        self._lives, self._looks = StreamLives(workspace), LogLooks()
        self._lines = state.lines if state else 0
        self._counted = _counted_positions(reporter)
        self._timed_at = self._written_at = self._processes_at = self._clock.monotonic()
        self._dirty = self._opened = self._unjudged = False
        if not job.logs:
            why = "no log source is configured and no output is captured"
            fix = "Name the files in [[logs.sources]]."
            reporter.gap(
                Gap(what="the services' logs", why=why, fix=fix, source="logs", at_ms=self._clock.now_ms())
            )

    def look(self) -> None:
        """One tick: read, fold, detect. Raises OSError, StaleAttempt."""
        now = self._clock.monotonic()
        if not self._opened:
            self._open(now)
        # After a rotation at once: what is gone by the next attempt can be known to be missing then.
        if self._intake.turned or now - self._written_at >= _CHECKPOINT_EVERY_S:
            self._checkpoint()
            self._written_at = now
        timed = now - self._timed_at >= _TIMED_EVERY_S
        if now >= self._processes_at:
            self._look_beside()
            self._processes_at = now + _PROCESSES_EVERY_S
        any_line = self._read_on()
        # In a backlog nothing is told sooner by looking more often than once a second.
        if timed or (any_line and (not self._intake.behind or self._window.is_full)):
            self._detect()

    @property
    def lines(self) -> int:
        """How many were read."""
        return self._lines

    def finish(self) -> None:
        """Read to the end, close open traces, and look once more at everything."""
        if not self._opened:
            self._open(self._clock.monotonic())
        until = self._clock.monotonic() + _DRAIN_S
        for _ in range(_DRAIN_READS_MAX):
            any_line = self._read()
            if not self._intake.pending or self._clock.monotonic() >= until:
                break
            if not any_line:  # a program that was just started has not printed yet
                self._clock.sleep_until(self._clock.monotonic() + _DRAIN_PAUSE_S, NEVER)
        if self._intake.pending:
            why = "they were written faster than they could be read"
            self._reporter.gap(self._gap("the newest log lines", why, "Name fewer or smaller logs."))
        self._read(final=True)
        self._look_beside()
        self._detect(final=True)
        self._intake.say_what_was_blind(self._clock.now_ms())
        self._tell_totals()
        if self._recording.partial or self._reporter.looks.partial:
            self._reporter.gap(
                self._gap(
                    "the recording of log lines", "its quota is used up", "Replay is partial.", blind=False
                )
            )
        self._checkpoint()

    def beat(self) -> Mapping[str, object]:
        """Lines so far, and which services write."""
        now_ms, judgement = self._clock.now_ms(), self._job.judgement
        active: list[str] = []
        silent: list[str] = []
        for activity in self._window.activities():
            limit_ms = judgement.limits_for(service=activity.service).silence * 1000
            last_ms = activity.last_arrived_ms
            (active if last_ms is not None and now_ms - last_ms <= limit_ms else silent).append(
                activity.service
            )
        return {"linesProcessed": self._lines, "servicesActive": active, "servicesSilent": silent}

    def close(self) -> None:
        """Close all files; what was not written by a checkpoint is read again by the next attempt."""
        self._intake.close()
        if self._merged is not None:
            self._merged.close()

    def _look_beside(self) -> None:
        # Processes and streams tell a quiet service from a dead one.
        self._processes.look(self._window, self._recording)
        self._lives.look()

    def _open(self, now: float) -> None:
        # Where reading begins is on disk before anything is read: a kill at any moment loses no line.
        self._take_batches(self._intake.discover(self._clock.now_ms(), now), now)
        self._opened = self._dirty = True
        self._checkpoint()

    def _read_on(self) -> bool:
        """Read what is there, for the time of one tick."""
        until, any_line = self._clock.monotonic() + _READING_S, False
        for _ in range(_READS_MAX):
            any_line = self._read() or any_line
            if not self._intake.behind or self._clock.monotonic() >= until:
                break
        return any_line

    def _read(self, *, final: bool = False) -> bool:
        now_ms, now = self._clock.now_ms(), self._clock.monotonic()
        any_line = self._take_batches(self._intake.read(now_ms, now, final=final), now)
        for item in self._window.settle(now_ms, final=final):
            any_line = True
            self._take(item)
        self._dirty = self._dirty or any_line
        if self._merged is not None and self._merged.full:
            self._checkpoint()
            self._merged.rotate()
        return any_line

    def _take_batches(self, batches: Iterable[Batch], now: float) -> bool:
        """Fold and count them; whether there was any."""
        folded = None
        parts = (part for batch in batches for cut in self._apart(batch) for part in self._folder.begun(cut))
        for gathered in joined.gathered(parts):
            for folded in self._folder.fold_all(gathered, now):
                self._take_folded(folded, now)
        return folded is not None

    def _take_folded(self, folded: Folded, now: float) -> None:
        if folded.has_long_line:
            self._intake.tell_cut(folded.batch)
        self._window.enrol(folded.items)
        for item in folded.items:
            self._take(item)
        self._recorder.take(folded, now)
        if not folded.batch.backfill:
            self._unjudged = True
            self._lines += folded.table.count
            if self._merged is not None:
                self._merged.add(folded)
        self._tell_what_is_over(folded)

    def _apart(self, batch: Batch) -> Iterator[Batch]:
        """The batch, cut at each position that a finding is counted to."""
        positions = self._counted.get(batch.origin.source)
        if not positions:
            yield batch
            return
        block: Block | None = batch.block
        for position in reversed(positions):
            if block is None:
                return
            before, block = block.split(position)
            if before is not None:
                yield replace(batch, block=before)
        if block is not None:
            yield replace(batch, block=block)

    def _take(self, item: Item) -> None:
        self._unjudged = True
        # Lines on both sides of a counted position never share a view: the recorder drops or counts them whole.
        last = last_of(item)
        counted = self._counted.get(last.source)
        if counted and last.position > counted[-1]:
            self._detect()
            while counted and last.position > counted[-1]:
                counted.pop()
        self._window.take(item)

    def _tell_what_is_over(self, folded: Folded) -> None:
        service = folded.batch.origin.service
        budget = self._folder.budgets.get(service)
        for work in budget.lines_over if budget is not None else ():
            if (service, work) not in self._over_told:
                self._over_told.add((service, work))
                self._reporter.gap(self._over_gap(service, work, "some lines"))

    def _tell_totals(self) -> None:
        for service, work, lines, marks in over(self._folder.budgets):
            what = f"{lines:,} lines ({marks})" if marks else f"{lines:,} lines"
            self._reporter.gap(self._over_gap(service, work, what))
        for service, lines in sorted(self._recorder.left_out.items()):
            if lines:
                why = "there is room for a sample of them, chosen by their ids"
                what = f"the recording of {lines:,} lines with ids of {service}"
                self._reporter.gap(self._gap(what, why, "Trace a flow that was kept.", blind=False))

    def _over_gap(self, service: str, work: Work, what: str) -> Gap:
        why = f"more {work} than its share at a time; what is over it is counted by pattern"
        fix = "Find why it writes so many different lines; log less, or sample."
        return self._gap(f"{work} of {what} of {service}", why, fix, blind=False)

    def _detect(self, *, final: bool = False) -> None:
        self._timed_at = self._clock.monotonic()
        now_ms, unread = self._clock.now_ms(), self._intake.unread
        if final or self._folder.sources < MANY_SOURCES:
            self._folder.settle()
        else:
            # Lines of many busy sources are no longer their last ones a moment later.
            self._folder.settle(now_ms - _QUIET_MS)
            self._folder.settle_last()
        activities = (item for item in self._window.activities() if item.service not in unread)
        view = LogView(
            at_ms=now_ms,
            templates=tuple(map(_stats, self._window.touched())),
            secrets=tuple(self._window.secrets),
            services=tuple(map(_activity, activities)),
            processes=self._processes.states,
            judgement=self._job.judgement,
            final=final,
            samples=self._processes.samples,
            streams=self._lives.by_service,
        )
        self._reporter.look(self._looks.look(view))
        run_detectors(DETECTORS, view, self._reporter)
        self._window.clear()
        self._processes.clear()
        self._dirty, self._unjudged = True, False

    def _checkpoint(self) -> None:
        if not self._dirty:
            return
        if self._unjudged:  # what is cleared below is judged by nobody else
            self._detect()
        # First the findings, then how far was read: never the other way round.
        self._reporter.flush()
        self._folder.settle()
        self._window.clear()
        self._recording.flush()
        path = self._recording_path
        state = WatcherState(
            window=self._window.state(),
            sources=self._intake.states(),
            lines=self._lines,
            merged=self._merged.flush() if self._merged is not None else None,
            recording_bytes=path.stat().st_size if path.exists() else 0,
            processes=self._processes.state(),
        )
        write_atomically(self._state_file, msgspec.json.encode(state))
        self._dirty = False

    def _gap(self, what: str, why: str, fix: str, *, blind: bool = True) -> Gap:
        return Gap(what=what, why=why, fix=fix, source="logs", at_ms=self._clock.now_ms(), blind=blind)


def _cut(path: Path, size: int | None) -> None:
    # What an attempt wrote after its last checkpoint is written again by the next.
    if path.exists() and path.stat().st_size > (size or 0):
        os.truncate(path, size or 0)


def _counted_positions(reporter: Reporter) -> dict[str, list[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for finding in reporter.recorder.findings:
        for source, position in finding.counted_to.items():
            found[source].add(position)
    return {source: sorted(positions, reverse=True) for source, positions in found.items()}


def _stats(item: Template) -> TemplateStats:
    return TemplateStats(
        service=item.service,
        template=item.template,
        verdict=item.verdict,
        total=item.total,
        new=item.new,
        times_ms=tuple(item.times_ms),
        first=item.first,
        example=item.example,
        trace=item.trace,
        streams_ids=tuple(item.ids),
        figures=tuple(item.figures),
        varied=item.varied,
    )


def _activity(activity: Activity) -> ServiceActivity:
    starts = activity.most_starts()
    return ServiceActivity(
        service=activity.service,
        lines=activity.lines,
        last_arrived_ms=activity.last_arrived_ms,
        gap_p99_ms=activity.gap_p99_ms(),
        watched_since_ms=activity.watched_since_ms,
        starts_ms=tuple(starts.times_ms),
        start_lines=tuple(starts.lines),
        stops_ms=tuple(activity.stops_ms),
        last_line=activity.last_line,
        backwards=activity.backwards,
        format_counts=dict(activity.formats),
        known_lines=activity.known_lines,
        clock_ahead_ms=activity.clock_ahead_ms(),
    )
