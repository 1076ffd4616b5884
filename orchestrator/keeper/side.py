"""One side of a managed session at work: the services, or the server. Started, seen to, stopped, proven gone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Literal

import psutil

from orchestrator.keeper.cgroup import Cgroup
from orchestrator.keeper.contract import CODE_UNKNOWN, CommandSpec, Side, SideSpec
from orchestrator.keeper.owned import (
    REDIS_MARK,
    SERVICES_MARK,
    OwnedProcesses,
    describe_trees,
    identity_of,
    lives,
)
from orchestrator.keeper.spool import Spool
from tools.clock import NEVER, Clock

_TERM_SHARE = 1 / 3
"""Of the drain time: so long after SIGINT comes SIGTERM (5 of 15 seconds)."""
_SWEEP_S = 2.0
"""What outlived the stop is asked by SIGTERM once more, each process for itself, before it is killed."""
_REAP_S = 1.0
_LOOK_S = 0.02
_STOP_IN_HASTE_S = 5.0
STOP_MARK = "STREAMGAUGE_STOP_OF"
COMMAND_MARK = "STREAMGAUGE_COMMAND"

OpenSpool = Callable[[str], Spool]
"""The spool of a command, by its name."""


class RunningSide:
    """Its `view` is what the keeper tells of it. `home` is the keeper's own cgroup, if it has one."""

    def __init__(
        self,
        spec: SideSpec,
        owned: OwnedProcesses,
        environment: Mapping[bytes, bytes],
        open_spool: OpenSpool,
        clock: Clock,
        *,
        groups: tuple[Cgroup, Cgroup] | None = None,
        view: Side | None = None,
    ) -> None:
        self.spec, self.owned, self.view = spec, owned, view or Side()
        self.stop_owned = OwnedProcesses(STOP_MARK, "-".join(owned.environment.values()))
        # Marks of another session, in whose services this one was started, would make ours theirs.
        foreign = {mark.encode() for mark in (SERVICES_MARK, REDIS_MARK, STOP_MARK, COMMAND_MARK)}
        self._environment = {name: value for name, value in environment.items() if name not in foreign}
        self._open_spool, self._clock = open_spool, clock
        self._groups = groups
        self._popen: dict[int, tuple[str, subprocess.Popen[bytes]]] = {}

    def start(self, tell: Callable[[], None]) -> None:
        """Run every command that does not run yet; one that cannot be started is told in `view.failures`.

        `tell` puts the view on disk: first that it is to run, then each root. A new attempt finds by its variable what
        was started and not told.
        """
        self.view.status = "running"
        tell()
        self.owned.note()
        for command in self.spec.commands:
            with suppress(OSError):  # told below, where it keeps the command from its start
                self._open_spool(command.name)
            if command.name in self.view.roots or command.name in self.view.failures:
                continue
            there = self.owned.with_variable(COMMAND_MARK, command.name)
            try:
                pid = self._run(command, self.owned) if there is None else there.pid
            except (OSError, ValueError) as error:
                self.view.failures[command.name] = getattr(error, "strerror", None) or str(error)
                tell()
                continue
            self.owned.add_root(pid)
            identity = identity_of(pid)
            if identity is not None:
                self.view.roots[command.name] = identity
            tell()
        self.count()

    def adopt(self, tell: Callable[[], None]) -> None:
        """Go on with what an earlier attempt of the keeper began; a stop that it began is begun again."""
        if self.view.status == "stopping":
            self.view.status = "running"
        if self.view.status != "running":
            return
        for name, root in self.view.roots.items():
            if lives(root):
                self.owned.add_root(root.pid)
            elif name not in self.view.exit_codes:
                self.view.exit_codes[name] = CODE_UNKNOWN
            self.owned.add_group(root.pid)
        self.start(tell)

    def ended(self, pid: int, code: int) -> None:
        """A child of the keeper was reaped."""
        name, process = self._popen.pop(pid, ("", None))
        if process is not None:
            process.returncode = code
            self.view.exit_codes[name] = code

    def count(self) -> None:
        """Look at what runs."""
        self.view.running = len(self.owned.alive())

    async def stop(self, why: Literal["asked", "abandoned"]) -> None:
        """Ask in order, drain, sweep, kill, and tell what was left. Never raises for a process that is gone."""
        self.view.status = "stopping"
        await self._ask()
        left = self.owned.alive()
        self.view.leftovers = describe_trees(left)
        if left:
            self.owned.signal_all(signal.SIGTERM)
            await self.owned.wait_gone(self._clock, _SWEEP_S)
        await self._finish(why)

    async def kill(self) -> None:
        """End everything at once; a stop command gets a few seconds, for it may end what is no process of ours."""
        if self.spec.stop is not None and self._stop_command_is_ours():
            await self._run_stop_command(self.spec.stop, min(self.spec.drain_s, _STOP_IN_HASTE_S))
        await self._finish("killed")

    async def _finish(self, why: Literal["asked", "abandoned", "killed"]) -> None:
        await self.stop_owned.kill(self._clock)
        unkillable = await self.owned.kill(self._clock)
        self.view.unkillable = describe_trees(unkillable)
        self.count()
        self.view.status, self.view.stopped_why = "stopped", why
        self.view.stopped_ms = self._clock.now_ms()

    async def _ask(self) -> None:
        drain_s, owned = self.spec.drain_s, self.owned
        owned.note()
        if self.spec.stop is not None and self._stop_command_is_ours():
            until = self._clock.monotonic() + drain_s
            await self._run_stop_command(self.spec.stop, drain_s)
            left_s = max(drain_s * _TERM_SHARE, until - self._clock.monotonic())
            await owned.wait_gone(self._clock, left_s)
            return
        if self.spec.polite:
            owned.signal_groups(signal.SIGINT)
            if await owned.wait_gone(self._clock, drain_s * _TERM_SHARE):
                return
            drain_s *= 1 - _TERM_SHARE
        owned.signal_groups(signal.SIGTERM)
        await owned.wait_gone(self._clock, drain_s)

    def _stop_command_is_ours(self) -> bool:
        # A start command that refused ("runs already") started nothing: its stop command would end somebody else's.
        started = [command.name for command in self.spec.commands if command.name not in self.view.failures]
        failed = bool(started) and all(self.view.exit_codes.get(name) not in {None, 0} for name in started)
        return bool(self.owned.alive()) or not (failed or not started)

    async def _run_stop_command(self, command: str, seconds: float) -> None:
        spec = CommandSpec(
            name=f"stop-{self.spec.commands[0].name}", command=command, folder=self.spec.folder
        )
        try:
            pid = self._run(spec, self.stop_owned)
        except (OSError, ValueError) as error:
            self.view.failures[spec.name] = getattr(error, "strerror", None) or str(error)
            return
        self.stop_owned.add_root(pid)
        await self.stop_owned.wait_gone(self._clock, seconds)
        await self.stop_owned.kill(self._clock)
        until = self._clock.monotonic() + _REAP_S
        while pid in self._popen and self._clock.monotonic() < until:
            await self._clock.sleep_until_async(self._clock.monotonic() + _LOOK_S, NEVER)
        self.view.stop_code = self.view.exit_codes.get(spec.name)

    def _run(self, spec: CommandSpec, owned: OwnedProcesses) -> int:
        argv = ["/bin/sh", "-c", spec.command] if isinstance(spec.command, str) else list(spec.command)
        marks = owned.environment | {COMMAND_MARK: spec.name}
        given = {
            os.fsencode(name): os.fsencode(value) for name, value in (dict(spec.environment) | marks).items()
        }
        environment = self._environment | given
        output = self._open_spool(spec.name).writer()
        try:
            self._enter_group()
            process = subprocess.Popen(
                argv,
                cwd=spec.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            self._leave_group()
            os.close(output)
        self._popen[process.pid] = (spec.name, process)
        return process.pid

    def _enter_group(self) -> None:
        if self._groups is not None:
            self._groups[0].enter()

    def _leave_group(self) -> None:
        if self._groups is not None:
            self._groups[1].enter()


def below(pid: int, but: Iterable[int]) -> set[int]:
    """Every descendant of a process, but those below the processes `but` and they themselves."""
    found: set[int] = set()
    with suppress(psutil.Error):
        children: dict[int, list[int]] = {}
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                children.setdefault(process.ppid(), []).append(process.pid)
        waiting, left_out = list(children.get(pid, ())), set(but)
        while waiting:
            child = waiting.pop()
            if child not in left_out and child not in found:
                found.add(child)
                waiting += children.get(child, ())
    return found
