"""A real watcher process of any agent that sees nothing but a scripted fault: quick, for tests of the session.

SIMPLE_WATCHER in the environment names what it does: `critical` (the Log Watcher finds one CRITICAL), `high`,
`crash` (it exits with 1 at once), `hang` (it never beats), `waiting` (it is never done), else nothing.
SIMPLE_WATCHER_SAYS is the evidence of what it finds. SIMPLE_INDEXER=crash makes the indexer exit with 1.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from agents.job import WatcherJob
from agents.loop import Reporter, StopFile, run
from agents.watcher import open_reporter, read_job
from tools.clock import SystemClock
from tools.findings.model import AgentId, EvidenceKind, LogCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.workspace import Workspace, write_atomically

RULE = Rule("test.scripted", AgentId.LOG_WATCHER, LogCategory.CRASH, "as told", severity=Severity.HIGH)


class SimpleWatcher:
    interval_s = 0.1

    def __init__(self, reporter: Reporter, told: str) -> None:
        self._reporter, self._told = reporter, told

    def look(self) -> None:
        if self._told in {"critical", "high"} and self._reporter.job.agent is AgentId.LOG_WATCHER:
            quote = Quote(EvidenceKind.PROCESS, "test", os.environ.get("SIMPLE_WATCHER_SAYS", "orders died"))
            severity = Severity(self._told.upper())
            self._reporter.record(
                Symptom(
                    RULE, "orders died", ("orders",), (quote,), "Start it.",
                    severity=severity, service="orders", hypothesis="It was told to.", position=("t", 1),
                )
            )  # fmt: skip
        state = self._reporter.workspace.agent_dir(AgentId(self._reporter.job.agent)) / "state.json"
        write_atomically(
            state, json.dumps({"done": self._told != "waiting", "at": time.monotonic_ns()}).encode()
        )

    def finish(self) -> None:
        self.look()  # as every watcher does: on a busy machine it is the only look of a short window
        marker = self._reporter.workspace.agent_dir(AgentId(self._reporter.job.agent)) / "finished"
        marker.write_text("yes")

    def beat(self) -> Mapping[str, object]:
        return {}

    def close(self) -> None:
        return


def keep_job(job: WatcherJob) -> None:
    slug = getattr(job.agent, "slug", "indexer")
    path: Path = Workspace(job.workspace).path("agents", slug, f"job-{job.attempt}.json")
    write_atomically(path, job.model_dump_json().encode())


def main() -> int:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    clock = SystemClock(slice_s=0.02)
    job = read_job(sys.stdin.fileno())
    keep_job(job)
    if job.agent == "INDEXER":
        return int(os.environ.get("SIMPLE_INDEXER") == "crash")
    told = os.environ.get("SIMPLE_WATCHER", "")
    if told == "crash":
        return 1
    if told == "hang":
        time.sleep(600)
    reporter = open_reporter(job, clock)
    stop = StopFile(reporter.workspace, job.window.deadline_ms, clock, sys.stdin.fileno())
    run(SimpleWatcher(reporter, told), reporter, stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
