"""The supervisor on a real session without watchers: Redis, services, streams, criticals; each told once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from agents.host import SeenFinding
from orchestrator.config.model import Config, Mode
from orchestrator.session import supervise
from orchestrator.session.context import Session
from orchestrator.session.ending import Ending
from orchestrator.session.story import Story
from tests.conftest import Server
from tests.fakes.clock import ManualClock
from tests.fakes.engine import FakeEngine
from tools.findings.journal import Journal, read_data
from tools.sources.metrics import MetricsTail
from tools.sources.records import Gap, Poll, ServerState, StreamInfo, StreamState
from tools.sources.redis.polls import PollJournal
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

SERVICE = "import time; print('up', flush=True); time.sleep(60)"


class Watched:
    """One session on a server of its own and one service with a pidfile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "server").mkdir()
        self.server = Server(folder / "server")
        self.clock = ManualClock()
        self.workspace = Workspace(folder / "ws")
        self.workspace.create()
        self.service: subprocess.Popen[bytes] | None = None
        self.session = self.fresh()
        self.number = 0

    def fresh(self) -> Session:
        config = Config.model_validate(
            {
                "project": {"root": self.folder},
                "redis": {"url": self.server.url},
                "services": {"list": [{"name": "orders", "pidfile": "orders.pid"}]},
            }
        )
        now = self.clock.now_ms()
        facts = SessionFacts(
            session_id="x", version="1", mode="attach", project_root=str(self.folder), redis=None,
            started_ms=now, deadline_ms=now + 600_000,
        )  # fmt: skip
        self.session = Session(
            config=config, mode=Mode.ATTACH, session_id="x", workspace=self.workspace, clock=self.clock,
            engine=FakeEngine(), story=Story(self.workspace, self.clock, facts),
            ending=Ending(self.workspace, self.clock),
        )  # fmt: skip
        self.session.begin_window(now)
        return self.session

    def start_service(self) -> None:
        self.service = subprocess.Popen([sys.executable, "-c", SERVICE], stdout=subprocess.PIPE)
        assert self.service.stdout is not None
        self.service.stdout.readline()
        self.service.stdout.close()
        (self.folder / "orders.pid").write_text(str(self.service.pid), encoding="ascii")

    def stop_service(self) -> None:
        if self.service is not None:
            self.service.kill()
            self.service.wait()

    async def supervise(self) -> dict[str, Any]:
        self.number += 1
        await supervise.supervise(self.session, self.number)
        self.clock.advance(120)
        return self.events("supervision")[-1]

    def events(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in read_data(self.workspace.events) if event["type"] in kinds]

    def alerts(self) -> list[str]:
        path = self.workspace.path("critical-alerts.log")
        return [line[25:] for line in path.read_text().splitlines()] if path.exists() else []

    def poll(self, *lengths: int) -> None:
        """A poll now, of one stream for each length."""
        streams = tuple(
            StreamState(name=f"s{number}", info=StreamInfo(length=length))
            for number, length in enumerate(lengths)
        )
        server = ServerState(flavour="valkey", version="9")
        with PollJournal(self.workspace.polls) as polls:
            polls.append(Poll(number=0, at_ms=self.clock.now_ms(), server=server, streams=streams))

    def span(self, since_s: float, until_s: float | None) -> None:
        """The analyst did not see Redis from so many seconds ago until so many seconds ago."""
        now = self.clock.now_ms()
        gap = Gap(
            what="Redis at h:1/0", why="no connection", fix="Start it.", source="streams/polls.jsonl", period=True,
            at_ms=now - round(since_s * 1000), until_ms=None if until_s is None else now - round(until_s * 1000),
        )  # fmt: skip
        with Journal(self.workspace.gaps) as gaps:
            gaps.append(gap)

    def close(self) -> None:
        self.stop_service()
        self.server.stop()
        self.session.story.close()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = Watched(tmp_path)
    yield made
    made.close()


# --- Redis -----------------------------------------------------------------------------------------------


async def test_redis_lost_and_back_are_told_once_each_and_again_at_a_second_loss(watched: Watched) -> None:
    for _ in range(2):
        assert (await watched.supervise())["redis"] == "answers"
        watched.server.stop()
        for _ in range(2):
            assert "no connection" in (await watched.supervise())["redis"]
        watched.server = Server(watched.folder / "server", port=watched.server.port)
        assert (await watched.supervise())["redis"] == "answers"
    kinds = [event["type"] for event in watched.events("redis-lost", "redis-back")]
    assert kinds == ["redis-lost", "redis-back"] * 2
    assert len(watched.alerts()) == 2


async def test_a_resumed_session_knows_that_the_loss_is_told(watched: Watched) -> None:
    watched.server.stop()
    await watched.supervise()
    watched.session.story.close()
    watched.fresh()
    await watched.supervise()
    assert len(watched.alerts()) == 1


async def test_a_loss_that_only_the_analyst_saw_is_told_once_it_is_over(watched: Watched) -> None:
    watched.span(40, None)
    await watched.supervise()
    assert watched.alerts() == []
    watched.span(160, 130)
    for _ in range(2):
        await watched.supervise()
    [event] = watched.events("redis-was-lost")
    assert (event["since"][11:19], event["until"][11:19]) == ("15:06:00", "15:06:30")
    assert watched.alerts() == [
        "Redis at h:1/0 was not seen from 2025-06-15T15:06:00.000Z to 2025-06-15T15:06:30.000Z: no connection"
    ]
    watched.session.story.close()
    watched.fresh()
    await watched.supervise()
    assert len(watched.alerts()) == 1


async def test_a_loss_that_both_saw_is_told_once(watched: Watched) -> None:
    watched.server.stop()
    await watched.supervise()
    watched.server = Server(watched.folder / "server", port=watched.server.port)
    await watched.supervise()
    watched.span(250, 110)
    await watched.supervise()
    assert watched.events("redis-was-lost") == []
    assert len(watched.alerts()) == 1


async def test_a_loss_that_lasts_to_the_windows_end_is_told_at_the_end(watched: Watched) -> None:
    watched.span(10, None)
    watched.session.ending.end("deadline")
    runtime = cast("Any", SimpleNamespace(context=watched.session))
    assert (await supervise.look({"supervisions": 0, "over": False}, runtime))["over"]
    assert len(watched.alerts()) == 1


# --- Services --------------------------------------------------------------------------------------------


async def test_a_service_that_dies_is_an_alert_once_and_its_return_an_event(watched: Watched) -> None:
    watched.start_service()
    await supervise.sample(watched.session)
    assert (await watched.supervise())["services"][0]["alive"] is True
    pid = watched.service.pid if watched.service else 0
    watched.stop_service()
    for _ in range(2):
        await supervise.sample(watched.session)
    event = await watched.supervise()
    assert (event["services"][0]["service"], event["services"][0]["alive"]) == ("orders", False)
    watched.start_service()
    await supervise.sample(watched.session)
    assert [
        (event["type"], event["before"]) for event in watched.events("service-gone", "service-restarted")
    ] == [
        ("service-gone", pid),
        ("service-restarted", pid),
    ]
    assert watched.alerts() == [f"orders: its process (pid {pid}) is gone"]
    assert not watched.workspace.path("agent-restarts.log").exists()


async def test_what_ends_with_the_session_did_not_die(watched: Watched) -> None:
    watched.start_service()
    await supervise.sample(watched.session)
    watched.session.ending.end("signal", 2)
    watched.stop_service()
    await supervise.sample(watched.session)
    assert watched.alerts() == []


async def test_processes_are_sampled_every_30_s_between_two_supervisions(watched: Watched) -> None:
    runtime = cast("Any", SimpleNamespace(context=watched.session))
    state = await supervise.look({"supervisions": 0, "over": False}, runtime)
    assert state == {"supervisions": 1, "over": False}
    own = [line.sample for line in MetricsTail(watched.workspace).new() if line.sample.kind == "session"]
    began = own[0].at_ms
    assert [(sample.at_ms - began) // 1000 for sample in own] == [0, 30, 60, 90]


async def test_to_sample_the_agents_starts_none(watched: Watched) -> None:
    """Their own nodes make their keepers; two of one agent would start two watchers."""
    await supervise.sample(watched.session)
    assert watched.session.keepers() == ()
    await watched.session.keeper("LOG_WATCHER").tick()
    await supervise.sample(watched.session)
    agents = [
        line.sample.name for line in MetricsTail(watched.workspace).new() if line.sample.kind == "agent"
    ]
    assert agents == ["LOG_WATCHER"]


async def test_samples_that_cannot_be_written_end_no_session(watched: Watched) -> None:
    watched.workspace.metrics.mkdir()
    runtime = cast("Any", SimpleNamespace(context=watched.session))
    state = await supervise.look({"supervisions": 0, "over": False}, runtime)
    assert state == {"supervisions": 1, "over": False}
    assert "IsADirectoryError" in watched.events("error")[0]["reason"]
    assert len(watched.events("supervision")) == 1


# --- Streams and findings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "stale"),
    [pytest.param(30, False, id="two intervals"), pytest.param(30.1, True, id="more than two")],
)
async def test_a_poll_older_than_two_intervals_is_said_to_be_so(
    watched: Watched, age_s: float, stale: bool
) -> None:
    watched.poll(3, 70)
    watched.clock.advance(age_s)
    event = await watched.supervise()
    assert [row["length"] for row in event["streams"]] == [70, 3]
    assert (event["pollAgeS"], event["streamsStale"]) == (age_s, stale)


async def test_without_a_poll_the_streams_are_not_said_to_be_none(watched: Watched) -> None:
    event = await watched.supervise()
    assert (event["streams"], event["streamsStale"]) == ([], True)
    assert event["streamsWhy"] == "no poll was made yet"
    watched.workspace.polls.write_bytes(b"broken\n")
    assert "byte 0" in (await watched.supervise())["streamsWhy"]


async def test_only_criticals_since_the_last_supervision_are_new(watched: Watched) -> None:
    story = watched.session.story
    story.alert("LOG_WATCHER", SeenFinding("LW-001", "orders died"))
    assert (await watched.supervise())["newCriticals"] == ["LW-001"]
    story.alert("LOG_WATCHER", SeenFinding("LW-001", "orders died"))
    story.alert("LOG_WATCHER", SeenFinding("LW-002", "mail died"))
    event = await watched.supervise()
    assert (event["criticals"], event["newCriticals"]) == (2, ["LW-002"])
