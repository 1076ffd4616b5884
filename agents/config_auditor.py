"""The Config Auditor's watcher: configuration, documents, code and server compared three times a window.

It looks as soon as the index is there, in the middle of the window, and at its end; in static mode once. Files that
changed are read again before the later looks. Everything it knows can be computed again, so a restart only skips the
looks that `state.json` says are done.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import msgspec

from agents import config_audit_files
from agents.change import Change
from agents.config_comparison import Comparison
from agents.detecting import OF_FILES_MAX, run_detectors
from agents.index_wait import IndexWait
from agents.job import WatcherJob
from agents.looks import ConfigLook
from agents.loop import Reporter
from agents.rereading import Rereading
from tools.detectors.config import OF_FILES
from tools.detectors.config.silence import silenced
from tools.detectors.contract import ConfigView
from tools.detectors.registry import CONFIG_DETECTORS
from tools.errors import JournalCorrupt, SourceUnavailable
from tools.findings.model import AgentId
from tools.sources.code.index import write_index
from tools.sources.records import CodeIndex, Gap, Poll
from tools.sources.redis import polls
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.look_limits import LookLimits
from tools.workspace import write_atomically

POLLS = "config/polls.jsonl"
LOOK_EVERY_S = 1.0
"""A look without anything to do is a stat of one file."""

COME_BACK_S = 30.0
"""After a restart of the server, services take so long to make their groups again."""

END_LEAD_S = 30.0
"""So long before the end, or a tenth of the window, files that changed are read again: little is left to do then."""

END_WAIT_S = 5.0
"""Of the time that agents have after STOP (`session.flush_grace`, 10 s by default)."""

Moment = Literal["start", "middle", "end"]


class _State(msgspec.Struct, kw_only=True):
    """`agents/config-auditor/state.json`."""

    moments: list[str] = []
    done: bool = False


def make(job: WatcherJob, reporter: Reporter) -> ConfigAuditor:
    """The watcher of one job. Raises UsageError where the server's URL is not one."""
    deployment = None
    if job.redis is not None and job.mode != "static":
        deployment = job.redis.deployment("streamgauge-auditor")
    return ConfigAuditor(job, reporter, deployment)


class ConfigAuditor:
    """Looks three times; without a deployment (static mode) once."""

    def __init__(self, job: WatcherJob, reporter: Reporter, deployment: Deployment | None) -> None:
        self.interval_s = min(LOOK_EVERY_S, job.window.poll_interval_s)
        self._job, self._reporter, self._deployment = job, reporter, deployment
        self._workspace, self._clock = reporter.workspace, reporter.clock
        self._index = IndexWait(reporter)
        self._files = Rereading(reporter)
        self._state_file = self._workspace.agent_dir(AgentId.CONFIG_AUDITOR) / "state.json"
        self._state = self._read_state()
        self._journal: polls.PollJournal | None = None
        self._source: DeploymentSource | None = None
        self._number = 1
        if deployment is not None:
            path = self._workspace.path(*POLLS.split("/"))
            self._number = polls.next_number(path) or 1  # 0 is the baseline, which others take
            self._journal = polls.PollJournal(path)
            limits = LookLimits(samples=job.redis is None or job.redis.samples)
            self._source = DeploymentSource(deployment, self._clock, source=POLLS, limits=limits)
        self._last: Poll | None = None
        self._compared = Comparison(reporter)
        self._not_before = self._clock.monotonic()
        self._gaps_told = self._read_for_end = False

    def look(self) -> None:
        """The look that is due, if any."""
        index = self._index.get()
        if index is None:
            return
        self._begin(index)
        if "start" not in self._state.moments:
            self._audit(index, "start")
        elif self._middle_is_due():
            if self._files.is_current():
                self._audit(index, "middle")
        elif not self._read_for_end and self._end_is_near():
            self._read_for_end = self._files.is_current()

    def finish(self) -> None:
        """The look at the end; where the index never came, a gap."""
        index = self._index.get()
        if index is None:
            gap = Gap(
                what="code and configuration of the project",
                why="the index was not ready before the window ended",
                fix="lengthen session.duration, or narrow project.include",
                source="code",
                at_ms=self._clock.now_ms(),
            )
            self._reporter.gap(gap)
            return
        self._begin(index)
        if self._deployment is not None or "start" not in self._state.moments:
            if "start" in self._state.moments:
                self._files.finish(END_WAIT_S)
            self._audit(index, "end")
        self._state.done = True
        self._write_state()

    def beat(self) -> Mapping[str, object]:
        """looks: the moments looked at; indexed: whether the index is there."""
        return {"looks": list(self._state.moments), "indexed": self._index.get() is not None}

    def close(self) -> None:
        """Close connections and journal."""
        if self._deployment is not None:
            self._deployment.close()
        if self._journal is not None:
            self._journal.close()

    def _middle_is_due(self) -> bool:
        reached = (
            self._clock.now_ms() >= self._job.window.middle_ms and self._clock.monotonic() >= self._not_before
        )
        return self._deployment is not None and reached and "middle" not in self._state.moments

    def _end_is_near(self) -> bool:
        window = self._job.window
        lead_ms = min(END_LEAD_S * 1000, (window.deadline_ms - window.started_ms) / 10)
        return self._deployment is not None and self._clock.now_ms() >= window.deadline_ms - lead_ms

    def _audit(self, index: CodeIndex, moment: Moment) -> None:
        seen = self._poll()
        # What a part that is not seen has would read as absent: then nothing is said about the server at all.
        now = seen if seen is not None and seen.whole else None
        baseline = self._baseline() if now is not None else None
        restarted = _has_just_restarted(now, baseline)
        if restarted and moment == "middle":
            self._not_before = self._clock.monotonic() + COME_BACK_S
            return
        files = self._files.index or index
        view = ConfigView(
            index=files,
            moment="start" if restarted else moment,
            judgement=self._job.judgement,
            baseline=baseline,
            now=now,
        )
        # A server that does not answer must not turn rules about it into rules about the code alone.
        detectors = CONFIG_DETECTORS if now is not None or self._deployment is None else OF_FILES
        self._note(view, detectors is OF_FILES, first=index)
        if files is not index:
            self._compared.look(detectors, view, self._files.changed)
        else:
            change = Change.of(self._reporter, detectors, lambda base: replace(view, index=base))
            run_detectors(
                detectors,
                view,
                self._reporter,
                lambda it: not silenced(index, it) and change.brings(it),
                None if self._job.every_finding else OF_FILES_MAX,
            )
            change.write()
        self._write_files(files, seen)
        self._state.moments.append(moment)
        self._state.done = self._deployment is None
        self._write_state()

    def _note(self, view: ConfigView, of_files: bool, first: CodeIndex) -> None:
        """What this look is at; a reading of files that changed lies nowhere else, and is kept."""
        reread = None
        if view.index is not first:
            reread = f"reread-{len(self._state.moments)}.json.gz"
            write_index(self._workspace.path("recording", reread), view.index)
        self._reporter.look(
            ConfigLook(
                at_ms=self._clock.now_ms(),
                moment=view.moment,
                poll=None if view.now is None else view.now.number,
                baseline=view.baseline is not None,
                of_files=of_files,
                reread=reread,
                changed=tuple(self._files.changed) if reread else (),
            )
        )

    def _poll(self) -> Poll | None:
        if self._source is None or self._journal is None:
            return None
        number, self._number = self._number, self._number + 1
        try:
            poll = self._source.poll(number, previous=self._last)
        except SourceUnavailable as error:
            at_ms = self._clock.now_ms()
            self._reporter.gap(Gap(what=error.what, why=error.why, fix=error.fix, source=POLLS, at_ms=at_ms))
            return None
        for gap in () if poll.whole else self._source.unseen():
            self._reporter.gap(gap)
        self._journal.append(poll)
        self._last = poll
        return poll

    def _baseline(self) -> Poll | None:
        try:
            found = polls.read_baseline(self._workspace.path("streams", "baseline.json"))
        except JournalCorrupt as error:
            self._reporter.event("error", reason=str(error))
            return None
        return found if found is not None and found.whole else None

    def _begin(self, index: CodeIndex) -> None:
        self._tell_gaps(index)
        self._files.begin(index)
        self._compared.begin(index)

    def _tell_gaps(self, index: CodeIndex) -> None:
        if not self._gaps_told:
            self._gaps_told = True
            if "start" not in self._state.moments:
                for gap in index.gaps:
                    self._reporter.gap(gap)

    def _write_files(self, index: CodeIndex, poll: Poll | None) -> None:
        if poll is not None:
            config_audit_files.write_groups(self._workspace, poll)
        elif not self._workspace.path("config", "runtime_groups.txt").exists():
            for name in ("redis_group_names.txt", "runtime_groups.txt"):
                self._workspace.write_text(self._workspace.path("config", name), "")
        config_audit_files.write_environment(self._workspace, index)
        findings = self._reporter.recorder.findings
        config_audit_files.write_drift(self._workspace, index, poll or self._last, findings)

    def _read_state(self) -> _State:
        try:
            return msgspec.json.decode(self._state_file.read_bytes(), type=_State)
        except (FileNotFoundError, msgspec.DecodeError):
            return _State()

    def _write_state(self) -> None:
        write_atomically(self._state_file, msgspec.json.encode(self._state) + b"\n")


def _has_just_restarted(now: Poll | None, baseline: Poll | None) -> bool:
    """Whether another server process answers than at the baseline, and it is young: it may have begun empty."""
    if now is None or baseline is None or now.server.run_id == baseline.server.run_id:
        return False
    return now.server.uptime_s is not None and now.server.uptime_s < COME_BACK_S
