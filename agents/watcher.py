"""The watcher process: `python -P -m agents.watcher` with a job on standard input.

Started by the session, one per specialist. It imports `tools` only, so it is small, quick to start and can be
killed at any moment: its journals and `state.json` are all that a new attempt needs. Standard input stays open;
when it ends, the parent has died and the watcher leaves without finishing.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from importlib import import_module

from agents.job import WatcherJob
from agents.loop import Reporter, StopFile, Watcher, run
from tools import masking
from tools.clock import Clock, SystemClock
from tools.errors import StaleAttempt
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.findings.recorder import Recorder
from tools.sources.gaps import told
from tools.workspace import Workspace

_MODULES = {
    AgentId.LOG_WATCHER: "agents.log_watcher",
    AgentId.REDIS_STREAM_ANALYST: "agents.stream_analyst",
    AgentId.CONFIG_AUDITOR: "agents.config_auditor",
    AgentId.ENHANCEMENT_SCOUT: "agents.enhancement_scout",
}
"""Each module has `make(job, reporter) -> Watcher`; only the one that runs is imported."""


def read_job(descriptor: int) -> WatcherJob:
    """The job: the first line of standard input. Raises pydantic.ValidationError, EOFError."""
    data = b""
    while not data.endswith(b"\n"):
        part = os.read(descriptor, 65536)
        if not part:
            raise EOFError("standard input ended before the job did")
        data += part
    return WatcherJob.model_validate_json(data)


def open_reporter(job: WatcherJob, clock: Clock) -> Reporter:
    """The journals of one watcher, open for appending."""
    workspace = Workspace(job.workspace)
    events = Journal(workspace.events)

    def on_reject(rule_id: str, reason: str) -> None:
        reporter.event("error", rule=rule_id, reason=reason)

    agent = AgentId(job.agent)
    recorder = Recorder(workspace, agent, job.attempt, on_reject)
    gaps = Journal(workspace.gaps)
    reporter = Reporter(job, clock, workspace, recorder, events, gaps, told(workspace.gaps))
    return reporter


def main() -> int:
    """Run one watcher to its end. Exit code 0, or 75 where a newer attempt has taken over."""
    # Ctrl-C reaches the whole process group; the session decides when a watcher stops, by STOP.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    clock = SystemClock()
    job = read_job(sys.stdin.fileno())
    if job.mask_key is not None:
        masking.use_key(bytes.fromhex(job.mask_key.get_secret_value()))
    if job.agent == "INDEXER":
        import_module("agents.indexer").index(job, clock)
        return 0
    reporter = open_reporter(job, clock)
    watcher: Watcher = import_module(_MODULES[AgentId(job.agent)]).make(job, reporter)
    # Modules, patterns and rules stay to the end: no collection need look through them again.
    gc.freeze()
    stop = StopFile(reporter.workspace, job.window.deadline_ms, clock, sys.stdin.fileno())
    try:
        run(watcher, reporter, stop)
    except StaleAttempt:
        return 75
    finally:
        reporter.recorder.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
