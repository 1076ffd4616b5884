"""The audited services in managed mode: started, watched for readiness, stopped, proven gone.

`ServicesRunner` is the seam; `LocalServices` runs the project's own commands as children of this process.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agents.job import ServiceSpec
from orchestrator.session.capture import Capture
from orchestrator.session.command import Command
from orchestrator.session.owned import (
    SERVICES_MARK,
    Leftover,
    OwnedProcesses,
    describe,
    holder_of,
    of_services,
)
from tools.clock import Clock
from tools.masking import mask
from tools.workspace import Workspace

_CONNECT_S = 0.25
_TERM_SHARE = 1 / 3
"""Of the drain time: so long after SIGINT comes SIGTERM (5 of 15 seconds)."""


@dataclass(frozen=True, slots=True)
class ServicesPlan:
    """What the configuration says about the services; times in seconds."""

    start: str
    stop: str | None
    expected: tuple[str, ...]
    specs: tuple[ServiceSpec, ...]
    ready_pattern: str | None
    drain_s: float
    folder: Path

    @property
    def named(self) -> tuple[str, ...]:
        """The services that the configuration names."""
        return tuple(dict.fromkeys((*self.expected, *(spec.name for spec in self.specs))))


@dataclass(frozen=True, slots=True)
class StopOutcome:
    """How the stop went: what outlived it (killed by now) and which ports are still taken, with their holder."""

    leftovers: tuple[Leftover, ...] = ()
    ports: tuple[tuple[int, str], ...] = ()
    unkillable: tuple[Leftover, ...] = ()
    stop_code: int | None = None


class ServicesRunner(Protocol):
    """Starts and stops the audited services."""

    def start(self) -> None:
        """Run the start command. Raises OSError."""
        ...

    def adopt(self, root_pids: Sequence[int], names: Sequence[str] = ()) -> bool:
        """Take over what an earlier process of this session started; whether any of it runs.

        `names` are the services it knew.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """The services: as configured, then as learned from the output."""
        ...

    def not_ready(self) -> tuple[str, ...]:
        """The services that have not shown their ready signal."""
        ...

    def exit_code(self) -> int | None:
        """The start command's exit code; None while it runs or where it is not ours."""
        ...

    def tail(self, service: str | None = None) -> list[str]:
        """The newest captured lines, masked."""
        ...

    def root_pids(self) -> tuple[int, ...]:
        """The roots of the process trees."""
        ...

    def note(self) -> int:
        """Remember the processes that run now; how many there are."""
        ...

    async def stop(self) -> StopOutcome:
        """Stop command or signals, drain, kill what is left, look at the ports. Safe to call twice."""
        ...

    async def kill(self) -> None:
        """End everything at once. Safe to call at any time."""
        ...


class LocalServices:
    """The services as processes of this machine, below one start command."""

    def __init__(self, session_id: str, plan: ServicesPlan, workspace: Workspace, clock: Clock) -> None:
        self._plan, self._workspace, self._clock = plan, workspace, clock
        self._owned = of_services(workspace, session_id)
        self._command: Command | None = None
        self._roots: tuple[int, ...] = ()
        self._started = False
        self._adopted: tuple[str, ...] = ()
        self._capture = Capture(workspace, plan.ready_pattern, plan.named)

    def start(self) -> None:
        """Run the start command through `/bin/sh -c` in the project's root. Raises OSError."""
        extra = self._owned.environment | {"STREAMGAUGE_PYTHON": sys.executable}
        self._command = Command(self._plan.start, self._plan.folder, extra, self._capture)
        self._started = True
        self._owned.add_root(self._command.pid)
        self._roots = (self._command.pid,)

    def adopt(self, root_pids: Sequence[int], names: Sequence[str] = ()) -> bool:
        """Find what carries this session's mark; whether any of it runs."""
        self._started, self._adopted = True, tuple(names)
        alive = {process.pid for process in self._owned.alive()}
        self._roots = tuple(pid for pid in root_pids if pid in alive) or tuple(sorted(alive))
        for pid in self._roots:
            self._owned.add_root(pid)
        return bool(alive)

    def names(self) -> tuple[str, ...]:
        """As configured, then as learned."""
        return tuple(dict.fromkeys((*self._plan.named, *self._adopted, *self._capture.services())))

    def not_ready(self) -> tuple[str, ...]:
        """Neither a ready line nor an open port; a service with a port needs the port where it has one."""
        ready = self._capture.ready()
        ports = {spec.name: spec.port for spec in self._plan.specs if spec.port is not None}
        waiting = [name for name in self.names() if name not in ready]
        return tuple(name for name in waiting if name not in ports or not port_open(ports[name]))

    def exit_code(self) -> int | None:
        """Of the start command."""
        return None if self._command is None else self._command.poll()

    def tail(self, service: str | None = None) -> list[str]:
        """The newest captured lines."""
        return self._capture.tail(service)

    def root_pids(self) -> tuple[int, ...]:
        """The start command's pid."""
        return self._roots

    def note(self) -> int:
        """Remember what runs now."""
        return len(self._owned.alive())

    async def stop(self) -> StopOutcome:
        """The stop command, or SIGINT and then SIGTERM to the group; drain; kill what is left.

        Nothing where nothing was started: the stop command would end what is somebody else's.
        """
        if not self._started:
            return StopOutcome()
        self._owned.note()
        code = await self._ask_to_stop()
        leftovers = [describe(process) for process in self._owned.alive()]
        unkillable = [describe(process) for process in await self._owned.kill(self._clock)]
        self._close()
        ports = [spec.port for spec in self._plan.specs if spec.port is not None and port_open(spec.port)]
        held = tuple((port, holder_of(port)) for port in ports)
        return StopOutcome(tuple(leftovers), held, tuple(unkillable), code)

    async def kill(self) -> None:
        """SIGKILL to everything that carries the mark or descends from the start command."""
        await self._owned.kill(self._clock)
        self._close()

    async def _ask_to_stop(self) -> int | None:
        drain_s = self._plan.drain_s
        if self._plan.stop is None:
            self._owned.signal_groups(signal.SIGINT)
            if not await self._owned.wait_gone(self._clock, drain_s * _TERM_SHARE):
                self._owned.signal_groups(signal.SIGTERM)
                await self._owned.wait_gone(self._clock, drain_s * (1 - _TERM_SHARE))
            return None
        started = self._clock.monotonic()
        code = await self._run_stop_command(self._plan.stop, drain_s)
        left_s = max(drain_s * _TERM_SHARE, drain_s - (self._clock.monotonic() - started))
        await self._owned.wait_gone(self._clock, left_s)
        return code

    async def _run_stop_command(self, command: str, seconds: float) -> int | None:
        log = self._workspace.path("logs", "shutdown.log")

        def keep(lines: list[bytes]) -> None:
            text = "".join(f"{mask(line.decode('utf-8', 'replace'))}\n" for line in lines)
            with suppress(OSError):
                self._workspace.append_text(log, text)

        extra = {"STREAMGAUGE_PYTHON": sys.executable}
        own = OwnedProcesses("STREAMGAUGE_STOP_OF", self._owned.environment[SERVICES_MARK])
        running = Command(command, self._plan.folder, extra | own.environment, keep)
        own.add_root(running.pid)
        try:
            await own.wait_gone(self._clock, seconds)
            return running.poll()
        finally:
            await own.kill(self._clock)
            running.close()

    def _close(self) -> None:
        if self._command is not None:
            self._command.close()
            self._command = None


def port_open(port: int) -> bool:
    """Whether something accepts connections on this port of loopback."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.settimeout(_CONNECT_S)
                probe.connect((host, port))
        except OSError:
            continue
        return True
    return False
