"""The model's part of a session: rounds reach the agents, and nothing of it reaches whoever calls it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from agents.host import SeenFinding
from agents.investigation.batch import FocusTask
from agents.job import RedisTarget, WatcherJob, Window
from orchestrator.session import model_resume
from orchestrator.session.model_part import STOPPED, ModelPace, ModelPart
from tests.agents.investigation.answers import answer, explanation
from tests.agents.model_scene import settings
from tests.agents.recorded import Recorded
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import Asked, MessagesApi, Never, Reply, calls, refuses, says
from tests.fakes.waiting import async_wait_for
from tests.injection import scene
from tests.report import made_session
from tools.clock import iso
from tools.findings.journal import Journal
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
    redis: RedisTarget | None = None
    broken: bool = False
    in_a_hurry: bool = False

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
            redis=self.redis,
            window=Window(started_ms=0, deadline_ms=600_000, middle_ms=300_000),
        )

    def event(self, kind: str, **details: object) -> None:
        self.events.append({"type": kind} | details)
        with Journal(self.workspace.events) as journal:
            journal.append({"type": kind, "at": "2026-01-01T00:00:00.000Z"} | details)

    def gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def seconds_left(self) -> float:
        return 300.0

    def hurried(self) -> bool:
        return self.in_a_hurry


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
        await part.conclude()
        await part.close()
        assert [event["type"] for event in lender.events[:2]] == ["error", "error"]


@pytest.mark.parametrize("hurry", [pytest.param(True, id="a signal"), pytest.param(False, id="the deadline")])
async def test_what_hangs_at_the_end_is_undone_and_a_gap_that_blinds_nobody(
    tmp_path: Path, hurry: bool
) -> None:
    lender = Lender(Recorded(tmp_path), in_a_hurry=hurry)
    with MessagesApi(lambda _: Never()) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 0.2))
        part.take("LOG_WATCHER", SeenFinding("LW-001", "t", severity="CRITICAL"))
        await part.conclude()
        await part.close()
        assert part.use().undone == 2  # what nobody told us of stands in the journals too
        (gap,) = lender.gaps
        assert not gap.blind
        assert gap.what.endswith("of 2 findings")


async def test_clusters_without_the_models_words_are_told(tmp_path: Path) -> None:
    def wordless(asked: Asked) -> Reply:
        return refuses() if asked.system.startswith("# Wording") else says(answer())

    made = made_session.make(tmp_path)
    host = scene.Host(made.workspace, made.project, made.clock)
    with MessagesApi(wordless) as api:
        part = ModelPart(host, settings(api), ModelPace(60.0, 60.0))
        await part.conclude()
        await part.close()
        assert part.use().undone == 0
        (gap,) = host.gaps
        assert gap.what == "a part of the model's words"
        assert "C-01: no readable answer (refusal" in gap.why
        assert not gap.blind


async def test_a_signal_ends_what_is_asked_after_the_window(tmp_path: Path) -> None:
    lender = Lender(Recorded(tmp_path))
    with MessagesApi(lambda _: Never()) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 1000.0))
        ending = asyncio.create_task(part.conclude())
        await async_wait_for(lambda: api.requests, what="the request")
        lender.in_a_hurry = True
        await ending
        await part.close()
        assert part.use().undone == 2


async def test_after_the_shutdown_the_model_is_told_that_nothing_runs_by_our_doing(tmp_path: Path) -> None:
    def asking(asked: Asked) -> Reply:
        return says(answer()) if asked.rounds else calls(("redis_info", {"section": "memory"}))

    lender = Lender(Recorded(tmp_path), redis=RedisTarget(url=SecretStr("redis://127.0.0.1:1/0")))
    with MessagesApi(asking) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 20.0))
        part.investigator(AgentId.REDIS_STREAM_ANALYST)
        await part.server_stopped()
        lender.recorded.attempt(AgentId.REDIS_STREAM_ANALYST, 1)
        part.investigator(AgentId.REDIS_STREAM_ANALYST).focus(
            FocusTask(task_id="F-1", agent="x", entity="orders", question="Why?", until_ms=10**15)
        )
        lender.clock.advance(61)
        part.poke("REDIS_STREAM_ANALYST")
        await async_wait_for(lambda: len(api.requests) == 2, what="the tool's answer")
        await part.close()
        assert "the session has stopped what it had started" in api.requests[0].all_text
        assert STOPPED in api.requests[1].last_text


async def test_what_was_asked_before_a_kill_goes_on_after_it(tmp_path: Path) -> None:
    """The events are those of a session that was killed in an investigation of its second focus task."""
    lender = Lender(Recorded(tmp_path))
    later = iso(lender.clock.now_ms() + 600_000)
    for number in (1, 2):
        lender.event("model-round", number=number, tasks=[], dropped=[], why="")
        lender.event(
            "focus-task", taskId=f"F-0{number}-1", agent="LOG_WATCHER", entity="orders",
            question=f"Why number {number}?", until=later,
        )  # fmt: skip
        lender.event(
            "investigation", agent="LOG_WATCHER", conversation=f"c-{number}", findings=[f"LW-00{number}"],
            focus=[f"F-0{number}-1"],
        )  # fmt: skip
        if number == 1:
            lender.event("investigated", agent="LOG_WATCHER", conversation="c-1", rejected=3, lowered=1)
    with MessagesApi(script) as api:
        part = ModelPart(lender, settings(api), ModelPace(60.0, 20.0))
        await part.investigate_rest()
        part.supervised({"agents": []}, 30)
        await async_wait_for(lambda: lender.events[-1]["type"] == "focus-task", what="the round")
        await part.close()
        asked = api.requests[0].all_text
        assert "Why number 2?" in asked
        assert "Why number 1?" not in asked
        assert "finding LW-002" in asked
        assert "finding LW-001" not in asked
        assert "Why number 1?" in api.requests[1].all_text  # the board lists what was handed out
        assert lender.events[-1]["taskId"] == "F-03-1"
        use = part.use()
        assert (use.rounds, use.focus_tasks, use.investigations) == (3, 3, 3)
        assert (use.rejected, use.lowered, use.readings) == (3, 1, 1)


async def test_a_damaged_journal_of_events_costs_what_it_held(tmp_path: Path) -> None:
    lender = Lender(Recorded(tmp_path))
    lender.workspace.events.write_bytes(
        b'{"type": "focus-task"}\n\xff\n{"type": "model-round", "number": 4}\n'
    )
    assert model_resume.read(lender.workspace).rounds == 4
    assert model_resume.read(lender.workspace).tasks == ()
