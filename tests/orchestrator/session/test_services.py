"""The audited services: started, ready, stopped, and proven gone."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from orchestrator.config.model import Config, ProjectSection, ServiceEntry, ServicesSection, SessionSection
from orchestrator.keeper.owned import describe, of_services
from orchestrator.session import managed, rules
from orchestrator.session.services import KeptServices, StopOutcome
from tests.conftest import free_port
from tests.fakes.processes import has_ended
from tests.fakes.waiting import async_wait_for, wait_for
from tools.clock import SystemClock
from tools.errors import SourceUnavailable
from tools.findings.model import AgentId
from tools.sources.redis.readonly import ReadOnlyClient
from tools.workspace import Workspace

FLEET = Path(__file__).parents[2] / "fakes" / "fleet.py"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.workspace = Workspace(folder / "session")
        self.workspace.create()
        self.folder = folder
        self.session_id = f"test-{os.getpid()}-{folder.name}"
        self.started: list[KeptServices] = []

    def plan(
        self,
        *services: str,
        start: str | None = None,
        stop: str | None = None,
        expected: tuple[str, ...] | None = None,
        entries: tuple[ServiceEntry, ...] = (),
        ready_pattern: str | None = None,
        drain_s: float = 9.0,
    ) -> Config:
        fleet = shlex.join([str(FLEET), *services])
        names = tuple(service.partition("=")[0] for service in services)
        common = None if any(entry.start for entry in entries) else f'exec "$STREAMGAUGE_PYTHON" {fleet}'
        section = ServicesSection(
            start=start or common,
            stop=stop,
            expected=names if expected is None else expected,
            list=entries,
            ready_pattern=ready_pattern,
        )
        return Config(
            project=ProjectSection(root=self.folder),
            services=section,
            session=SessionSection(drain=drain_s, keep_alive=60),
        )

    def make(self, config: Config) -> KeptServices:
        clock = SystemClock(slice_s=0.01)
        parts = managed.make(config, self.session_id, self.workspace, clock, connect=self.connect)
        self.started.append(parts.services)
        return parts.services

    def connect(self) -> ReadOnlyClient:
        raise SourceUnavailable("Redis", "there is none here", "Nothing.")

    def processes(self) -> list[psutil.Process]:
        return of_services(self.workspace, self.session_id).alive()

    async def ready(self, plan: Config) -> KeptServices:
        services = self.make(plan)
        services.start()
        await async_wait_for(lambda: not services.not_ready(), what="the services")
        return services

    def log(self, name: str) -> str:
        path = self.workspace.path("logs", f"{name}.log")
        return path.read_text() if path.exists() else ""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for services in scene.started:
        await services.keeper.kill()


async def test_services_that_obey_are_stopped_and_nothing_is_left(scene: Scene) -> None:
    services = await scene.ready(scene.plan("orders=good", "payments=good"))
    assert len(scene.processes()) == 3
    assert await services.stop() == StopOutcome()
    assert scene.processes() == []


async def test_output_is_kept_whole_and_by_service(scene: Scene) -> None:
    services = await scene.ready(scene.plan("orders=good", "payments=good"))
    await async_wait_for(lambda: "working" in scene.log("orders"))
    await services.stop()
    assert "orders | ready\n" in scene.log("startup")
    assert scene.log("orders").startswith("ready\nworking\n")


async def test_output_is_masked_as_it_is_captured(scene: Scene) -> None:
    services = await scene.ready(scene.plan("orders=secret", "payments=good"))
    await services.stop()
    assert "sup3rs3cret" not in scene.log("startup") + scene.log("orders")
    assert "[masked:" in scene.log("orders")


@pytest.mark.parametrize(
    ("line", "ready"),
    [
        pytest.param("ready", True, id="ready"),
        pytest.param("Listening on :3000", True, id="listening"),
        pytest.param("up and running", True, id="up and running"),
        pytest.param("worker started", True, id="started"),
        pytest.param("mail ready2025-06-01T10:00:00Z INFO next", True, id="glued to the next line"),
        pytest.param("ready4use", False, id="another word"),
        pytest.param("not ready yet", False, id="not ready"),
        pytest.param("waiting for redis to be ready", False, id="waiting"),
        pytest.param("already there", False, id="part of a word"),
        pytest.param("connected", False, id="something else"),
    ],
)
async def test_readiness_is_read_from_the_output(scene: Scene, line: str, ready: bool) -> None:
    services = scene.make(scene.plan(start=f"echo {shlex.quote(line)}; sleep 60", expected=("only",)))
    services.start()
    await async_wait_for(lambda: services.keeper.state.names)
    assert (services.not_ready() == ()) is ready


async def test_a_pattern_of_the_users_own_replaces_the_default(scene: Scene) -> None:
    plan = scene.plan(start="echo ready; echo GO; sleep 60", expected=("only",), ready_pattern="^GO$")
    services = scene.make(plan)
    services.start()
    await async_wait_for(lambda: not services.not_ready())


async def test_an_open_port_is_a_ready_signal(scene: Scene) -> None:
    port = free_port()
    program = f"import socket, time; s = socket.create_server(('127.0.0.1', {port})); time.sleep(60)"
    plan = scene.plan(
        start=f"exec {shlex.join([sys.executable, '-c', program])}",
        expected=(),
        entries=(ServiceEntry(name="quiet", port=port),),
    )
    services = await scene.ready(plan)
    assert await services.stop() == StopOutcome()


async def test_names_are_learned_from_prefixes(scene: Scene) -> None:
    services = scene.make(scene.plan("orders=good", "payments=good", expected=()))
    services.start()
    await async_wait_for(lambda: set(services.names()) == {"orders", "payments"})


async def test_a_service_that_ignores_every_signal_is_left_over_and_killed(scene: Scene) -> None:
    services = await scene.ready(scene.plan("orders=good", "stubborn=deaf", drain_s=1.5))
    outcome = await services.stop()
    assert any("deaf" in left.command for left in outcome.leftovers)
    assert outcome.unkillable == ()
    assert scene.processes() == []


async def test_a_daemon_that_left_the_group_is_found_by_its_mark_and_killed(scene: Scene) -> None:
    services = await scene.ready(
        scene.plan("orders=good", "runaway=escaped", expected=("orders",), drain_s=1.5)
    )
    await async_wait_for(lambda: len(scene.processes()) == 3)
    outcome = await services.stop()
    assert [left.command.count("--service escaped") for left in outcome.leftovers] == [1]
    assert scene.processes() == []


async def test_a_stop_command_is_used_where_there_is_one(scene: Scene) -> None:
    pid_file = scene.folder / "pid"
    plan = scene.plan(
        "orders=good",
        start=f'echo $$ > {pid_file}; exec "$STREAMGAUGE_PYTHON" {FLEET} orders=good',
        stop=f"echo stopping; kill -TERM $(cat {pid_file})",
    )
    services = await scene.ready(plan)
    outcome = await services.stop()
    assert outcome == StopOutcome(stop_code=0)
    assert scene.log("shutdown") == "stopping\n"


async def test_a_stop_command_that_hangs_does_not_hang_the_session(scene: Scene) -> None:
    services = await scene.ready(scene.plan("orders=good", stop="sleep 60", drain_s=0.6))
    outcome = await services.stop()
    assert outcome.leftovers
    assert scene.processes() == []


async def test_a_port_that_somebody_else_holds_is_told(scene: Scene) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=128) as held:
        port = held.getsockname()[1]
        plan = scene.plan("orders=good", entries=(ServiceEntry(name="orders", port=port),))
        services = await scene.ready(plan)
        outcome = await services.stop()
    assert [number for number, _ in outcome.ports] == [port]


async def test_a_start_command_that_fails_is_seen_at_once(scene: Scene) -> None:
    services = scene.make(scene.plan("orders=crash"))
    services.start()
    await async_wait_for(lambda: services.exit_code() is not None)
    assert services.exit_code() == 1
    assert services.not_ready() == ("orders",)
    await async_wait_for(lambda: scene.log("orders") == "Error: cannot bind\n")


async def test_a_flood_of_output_does_not_stop_the_service(scene: Scene) -> None:
    program = "import sys\nfor n in range(20000): print('line', n)\nprint('ready', flush=True)\nimport time; time.sleep(60)"
    plan = scene.plan(start=f"exec {shlex.join([sys.executable, '-c', program])}", expected=("loud",))
    await scene.ready(plan)
    await async_wait_for(lambda: scene.log("loud").count("\n") == 20001)


async def test_bytes_that_are_no_text_and_lines_without_end_are_kept(scene: Scene) -> None:
    program = "import sys, time; sys.stdout.buffer.write(b'\\xff\\x00 ready\\n' + b'x' * 3000000); sys.stdout.flush(); time.sleep(60)"
    plan = scene.plan(start=f"exec {shlex.join([sys.executable, '-c', program])}", expected=("odd",))
    services = await scene.ready(plan)
    await async_wait_for(lambda: scene.log("odd").count("x") > 2_000_000)
    await services.stop()
    assert scene.log("odd").startswith("\ufffd\x00 ready\n")
    assert scene.log("odd").count("x") == 3_000_000


async def test_services_are_adopted_by_their_mark(scene: Scene) -> None:
    plan = scene.plan("orders=good")
    first = await scene.ready(plan)
    second = scene.make(plan)
    assert second.adopt()
    assert second.root_pids() == first.root_pids()
    assert second.keeper.take_over().services.status == "running"
    assert await second.stop() == StopOutcome()
    assert scene.processes() == []


async def test_stopping_twice_or_before_the_start_is_no_error(scene: Scene) -> None:
    services = scene.make(scene.plan("orders=good", drain_s=60))
    assert await services.stop() == StopOutcome()
    async with asyncio.timeout(60):  # no waiting for what the keeper never came to start
        services.start()
        await services.stop()
        await services.stop()
    await services.keeper.kill()


async def test_a_cancelled_stop_still_ends_everything_by_kill(scene: Scene) -> None:
    services = await scene.ready(scene.plan("stubborn=deaf", drain_s=30))
    root = psutil.Process(services.root_pids()[0])
    stopping = asyncio.create_task(services.stop())
    await async_wait_for(lambda: services.keeper.state.services.status == "stopping")
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await services.keeper.kill()
    assert has_ended(root)


async def test_what_was_never_started_is_neither_stopped_nor_judged(scene: Scene) -> None:
    mark = scene.folder / "stopped"
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = int(foreign.getsockname()[1])
        plan = scene.plan(
            "orders=good", stop=f"touch {mark}", entries=(ServiceEntry(name="orders", port=port),)
        )
        services = scene.make(plan)
        assert await services.stop() == StopOutcome()
    assert not mark.exists()


def test_a_command_line_that_is_no_text_can_be_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    odd = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", b"\xff\xfe"])
    wait_for(psutil.Process(odd.pid).cmdline)
    try:
        found = rules.leftover(describe(psutil.Process(odd.pid)), 1.0)
        [finding] = rules.record(workspace, SystemClock(), AgentId.LOG_WATCHER, [found])
    finally:
        odd.kill()
        odd.wait()
    assert r"time.sleep(600) \xff\xfe" in finding.evidence
