"""A recorded session that can be replayed: two watchers at a project's code, without a server and without a process."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from agents import config_auditor, enhancement_scout
from agents.indexer import index
from tests.agents.audit_jobs import START_MS, job_of, reporter_of
from tests.fakes.clock import ManualClock
from tests.sources.code.trees import write
from tools.detectors.thresholds import Judgement
from tools.findings.model import AgentId
from tools.report.write import write_report
from tools.sources import session_facts
from tools.sources.session_facts import SessionFacts
from tools.synthesis import judged
from tools.workspace import Workspace

CODE = {
    "services/a/app.py": 'import os\nr.xadd("orders", {})\nr.xreadgroup("g", "c", {"orders": ">"})\nos.environ["X"]\n'
}
VERSION = "0.1.0"


def record(
    folder: Path,
    code: dict[str, str],
    before_report: Callable[[Workspace, Path], None] = lambda _workspace, _project: None,
) -> Workspace:
    """A static session of two watchers on this code."""
    project, clock = write(folder / "project", code), ManualClock(START_MS)
    workspace = Workspace(folder / "monitor-session")
    with ExitStack() as stack:
        for agent, module in (
            (AgentId.CONFIG_AUDITOR, config_auditor),
            (AgentId.ENHANCEMENT_SCOUT, enhancement_scout),
        ):
            job = job_of(agent, project, workspace.root)
            reporter = reporter_of(job, clock, stack)
            if agent is AgentId.CONFIG_AUDITOR:
                index(job.model_copy(update={"agent": "INDEXER"}), clock)
            watcher = module.make(job, reporter)
            watcher.look()
            clock.advance(7)
            watcher.finish()
            reporter.flush()
    facts = SessionFacts(
        session_id="20250615_120000",
        version=VERSION,
        mode="static",
        project_root=str(project),
        redis=None,
        started_ms=START_MS,
        deadline_ms=START_MS + 1000,
        ended_ms=START_MS + 1000,
        ended_by="deadline",
    )
    session_facts.write(workspace, facts)
    workspace.write_text(workspace.session_id_file, "20250615_120000\n")
    judged.write(workspace, Judgement())
    before_report(workspace, project)
    write_report(workspace, project, clock)
    return workspace
