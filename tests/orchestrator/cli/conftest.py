"""A session's workspace as its own parts write it: real journals, real recorder, real poll journal."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.fakes.clock import ManualClock
from tools.clock import iso
from tools.findings.journal import Journal
from tools.findings.model import (
    AgentId,
    Effort,
    EvidenceKind,
    Impact,
    Priority,
    ScoutCategory,
    Severity,
    StreamCategory,
)
from tools.findings.recorder import Recorder
from tools.findings.rule import Quote, Rule, Symptom
from tools.sources import session_facts
from tools.sources.records import (
    GroupInfo,
    GroupState,
    Lag,
    Poll,
    PollCost,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.redis.polls import PollJournal
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

LAG = Rule(
    id="stream.consumer-lag",
    agent=AgentId.REDIS_STREAM_ANALYST,
    category=StreamCategory.CONSUMER_LAG,
    condition="lag",
    severity=Severity.CRITICAL,
)
IDEA = Rule(
    id="code.console-logging",
    agent=AgentId.ENHANCEMENT_SCOUT,
    category=ScoutCategory.OBSERVABILITY_GAP,
    condition="print",
    priority=Priority.P1_HIGH,
    effort=Effort.HOURS_2_4,
    impact=Impact.LOW,
)


def stream(name: str, length: int, lag: int | None = None, pending: int = 0) -> StreamState:
    groups: tuple[GroupState, ...] = ()
    if lag is not None:
        info = GroupInfo(name="g", consumers=1, pending=pending, last_delivered_id="0-0")
        groups = (GroupState(info=info, lag=Lag(messages=lag, source="server")),)
    return StreamState(name=name, info=StreamInfo(length=length, groups=len(groups)), groups=groups)


@dataclass
class Recorded:
    """Writes what a session writes."""

    workspace: Workspace
    clock: ManualClock = field(default_factory=ManualClock)

    def begin(self, session_id: str = "20250615_150640", *, version: str = "0.1.0") -> None:
        self.workspace.create()
        self.workspace.write_text(self.workspace.session_id_file, f"{session_id}\n")
        start = self.clock.now_ms()
        facts = SessionFacts(
            session_id=session_id,
            version=version,
            mode="attach",
            project_root=str(self.workspace.root.parent),
            redis="127.0.0.1:6379",
            started_ms=start,
            deadline_ms=start + 600_000,
        )
        session_facts.write(self.workspace, facts)

    def event(self, kind: str, **details: object) -> None:
        with Journal(self.workspace.events) as journal:
            journal.append({"type": kind, "at": iso(self.clock.now_ms())} | details)

    def beat(self, agent: AgentId, findings: int = 0) -> None:
        with Journal(self.workspace.agent_dir(agent) / "heartbeat.jsonl") as journal:
            at = iso(self.clock.now_ms())
            journal.append(
                {"type": "heartbeat", "agent": agent, "at": at, "findingCount": findings, "attempt": 1}
            )

    def record(
        self, rule: Rule, title: str, *, stream: str | None = None, severity: Severity | None = None
    ) -> None:
        (self.workspace.agent_dir(rule.agent) / "attempt").write_text("1", encoding="ascii")
        symptom = Symptom(
            rule=rule,
            title=title,
            entity=(title,),
            evidence=(Quote(EvidenceKind.REDIS, "streams/polls.jsonl", f"reply for {title}"),),
            recommendation="Add consumers.",
            stream=stream,
            severity=severity,
        )
        rejected: list[str] = []
        recorder = Recorder(self.workspace, rule.agent, 1, lambda _rule, reason: rejected.append(reason))
        try:
            assert recorder.record(symptom, self.clock.now_ms()) is not None, rejected
        finally:
            recorder.close()

    def polls(self, *polls: tuple[StreamState, ...]) -> None:
        with PollJournal(self.workspace.polls) as journal:
            for number, streams in enumerate(polls):
                cost = PollCost(server_us=1500, round_trips=4, wall_ms=2.0)
                server = ServerState(flavour="valkey", version="9.0.0")
                at_ms = self.clock.now_ms()
                journal.append(Poll(number=number, at_ms=at_ms, server=server, streams=streams, cost=cost))


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    """A workspace folder in which nothing has happened yet."""
    return Recorded(Workspace(tmp_path / "monitor-session"))
