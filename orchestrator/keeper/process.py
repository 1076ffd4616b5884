"""The keeper's loop: read the wish, make it so, keep the output, tell the state.

It is one thread on one event loop. Whatever it was doing when it is killed, the next attempt goes on from the files.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from orchestrator.keeper import owned, progress
from orchestrator.keeper.capture import Capture, Logs, masked
from orchestrator.keeper.cgroup import Cgroup, name_of, own_group
from orchestrator.keeper.contract import (
    KeeperFiles,
    KeeperJob,
    KeeperState,
    Lost,
    SideSpec,
    Wish,
)
from orchestrator.keeper.linux import become_subreaper
from orchestrator.keeper.side import RunningSide, below
from orchestrator.keeper.spool import Spool, SpoolLine
from tools.clock import NEVER, Clock
from tools.masking import LineMasker
from tools.workspace import Workspace

_LOOK_EVERY_S = 0.1
_OWNER_EVERY_S = 0.5
_COUNT_EVERY_S = 10.0
_COUNT_YOUNG_S = 0.5
_PROGRESS_EVERY_S = 1.0
_KEEP_S = 0.05
"""Of each look: with the pause between two looks, a flood costs a third of a core at most."""
_KEEP_AT_END_S = 5.0
_NO_SIDE = SideSpec(commands=(), stop=None, folder=".", drain_s=0.0)

Why = Literal["asked", "abandoned"]


class Keeper:
    """One attempt of the keeper of one session."""

    def __init__(self, job: KeeperJob, clock: Clock) -> None:
        self._job, self._clock = job, clock
        self._workspace = Workspace(Path(job.workspace))
        self._files = KeeperFiles(self._workspace)
        self._files.folder.mkdir(parents=True, exist_ok=True)
        before = self._files.read_state()
        self._progress = progress.read(self._files.progress)
        me = owned.identity_of(os.getpid())
        assert me is not None
        self.state = before or KeeperState(keeper=me, attempt=job.attempt)
        self.state.keeper, self.state.attempt = me, job.attempt
        self._resumed = before is not None
        self._subreaper = become_subreaper()
        self._groups = _groups(job) if job.cgroup else None
        self.state.cgroup = self._groups is not None
        self._logs = Logs(self._workspace)
        self._capture = Capture(
            self._logs,
            named=job.named,
            prefixes=job.prefixes,
            ready_pattern=job.ready_pattern,
            names=self.state.names,
            ready=self.state.ready,
            open_keys=self._progress.open_keys,
        )
        self._maskers = {"redis": LineMasker(), "shutdown": LineMasker()}
        self._owners = {command.name: command.service for command in job.services.commands}
        self._spools: dict[str, Spool] = {}
        self.services = self._side(job.services, "services")
        self.redis = self._side(job.redis or _NO_SIDE, "redis")
        self._skipped: dict[str, Lost] = {}
        self._written = b""
        self._owner_lost_at: float | None = None
        self._ending: asyncio.Task[None] | None = None
        self._killed = False
        self._count_at = self._started_at = 0.0
        self._began_at = clock.monotonic()

    async def run(self) -> None:
        """Until the session says that it needs nobody any more, or is dead for too long."""
        for name in list(self._progress.spools):
            self._spool(name)
        if self._resumed:
            self.redis.adopt()
            self.services.adopt()
        wish: Wish | None = None
        owner_at = progress_at = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            wish = self._files.read_wish() or wish
            self._reap()
            if wish is not None:
                self._follow(wish)
            if now >= owner_at and wish is not None:
                owner_at = now + _OWNER_EVERY_S
                self._watch_owner(wish, now)
            if now >= self._count_at:
                # What was just started makes its children now: they are to be known before they hide.
                young = now - self._started_at < _COUNT_EVERY_S
                self._count_at = now + (_COUNT_YOUNG_S if young else _COUNT_EVERY_S)
                self._count()
            self._keep_output(_KEEP_S)
            if now >= progress_at:
                progress_at = now + _PROGRESS_EVERY_S
                self._note_progress()
            self._tell()
            if self._done(wish):
                break
            await self._clock.sleep_until_async(self._clock.monotonic() + _LOOK_EVERY_S, NEVER)
        self._close()

    # --- what should be ---------------------------------------------------------------------------------

    def _follow(self, wish: Wish) -> None:
        for daemon in wish.daemons:
            if owned.lives(daemon):
                self.redis.owned.add(daemon.pid)
        if wish.number > self.state.wish:
            self.state.wish = wish.number
            self._wake(wish)
        if wish.end == "kill" and not self._killed:
            self._killed = True
            if self._ending is not None:
                self._ending.cancel()
            self._ending = self._begin(self._kill())
        if self._ending is not None and not self._ending.done():
            return
        why: Why = "abandoned" if self._owner_gone_too_long() else "asked"
        ends = why == "abandoned" or wish.end != "no"
        sides = [
            side
            for side, wished in ((self.services, wish.services), (self.redis, wish.redis))
            if side.view.status == "running" and (ends or not wished)
        ]
        if sides:
            self._ending = self._begin(self._stop(why, sides))

    def _wake(self, wish: Wish) -> None:
        """Start what is wished for the first time; what was stopped is not started again."""
        if wish.end != "no":
            return
        for wished, side in ((wish.redis, self.redis), (wish.services, self.services)):
            if wished and side.view.status == "idle":
                side.start()
                self._started_at, self._count_at = self._clock.monotonic(), 0.0

    def _begin(self, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(work)

    async def _stop(self, why: Why, sides: Sequence[RunningSide]) -> None:
        for side in sides:
            await side.stop(why)

    async def _kill(self) -> None:
        for side in (self.services, self.redis):
            if side.view.status != "idle" and (side.view.status != "stopped" or side.owned.alive()):
                await side.kill()

    def _done(self, wish: Wish | None) -> bool:
        if self._ending is not None and not self._ending.done():
            return False
        rests = all(side.view.status in {"idle", "stopped"} for side in (self.services, self.redis))
        if wish is None:
            return self._clock.monotonic() - self._began_at >= self._job.abandoned_after_s
        return rests and (wish.end != "no" or self._owner_gone_too_long())

    # --- the session ------------------------------------------------------------------------------------

    def _watch_owner(self, wish: Wish, now: float) -> None:
        if owned.lives(wish.owner):
            self._owner_lost_at, self.state.session_lost_ms = None, None
        elif self._owner_lost_at is None:
            self._owner_lost_at, self.state.session_lost_ms = now, self._clock.now_ms()

    def _owner_gone_too_long(self) -> bool:
        lost_at = self._owner_lost_at
        return lost_at is not None and self._clock.monotonic() - lost_at >= self._job.abandoned_after_s

    # --- processes --------------------------------------------------------------------------------------

    def _reap(self) -> None:
        with suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                code = os.waitstatus_to_exitcode(status)
                self.services.ended(pid, code)
                self.redis.ended(pid, code)
                self._count_at = 0.0

    def _count(self) -> None:
        for side in (self.services, self.redis):
            if side.view.status == "running":
                side.count()

    def _side(self, spec: SideSpec, name: Literal["services", "redis"]) -> RunningSide:
        make = owned.of_services if name == "services" else owned.of_redis
        group = None if self._groups is None else self._groups[name]

        def members() -> set[int]:
            found = set() if group is None else set(group.pids()) - {os.getpid()}
            if name == "services" and self._subreaper:
                sides = (self.redis, self.services)
                others = {pid for side in sides for pid in side.stop_owned.pids()}
                found |= below(os.getpid(), others | self.redis.owned.pids())
            return found

        groups = None if self._groups is None or group is None else (group, self._groups["keeper"])
        return RunningSide(
            spec,
            make(self._workspace, self._job.session_id, members),
            self._job.environment,
            self._spool,
            self._clock,
            groups=groups,
            view=getattr(self.state, name),
        )

    # --- output -----------------------------------------------------------------------------------------

    def _spool(self, name: str) -> Spool:
        if name not in self._spools:
            number, offset = self._progress.place(name)
            self._spools[name] = Spool(self._files.spool(name), number, offset)
        return self._spools[name]

    def _keep_output(self, seconds: float, *, final: bool = False) -> None:
        """Read, mask and keep what was printed, at most so long: a flood must not keep the wish waiting."""
        until = self._clock.monotonic() + seconds
        waiting = dict(self._spools)
        while waiting:
            for name, spool in list(waiting.items()):
                more = spool.behind()
                self._take(name, spool, spool.read(final=final))
                if not more:
                    del waiting[name]
            if self._clock.monotonic() >= until:
                break
        for name, spool in waiting.items():
            # What came first was read: a ready signal before a flood is not lost.
            skip = spool.skip()
            if skip is not None:
                self._lose(name, skip.length)
                self._note_progress()  # and give the disk back: a flood can fill it within seconds
            if final:
                self._lose(name, spool.behind())
        self.state.names, self.state.ready = self._capture.names, self._capture.ready

    def _take(self, name: str, spool: Spool, lines: list[SpoolLine]) -> None:
        if name in self._owners:
            self._capture.take(spool.number, lines, self._owners[name])
        elif lines:
            log = "shutdown" if name.startswith("stop-") else "redis"
            self._logs.write(log, spool.number, masked(lines, self._maskers[log]))

    def _lose(self, output: str, count: int) -> None:
        if not count:
            return
        known = self._skipped.get(output)
        at_ms = self._clock.now_ms() if known is None else known.from_ms
        total = count + (0 if known is None else known.bytes)
        why = "it was written faster than it could be masked"
        self._skipped[output] = Lost(output=output, bytes=total, from_ms=at_ms, why=why)

    def _note_progress(self) -> None:
        for name, spool in self._spools.items():
            self._progress.spools[name] = (spool.number, spool.offset)
        self._progress.open_keys = self._capture.open_keys()
        if progress.write(self._files.progress, self._progress):
            for spool in self._spools.values():
                spool.free()

    def _tell(self) -> None:
        full = {
            name: Lost(output=name, bytes=count, from_ms=0, why="its log is full, or the disk is")
            for name, count in self._logs.lost().items()
        }
        self.state.lost = (*self._skipped.values(), *full.values())
        data = msgspec.json.encode(self.state)
        if data != self._written:
            # A full disk costs the telling only; it is tried again at the next look.
            with suppress(OSError):
                self._files.write_state(self.state)
                self._written = data

    def _close(self) -> None:
        self._reap()
        self._keep_output(_KEEP_AT_END_S, final=True)
        self._note_progress()
        self._tell()
        for spool in self._spools.values():
            spool.close(remove=True)
        self._logs.close()
        if self._groups is not None:
            home = own_group()
            if home is not None:
                Cgroup(home.parent).enter()
            for group in self._groups.values():
                group.remove()


def _groups(job: KeeperJob) -> dict[str, Cgroup] | None:
    """A group for the services, one for the server, and one for the keeper itself; None where it may make none."""
    mark = owned.mark_of(Workspace(Path(job.workspace)), job.session_id)
    made = {side: Cgroup.make(name_of(mark, side)) for side in ("keeper", "services", "redis")}
    groups = {side: group for side, group in made.items() if group is not None}
    if len(groups) == len(made) and groups["keeper"].enter():
        return groups
    for group in groups.values():
        group.remove()
    return None


def ignore_signals() -> None:
    """Ctrl-C and its kin are the session's; it says by the wish what they mean.

    By a handler that does nothing: to ignore them would be inherited by everything that the keeper starts.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
