"""The model's part of a session: rounds reach the agents, and nothing of it reaches whoever calls it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.host import SeenFinding
from agents.job import WatcherJob, Window
from orchestrator.session.model_part import ModelPace, ModelPart
from tests.agents.investigation.answers import answer, explanation
from tests.agents.model_scene import settings
from tests.agents.recorded import Recorded
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import Asked, MessagesApi, Never, Reply, says
from tests.fakes.waiting import async_wait_for
from tools.findings.model import AgentId
from tools.sources.records import Gap
from tools.workspace import Workspace

TASK = {"agent": "LOG_WATCHER", "entity": "orders", "question": "Since when?", "minutes": 5.0}


@dataclass
class Lender:
    recorded: Recorded
    clock: ManualClock = field(default_factory=ManualClock)
    events: list[dict[str, Any]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    broken: bool = False

    @property
    def workspace(self) -> Workspace:
        return self.recorded.workspace

    @property
    def project_root(self) -> Path:
        return self.recorded.project

    def job(self, agent: AgentId | None) -> WatcherJob:
        if self.broken:
            raise RuntimeError("no job for anybody")
        return WatcherJob(
            agent=agent or "INDEXER",
            attempt=1,
            session_id="20260101_000000",
            mode="static",
            workspace=self.workspace.root,
            project_root=self.project_root,
            window=Window(started_ms=0, deadline_ms=600_000, middle_ms=300_000),
        )

    def event(self, kind: str, **details: object) -> None:
        self.events.append({"type": kind} | details)

    def gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def wrote(self, agent: AgentId) -> None:
        self.event("wrote", agent=agent)

    def seconds_left(self) -> float:
        return 300.0


def script(asked: Asked) -> Reply:
    if asked.system.startswith("# Orchestrator"):
        return says({"tasks": [TASK], "why": "one cause or two"})
    return says(answer([explanation()]))


async def test_a_rounds_task_is_in_the_agents_next_investigation(tmp_path: Path) -> None:
    lender = Lender(Recorded(tmp_path))
    with MessagesApi(script) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 20.0))
        part.supervised({"agents": []}, 30)
        await async_wait_for(lambda: any(e["type"] == "focus-task" for e in lender.events), what="the task")
        part.supervised({"agents": []}, 30)  # nothing is new: nobody is asked
        lender.clock.advance(61)
        part.take("LOG_WATCHER", SeenFinding("LW-001", "t", severity="HIGH"))
        await async_wait_for(lambda: part.use().readings == 1, what="the investigation")
        await part.close()
        assert api.violations == []
        assert [asked.system.split("\n", 1)[0] for asked in api.requests] == [
            "# Orchestrator of an audit",
            "# Investigation for LOG_WATCHER",
        ]
        assert "Since when?" in api.requests[1].all_text
        assert Decimal(part.use().spent_usd) == api.billed


async def test_a_part_that_breaks_is_an_event_for_whoever_calls_it(tmp_path: Path) -> None:
    lender = Lender(Recorded(tmp_path), broken=True)
    with MessagesApi(script) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 20.0))
        part.take("LOG_WATCHER", SeenFinding("LW-001", "t", severity="CRITICAL"))
        part.poke("NOBODY")
        await part.conclude(hurry=False)
        await part.close()
        assert [event["type"] for event in lender.events[:2]] == ["error", "error"]


@pytest.mark.parametrize("hurry", [pytest.param(True, id="a signal"), pytest.param(False, id="the deadline")])
async def test_what_hangs_at_the_end_is_undone_and_a_gap_that_blinds_nobody(
    tmp_path: Path, hurry: bool
) -> None:
    lender = Lender(Recorded(tmp_path))
    with MessagesApi(lambda _: Never()) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 0.2))
        part.take("LOG_WATCHER", SeenFinding("LW-001", "t", severity="CRITICAL"))
        await part.conclude(hurry=hurry)
        await part.close()
        assert part.use().undone == 1
        (gap,) = lender.gaps
        assert not gap.blind
        assert gap.what.endswith("of 1 finding")
