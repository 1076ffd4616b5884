"""When findings are investigated: batched, at once for a CRITICAL, never in anybody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agents.host import SeenFinding
from agents.investigation import graph
from agents.investigation.batch import FocusTask
from agents.investigator import TRIES_MAX, Investigator, Means
from orchestrator.session.bounded import for_a_while
from tests.agents.investigation.answers import answer, explanation, own
from tests.agents.model_scene import client_scene
from tests.agents.recorded import Recorded
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import Asked, Fails, MessagesApi, Never, Reply, refuses, says
from tests.fakes.waiting import async_wait_for
from tools.findings.model import AgentId
from tools.workspace import Workspace

LW = AgentId.LOG_WATCHER
EVERY_S = 60.0


@dataclass
class Scene:
    recorded: Recorded
    clock: ManualClock
    api: MessagesApi
    investigator: Investigator
    events: list[dict[str, object]]

    def take(self, number: int = 1, severity: str = "HIGH", **more: Any) -> None:
        self.investigator.take(SeenFinding(f"LW-{number:03d}", "t", severity=severity, **more))

    async def settled(self) -> None:
        await async_wait_for(lambda: not self.investigator.busy, what="the investigation")

    def kinds(self) -> list[object]:
        return [event["type"] for event in self.events]


@dataclass
class Host:
    workspace: Workspace
    clock: ManualClock
    events: list[dict[str, object]] = field(default_factory=list)

    def event(self, kind: str, **details: object) -> None:
        self.events.append({"type": kind} | details)


@asynccontextmanager
async def scene(folder: Path, script: Callable[[Asked], Reply], **more: Any) -> AsyncIterator[Scene]:
    recorded, clock = Recorded(folder), ManualClock()
    host = Host(recorded.workspace, clock)
    with MessagesApi(script) as api:
        async with client_scene(api, recorded.workspace, clock, **more) as client:
            means = Means(
                host=host,
                model=client.client,
                graph=graph.build(),
                desk=recorded.desk(),
                every_s=EVERY_S,
                seconds_left=lambda: 100.0,
            )
            investigator = Investigator(means, LW, "You investigate.\nStable.")
            yield Scene(recorded, clock, api, investigator, host.events)
            await investigator.stop()


def explaining(asked: Asked) -> Reply:
    ids = [name for name in ("LW-001", "LW-002") if f"finding {name}" in asked.all_text]
    return says(answer([explanation(name) for name in ids]))


async def test_findings_are_batched_until_they_are_due(tmp_path: Path) -> None:
    async with scene(tmp_path, explaining) as told:
        told.take(1)
        told.take(2, "MEDIUM")
        told.investigator.poke()
        assert not told.investigator.busy
        told.clock.advance(EVERY_S)
        told.investigator.poke()
        await told.settled()
        assert len(told.api.requests) == 1
        assert told.investigator.tally.readings == 2
        assert told.investigator.undone == 0
        assert told.kinds() == ["investigation", "investigated"]


async def test_a_critical_one_does_not_wait(tmp_path: Path) -> None:
    async with scene(tmp_path, explaining) as told:
        told.take(1, "CRITICAL")
        told.investigator.poke()
        assert told.investigator.busy
        await told.settled()
        assert told.investigator.undone == 0


@pytest.mark.parametrize(
    "line",
    [
        pytest.param({"severity": "INFO"}, id="information"),
        pytest.param({"severity": "MEDIUM", "origin": "model"}, id="the model's own"),
    ],
)
async def test_what_is_not_worth_it_is_left_alone(tmp_path: Path, line: dict[str, str]) -> None:
    async with scene(tmp_path, explaining) as told:
        told.take(1, **line)
        told.clock.advance(EVERY_S)
        told.investigator.poke()
        assert told.investigator.undone == 0
        assert not told.investigator.busy


async def test_a_finding_that_grows_is_not_investigated_again(tmp_path: Path) -> None:
    async with scene(tmp_path, explaining) as told:
        for _ in range(3):
            told.take(1)
            told.clock.advance(EVERY_S)
            told.investigator.poke()
            await told.settled()
        assert len(told.api.requests) == 1


async def test_what_was_explained_before_a_resume_is_not_asked_again(tmp_path: Path) -> None:
    async with scene(tmp_path, explaining) as told:
        told.take(1, "CRITICAL")
        told.investigator.poke()
        await told.settled()
        again = Investigator(told.investigator._means, LW, "x")
        again.take(SeenFinding("LW-001", "t", severity="CRITICAL"))
        assert again.undone == 0


async def test_a_model_that_hangs_holds_up_nothing_and_is_ended(tmp_path: Path) -> None:
    async with scene(tmp_path, lambda _: Never()) as told:
        told.take(1, "CRITICAL")
        told.investigator.poke()
        await async_wait_for(lambda: told.api.requests, what="the request")
        told.investigator.poke()  # returns at once, and begins nothing beside it
        assert len(told.api.requests) == 1
        await for_a_while(told.investigator.finish(), 0.05, lambda: False)
        assert not told.investigator.busy
        assert told.investigator.undone == 1


async def test_focus_tasks_are_taken_first_and_those_of_no_use_any_more_are_dropped(tmp_path: Path) -> None:
    def task(name: str, until_ms: int) -> FocusTask:
        return FocusTask(
            task_id=name, agent="LOG_WATCHER", entity="orders", question=f"Why {name}?", until_ms=until_ms
        )

    async with scene(tmp_path, explaining) as told:
        told.investigator.focus(task("F-1", told.clock.now_ms() + 10**6))
        told.investigator.focus(task("F-2", told.clock.now_ms() + 1))
        told.clock.advance(EVERY_S)
        told.investigator.poke()
        await told.settled()
        assert "Why F-1?" in told.api.requests[0].all_text
        assert "Why F-2?" not in told.api.requests[0].all_text
        assert told.events[0]["focus"] == ["F-1"]


async def test_an_answer_that_comes_to_nothing_is_tried_twice_and_then_left_undone(tmp_path: Path) -> None:
    async with scene(tmp_path, lambda _: refuses()) as told:
        told.take(1)
        await told.investigator.finish()
        assert len(told.api.requests) == TRIES_MAX
        assert told.investigator.undone == 1
        assert told.kinds().count("investigation-failed") == TRIES_MAX
        told.take(1)
        assert told.investigator.undone == 1


async def test_a_budget_that_is_spent_ends_it_for_good(tmp_path: Path) -> None:
    from tests.agents.model_scene import limits

    async with scene(tmp_path, explaining, session=limits("0.0001")) as told:
        told.take(1)
        await told.investigator.finish()
        told.take(2)
        told.clock.advance(EVERY_S)
        told.investigator.poke()
        assert not told.investigator.busy
        assert told.investigator.undone == 2
        assert "0.00 USD" in told.investigator.over
        assert told.api.requests == []


async def test_an_api_that_is_down_leaves_findings_undone_and_the_session_alone(tmp_path: Path) -> None:
    async with scene(tmp_path, lambda _: Fails(500)) as told:
        told.take(1)
        await told.investigator.finish()
        assert told.investigator.undone == 1
        assert told.kinds()[-1] == "model-unavailable"


async def test_what_is_left_after_the_window_is_done_batch_by_batch(tmp_path: Path) -> None:
    def script(asked: Asked) -> Reply:
        return says(answer([explanation("LW-001")], findings=[own()]))

    async with scene(tmp_path, script) as told:
        told.take(1)
        await told.investigator.finish()
        assert told.investigator.tally.own_findings == 1
        assert told.investigator.undone == 0


async def test_it_is_run_beside_the_step_that_began_it(tmp_path: Path) -> None:
    """Within a node of another graph LangGraph would take it for a part of that graph."""
    from langgraph.graph import END, START, StateGraph

    async with scene(tmp_path, explaining) as told:

        async def node(_state: dict[str, object]) -> dict[str, object]:
            told.take(1, "CRITICAL")
            told.investigator.poke()
            return {}

        outer: Any = StateGraph(dict)
        outer.add_node("node", node)
        outer.add_edge(START, "node")
        outer.add_edge("node", END)
        await outer.compile().ainvoke({})
        await told.settled()
        assert told.investigator.undone == 0
        await asyncio.sleep(0)
