"""A real watcher process that counts: one finding a look, its number in `state.json`. It runs the product's loop.

Started like the product's own watcher, with a job on standard input.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Mapping

from agents.loop import Reporter, StopFile, run
from agents.watcher import open_reporter, read_job
from tools.clock import SystemClock
from tools.findings.model import AgentId, EvidenceKind, LogCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.workspace import write_atomically

RULE = Rule("test.counted", AgentId.LOG_WATCHER, LogCategory.ANOMALY, "a look", severity=Severity.LOW)


class CountingWatcher:
    interval_s = 0.05

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._state = reporter.workspace.agent_dir(AgentId.LOG_WATCHER) / "state.json"

    def look(self) -> None:
        count = json.loads(self._state.read_text())["count"] if self._state.exists() else 0
        self._record(f"look {count}")
        write_atomically(self._state, json.dumps({"count": count + 1}).encode())

    def finish(self) -> None:
        self._record("last look")

    def beat(self) -> Mapping[str, object]:
        return {}

    def close(self) -> None:
        return

    def _record(self, name: str) -> None:
        quote = Quote(EvidenceKind.LOG, "test", name)
        self._reporter.record(
            Symptom(RULE, name, (name,), (quote,), "Nothing to do.", service="test", hypothesis="It counts.")
        )


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    clock = SystemClock(slice_s=0.01)
    job = read_job(sys.stdin.fileno())
    reporter = open_reporter(job, clock)
    stop = StopFile(reporter.workspace, job.window.deadline_ms, clock, sys.stdin.fileno())
    run(CountingWatcher(reporter), reporter, stop)


if __name__ == "__main__":
    main()
