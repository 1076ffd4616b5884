"""The audited services in managed mode: started, watched for readiness, stopped, proven gone.

`ServicesRunner` is the seam; `KeptServices` has the project's own commands run by the keeper.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.config.model import ServiceEntry
from orchestrator.keeper.client import KeeperClient
from orchestrator.keeper.contract import CommandSpec, KeeperState, Leftover, Lost, Side
from orchestrator.keeper.owned import describe_trees, holder_of, lives, of_services
from orchestrator.session.readiness import is_ready, port_open
from tools.clock import Clock
from tools.sources.redis.readonly import ReadOnlyClient
from tools.workspace import Workspace

_NOT_STARTED = 127
"""What a shell says of a command that it cannot run."""
_SLACK_S = 30.0
"""Beyond the drain time: sweep, kill, and a busy machine. The keeper needs a few seconds of it."""


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
        """Run the start commands. Raises OSError."""
        ...

    def adopt(self, names: tuple[str, ...] = ()) -> bool:
        """Take over what an earlier process of this session started; whether any of it runs.

        `names` are the services it knew.
        """
        ...

    def names(self) -> tuple[str, ...]:
        """The services: as configured, then as learned from the output."""
        ...

    def not_ready(self) -> tuple[str, ...]:
        """The services that have not shown their ready signal. It may take a second: call it in a thread."""
        ...

    def exit_code(self) -> int | None:
        """The first start command's exit code that is not 0; 0 once all have ended; None while one runs."""
        ...

    def nothing_runs(self) -> bool:
        """Whether every start command has ended and no process of theirs is left."""
        ...

    def quiet(self) -> tuple[str, ...]:
        """Services whose own start command still runs and that need not say that they are ready."""
        ...

    def root_pids(self) -> tuple[int, ...]:
        """The roots of the process trees."""
        ...

    def note(self) -> int:
        """See that whoever keeps the services is there; how many processes run."""
        ...

    def lost(self) -> tuple[Lost, ...]:
        """Output that could not be kept."""
        ...

    async def stop(self) -> StopOutcome:
        """Stop command or signals, drain, kill what is left, look at the ports. Safe to call twice."""
        ...


@dataclass
class KeptServices:
    """The services as processes of this machine, below their start commands, owned by the keeper."""

    session_id: str
    workspace: Workspace
    clock: Clock
    keeper: KeeperClient
    commands: tuple[CommandSpec, ...]
    entries: tuple[ServiceEntry, ...]
    named: tuple[str, ...]
    """The services that the configuration names."""
    drain_s: float
    connect: Callable[[], ReadOnlyClient]
    _adopted: tuple[str, ...] = field(default=(), init=False)

    @property
    def _side(self) -> Side:
        return self.keeper.state.services

    def start(self) -> None:
        """Have the keeper run every start command. Raises OSError."""
        self.keeper.wish(services=True)

    def adopt(self, names: tuple[str, ...] = ()) -> bool:
        """Whether the keeper still has them running."""
        self._adopted = names
        return self._side.status == "running" and bool(of_services(self.workspace, self.session_id).alive())

    def names(self) -> tuple[str, ...]:
        """As configured, then as learned."""
        return tuple(dict.fromkeys((*self.named, *self._adopted, *self.keeper.state.names)))

    def not_ready(self) -> tuple[str, ...]:
        """Neither a ready line nor the signals of its entry; one with `ready_http` or a group needs those."""
        state = self.keeper.state
        entries = {entry.name: entry for entry in self.entries}
        return tuple(name for name in self.names() if not self._ready(name, entries.get(name), state.ready))

    def exit_code(self) -> int | None:
        """Of the start commands."""
        side = self._side
        codes = [side.exit_codes.get(command.name) for command in self.commands]
        bad = [code for code in codes if code]
        if side.failures:
            return bad[0] if bad else _NOT_STARTED
        return bad[0] if bad else (0 if codes and None not in codes else None)

    def nothing_runs(self) -> bool:
        """Whether every start command has ended, and nothing of it lives."""
        side = self._side
        return side.status != "idle" and self.exit_code() is not None and side.running == 0

    def quiet(self) -> tuple[str, ...]:
        """Those with `ready_alive` whose start command has not ended."""
        ended = self._side.exit_codes.keys() | self._side.failures.keys()
        running = {
            command.service for command in self.commands if command.name not in ended and command.service
        }
        return tuple(entry.name for entry in self.entries if entry.ready_alive and entry.name in running)

    def root_pids(self) -> tuple[int, ...]:
        """The start commands, and the keeper: orphans of theirs are its children."""
        state = self.keeper.state
        roots = tuple(root.pid for root in state.services.roots.values() if lives(root))
        return (*roots, state.keeper.pid) if roots or state.services.running else ()

    def note(self) -> int:
        """See that the keeper lives."""
        self.keeper.ensure()
        return self._side.running

    def lost(self) -> tuple[Lost, ...]:
        """As the keeper counts it."""
        return self.keeper.state.lost

    async def stop(self) -> StopOutcome:
        """Nothing where nothing was started: a stop command would end what is somebody else's."""
        if not self.keeper.began_with("services"):
            return StopOutcome()
        if self._side.status != "stopped":
            try:
                self.keeper.wish(services=False)
                done = await self.keeper.until(_stopped, self.drain_s + _SLACK_S)
            except (
                OSError
            ):  # a full disk takes no wish: the keeper is told otherwise, and ends the server too
                await self.keeper.leave_without_a_wish(self.drain_s + _SLACK_S)
                done = False
            if not done:
                return await self._without_the_keeper()
        side = self._side
        ports = await asyncio.to_thread(self._ports)
        return StopOutcome(side.leftovers, ports, side.unkillable, side.stop_code)

    async def _without_the_keeper(self) -> StopOutcome:
        processes = of_services(self.workspace, self.session_id)
        left = describe_trees(processes.alive())
        unkillable = describe_trees(await processes.kill(self.clock))
        return StopOutcome(left, await asyncio.to_thread(self._ports), unkillable)

    def _ports(self) -> tuple[tuple[int, str], ...]:
        ports = [entry.port for entry in self.entries if entry.port is not None]
        return tuple((port, holder_of(port)) for port in ports if port_open(port))

    def _ready(self, name: str, entry: ServiceEntry | None, said: tuple[str, ...]) -> bool:
        if entry is None:
            return name in said
        told = entry.ready_http is not None or entry.ready_stream is not None
        return (name in said and not told) or is_ready(entry, self.connect)


def _stopped(state: KeeperState) -> bool:
    return state.services.rests
