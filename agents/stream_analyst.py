"""The Stream Analyst's watcher: a poll every interval, the rules over the last polls, the topology every minute."""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from agents.detecting import run_detectors
from agents.job import RedisTarget, WatcherJob
from agents.looks import StreamLook
from agents.loop import Reporter, StopFile
from agents.periods import Periods
from agents.stream_books import Books
from tools.clock import iso
from tools.detectors.contract import StreamView
from tools.detectors.registry import STREAM_DETECTORS
from tools.detectors.streams.roles import dead_letters_in
from tools.errors import JournalCorrupt, SourceUnavailable, UsageError
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.sources import entry_samples as samples
from tools.sources.entry_samples import SampleJournal
from tools.sources.records import CodeIndex, Gap, Poll
from tools.sources.redis import polls
from tools.sources.redis.breaks import Break
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.guard import CostGuard
from tools.sources.redis.look_limits import LookLimits
from tools.sources.redis.sweep import GAP_POLLS
from tools.synthesis import topology
from tools.workspace import write_atomically

HISTORY_POLLS = 12
"""Polls that the rules see at least: 3 minutes at the default pace."""

HISTORY_S = 90
"""At a quicker pace they see more polls, so that the clients, listed once a minute, are among them."""

HISTORY_POLLS_MAX = 60

TOPOLOGY_EVERY_MS = 60_000
POLLS = "streams/polls.jsonl"


@dataclass
class _Counters:
    """What the heartbeat says."""

    polls: int = 0
    streams: int = 0
    poll_ms: float = 0.0
    server_us: int = 0


def make(job: WatcherJob, reporter: Reporter) -> StreamAnalyst:
    """The watcher of one job. Raises UsageError where the job names no server or its URL is not one."""
    if job.redis is None:
        raise UsageError("The Stream Analyst needs a Redis server: set redis.url.")
    return StreamAnalyst(job, reporter, job.redis.deployment("streamgauge-analyst"))


class StreamAnalyst:
    """Polls, journals, detects. What a restart continues from are the journal of polls and the baseline."""

    def __init__(self, job: WatcherJob, reporter: Reporter, deployment: Deployment) -> None:
        self._job, self._reporter, self._deployment = job, reporter, deployment
        self._guard = _guard(job)
        self._workspace, self._clock = reporter.workspace, reporter.clock
        self._stop = StopFile(self._workspace, job.window.deadline_ms, self._clock, None)
        self._unseen = Periods(reporter, POLLS)
        self._source = DeploymentSource(
            deployment, self._clock, source=POLLS, limits=_look_limits(job), lost=self._unseen.open
        )
        self._depth = min(
            max(HISTORY_POLLS, math.ceil(HISTORY_S / job.window.poll_interval_s)), HISTORY_POLLS_MAX
        )
        self._source.keep_samples(samples.cursors(self._workspace.path(*samples.FILE.split("/"))))
        self._history = polls.last_polls(self._workspace.polls, self._depth)
        self._journal = polls.PollJournal(self._workspace.polls)
        self._samples = SampleJournal(self._workspace.path(*samples.FILE.split("/")))
        self._pending = Journal(self._workspace.path("streams", "pending.jsonl"))
        self._baseline: Poll | None = None
        self._books: Books | None = None
        self._began_anew = polls.last_after_gap(self._workspace.polls)
        self._number = polls.next_number(self._workspace.polls)
        self._code: CodeIndex | None = None
        self._topology_ms: int | None = None
        self._middle_done = self._clock.now_ms() > job.window.middle_ms and bool(self._history)
        self._counters = _Counters()

    @property
    def interval_s(self) -> float:
        """From one poll to the next: the configured time, longer where polls cost the server too much."""
        return self._guard.interval_s

    def look(self) -> None:
        """One poll and the rules over it. A server that does not answer is a gap; the next look tries again."""
        self._look(final=False)

    def finish(self) -> None:
        """The last poll, and the files as they are at the end."""
        self._look(final=True)
        self._unseen.end_all(self._clock.now_ms())
        if self._history:
            self._write_topology()
            self._write_new_streams()

    def beat(self) -> Mapping[str, object]:
        """polls, streams, pollMs (wall time of the last), serverUs (our cost on the server so far)."""
        own = self._counters
        return {
            "polls": own.polls,
            "streams": own.streams,
            "pollMs": own.poll_ms,
            "serverUs": own.server_us,
        }

    def close(self) -> None:
        """Close connections and journals."""
        self._deployment.close()
        self._journal.close()
        self._pending.close()
        self._samples.close()

    def _look(self, *, final: bool) -> None:
        self._read_baseline()
        self._read_code()
        if self._books is None:
            self._books = Books(self._workspace.polls, self._baseline)
            self._tell_again()
        previous = self._previous()
        try:
            poll = self._poll(previous, final=final)
        except SourceUnavailable as error:
            since_ms = self._job.window.started_ms if previous is None else previous.at_ms
            self._unseen.begin(self._source.what, error.why, error.fix, since_ms)
            return
        self._tell_what_was_unseen(poll, previous)
        self._keep(poll)
        self._detect()
        for gap in self._source.gaps():
            self._reporter.gap(gap)
        self._keep_pace(poll)
        self._write_files(poll)

    def _tell_again(self) -> None:
        """The rules over the last poll of earlier attempts, one of which may have died before it told.

        Some rules fire on the newest interval alone. What was told is known by its poll and not counted again.
        """
        if self._history:
            self._detect()

    def _detect(self) -> None:
        at_ms, poll = self._clock.now_ms(), self._history[-1].number
        self._reporter.look(
            StreamLook(at_ms=at_ms, poll=poll, depth=self._depth, code=self._code is not None)
        )
        run_detectors(STREAM_DETECTORS, self._view(), self._reporter)

    def _keep_pace(self, poll: Poll) -> None:
        self._guard.saw(poll.cost.server_us)
        why = self._guard.slowed()
        if why is not None:
            self._source.expect_every(self._guard.interval_s)
            what, fix = (
                f"{self._source.what}: polls at the configured pace",
                "Raise redis.cpu_share, or poll_interval.",
            )
            self._reporter.gap(Gap(what=what, why=why, fix=fix, source=POLLS, at_ms=poll.at_ms, blind=False))

    def _previous(self) -> Poll | None:
        return self._history[-1] if self._history else self._baseline

    def _tell_what_was_unseen(self, poll: Poll, previous: Poll | None) -> None:
        """Redis, and each part of it, is in sight again or is not; a break without a failed poll is a span too."""
        broke, unseen = self._source.broke, self._source.unseen()
        why = "" if broke is None else broke.why
        explained = broke is not None and self._is_told_elsewhere(broke)
        since_ms = poll.at_ms if previous is None else previous.at_ms
        for part in unseen:
            self._unseen.begin(part.what, part.why, part.fix, since_ms)
        for what in sorted(self._unseen.open - {part.what for part in unseen}):
            explained = self._unseen.end(what, poll.at_ms, why) or explained
        if broke is not None and previous is not None and not explained:
            self._unseen.passed(
                Gap(
                    what=f"{self._source.what} between two polls",
                    why=broke.why,
                    fix=broke.fix,
                    source=POLLS,
                    at_ms=min(previous.at_ms, poll.at_ms),
                    until_ms=poll.at_ms,
                    blind=broke.blind,
                )
            )

    def _is_told_elsewhere(self, broke: Break) -> bool:
        """A pause before the first poll of an attempt: whoever started it tells why."""
        return broke.blind and self._counters.polls == 0

    def _poll(self, previous: Poll | None, *, final: bool) -> Poll:
        number = self._number
        if number is None:
            number = 0 if self._baseline is None else 1
        self._number = number + 1  # a number is used once, whatever becomes of the poll
        poll = self._source.poll(number, previous=previous)
        # Right after a gap consumers are still coming back: the next poll is the second look.
        suspects = [] if final or poll.after_gap else self._suspects(poll)
        if suspects:
            wait_s = self._job.judgement.limits.lag_recheck
            self._clock.sleep_until(self._clock.monotonic() + wait_s, self._stop)
            if not self._stop.is_set():
                return self._source.recheck(poll, suspects)
        return poll

    def _suspects(self, poll: Poll) -> list[tuple[str, str]]:
        """Groups above their lag limit for the first time: counted again before anything is said.

        One that was above it at the poll before too is judged without another wait: it was counted again then.
        """
        found = self._above(poll)
        return sorted(found - self._above(self._history[-1])) if found and self._history else sorted(found)

    def _above(self, poll: Poll) -> set[tuple[str, str]]:
        judgement = self._job.judgement
        return {
            (stream.name, group.info.name)
            for stream in poll.streams
            for group in stream.groups
            if group.lag is not None
            and not group.lag.confirmed
            and group.lag.messages
            > judgement.limits_for(stream=stream.name, group=group.info.name).consumer_lag
        }

    def _keep(self, poll: Poll) -> None:
        self._journal.append(poll)
        self._keep_samples(poll)
        if self._books is not None:
            self._books.take(poll)
        self._history = (*self._history, poll)[-self._depth :]
        if self._baseline is None:
            self._baseline = poll
        if poll.after_gap:
            self._began_anew = poll
        own = self._counters
        own.polls, own.streams, own.poll_ms = own.polls + 1, len(poll.streams), poll.cost.wall_ms
        own.server_us += poll.cost.server_us

    def _keep_samples(self, poll: Poll) -> None:
        """Beyond the quota the rest is not kept, and said so."""
        self._samples.append(poll.number, self._source.samples())
        if self._samples.full:
            self._reporter.gap(
                Gap(
                    what="samples of stream entries",
                    why="their quota is used up",
                    fix="Make the window shorter; messages after it are followed by log lines and polls only.",
                    source=samples.FILE,
                    at_ms=poll.at_ms,
                    blind=False,
                )
            )

    def _view(self) -> StreamView:
        newest = self._history[-1]
        letters = frozenset[str]() if self._code is None else dead_letters_in(self._code)
        return StreamView(
            polls=self._history,
            baseline=self._began_anew or self._baseline or newest,
            judgement=self._job.judgement,
            code=self._code,
            dead_letters=letters,
            ledger=None if self._books is None else self._books.ledger,
            pending_since=None if self._books is None else self._books.pending_since,
        )

    def _read_baseline(self) -> None:
        if self._baseline is None:
            try:
                self._baseline = polls.read_baseline(self._workspace.path("streams", "baseline.json"))
            except JournalCorrupt as error:
                self._reporter.event("error", reason=str(error))

    def _read_code(self) -> None:
        """The index appears whole, by rename, some time into the window."""
        if self._code is not None:
            return
        try:
            data = gzip.decompress(self._workspace.code_index.read_bytes())
            self._code = msgspec.json.decode(data, type=CodeIndex)
        except FileNotFoundError:
            return
        except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
            self._reporter.event("error", reason=f"the code index cannot be read: {error}")

    def _write_files(self, poll: Poll) -> None:
        self._write_pending(poll)
        if self._topology_ms is None or poll.at_ms - self._topology_ms >= TOPOLOGY_EVERY_MS:
            self._write_topology()
        if not self._middle_done and poll.at_ms >= self._job.window.middle_ms:
            self._middle_done = True
            text = topology.render_text(self._topology())
            self._workspace.write_text(self._workspace.path("streams", "streams_5min.txt"), text)
            self._write_new_streams()
        state = {"poll": poll.number, "at": iso(poll.at_ms), "attempt": self._job.attempt}
        folder = self._workspace.agent_dir(self._reporter_agent())
        write_atomically(folder / "state.json", msgspec.json.encode(state) + b"\n")

    def _reporter_agent(self) -> AgentId:
        return AgentId(self._job.agent)

    def _write_pending(self, poll: Poll) -> None:
        for stream in poll.streams:
            for group in stream.groups:
                if group.pending:
                    self._pending.append(
                        {
                            "poll": poll.number,
                            "at": iso(poll.at_ms),
                            "stream": stream.name,
                            "group": group.info.name,
                            "pending": group.info.pending,
                            "complete": group.pending_complete,
                            "entries": group.pending,
                        }
                    )

    def _topology(self) -> topology.Topology:
        findings = self._reporter.recorder.findings
        return topology.build(self._history, self._code, findings, self._job.judgement)

    def _write_topology(self) -> None:
        made = self._topology()
        folder = self._workspace.path("streams")
        self._workspace.write_text(folder / "topology_current.txt", topology.render_text(made))
        self._workspace.write_json(folder / "topology.json", made)
        if self._books is not None:
            self._workspace.write_json(folder / "ledger.json", self._books.ledger.ledger())
        self._topology_ms = made.at_ms

    def _write_new_streams(self) -> None:
        """Streams and groups that came or went since the baseline, `+` and `-` lines."""
        if self._baseline is not None:
            text = difference(self._baseline, self._history[-1])
            self._workspace.write_text(self._workspace.path("streams", "new_streams.diff"), text)


def difference(before: Poll, now: Poll) -> str:
    """Streams and groups of two polls that differ, one `+` or `-` line each; "" where none does."""
    old, new = _names(before), _names(now)
    lines = [f"+ {name}" for name in sorted(new - old)] + [f"- {name}" for name in sorted(old - new)]
    return "".join(f"{line}\n" for line in lines)


def _names(poll: Poll) -> set[str]:
    streams = {f"stream {stream.name}" for stream in poll.streams}
    return streams | {
        f"group {group.info.name} on {stream.name}" for stream in poll.streams for group in stream.groups
    }


def _guard(job: WatcherJob) -> CostGuard:
    share = RedisTarget.model_fields["cpu_share"].default if job.redis is None else job.redis.cpu_share
    return CostGuard(job.window.poll_interval_s, share)


def _look_limits(job: WatcherJob) -> LookLimits:
    limits, judgement = job.judgement.limits, job.judgement

    def lag_limit(stream: str, group: str) -> int:
        return judgement.limits_for(stream=stream, group=group).consumer_lag

    def idle_limit_ms(stream: str, group: str) -> int:
        return round(judgement.limits_for(stream=stream, group=group).consumer_idle * 1000)

    own_idle = [entry.pending_idle for entry in judgement.expect if entry.pending_idle is not None]
    own_time = [entry.time_lag for entry in judgement.expect if entry.time_lag is not None]
    return LookLimits(
        stuck_idle_ms=round(min([limits.pending_idle, *own_idle]) * 1000),
        time_lag_ms=round(min([limits.time_lag, *own_time]) * 1000),
        lag_recheck_ms=round(limits.lag_recheck * 1000),
        gap_ms=max(60_000, round(job.window.poll_interval_s * 1000 * GAP_POLLS)),
        lag_limit=lag_limit,
        idle_limit_ms=idle_limit_ms,
        samples=job.redis is None or job.redis.samples,
    )
