"""Jobs and reporters for the watchers that read code."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from agents.job import RedisTarget, WatcherJob, Window
from agents.loop import Reporter
from tests.fakes.clock import ManualClock
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.findings.recorder import Recorder
from tools.workspace import Workspace

START_MS = 1_750_000_000_000


def job_of(
    agent: AgentId | Literal["INDEXER"], project: Path, workspace: Path, url: str | None = None
) -> WatcherJob:
    """A job of ten minutes; static where there is no url."""
    return WatcherJob.model_validate(
        {
            "agent": agent,
            "attempt": 1,
            "session_id": "20250615_120000",
            "mode": "static" if url is None else "attach",
            "workspace": workspace,
            "project_root": project,
            "redis": None if url is None else RedisTarget.model_validate({"url": url}),
            "window": Window(
                started_ms=START_MS, deadline_ms=START_MS + 600_000, middle_ms=START_MS + 300_000
            ),
        }
    )


def reporter_of(job: WatcherJob, clock: ManualClock, stack: ExitStack) -> Reporter:
    """A reporter on a fresh workspace; its files are closed by `stack`."""
    workspace = Workspace(job.workspace)
    workspace.create()
    agent = AgentId(job.agent)
    (workspace.agent_dir(agent) / "attempt").write_text(str(job.attempt))
    rejected: list[tuple[str, str]] = []
    recorder = Recorder(workspace, agent, job.attempt, lambda rule, why: rejected.append((rule, why)))
    stack.callback(recorder.close)
    stack.callback(lambda: _nothing(rejected))
    events = stack.enter_context(Journal(workspace.events))
    gaps = stack.enter_context(Journal(workspace.gaps))
    return Reporter(job, clock, workspace, recorder, events, gaps)


def _nothing(rejected: list[tuple[str, str]]) -> None:
    assert rejected == []
