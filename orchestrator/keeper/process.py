"""The keeper's loop: read the wish, make it so, keep the output, tell the state.

It is one thread on one event loop. Whatever it was doing when it is killed, the next attempt goes on from the files.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from orchestrator.keeper import owned
from orchestrator.keeper.cgroup import Cgroup, name_of, own_group
from orchestrator.keeper.contract import KeeperFiles, KeeperJob, KeeperState, SideSpec, Wish
from orchestrator.keeper.keeping import Keeping
from orchestrator.keeper.linux import become_subreaper
from orchestrator.keeper.side import RunningSide, below
from tools.clock import NEVER, Clock
from tools.workspace import Workspace

_LOOK_EVERY_S = 0.1
_OWNER_EVERY_S = 0.5
_COUNT_EVERY_S = 10.0
_COUNT_YOUNG_S = 0.5
_PROGRESS_EVERY_S = 1.0
_KEEP_S = 0.05
"""Of each look: with the pause between two looks, a flood costs a third of a core at most."""
_KEEP_AT_END_S = 5.0
_LOCK_WAIT_S = 5.0
_NO_SIDE = SideSpec(commands=(), stop=None, folder=b".", drain_s=0.0)

Why = Literal["asked", "abandoned"]


class Keeper:
    """One attempt of the keeper of one session; it holds the session's lock of keepers."""

    def __init__(self, job: KeeperJob, clock: Clock) -> None:
        self._job, self._clock = job, clock
        self._workspace = Workspace(Path(os.fsdecode(job.workspace)))
        self._files = KeeperFiles(self._workspace)
        self._home = _identity_of(self._files.folder)
        before = self._files.read_state()
        me = owned.identity_of(os.getpid())
        assert me is not None
        self.state = before or KeeperState(keeper=me, attempt=job.attempt)
        self.state.keeper, self.state.attempt = me, job.attempt
        self._resumed = before is not None
        self._subreaper = become_subreaper()
        self._groups = _groups(job, self._workspace) if job.cgroup else None
        self.state.cgroup = self._groups is not None
        self._keeping = Keeping(job, self._workspace, clock, before)
        self.services = self._side(job.services, "services")
        self.redis = self._side(job.redis or _NO_SIDE, "redis")
        self._written = b""
        self._owner_lost_at: float | None = None
        self._ending: asyncio.Task[None] | None = None
        self._wish_stamp = (0, 0)
        self._killed = self._told_to_leave = False
        self._count_at = 0.0
        self._began_at = self._started_at = clock.monotonic()

    async def run(self) -> None:
        """Until the session says that it needs nobody any more, or is dead for too long."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, self._leave)
        if self._resumed:
            self.redis.adopt(self._tell)
            self.services.adopt(self._tell)
        wish: Wish | None = None
        owner_at = progress_at = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            newest = self._newest_wish(wish)
            if newest is not None and (now >= owner_at or newest is not wish):
                owner_at = now + _OWNER_EVERY_S
                self._watch_owner(newest, now)
            wish = newest
            self._reap()
            if wish is not None:
                self._follow(wish)
            if now >= self._count_at:
                # What was just started makes its children now: they are to be known before they hide.
                young = now - self._started_at < _COUNT_EVERY_S
                self._count_at = now + (_COUNT_YOUNG_S if young else _COUNT_EVERY_S)
                self._count()
            if not self._homeless():
                self._keeping.keep(_KEEP_S)
                if now >= progress_at:
                    progress_at = now + _PROGRESS_EVERY_S
                    self._keeping.note()
            self._tell()
            if self._done(wish):
                break
            await self._clock.sleep_until_async(self._clock.monotonic() + _LOOK_EVERY_S, NEVER)
        self._close()

    # --- what should be ---------------------------------------------------------------------------------

    def _newest_wish(self, known: Wish | None) -> Wish | None:
        """The wish; read anew only where the file was replaced."""
        try:
            status = self._files.wish.stat()
        except OSError:
            return known
        stamp = (status.st_ino, status.st_mtime_ns)
        if stamp != self._wish_stamp:
            read = self._files.read_wish()
            if read is not None:
                self._wish_stamp, known = stamp, read
        return known

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
        why: Why = "abandoned" if self._is_abandoned() else "asked"
        ends = why == "abandoned" or wish.end != "no" or self._told_to_leave
        sides = [
            side
            for side, wished in ((self.services, wish.services), (self.redis, wish.redis))
            if side.view.status == "running" and (ends or not wished)
        ]
        if sides:
            self._ending = self._begin(self._stop(why, sides))

    def _wake(self, wish: Wish) -> None:
        """Start what is wished for the first time; what was stopped is not started again."""
        if wish.end != "no" or self._told_to_leave:
            return
        for wished, side in ((wish.redis, self.redis), (wish.services, self.services)):
            if wished and side.view.status == "idle":
                side.start(self._tell)
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

    def _leave(self) -> None:
        self._told_to_leave = True

    def _done(self, wish: Wish | None) -> bool:
        if self._ending is not None:
            if not self._ending.done():
                return False
            if not self._ending.cancelled() and self._ending.exception() is not None:
                # What the stop could not do is done without it; the trace stands in keeper.log.
                self._ending.get_loop().call_exception_handler(
                    {"message": "the stop failed", "exception": self._ending.exception()}
                )
                self._ending = self._begin(self._kill())
                return False
        rests = all(side.view.rests for side in (self.services, self.redis))
        if wish is None:
            return self._clock.monotonic() - self._began_at >= self._job.abandoned_after_s
        return rests and (wish.end != "no" or self._told_to_leave or self._is_abandoned())

    # --- the session ------------------------------------------------------------------------------------

    def _watch_owner(self, wish: Wish, now: float) -> None:
        if owned.lives(wish.owner):
            self._owner_lost_at, self.state.session_lost_ms = None, None
            for side in (self.services, self.redis):
                side.owned.spare(wish.owner.pid)
        elif self._owner_lost_at is None:
            self._owner_lost_at, self.state.session_lost_ms = now, self._clock.now_ms()

    def _is_abandoned(self) -> bool:
        """Whether the session is dead for too long, or its folder was taken away from under it."""
        lost_at = self._owner_lost_at
        if lost_at is None:
            return self._homeless()
        return self._homeless() or self._clock.monotonic() - lost_at >= self._job.abandoned_after_s

    def _homeless(self) -> bool:
        return _identity_of(self._files.folder) != self._home

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
        for side in (self.redis, self.services):
            if side.view.status == "running":
                side.count()

    def _side(self, spec: SideSpec, name: Literal["services", "redis"]) -> RunningSide:
        make = owned.of_services if name == "services" else owned.of_redis
        group = None if self._groups is None else self._groups[name]

        def members() -> set[int]:
            found = set() if group is None else set(group.pids()) - {os.getpid()}
            if name == "services" and self._subreaper:
                found |= self._orphans()
            return found

        groups = None if self._groups is None or group is None else (group, self._groups["keeper"])
        return RunningSide(
            spec,
            make(self._workspace, self._job.session_id, members),
            dict(self._job.environment),
            self._keeping.spool,
            self._clock,
            groups=groups,
            view=getattr(self.state, name),
        )

    def _orphans(self) -> set[int]:
        """Everything below the keeper but what the server and the stop commands are, or have the mark of."""
        others = {pid for side in (self.redis, self.services) for pid in side.stop_owned.pids()}
        found = below(os.getpid(), others | self.redis.owned.pids()) - self.services.owned.pids()
        stopping = (self.redis.stop_owned, self.services.stop_owned)
        return {pid for pid in found if not any(own.claims(pid) for own in (self.redis.owned, *stopping))}

    # --- telling ----------------------------------------------------------------------------------------

    def _tell(self) -> None:
        self.state.names, self.state.ready = self._keeping.names, self._keeping.ready
        self.state.lost = self._keeping.lost()
        data = msgspec.json.encode(self.state)
        if data != self._written and not self._homeless():
            # A full disk costs the telling only; it is tried again at the next look.
            with suppress(OSError):
                self._files.write_state(self.state)
                self._written = data

    def _close(self) -> None:
        self._reap()
        if not self._homeless():
            self._keeping.keep(_KEEP_AT_END_S, final=True)
            self._keeping.note()
        self._tell()
        self._keeping.close()
        if self._groups is not None:
            home = own_group()
            if home is not None:
                Cgroup(home.parent).enter()
            for group in self._groups.values():
                group.remove()


@contextmanager
def only_keeper(files: KeeperFiles, clock: Clock) -> Iterator[bool]:
    """Hold the lock of a session's keepers; False where another one holds it still after a while."""
    files.folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(files.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = clock.monotonic() + _LOCK_WAIT_S
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Somebody only asks whether a keeper is there, or one is about to leave.
                if clock.monotonic() >= until:
                    yield False
                    return
                clock.sleep_until(clock.monotonic() + _LOOK_EVERY_S, NEVER)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, msgspec.json.encode(owned.identity_of(os.getpid())), 0)
        yield True
    finally:
        os.close(descriptor)


def ignore_signals() -> None:
    """Ctrl-C and its kin are the session's; it says by the wish what they mean.

    By a handler that does nothing: to ignore them would be inherited by everything that the keeper starts.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)


def _groups(job: KeeperJob, workspace: Workspace) -> dict[str, Cgroup] | None:
    """A group for the services, one for the server, and one for the keeper itself; None where it may make none."""
    mark = owned.mark_of(workspace, job.session_id)
    made = {side: Cgroup.make(name_of(mark, side)) for side in ("keeper", "services", "redis")}
    groups = {side: group for side, group in made.items() if group is not None}
    if len(groups) == len(made) and groups["keeper"].enter():
        return groups
    for group in groups.values():
        group.remove()
    return None


def _identity_of(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
