"""The session's side of the keeper: starts it, wishes, reads its state, and finishes its work where it cannot."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import msgspec

from orchestrator.keeper import cgroup, owned, progress
from orchestrator.keeper.contract import Identity, KeeperFiles, KeeperJob, KeeperState, Wish
from tools.clock import NEVER, Clock
from tools.interpreter import python_path
from tools.workspace import Workspace

Condition = Callable[[KeeperState], bool]

_PACKAGES_FOLDER = Path(__file__).resolve().parents[2]
_LOOK_EVERY_S = 0.05
_ATTEMPTS_MAX = 5
_LEAVES_S = 15.0
_EMPTY = KeeperState(keeper=Identity(0, 0.0), attempt=0)


class KeeperClient:
    """The keeper of one session. `make_job` gives its instructions for an attempt; `on_restart` is told of one."""

    def __init__(
        self,
        workspace: Workspace,
        session_id: str,
        clock: Clock,
        make_job: Callable[[int], KeeperJob],
        on_restart: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.files = KeeperFiles(workspace)
        self._workspace, self._session_id, self._clock = workspace, session_id, clock
        self._make_job, self._on_restart = make_job, on_restart
        self._process: subprocess.Popen[bytes] | None = None
        self._wish: Wish | None = None
        self._starts = 0

    @property
    def state(self) -> KeeperState:
        """The newest state; an empty one before there is any."""
        return self.files.read_state() or _EMPTY

    @property
    def began(self) -> bool:
        """Whether this session ever had a keeper."""
        return self.files.state.exists() or self._wish is not None

    def began_with(self, side: Literal["services", "redis"]) -> bool:
        """Whether this session ever asked for that side, whether or not the keeper has come to it yet."""
        wish, state = self._wish, self.state
        wished = wish is not None and (wish.services if side == "services" else wish.redis)
        return wished or (state.services if side == "services" else state.redis).status != "idle"

    def alive(self) -> bool:
        """Whether a keeper is at work now, ours or one that a killed session left."""
        if self._process is not None and self._process.poll() is None:
            return True
        return self.files.holder() is not None

    def wish(self, **changes: object) -> int:
        """Change what should be, and see that a keeper is there to do it; returns the wish's number.

        Raises OSError where the workspace cannot be written or no process be started.
        """
        before = self._wish or self.files.read_wish()
        me = owned.identity_of(os.getpid())
        assert me is not None
        number = 1 + max(0 if before is None else before.number, self.state.wish)
        wish = Wish(number=number, owner=me) if before is None else before
        self._wish = msgspec.structs.replace(wish, number=number, owner=me, **changes)
        self.files.write_wish(self._wish)
        if not self.alive():
            self._start()
        return number

    def take_over(self) -> KeeperState:
        """Go on with what a killed session left (resume); returns the state. Raises OSError."""
        self._wish = self.files.read_wish()
        if self._wish is not None:
            self.wish(end="no")
        return self.state

    async def reset(self) -> None:
        """End what is left and forget it, so that everything can be started anew; the captured logs go on."""
        await self.kill()
        self._wish, self._process = None, None
        progress.begin_anew(self.files.progress)
        for file in (self.files.wish, self.files.state):
            file.unlink(missing_ok=True)

    def ensure(self) -> bool:
        """Start a new attempt where the keeper died before its time; whether one is at work."""
        if self._wish is None or self._wish.end != "no" or self.alive():
            return self.alive()
        if self._starts >= _ATTEMPTS_MAX:
            return False
        with suppress(OSError):
            self._start()
            self._on_restart(self.state.attempt + 1)
            return True
        return False

    async def until(self, condition: Condition, seconds: float) -> bool:
        """Wait until the newest wish was seen and `condition` holds; False after `seconds` or without a keeper."""
        ends = self._clock.monotonic() + seconds
        while True:
            state = self.state
            number = 0 if self._wish is None else self._wish.number
            if state.wish >= number and condition(state):
                return True
            if self._clock.monotonic() >= ends or not (self.alive() or self.ensure()):
                return False
            await self._clock.sleep_until_async(self._clock.monotonic() + _LOOK_EVERY_S, NEVER)

    async def leave(self, seconds: float) -> None:
        """Nothing is needed any more: the keeper stops in order what still runs, and goes."""
        await self._end("leave", seconds)

    async def kill(self) -> None:
        """End everything at once, with the keeper or without. Safe to call at any moment, and twice."""
        if self.began:
            await self._end("kill", _LEAVES_S)

    async def leave_without_a_wish(self, seconds: float) -> None:
        """The same where the disk takes no wish any more: by SIGTERM, which means it."""
        holder = self.files.holder()
        if holder is not None and owned.lives(holder):
            with suppress(ProcessLookupError):
                os.kill(holder.pid, signal.SIGTERM)
            await _until_gone(self.files, self._clock, seconds)

    async def _end(self, how: str, seconds: float) -> None:
        if self.alive():
            try:
                self.wish(end=how)
                await _until_gone(self.files, self._clock, seconds, self._process)
            except OSError:
                await self.leave_without_a_wish(seconds)
        await end_remains(self._workspace, self._session_id, self._clock)
        if self._process is not None:
            await asyncio.to_thread(_reap, self._process)

    def _start(self) -> None:
        self._starts += 1
        state = self.files.read_state()
        job = msgspec.json.encode(self._make_job(1 if state is None else state.attempt + 1))
        self.files.folder.mkdir(parents=True, exist_ok=True)
        with self.files.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "orchestrator.keeper"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": python_path(_PACKAGES_FOLDER, os.environ)},
                start_new_session=True,
            )
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as pipe:
            pipe.write(job)


async def _until_gone(
    files: KeeperFiles, clock: Clock, seconds: float, process: subprocess.Popen[bytes] | None = None
) -> None:
    ends = clock.monotonic() + seconds
    while clock.monotonic() < ends:
        if files.holder() is None and (process is None or process.poll() is not None):
            return
        await clock.sleep_until_async(clock.monotonic() + _LOOK_EVERY_S, NEVER)


def _reap(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(_LEAVES_S)


async def end_in_order(workspace: Workspace, session_id: str, clock: Clock, seconds: float) -> list[int]:
    """End what a killed session left: by its keeper, where one is there yet, in order; then whatever is left.

    Returns the pids that stayed. Nobody may be at work on that session.
    """
    files = KeeperFiles(workspace)
    holder, wish, me = files.holder(), files.read_wish(), owned.identity_of(os.getpid())
    if holder is not None and wish is not None and me is not None:
        with suppress(OSError):
            files.write_wish(msgspec.structs.replace(wish, number=wish.number + 1, owner=me, end="leave"))
            await _until_gone(files, clock, seconds)
    return await end_remains(workspace, session_id, clock)


async def end_remains(workspace: Workspace, session_id: str, clock: Clock) -> list[int]:
    """End the keeper of a session and everything that it started, whoever runs it; returns the pids that stayed."""
    files = KeeperFiles(workspace)
    holder = files.holder()
    if holder is not None and owned.lives(holder):
        with suppress(ProcessLookupError):
            os.kill(holder.pid, signal.SIGKILL)
        await _until_gone(files, clock, _LEAVES_S)
    groups = cgroup.left_by(owned.mark_of(workspace, session_id))

    def members() -> list[int]:
        return [pid for group in groups for pid in group.pids()]

    services = owned.of_services(workspace, session_id, members)
    stayed = [process.pid for process in await services.kill(clock)]
    stayed += [process.pid for process in await owned.of_redis(workspace, session_id).kill(clock)]
    for group in groups:
        group.remove()
    # Raw output holds secrets: it never outlives its session.
    for spool in files.folder.glob("*.raw"):
        spool.unlink(missing_ok=True)
    return stayed
