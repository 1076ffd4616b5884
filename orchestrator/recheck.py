"""One finding looked for again: its rule, on its entity, now. Proves a fix, in seconds.

The agents' own watchers look, with the session's limits and intent, into a folder of their own that goes afterwards.
Nothing is asked of the audited system that a session does not ask.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import structs
from pydantic import SecretStr

from agents import config_auditor, enhancement_scout, indexer, log_state, log_watcher, loop, stream_analyst
from agents.job import LogSource, WatcherJob, Window
from agents.loop import Reporter, Watcher
from agents.watcher import open_reporter
from orchestrator import recheck_ground as ground
from orchestrator.config.mode import address_of
from orchestrator.config.model import Config
from orchestrator.session.jobs import redis_target
from tools import masking
from tools.clock import Clock, from_iso, iso
from tools.detectors import registry
from tools.detectors.config import OF_FILES
from tools.detectors.thresholds import Judgement
from tools.errors import JournalCorrupt, SourceUnavailable
from tools.findings.model import AgentId, Enhancement, Finding, services_of
from tools.findings.recorder import load
from tools.quantities import format_duration
from tools.sources import gaps
from tools.sources.code.index import read_index
from tools.sources.code.walk import walk
from tools.sources.logs.window_state import WindowState
from tools.sources.records import CodeIndex, Poll
from tools.sources.redis import polls
from tools.sources.redis.deployment_source import DeploymentSource
from tools.sources.redis.look_limits import LookLimits
from tools.sources.session_facts import SessionFacts
from tools.synthesis import cross_agent
from tools.synthesis.sessions.entries import is_of_entries
from tools.synthesis.sessions.scope import OF_CODE_TOO
from tools.workspace import Workspace, write_atomically

WATCH_S = 15.0
"""Rules that compare polls need some in a row; so long they get one every `_POLL_S`."""
_POLL_S = 2.0
_OVER_TIME = frozenset(
    {
        "log.silence",
        "log.no-output",
        "log.restart-loop",
        "log.memory-growth",
        "log.clock-apart",
        "log.format-changes",
    }
)
"""Rules about how lines come over a window; what was written since does not prove them wrong."""
_OF_FILES = frozenset(rule.id for detector in OF_FILES for rule in detector.RULES)
_AGAIN = "Run a session."
_NO_SERVER = "redis.url is not set. Name the server with --redis-url."

State = Literal["still there", "gone", "cannot be checked"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a finding, and on what ground. `found` is it as it is now, where it is still there."""

    state: State
    why: str
    found: Finding | None = None


@dataclass(frozen=True, slots=True)
class Recheck:
    """What is looked for, and all that looking needs. `watch_s` bounds the look at a server."""

    finding: Finding
    session: Workspace
    facts: SessionFacts
    config: Config
    judgement: Judgement
    mask_key: bytes | None
    clock: Clock
    watch_s: float = WATCH_S


class _Until:
    """Ends a watch once the finding is seen, or its time is over."""

    def __init__(self, reporter: Reporter, fingerprint: str, clock: Clock, seconds: float) -> None:
        self._reporter, self._fingerprint, self._clock = reporter, fingerprint, clock
        self._ends_at = clock.monotonic() + seconds
        self.orphaned = False

    def is_set(self) -> bool:
        """Whether to stop now."""
        over = self._clock.monotonic() >= self._ends_at
        return over or any(it.fingerprint == self._fingerprint for it in self._reporter.recorder.findings)


def recheck(wanted: Recheck) -> Verdict:
    """Look again. Raises UsageError where the configuration names no server that can be asked, OSError."""
    finding = wanted.finding
    reason = _impossible(finding)
    if reason:
        return Verdict("cannot be checked", reason)
    with _scratch() as folder:
        if finding.agent_id is AgentId.LOG_WATCHER:
            return _lines_since(wanted, folder)
        if finding.agent_id is AgentId.REDIS_STREAM_ANALYST:
            return _streams_now(wanted, folder)
        return _files_now(wanted, folder)


def _impossible(finding: Finding) -> str:
    """Why this kind of finding cannot be looked for alone; "" where it can."""
    rule = finding.rule_id
    if finding.origin.value == "model":
        return "a model found it, and no rule looks for it. Read its evidence again."
    if rule == cross_agent.RULE.id and isinstance(finding, Enhancement):
        root = finding.related_findings[0] if finding.related_findings else "its members"
        return f"it joins findings of several agents. Recheck its cause, {root}."
    if rule.startswith("session."):
        return f"it is about starting and stopping the system. {_AGAIN}"
    if rule.startswith("live.") or rule in _OVER_TIME:
        return f"its rule judges a whole window. {_AGAIN}"
    return "" if rule in registry.rules() else f"this version has no rule {rule}. {_AGAIN}"


def _files_now(wanted: Recheck, folder: Path) -> Verdict:
    """Code and configuration, read again; with the server, where the rule asks it."""
    root = Path(wanted.facts.project_root)
    if not root.is_dir():
        return Verdict("cannot be checked", f"the project's folder {root} is not there.")
    rule = wanted.finding.rule_id
    asked = wanted.facts.mode != "static"
    with_server = asked and rule.startswith("config.") and rule not in _OF_FILES
    if with_server and wanted.config.redis.url is None:
        return Verdict("cannot be checked", f"its rule asks the server, and {_NO_SERVER}")
    job = _job(wanted, folder, with_server=with_server)
    _index(job, wanted.clock)
    with _reporter(job, wanted.clock) as reporter:
        if with_server and (unseen := _take_baseline(job, wanted)):
            return Verdict("cannot be checked", unseen)
        if job.agent is AgentId.CONFIG_AUDITOR:
            watcher: Watcher = config_auditor.make(job, reporter)
            watcher.finish()
        else:
            watcher = enhancement_scout.make(job, reporter)
            watcher.look()
        watcher.close()
        reporter.flush()
    unseen = _files_unseen(wanted, job) or (_server_unseen(wanted, folder) if with_server else "")
    said = f"the files, read again at {iso(wanted.clock.now_ms())}, do not show it"
    return _verdict(wanted, folder, said, unseen)


def _files_unseen(wanted: Recheck, job: WatcherJob) -> str:
    """Why the files' silence says nothing."""
    index = _read_index(Workspace(job.workspace))
    if index is None:
        return "the project's files could not be read."
    then = _read_index(wanted.session)
    try:
        files = list(walk(job.project_root, job.include, indexer.excluded(job)))
    except OSError as error:
        return f"the project's files could not be read ({error.strerror or error})."
    return ground.files_unseen(wanted.finding, files, index, then)


def _server_unseen(wanted: Recheck, folder: Path) -> str:
    """Why the server's silence about code and configuration says nothing. Streams that it never had are not missed."""
    last = ground.last_of(polls.read_polls(Workspace(folder).path("config", "polls.jsonl")))
    unseen = _other_server(wanted) or ground.streams_unseen(wanted.finding, last, _had(wanted.session))
    return unseen or ground.entries_unseen(wanted.finding, last)


def _had(session: Workspace) -> frozenset[str] | None:
    """The families of streams that the session's Config Auditor saw; None where that cannot be told."""
    try:
        baseline = polls.read_baseline(session.path("streams", "baseline.json"))
        seen: list[Poll] = [] if baseline is None else [baseline]
        return ground.families([*seen, *polls.read_polls(session.path("config", "polls.jsonl"))])
    except (OSError, JournalCorrupt):
        return None


def _other_server(wanted: Recheck) -> str:
    """A server that the session found running is known by its address; one that it started may get another each time."""
    then, url = wanted.facts.redis, wanted.config.redis.url
    if wanted.facts.mode != "attach" or then is None or url is None:
        return ""
    now = masking.mask(str(address_of(url.get_secret_value())))
    return "" if now == then else f"the session looked at the server {then}, this one is {now}."


def _read_index(workspace: Workspace) -> CodeIndex | None:
    try:
        return read_index(workspace.code_index)
    except (OSError, SourceUnavailable):
        return None


def _streams_now(wanted: Recheck, folder: Path) -> Verdict:
    """A watch of the server, polled as a session polls it."""
    if wanted.config.redis.url is None:
        return Verdict("cannot be checked", _NO_SERVER)
    job = _job(wanted, folder, with_server=True)
    unseen = _take_baseline(job, wanted)
    if unseen:
        return Verdict("cannot be checked", unseen)
    if Path(wanted.facts.project_root).is_dir():
        _index(job, wanted.clock)
    with _reporter(job, wanted.clock) as reporter:
        until = _Until(reporter, wanted.finding.fingerprint, wanted.clock, wanted.watch_s)
        loop.run(stream_analyst.make(job, reporter), reporter, until)
    count = sum(1 for _ in polls.read_polls(Workspace(folder).polls))
    if not count:
        return (
            _verdict(wanted, folder, "")
            if _blind(folder)
            else Verdict("cannot be checked", "no poll was made.")
        )
    length = format_duration(round(wanted.watch_s))
    said = f"{count} polls in {length}, ended at {iso(wanted.clock.now_ms())}, do not show it"
    last = ground.last_of(polls.read_polls(Workspace(folder).polls))
    unseen = _other_server(wanted) or ground.streams_unseen(wanted.finding, last)
    unseen = unseen or ground.entries_unseen(wanted.finding, last)
    if wanted.finding.rule_id in OF_CODE_TOO:
        unseen = unseen or _files_unseen(wanted, job)
    found = _verdict(wanted, folder, said, unseen)
    if found.state == "gone" and _took_s(wanted) > wanted.watch_s:
        took = format_duration(round(_took_s(wanted)))
        why = f"{said}; in the session it took {took} to show. Watch as long: --for {took}."
        return Verdict("cannot be checked", why)
    return found


def _took_s(wanted: Recheck) -> float:
    """How long the session looked until it saw the finding."""
    return max(0.0, (from_iso(wanted.finding.timestamp) - wanted.facts.started_ms) / 1000)


def _lines_since(wanted: Recheck, folder: Path) -> Verdict:
    """The lines that were written since the session read the logs, from exactly where it stood."""
    logs = tuple(LogSource(**source.model_dump()) for source in wanted.config.logs.sources)
    if not logs:
        why = (
            "no log is configured: the output that the session captured ended with it."
            if (wanted.facts.mode == "managed")
            else "no log source is configured. Name it in [[logs.sources]]."
        )
        return Verdict("cannot be checked", f"{why} {_AGAIN}")
    state = wanted.session.agent_dir(AgentId.LOG_WATCHER) / "state.json"
    try:
        stood = log_state.load(state)
    except OSError:
        stood = None
    if stood is None:
        return Verdict("cannot be checked", f"where the session's reading stood is not known. {_AGAIN}")
    job = _job(wanted, folder, with_server=False, logs=logs)
    fresh = structs.replace(stood, window=WindowState(), lines=0, merged=None, recording_bytes=0)
    write_atomically(
        Workspace(folder).agent_dir(AgentId.LOG_WATCHER) / "state.json", msgspec.json.encode(fresh)
    )
    with _reporter(job, wanted.clock) as reporter:
        watcher = log_watcher.make(job, reporter)
        watcher.finish()
        reporter.flush()
        active = watcher.beat()["servicesActive"]
        watcher.close()
    silent = [name for name in services_of(wanted.finding) if name not in active]  # type: ignore[operator]  # a list
    if silent and not _blind(folder) and not _found(wanted, folder):
        return Verdict(
            "cannot be checked", f"{silent[0]} has logged nothing since the session. Try again later."
        )
    if not watcher.lines and not _found(wanted, folder):
        return Verdict("cannot be checked", "nothing was logged since the session. Try again later.")
    said = f"none of {watcher.lines:,} lines written since the session shows it"
    found = _verdict(wanted, folder, said, ground.lines_unseen(gaps.read(Workspace(folder).gaps)))
    since_s = (wanted.clock.now_ms() - (wanted.facts.ended_ms or wanted.facts.deadline_ms)) / 1000
    if found.state == "gone" and _took_s(wanted) > since_s:
        took, since = (format_duration(round(seconds)) for seconds in (_took_s(wanted), max(since_s, 0)))
        why = f"{said}; in the session it took {took} to show, and {since} passed since. Try again later."
        return Verdict("cannot be checked", why)
    return found


def _verdict(wanted: Recheck, folder: Path, gone: str, unseen: str = "") -> Verdict:
    """`unseen` says why a look in vain says nothing."""
    found = _found(wanted, folder)
    if found is not None:
        return Verdict("still there", f"seen at {found.last_seen}", found)
    agent = wanted.finding.agent_id
    now = load(Workspace(folder).findings(agent))
    then = {it.fingerprint for it in load(wanted.session.findings(agent))}
    alike = ground.akin(wanted.finding, now, then)
    if alike is not None:
        return Verdict("still there", f"seen at {alike.last_seen}; its line reads otherwise or moved", alike)
    reason = _blind(folder) or unseen or ground.neighbour(wanted.finding, now, then)
    return Verdict("cannot be checked", reason) if reason else Verdict("gone", gone)


def _found(wanted: Recheck, folder: Path) -> Finding | None:
    now = load(Workspace(folder).findings(wanted.finding.agent_id))
    return next((it for it in now if it.fingerprint == wanted.finding.fingerprint), None)


def _blind(folder: Path) -> str:
    """What could not be seen, in a sentence; "" where nothing is missing."""
    missing = [gap for gap in gaps.read(Workspace(folder).gaps) if gap.blind]
    return f"{missing[0].what}: {missing[0].why}. {missing[0].fix}" if missing else ""


def _job(wanted: Recheck, folder: Path, *, with_server: bool, logs: tuple[LogSource, ...] = ()) -> WatcherJob:
    now_ms, config = wanted.clock.now_ms(), wanted.config
    url = config.redis.url if with_server else None
    return WatcherJob(
        agent=wanted.finding.agent_id,
        attempt=1,
        session_id=wanted.facts.session_id,
        mode="static" if url is None and not logs else "attach",
        workspace=folder,
        project_root=Path(wanted.facts.project_root),
        include=wanted.facts.include or config.project.include,
        exclude=wanted.facts.exclude or config.project.exclude,
        redis=None if url is None else redis_target(url, config.redis),
        logs=logs,
        logs_since_ms=wanted.facts.ended_ms,
        judgement=wanted.judgement,
        window=Window(
            started_ms=now_ms,
            deadline_ms=now_ms + round(wanted.watch_s * 1000) + 60_000,
            middle_ms=now_ms,
            poll_interval_s=_POLL_S,
        ),
        mask_key=None if wanted.mask_key is None else SecretStr(wanted.mask_key.hex()),
        code_cache=config.output.state_folder / "code-index",
        every_finding=True,
    )


def _index(job: WatcherJob, clock: Clock) -> None:
    indexer.index(job.model_copy(update={"agent": "INDEXER"}), clock)


def _take_baseline(job: WatcherJob, wanted: Recheck) -> str:
    """Take it; where the server does not answer, or lets no entries be read that are asked for, say so at once."""
    assert job.redis is not None
    of_entries = is_of_entries(wanted.finding)
    limits = LookLimits(samples=of_entries and job.redis.samples)
    try:
        deployment = job.redis.deployment("streamgauge-recheck")
        try:
            source = DeploymentSource(deployment, wanted.clock, limits=limits)
            poll = source.poll(0, previous=None)
            unread = next(gaps.entries_unread(source.gaps()), None) if of_entries else None
        finally:
            deployment.close()
    except SourceUnavailable as error:
        return f"{error.what}: {error.why}. {error.fix}"
    polls.write_baseline(Workspace(job.workspace).path("streams", "baseline.json"), poll)
    return "" if unread is None else f"{unread.what}: {unread.why}. {unread.fix}"


@contextmanager
def _reporter(job: WatcherJob, clock: Clock) -> Iterator[Reporter]:
    workspace = Workspace(job.workspace)
    write_atomically(workspace.agent_dir(AgentId(job.agent)) / "attempt", b"1")
    with ExitStack() as stack:
        reporter = open_reporter(job, clock)
        for part in (reporter.recorder, reporter.events, reporter.gaps):
            stack.callback(part.close)
        yield reporter


@contextmanager
def _scratch() -> Iterator[Path]:
    """A private folder with a workspace in it, gone afterwards: its records are those of the audited system."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-recheck-") as name:
        folder = Path(name).resolve()
        Workspace(folder).create()
        yield folder
