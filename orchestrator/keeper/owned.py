"""The processes that a session's commands started: by mark, ancestry, process group and, where there is one, cgroup.

Identity is pid and start time, never a name. A process that leaves the group, loses its parent or becomes a
daemon still carries the mark; one that also hides its environment (setproctitle does, so Redis and PostgreSQL do)
is below the keeper still, where that is a subreaper (Linux), or is known from before.
"""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import msgspec
import psutil

from orchestrator.keeper.contract import Identity, Leftover
from tools.clock import NEVER, Clock
from tools.masking import mask
from tools.workspace import Workspace, write_atomically

SERVICES_MARK = "STREAMGAUGE_SESSION"
REDIS_MARK = "STREAMGAUGE_REDIS_SESSION"
_LOOK_EVERY_S = 0.1
_SCAN_EVERY_S = 0.3
_KILL_WAIT_S = 5.0
_COMMAND_CHARS_MAX = 300
_BELOW_MAX = 20


class OwnedProcesses:
    """Everything below one mark. `memory` is a file that keeps what was seen for a later process (resume).

    `members` gives pids that belong here for another reason (a cgroup, orphans that came to us).
    """

    def __init__(
        self,
        mark: str,
        value: str,
        memory: Path | None = None,
        members: Callable[[], Iterable[int]] | None = None,
    ) -> None:
        self._mark, self._value, self._memory = mark, value, memory
        self._members = members
        self._known: dict[tuple[int, float], psutil.Process] = {}
        self._roots: set[int] = set()
        self._remembered: list[tuple[int, float]] = []
        self._foreign: dict[int, psutil.Process] = {}
        self._spared: set[int] = set(_with_ancestors(os.getpid()))
        self._recall()

    @property
    def environment(self) -> dict[str, str]:
        """The mark, for the environment of what is started."""
        return {self._mark: self._value}

    def add_root(self, pid: int) -> None:
        """A command was started; its pid is its process group."""
        self._roots.add(pid)
        self.add(pid)

    def add_group(self, group: int) -> None:
        """The process group of a command that has ended; only those of ours that are in it are ever signalled."""
        self._roots.add(group)

    def add(self, pid: int) -> None:
        """A process is known from elsewhere to belong here."""
        with suppress(psutil.Error):
            self._know(psutil.Process(pid))

    def pids(self) -> set[int]:
        """Those that were seen and may still run."""
        return {pid for pid, _ in self._known}

    def spare(self, pid: int) -> None:
        """A process and its ancestors are never ours: the session, and the shell that it was started from."""
        self._spared.update(_with_ancestors(pid))

    def note(self) -> None:
        """Look at all processes once and remember every one that belongs here."""
        self._known = {key: process for key, process in self._known.items() if _alive(process)}
        for pid in () if self._members is None else self._members():
            if pid not in self._spared:
                self.add(pid)
        pids = self.pids()
        groups = {group for group in map(_group, pids) if group in self._roots}
        looked_at: dict[int, psutil.Process] = {}
        waiting: list[tuple[psutil.Process, int]] = []
        for process in psutil.process_iter():
            if process.pid in self._spared:
                continue
            # What was nobody's of ours stays so: a process keeps its ancestors, and its mark from its start.
            if self._foreign.get(process.pid) is process:
                looked_at[process.pid] = process
                continue
            with suppress(psutil.Error):
                if process.pid in pids or _group(process.pid) in groups or self._marked(process):
                    self._know(process)
                    pids.add(process.pid)
                else:
                    waiting.append((process, process.ppid()))
        while found := [process for process, parent in waiting if parent in pids]:
            for process in found:
                with suppress(psutil.Error):
                    self._know(process)
            pids |= {process.pid for process in found}
            waiting = [entry for entry in waiting if entry[0].pid not in pids]
        self._foreign = looked_at | {process.pid: process for process, _ in waiting}
        self._remember()

    def alive(self) -> list[psutil.Process]:
        """Look, and return what belongs here and runs; a zombie does not run."""
        self.note()
        return self.known_alive()

    def known_alive(self) -> list[psutil.Process]:
        """Those of the known that run; nothing new is looked for."""
        return [process for process in self._known.values() if _alive(process)]

    def with_variable(self, name: str, value: str) -> psutil.Process | None:
        """The oldest of ours that has this variable in its environment."""
        found: list[psutil.Process] = []
        for process in self.known_alive():
            with suppress(psutil.Error):
                if process.environ().get(name) == value:
                    found.append(process)
        return min(found, key=lambda process: began_of(process.pid), default=None)

    def signal_groups(self, number: int) -> None:
        """Send a signal to the process groups of the commands."""
        groups = {_group(process.pid) for process in self._known.values()} & self._roots
        for group in groups:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, number)

    def signal_all(self, number: int) -> None:
        """Send a signal to every process that runs."""
        for process in self.alive():
            with suppress(psutil.Error):
                process.send_signal(number)

    async def wait_gone(self, clock: Clock, seconds: float) -> bool:
        """Wait until nothing runs any more, at most `seconds`; whether that came true."""
        until = clock.monotonic() + seconds
        pace = _Pace(clock)
        while self._any_alive(pace):
            if clock.monotonic() >= until:
                return False
            await clock.sleep_until_async(clock.monotonic() + _LOOK_EVERY_S, NEVER)
        return True

    async def kill(self, clock: Clock) -> list[psutil.Process]:
        """Kill everything, again and again until nothing runs; returns what even that did not end."""
        until = clock.monotonic() + _KILL_WAIT_S
        pace = _Pace(clock)
        while self._any_alive(pace):
            for process in self.known_alive():
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            if clock.monotonic() >= until:
                return self.known_alive()
            await clock.sleep_until_async(clock.monotonic() + _LOOK_EVERY_S / 2, NEVER)
        return []

    def _any_alive(self, pace: _Pace) -> bool:
        """Whether any of ours runs. To look at all processes is costly: now and then, and before it is denied."""
        if self.known_alive() and not pace.due():
            return True
        with pace:
            self.note()
        return bool(self.known_alive())

    def _remember(self) -> None:
        keys = sorted(self._known)
        if self._memory is not None and keys != self._remembered and self._memory.parent.is_dir():
            # A full disk costs the memory only; the mark is there still.
            with suppress(OSError):
                write_atomically(self._memory, msgspec.json.encode(keys))
                self._remembered = keys

    def _recall(self) -> None:
        if self._memory is None:
            return
        with suppress(OSError, msgspec.MsgspecError):
            keys = msgspec.json.decode(self._memory.read_bytes(), type=list[tuple[int, float]])
            for pid, started in keys:
                with suppress(psutil.Error):
                    if began_of(pid) == started:
                        self._know(psutil.Process(pid))

    def claims(self, pid: int) -> bool:
        """Whether a process is known here or carries the mark; it is remembered then."""
        with suppress(psutil.Error):
            if pid in self.pids() or self._marked(psutil.Process(pid)):
                self.add(pid)
                return True
        return False

    def _marked(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(self._mark) == self._value
        except psutil.Error:  # another user's, perhaps by setuid: its ancestors tell
            return False

    def _know(self, process: psutil.Process) -> None:
        self._known.setdefault((process.pid, began_of(process.pid)), process)


class _Pace:
    """Looks at most a tenth of the time: the next is due nine times as long after one as it took."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._due = clock.monotonic()

    def due(self) -> bool:
        return self._clock.monotonic() >= self._due

    def __enter__(self) -> None:
        self._began = self._clock.monotonic()

    def __exit__(self, *_: object) -> None:
        now = self._clock.monotonic()
        self._due = now + max(_SCAN_EVERY_S, 9 * (now - self._began))


def mark_of(workspace: Workspace, session_id: str) -> str:
    """The mark's value: two sessions of one second in different workspaces must not end each other's services."""
    place = hashlib.sha256(os.fsencode(workspace.root.resolve())).hexdigest()[:12]
    return f"{session_id}-{place}"


def of_services(
    workspace: Workspace, session_id: str, members: Callable[[], Iterable[int]] | None = None
) -> OwnedProcesses:
    """The services of a session, and what is remembered of them."""
    memory = workspace.path("recording", "services.pids.json")
    return OwnedProcesses(SERVICES_MARK, mark_of(workspace, session_id), memory, members)


def of_redis(
    workspace: Workspace, session_id: str, members: Callable[[], Iterable[int]] | None = None
) -> OwnedProcesses:
    """The managed server of a session, and what is remembered of it."""
    memory = workspace.path("recording", "redis.pids.json")
    return OwnedProcesses(REDIS_MARK, mark_of(workspace, session_id), memory, members)


def describe(process: psutil.Process) -> Leftover:
    """Pid and masked command line."""
    command = ""
    with suppress(psutil.Error):
        command = " ".join(process.cmdline()) or process.name()
    # Arguments are bytes; those that are no UTF-8 stand as an escape: no file takes them otherwise.
    plain = os.fsencode(command).decode("utf-8", "backslashreplace")
    shown = "".join(char if char.isprintable() else repr(char)[1:-1] for char in mask(plain))
    return Leftover(process.pid, shown[:_COMMAND_CHARS_MAX] or "unknown")


def describe_trees(processes: Iterable[psutil.Process]) -> tuple[Leftover, ...]:
    """Each process that is below none of the others, with those that are below it; ordered by pid.

    One that has ended by now is told nowhere: it is not left, and nobody could say any more what it was.
    """
    parents: dict[int, int] = {}
    told: dict[int, Leftover] = {}
    for process in processes:
        with suppress(psutil.Error):
            parent = process.ppid()
            described = describe(process)
            # Asked last: what was said above is of a process that still runs.
            if _alive(process):
                parents[process.pid], told[process.pid] = parent, described
    found: dict[int, Leftover] = {}
    under: dict[int, list[str]] = {}
    for pid in sorted(told):
        top = pid
        while parents[top] in told:
            top = parents[top]
        if top == pid:
            found[pid] = told[pid]
        else:
            under.setdefault(top, []).append(f"pid {pid}: {told[pid].command}")
    return tuple(
        Leftover(pid, left.command, tuple(under.get(pid, ())[:_BELOW_MAX])) for pid, left in found.items()
    )


def holder_of(port: int) -> str:
    """Who listens on a TCP port, for people: `pid 12 (command)`, or that nobody may know."""
    with suppress(psutil.Error, PermissionError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr and connection.laddr.port == port and connection.pid:
                found = describe(psutil.Process(connection.pid))
                return f"pid {found.pid} ({found.command})"
    return "a process of another user"


def began_of(pid: int) -> float:
    """When a process began, in a measure that no clock change moves; raises psutil.NoSuchProcess.

    Linux: clock ticks since boot, field 22 of /proc/PID/stat (proc(5)), and above them a part of the boot's id: pids
    and ticks come again after a reboot. Elsewhere psutil's start time.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
        return _boot() + float(stat[stat.rindex(b")") + 2 :].split()[19])
    except (OSError, ValueError, IndexError):
        return psutil.Process(pid).create_time()


@lru_cache(maxsize=1)
def _boot() -> float:
    # 16 bits above 10^11 ticks (30 years): exact in a float.
    try:
        return int(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:4], 16) * 1e11
    except (OSError, ValueError):
        return 0.0


def identity_of(pid: int) -> Identity | None:
    """A process as pid and start time; None where it is gone."""
    try:
        return Identity(pid, began_of(pid))
    except psutil.Error:
        return None


def lives(identity: Identity) -> bool:
    """Whether that very process runs; a zombie does not."""
    try:
        same = began_of(identity.pid) == identity.began
        return same and psutil.Process(identity.pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _with_ancestors(pid: int) -> list[int]:
    try:
        return [pid, *(parent.pid for parent in psutil.Process(pid).parents())]
    except psutil.Error:
        return [pid]


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except OSError:
        return -1
