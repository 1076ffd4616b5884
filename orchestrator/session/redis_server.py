"""Redis in managed mode: started by the user's command or embedded, stopped again, its port free.

Uses a client of its own that may write (BGSAVE); it is made only for a server that this session started.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psutil
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from orchestrator.config.mode import address_of
from orchestrator.config.model import RedisSection
from orchestrator.keeper.client import KeeperClient
from orchestrator.keeper.contract import Identity, Leftover
from orchestrator.keeper.owned import holder_of, identity_of, lives
from orchestrator.session.readiness import port_open
from tools.clock import NEVER, Clock, StopSignal
from tools.errors import PreflightFailed, UsageError
from tools.masking import mask

OWN_CLIENT_NAME = "streamgauge"
"""Every connection of ours has a name that begins with this."""
EMBEDDED = "embedded"
_LOOK_EVERY_S = 0.1
STOP_S = 10.0
COMMAND = "redis"
"""The name of its start command at the keeper."""
_SLACK_S = 30.0
_SAVE_S = 10.0
_CLIENTS_GONE_S = 2.0
_ANSWER_S = 2.0
"""A server that stands still must not keep the session from ending."""


@dataclass
class ManagedRedis:
    """The server that this session started; nothing happens before `start`."""

    section: RedisSection
    clock: Clock
    keeper: KeeperClient
    _daemon: Identity | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Where it answers. Raises UsageError where the configuration does not say."""
        if self.section.url is None:
            raise UsageError("redis.url is not set. Managed mode starts a server and must know its address.")
        return self.section.url.get_secret_value()

    @property
    def began(self) -> bool:
        """Whether this session ever started a server."""
        return self.keeper.began_with("redis")

    @property
    def started(self) -> bool:
        """Whether there is a server of ours to stop."""
        return self.keeper.state.redis.status == "running"

    @property
    def pid(self) -> int | None:
        """The pid of its start command, or of the daemon that this became; None where it does not run."""
        roots = [root.pid for root in self.keeper.state.redis.roots.values() if lives(root)]
        return roots[0] if roots else (self._daemon.pid if self._daemon is not None else None)

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
        """Have the keeper start it, and wait for PING. Raises PreflightFailed, OSError."""
        if self.section.start is None:
            return
        if not self.started and self.port and port_open(self.port):
            holder = holder_of(self.port)
            raise PreflightFailed(f"Redis cannot be started: port {self.port} is taken by {holder}.")
        self.keeper.wish(redis=True)
        await self._wait_for_ping(stop)

    def runs(self) -> bool:
        """Whether the server that an earlier process of this session started is there (resume)."""
        return self.started and self._answers()

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
            status = client.info("persistence")["rdb_last_bgsave_status"]
            return "BGSAVE done" if status == "ok" else f"BGSAVE failed ({status}); see logs/redis.log"

    async def stop(self) -> tuple[Leftover, ...]:
        """The stop command or SIGTERM, then SIGKILL; returns what outlived that. Safe to call twice."""
        if not self.began:
            return ()
        if self.keeper.state.redis.status != "stopped" and self.keeper.alive():
            self.keeper.wish(services=False, redis=False)
            if not await self.keeper.until(lambda state: state.redis.rests, STOP_S + _SLACK_S):
                await self.keeper.kill()
        return self.keeper.state.redis.leftovers

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self.url,
            client_name=f"{OWN_CLIENT_NAME}:shutdown",
            decode_responses=True,
            socket_timeout=_ANSWER_S,
            socket_connect_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 0),
        )

    async def _wait_for_ping(self, stop: StopSignal) -> None:
        until = self.clock.monotonic() + self.section.start_timeout
        while not await asyncio.to_thread(self._answers):
            why = self._failure()
            if why is not None:
                raise PreflightFailed(f"Redis did not start: {why}; see logs/redis.log.")
            if stop.is_set():
                raise PreflightFailed("The session was ended before Redis had started.")
            if self.clock.monotonic() >= until:
                seconds = f"{self.section.start_timeout:g}"
                raise PreflightFailed(f"Redis did not answer within {seconds} s; see logs/redis.log.")
            await self.clock.sleep_until_async(self.clock.monotonic() + _LOOK_EVERY_S, stop)
        if self._daemon is not None:
            self.keeper.wish(daemons=(self._daemon,))

    def _failure(self) -> str | None:
        side = self.keeper.state.redis
        for reason in side.failures.values():
            return f"its command cannot be run: {reason}"
        code = side.exit_codes.get(COMMAND)
        if code:
            return f"its command ended with code {code}"
        return None if self.keeper.alive() else "its keeper ended; see recording/keeper/keeper.log"

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
        roots = tuple(self.keeper.state.redis.roots.values())
        found = identity_of(pid)
        if not roots or found is None or found in roots:
            return
        with suppress(psutil.Error, ValueError):
            if found.began >= roots[0].began and self._listens(psutil.Process(pid)):
                self._daemon = found

    def _listens(self, process: psutil.Process) -> bool:
        if not self.port:
            path = urlsplit(self.url).path
            return any(str(connection.laddr) == path for connection in process.net_connections("unix"))
        return any(
            connection.status == psutil.CONN_LISTEN and connection.laddr.port == self.port
            for connection in process.net_connections("inet")
        )
