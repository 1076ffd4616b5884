"""A workspace, a clock that moves by itself, and the attempts of the Stream Analyst on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from agents.job import RedisTarget, WatcherJob, Window
from agents.loop import Reporter
from agents.stream_analyst import StreamAnalyst, make
from agents.watcher import open_reporter
from tests.fakes.clock import ManualClock
from tools.detectors.thresholds import Judgement
from tools.findings import recorder
from tools.findings.model import AgentId
from tools.sources.redis import polls as journal
from tools.sources.redis.deployment import Databases
from tools.workspace import Workspace

AGENT = AgentId.REDIS_STREAM_ANALYST


class Desk:
    """A workspace, a clock that moves by itself, and the attempts of one agent."""

    def __init__(
        self, root: Path, url: str, judgement: Judgement | None = None, cpu_share: float = 0.015
    ) -> None:
        self.workspace = Workspace(root)
        self.workspace.create()
        self.clock = ManualClock()
        now = self.clock.now_ms()
        self.window = Window(
            started_ms=now, deadline_ms=now + 120_000, middle_ms=now + 60_000, heartbeat_s=30
        )
        self.judgement = judgement or Judgement()
        self.url, self.cpu_share = url, cpu_share
        self.databases: Databases = None
        self.open: list[tuple[StreamAnalyst, Reporter]] = []
        self.finished: StreamAnalyst | None = None

    def attempt(self, number: int = 1) -> tuple[StreamAnalyst, Reporter]:
        (self.workspace.agent_dir(AGENT) / "attempt").write_text(str(number), encoding="ascii")
        job = WatcherJob(
            agent=AGENT,
            attempt=number,
            session_id="x",
            mode="attach",
            workspace=self.workspace.root,
            project_root=self.workspace.root,
            redis=RedisTarget(
                url=SecretStr(self.url),
                databases=self.databases,
                command_timeout_s=0.5,
                connect_timeout_s=0.5,
                cpu_share=self.cpu_share,
            ),
            judgement=self.judgement,
            window=self.window,
        )
        reporter = open_reporter(job, self.clock)
        self.open.append((make(job, reporter), reporter))
        return self.open[-1]

    def close(self) -> None:
        for analyst, reporter in self.open:
            if analyst is not self.finished:
                analyst.close()
            reporter.recorder.close()
            reporter.events.close()
            reporter.gaps.close()

    def text(self, *parts: str) -> str:
        return self.workspace.path(*parts).read_text(encoding="utf-8")

    def findings(self) -> dict[str, Any]:
        return {item.rule_id: item for item in recorder.load(self.workspace.findings(AGENT))}

    def numbers(self) -> list[int]:
        return [poll.number for poll in journal.read_polls(self.workspace.polls)]
