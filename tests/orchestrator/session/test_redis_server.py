"""Redis in managed mode, on a real embedded server."""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psutil
import pytest
import redis
from pydantic import SecretStr

from orchestrator.config.model import Config, ProjectSection, RedisSection, ServicesSection
from orchestrator.session import managed
from orchestrator.session.readiness import port_open
from orchestrator.session.redis_server import ManagedRedis
from tests.conftest import free_port, server_binary
from tools.clock import NEVER, SystemClock
from tools.errors import PreflightFailed, UsageError
from tools.sources.redis.readonly import ReadOnlyClient
from tools.workspace import Workspace


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / "session")
        self.workspace.create()
        self.port = free_port()
        self.made: list[ManagedRedis] = []

    def make(
        self, start: str | None = "embedded", *, stop: str | None = None, timeout_s: float = 15
    ) -> ManagedRedis:
        section = RedisSection(
            url=SecretStr(f"redis://127.0.0.1:{self.port}/0"), start=start, stop=stop, start_timeout=timeout_s
        )
        return self.make_of(section)

    def make_of(self, section: RedisSection) -> ManagedRedis:
        config = Config(
            project=ProjectSection(root=self.folder), redis=section, services=ServicesSection(start="true")
        )
        session_id = f"test-{os.getpid()}-{self.folder.name}"

        def connect() -> ReadOnlyClient:
            return ReadOnlyClient.connect(f"redis://127.0.0.1:{self.port}/0")

        clock = SystemClock(slice_s=0.01)
        parts = managed.make(config, session_id, self.workspace, clock, connect=connect)
        self.made.append(parts.redis_server)
        return parts.redis_server

    def command(self, *options: str) -> str:
        return shlex.join([server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", *options])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    for server in scene.made:
        await server.keeper.kill()


async def test_the_embedded_server_starts_answers_and_leaves_its_port_free(scene: Scene) -> None:
    server = scene.make()
    await server.start(NEVER)
    assert port_open(scene.port)
    assert server.save() == "no persistence configured: nothing to save"
    assert await server.stop() == ()
    assert not port_open(scene.port)


async def test_the_users_own_command_is_run_and_stopped_by_its_own_command(scene: Scene) -> None:
    mark = scene.folder / "stopped"
    stop = f"touch {mark}; {shlex.join([sys.executable, '-c', f'import redis; redis.Redis(port={scene.port}).shutdown(nosave=True)'])}"
    server = scene.make(scene.command("--save", "''").replace("''''", "''"), stop=stop)
    await server.start(NEVER)
    assert await server.stop() == ()
    assert mark.exists()
    assert not port_open(scene.port)


async def test_the_users_own_command_is_told_our_interpreter(scene: Scene) -> None:
    server = scene.make(f'echo "python is $STREAMGAUGE_PYTHON"; exec {scene.command()}')
    await server.start(NEVER)
    await server.stop()
    assert f"python is {sys.executable}\n" in scene.workspace.path("logs", "redis.log").read_text()


async def test_what_a_server_prints_is_kept(scene: Scene) -> None:
    server = scene.make()
    await server.start(NEVER)
    await server.stop()
    await server.keeper.leave(10)
    assert "Ready to accept connections" in scene.workspace.path("logs", "redis.log").read_text()


async def test_a_server_with_persistence_is_saved(scene: Scene) -> None:
    server = scene.make(scene.command("--save", "900", "1", "--dir", str(scene.folder)))
    await server.start(NEVER)
    with redis.Redis(port=scene.port) as client:
        client.xadd("work", {"a": "b"})
    assert await asyncio.to_thread(server.save) == "BGSAVE done"
    assert (scene.folder / "dump.rdb").exists()


async def test_connections_of_others_are_told_and_ours_are_not(scene: Scene) -> None:
    server = scene.make()
    await server.start(NEVER)
    with redis.Redis(port=scene.port, client_name="streamgauge") as ours:
        ours.ping()
        assert await server.clients_gone() == []
        with redis.Redis(port=scene.port, client_name="orders") as theirs:
            theirs.ping()
            assert [client.split()[0] for client in await server.clients_gone()] == ["orders"]


async def test_a_taken_port_is_told_with_its_holder(scene: Scene) -> None:
    holder = f"port {scene.port} is taken by pid {os.getpid()}"
    with socket.create_server(("127.0.0.1", scene.port)), pytest.raises(PreflightFailed, match=holder):
        await scene.make().start(NEVER)


async def test_a_command_that_fails_is_told_at_once(scene: Scene) -> None:
    with pytest.raises(PreflightFailed, match="ended with code 7"):
        await scene.make("exit 7").start(NEVER)


async def test_a_server_that_never_answers_is_given_up(scene: Scene) -> None:
    with pytest.raises(PreflightFailed, match=r"did not answer within 0\.3 s"):
        await scene.make("sleep 60", timeout_s=0.3).start(NEVER)


async def test_a_command_that_puts_its_server_in_the_background_is_understood(scene: Scene) -> None:
    server = scene.make(scene.command("--daemonize", "yes", "--dir", str(scene.folder)))
    await server.start(NEVER)
    assert port_open(scene.port)
    await server.stop()
    assert not port_open(scene.port)


async def test_a_missing_address_is_an_error_of_usage(scene: Scene) -> None:
    server = scene.make_of(RedisSection(start="embedded"))
    with pytest.raises(UsageError, match=r"redis\.url is not set"):
        await server.start(NEVER)


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with the session."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


async def test_a_pid_of_another_namespace_never_makes_a_bystander_ours(
    scene: Scene, bystander: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    # A server in a container says the pid it has there: on this machine that is somebody else.
    monkeypatch.setattr(redis.Redis, "info", lambda *_: {"process_id": bystander.pid})
    server = scene.make(scene.command("--save", "").replace("''''", "''"))
    await server.start(NEVER)
    await server.stop()
    assert bystander.poll() is None


async def test_a_server_that_stands_still_is_killed_and_not_waited_for(scene: Scene) -> None:
    server = scene.make()
    await server.start(NEVER)
    assert server.pid is not None
    psutil.Process(server.pid).suspend()
    began = time.monotonic()
    with pytest.raises((redis.RedisError, OSError)):
        await server.clients_gone()
    assert time.monotonic() - began < 4
    await server.keeper.kill()
    assert not port_open(scene.port)
