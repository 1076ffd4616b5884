"""A small recorded session for tests of the model: two measured findings, a log, a poll, a project file."""

from __future__ import annotations

import json
from pathlib import Path

from tools.clock import SystemClock
from tools.findings.model import AgentId, EvidenceKind, Finding, Locator, LogCategory, Severity
from tools.findings.recorder import Recorder, load
from tools.findings.rule import Quote, Rule, Symptom
from tools.functions.contract import Desk
from tools.workspace import Workspace

LINE = "2026-01-01T00:00:00Z ERROR could not reserve stock for order 4711"
CODE = 'client.xadd("orders", {"id": order_id})'
_RULE = Rule("log.error", AgentId.LOG_WATCHER, LogCategory.BUG, "a failure", severity=Severity.HIGH)


class Recorded:
    """`workspace` lies beside `project`; `findings` has LW-001 and LW-002."""

    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder / "session")
        self.workspace.create()
        self.workspace.session_id_file.write_text("20260101_000000\n")
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "orders.py").write_text(f"import redis\n\n{CODE}\n", encoding="utf-8")
        self.workspace.service_log("orders").write_text(f"starting\n{LINE}\n", encoding="utf-8")
        poll = {
            "poll": 3,
            "state": {"name": "orders", "length": 41, "groups": [{"info": {"name": "workers", "lag": 12}}]},
        }
        self.workspace.polls.write_text(json.dumps(poll) + "\n", encoding="utf-8")
        self.attempt(AgentId.LOG_WATCHER, 1)
        self.record("order 4711 was not reserved", "orders", Severity.HIGH)
        self.record("payments are slow", "payments", Severity.MEDIUM)

    def attempt(self, agent: AgentId, number: int) -> None:
        (self.workspace.agent_dir(agent) / "attempt").write_text(str(number), encoding="ascii")

    def record(self, title: str, service: str, severity: Severity) -> None:
        quote = Quote(
            EvidenceKind.LOG, "logs/orders.log", LINE, Locator(byte_offset=9, byte_length=len(LINE))
        )
        recorder = Recorder(self.workspace, AgentId.LOG_WATCHER, 1, lambda _rule, reason: None)
        recorder.record(
            Symptom(
                _RULE, title, (service, title), (quote,), "Look at it.", severity=severity, service=service,
                hypothesis="The rule's own words.", position=("logs/orders.log", 1),
            ),
            1_767_225_600_000,
        )  # fmt: skip
        recorder.close()

    @property
    def findings(self) -> list[Finding]:
        return load(self.workspace.findings(AgentId.LOG_WATCHER))

    def desk(self) -> Desk:
        return Desk(self.workspace, self.project, None, SystemClock())
