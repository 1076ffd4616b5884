"""An agent's keeper: alive, getting on, restarted, given up; and the subgraph around it."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from langchain_core.runnables import RunnableConfig

from agents.engine import Engine, LocalEngine
from agents.host import SeenFinding
from agents.job import WatcherJob, Window
from agents.node import AgentKeeper, AgentState, Crew, Pace, agent_graph
from tests.fakes.clock import ManualClock
from tests.fakes.engine import FakeEngine
from tests.fakes.waiting import async_wait_for
from tools.clock import Clock, SystemClock
from tools.findings.model import AgentId
from tools.findings.recorder import load
from tools.sources.records import Gap
from tools.workspace import Workspace

AGENT = AgentId.LOG_WATCHER
PACE = Pace(tick_s=1.0, restart_after_s=10.0, flush_grace_s=5.0, start_grace_s=4.0, backoff_s=1.0)


class Switch:
    def __init__(self) -> None:
        self.on = False

    def is_set(self) -> bool:
        return self.on


@dataclass
class FakeHost:
    workspace: Workspace
    clock: Clock
    engine: Engine
    ending: Switch = field(default_factory=Switch)
    events: list[dict[str, object]] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    lines: list[SeenFinding] = field(default_factory=list)
    restarts: list[tuple[str, int, str]] = field(default_factory=list)

    def event(self, kind: str, **details: object) -> None:
        self.events.append({"type": kind} | details)

    def gap(self, gap: Gap) -> None:
        self.gaps.append(gap)

    def seen(self, agent: str, finding: SeenFinding) -> None:
        self.lines.append(finding)

    def restarted(self, agent: str, attempt: int, reason: str) -> None:
        self.restarts.append((agent, attempt, reason))


def job_in(workspace: Workspace, deadline_ms: int = 10**15) -> WatcherJob:
    return WatcherJob(
        agent=AGENT,
        attempt=0,
        session_id="20250101_000000",
        mode="attach",
        workspace=workspace.root,
        project_root=workspace.root.parent,
        window=Window(started_ms=0, deadline_ms=deadline_ms, middle_ms=10**14, heartbeat_s=2.0),
    )


class Scene:
    """A keeper on a manual clock with an engine that does what the test says."""

    def __init__(self, folder: Path, pace: Pace = PACE) -> None:
        self.workspace = Workspace(folder / "session")
        self.workspace.create()
        self.clock = ManualClock()
        self.engine = FakeEngine()
        self.host = FakeHost(self.workspace, self.clock, self.engine)
        self.keeper = AgentKeeper(self.host, job_in(self.workspace), pace)

    def beat(self) -> None:
        with (self.workspace.agent_dir(AGENT) / "heartbeat.jsonl").open("a") as file:
            file.write("{}\n")

    def find(self, number: int, severity: str = "LOW", revision: int = 1, origin: str = "measured") -> None:
        line = {
            "findingId": f"LW-{number:03d}",
            "title": "t",
            "severity": severity,
            "revision": revision,
            "origin": origin,
        }
        with self.workspace.findings(AGENT).open("a") as file:
            file.write(json.dumps(line) + "\n")

    async def ticks(self, count: int, *, beating: bool = False) -> None:
        for _ in range(count):
            if beating:
                self.beat()
            await self.keeper.tick()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_the_first_tick_starts_the_watcher(scene: Scene) -> None:
    await scene.keeper.tick()
    assert [job.attempt for job in scene.engine.jobs] == [1]
    assert scene.host.events[0] == {
        "type": "agent-started",
        "agent": "LOG_WATCHER",
        "attempt": 1,
        "pid": 1000,
    }


@pytest.mark.parametrize(
    ("quiet_ticks", "restarts"),
    [pytest.param(14, 0, id="on the limit"), pytest.param(16, 1, id="over the limit")],
)
async def test_a_watcher_without_any_sign_of_life_is_killed_and_started_again(
    scene: Scene, quiet_ticks: int, restarts: int
) -> None:
    await scene.ticks(quiet_ticks)
    assert len(scene.host.restarts) == restarts
    assert scene.engine.handles[0].killed == bool(restarts)


@pytest.mark.parametrize("sign", ["heartbeat", "finding", "state"])
async def test_each_sign_of_life_alone_is_enough(scene: Scene, sign: str) -> None:
    for number in range(40):
        if sign == "heartbeat":
            scene.beat()
        elif sign == "finding":
            scene.find(number)
        else:
            path = scene.workspace.agent_dir(AGENT) / "state.json"
            path.write_text("x" * (number + 1))
        await scene.keeper.tick()
    assert scene.host.restarts == []


async def test_what_a_model_found_is_no_sign_of_the_watchers_life(scene: Scene) -> None:
    for number in range(16):
        scene.find(90_001 + number, origin="model")
        await scene.keeper.tick()
    assert len(scene.host.restarts) == 1
    assert scene.keeper.findings == 16


async def test_a_restart_has_the_same_instructions_and_the_next_attempt(scene: Scene) -> None:
    await scene.ticks(2, beating=True)
    scene.engine.newest.code = -9
    await scene.ticks(1)
    first, second = scene.engine.jobs
    assert second == first.model_copy(update={"attempt": 2})
    assert scene.host.restarts == [("LOG_WATCHER", 2, "killed by signal 9")]
    assert [gap.blind for gap in scene.host.gaps] == [False]


async def test_after_five_restarts_the_agent_is_given_up_and_said_to_be_blind(scene: Scene) -> None:
    for _ in range(60):
        await scene.keeper.tick()
        scene.engine.newest.code = 1
    assert scene.keeper.status == "failed"
    assert len(scene.engine.jobs) == 6
    assert scene.host.gaps[-1].blind
    assert scene.keeper.outcome()["finished"] is False


async def test_the_pause_before_a_restart_doubles(scene: Scene) -> None:
    started: list[float] = []
    for _ in range(40):
        before = len(scene.engine.jobs)
        await scene.keeper.tick()
        if len(scene.engine.jobs) > before:
            started.append(scene.clock.monotonic())
            scene.engine.newest.code = 1
    pauses = [later - earlier for earlier, later in itertools.pairwise(started)]
    assert pauses == sorted(pauses)
    assert pauses[-1] >= 8.0


async def test_a_watcher_that_lived_long_clears_the_count_of_restarts(scene: Scene) -> None:
    for _ in range(8):
        await scene.ticks(105, beating=True)
        scene.engine.newest.code = 1
    await scene.ticks(2)
    assert scene.keeper.status == "running"
    assert len(scene.host.restarts) == 8


async def test_a_watcher_that_cannot_be_started_is_tried_again(scene: Scene) -> None:
    scene.engine.refuse = 2
    await scene.ticks(6)
    assert len(scene.engine.jobs) == 1
    assert [reason.split(":")[0] for _, _, reason in scene.host.restarts] == ["could not be started"] * 2


async def test_our_own_lateness_is_not_taken_for_the_watchers_silence(scene: Scene) -> None:
    await scene.ticks(3, beating=True)
    scene.clock.advance(300)
    await scene.ticks(2)
    assert scene.host.restarts == []


async def test_every_new_line_of_its_journal_is_told_once(scene: Scene) -> None:
    scene.find(1, "CRITICAL")
    await scene.ticks(2)
    scene.find(1, "CRITICAL", revision=2)
    scene.find(2)
    await scene.ticks(2)
    assert [(line.finding_id, line.revision) for line in scene.host.lines] == [
        ("LW-001", 1),
        ("LW-001", 2),
        ("LW-002", 1),
    ]
    assert scene.keeper.findings == 2


async def test_a_line_that_is_no_finding_is_an_event_and_no_end(scene: Scene) -> None:
    scene.workspace.findings(AGENT).write_text('{"broken"\n')
    scene.find(2)
    await scene.ticks(2)
    assert [event["type"] for event in scene.host.events].count("error") == 1
    assert [line.finding_id for line in scene.host.lines] == ["LW-002"]


async def test_a_clean_exit_after_the_window_finishes_the_agent(scene: Scene) -> None:
    await scene.ticks(1)
    scene.host.ending.on = True
    assert scene.keeper.status == "ending"
    scene.engine.newest.code = 0
    await scene.keeper.flush()
    assert scene.keeper.outcome() == {
        "agent": "LOG_WATCHER",
        "attempts": 1,
        "finished": True,
        "reasons": [],
    }
    assert scene.host.gaps == []


async def test_a_clean_exit_inside_the_window_is_a_restart(scene: Scene) -> None:
    await scene.ticks(1)
    scene.engine.newest.code = 0
    await scene.ticks(1)
    assert scene.host.restarts == [("LOG_WATCHER", 2, "exited with code 0")]


async def test_a_watcher_that_does_not_end_in_its_grace_is_killed_and_a_gap(scene: Scene) -> None:
    await scene.ticks(1)
    scene.host.ending.on = True
    await scene.keeper.flush()
    assert scene.engine.newest.killed
    assert scene.engine.newest.closed
    assert scene.keeper.status == "failed"
    assert scene.host.gaps[-1].blind


async def test_a_watcher_that_dies_in_its_last_look_is_started_once_more(scene: Scene) -> None:
    await scene.ticks(1)
    scene.host.ending.on = True
    scene.engine.newest.code = -11
    flushing = scene.keeper.flush()
    # On the manual clock the grace passes at once: the second attempt is there, and is killed at its end.
    await flushing
    assert [job.attempt for job in scene.engine.jobs] == [1, 2]


@pytest.mark.parametrize(
    ("text", "done"),
    [
        pytest.param('{"done": true}', True, id="done"),
        pytest.param('{"done": false}', False, id="not yet"),
        pytest.param('{"do', False, id="torn"),
        pytest.param("[1]", False, id="no object"),
    ],
)
def test_done_is_what_the_state_says(scene: Scene, text: str, done: bool) -> None:
    (scene.workspace.agent_dir(AGENT) / "state.json").write_text(text)
    assert scene.keeper.done() is done


@dataclass
class OneAgent(Crew):
    only: AgentKeeper
    pokes: list[str] = field(default_factory=list)

    def keeper(self, agent: str) -> AgentKeeper:
        return self.only

    def poke(self, agent: str) -> None:
        self.pokes.append(agent)


COUNTING = (sys.executable, "-P", "-m", "tests.fakes.counting_watcher")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["kill -9", "SIGSTOP"])
async def test_a_watcher_killed_or_stopped_is_restarted_and_loses_no_finding(
    tmp_path: Path, number: signal.Signals
) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    host = FakeHost(workspace, SystemClock(slice_s=0.01), LocalEngine(COUNTING))
    pace = Pace(tick_s=0.05, restart_after_s=1.0, flush_grace_s=15.0, start_grace_s=15.0)
    keeper = AgentKeeper(host, job_in(workspace), pace)

    async def disturb() -> None:
        await async_wait_for(lambda: keeper.findings >= 3)
        os.kill(int(str(host.events[0]["pid"])), number)
        before = keeper.findings
        await async_wait_for(lambda: host.restarts and keeper.findings >= before + 3)
        workspace.stop_file.write_text("test\n")
        host.ending.on = True

    state = AgentState(agent="LOG_WATCHER", ticks=0, attempt=0, findings=0, status="running")
    graph = agent_graph()
    limit = RunnableConfig(recursion_limit=10_000)
    result, _ = await asyncio.gather(
        graph.ainvoke(state, limit, context=OneAgent(keeper)),
        disturb(),
    )
    titles = [finding.title for finding in load(workspace.findings(AGENT))]
    looks = len(titles) - 1
    assert titles == [*(f"look {count}" for count in range(looks)), "last look"]
    assert result["outcomes"][0]["finished"] is True
    assert result["outcomes"][0]["attempts"] == 2
    assert len(host.gaps) == 1
