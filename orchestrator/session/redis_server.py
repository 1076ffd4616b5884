"""Redis in managed mode: started by the user's command or embedded, stopped again, its port free.

Uses a client of its own that may write (BGSAVE); it is made only for a server that this session started.
"""

from __future__ import annotations

import asyncio
import math
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from orchestrator.config.mode import address_of
from orchestrator.config.model import RedisSection
from orchestrator.session.command import Command
from orchestrator.session.owned import Leftover, describe, holder_of, of_redis
from orchestrator.session.services import port_open
from tools.clock import NEVER, Clock, StopSignal
from tools.errors import PreflightFailed, UsageError
from tools.masking import mask
from tools.sources.redis import embedded
from tools.workspace import Workspace

OWN_CLIENT_NAME = "streamgauge"
"""Every connection of ours has a name that begins with this."""
EMBEDDED = "embedded"
_LOOK_EVERY_S = 0.1
_STOP_S = 10.0
_SAVE_S = 10.0
_CLIENTS_GONE_S = 2.0
_CLOCK_TICK_S = 1.0
"""When a process began is told from the boot time in whole seconds, which moves when the clock is set."""
_ANSWER_S = 2.0
"""A server that stands still must not keep the session from ending."""


@dataclass
class ManagedRedis:
    """The server that this session started; nothing happens before `start`."""

    session_id: str
    section: RedisSection
    workspace: Workspace
    project_root: Path
    clock: Clock
    _command: Command | None = field(default=None, init=False)
    _started: bool = field(default=False, init=False)
    _began_s: float = field(default=math.inf, init=False)

    def __post_init__(self) -> None:
        self._owned = of_redis(self.workspace, self.session_id)

    @property
    def url(self) -> str:
        """Where it answers. Raises UsageError where the configuration does not say."""
        if self.section.url is None:
            raise UsageError("redis.url is not set. Managed mode starts a server and must know its address.")
        return self.section.url.get_secret_value()

    @property
    def started(self) -> bool:
        """Whether there is a server of ours to stop."""
        return self._started

    @property
    def local(self) -> bool:
        """Whether its process ids are this machine's."""
        address = address_of(self.url)
        return address.on_loopback or not address.host

    @property
    def port(self) -> int:
        """Its TCP port; 0 for a Unix socket."""
        return address_of(self.url).port

    async def start(self, stop: StopSignal) -> None:
        """Start it and wait for PING. Raises PreflightFailed."""
        if self.section.start is None:
            return
        if self.port and port_open(self.port):
            holder = holder_of(self.port)
            raise PreflightFailed(f"Redis cannot be started: port {self.port} is taken by {holder}.")
        try:
            self._command = self._run(self._start_command())
        except OSError as error:
            raise PreflightFailed(f"Redis cannot be started: {error}.") from error
        self._started = True
        self._owned.add_root(self._command.pid)
        with suppress(psutil.Error):
            self._began_s = psutil.Process(self._command.pid).create_time()
        await self._wait_for_ping(stop)

    def adopt(self) -> bool:
        """Take over what an earlier process of this session started; whether it runs."""
        self._started = bool(self._owned.alive())
        for process in self._owned.alive():
            self._owned.add_root(process.pid)
        return self._started

    def foreign_clients(self) -> list[str]:
        """Name and address of every connection that is not ours, ordered. Raises redis.RedisError."""
        with self._client() as client:
            found = client.client_list()
        ours = (OWN_CLIENT_NAME,)
        others = [entry for entry in found if not str(entry.get("name", "")).startswith(ours)]
        return sorted(mask(f"{entry.get('name') or 'unnamed'} {entry.get('addr', '')}") for entry in others)

    async def clients_gone(self) -> list[str]:
        """Wait a little for the services' connections to close; those that stay."""
        until = self.clock.monotonic() + _CLIENTS_GONE_S
        while True:
            left = await asyncio.to_thread(self.foreign_clients)
            if not left or self.clock.monotonic() >= until:
                return left
            await self.clock.sleep_until_async(self.clock.monotonic() + _LOOK_EVERY_S, NEVER)

    def save(self) -> str:
        """BGSAVE where the server has persistence configured; says what was done. Raises redis.RedisError."""
        with self._client() as client:
            settings = client.config_get("save", "appendonly")
            if not settings.get("save") and settings.get("appendonly") != "yes":
                return "no persistence configured: nothing to save"
            before = client.lastsave()
            client.bgsave()
            until = self.clock.monotonic() + _SAVE_S
            while client.lastsave() == before and client.info("persistence")["rdb_bgsave_in_progress"]:
                if self.clock.monotonic() >= until:
                    return f"BGSAVE still ran after {_SAVE_S:g} s"
                self.clock.sleep_until(self.clock.monotonic() + _LOOK_EVERY_S, NEVER)
            return "BGSAVE done"

    async def stop(self) -> tuple[Leftover, ...]:
        """The stop command or SIGTERM, then SIGKILL; returns what had to be killed. Safe to call twice."""
        if not self._started:
            return ()
        self._owned.note()
        if self.section.stop and self.section.start != EMBEDDED:
            stopping = self._run(self.section.stop)
            self._owned.add_root(stopping.pid)
            await self._owned.wait_gone(self.clock, _STOP_S)
            stopping.close()
        if self._owned.alive():
            self._owned.signal_all(signal.SIGTERM)
            await self._owned.wait_gone(self.clock, _STOP_S)
        leftovers = tuple(describe(process) for process in self._owned.alive())
        await self.kill()
        return leftovers

    async def kill(self) -> None:
        """End it at once. Safe to call at any time."""
        if self._started:
            await self._owned.kill(self.clock)
            self._started = False
        if self._command is not None:
            self._command.close()
            self._command = None

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.url,
            client_name=f"{OWN_CLIENT_NAME}:shutdown",
            decode_responses=True,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )

    def _start_command(self) -> str | list[str]:
        assert self.section.start is not None
        if self.section.start != EMBEDDED:
            return self.section.start
        folder = self.workspace.path("recording", "redis")
        folder.mkdir(parents=True, exist_ok=True)
        return embedded.command(embedded.find_server(os.environ), self.port, folder)

    def _run(self, command: str | list[str]) -> Command:
        log = self.workspace.path("logs", "redis.log")

        def keep(lines: list[bytes]) -> None:
            with suppress(OSError):
                self.workspace.append_text(
                    log, "".join(f"{line.decode('utf-8', 'replace')}\n" for line in lines)
                )

        return Command(command, self.project_root, self._owned.environment, keep)

    async def _wait_for_ping(self, stop: StopSignal) -> None:
        until = self.clock.monotonic() + self.section.start_timeout
        while not await asyncio.to_thread(self._answers):
            code = None if self._command is None else self._command.poll()
            if code not in {None, 0}:
                raise PreflightFailed(
                    f"Redis did not start: its command ended with code {code}; see logs/redis.log."
                )
            if stop.is_set():
                raise PreflightFailed("The session was ended before Redis had started.")
            if self.clock.monotonic() >= until:
                seconds = f"{self.section.start_timeout:g}"
                raise PreflightFailed(f"Redis did not answer within {seconds} s; see logs/redis.log.")
            await self.clock.sleep_until_async(self.clock.monotonic() + _LOOK_EVERY_S, stop)
        self._owned.note()

    def _answers(self) -> bool:
        try:
            with redis.Redis.from_url(self.url, socket_timeout=1.0, socket_connect_timeout=1.0) as client:
                if not client.ping():
                    return False
                if self.local and self.section.start != EMBEDDED:
                    self._add_daemon(int(client.info("server")["process_id"]))
                return True
        except (redis.RedisError, OSError, KeyError, ValueError):
            return False

    def _add_daemon(self, pid: int) -> None:
        """One that made itself a daemon hides its environment, and with it our mark.

        A server in a container says the pid it has there, which is another process here, perhaps the first of all:
        ours is only what began after our command did and holds the server's port.
        """
        if self._command is None:
            return
        with suppress(psutil.Error, ValueError):
            process = psutil.Process(pid)
            if process.create_time() >= self._began_s - _CLOCK_TICK_S and self._listens(process):
                self._owned.add(pid)

    def _listens(self, process: psutil.Process) -> bool:
        if not self.port:
            path = urlsplit(self.url).path
            return any(str(connection.laddr) == path for connection in process.net_connections("unix"))
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
            for connection in process.net_connections("inet")
        )
