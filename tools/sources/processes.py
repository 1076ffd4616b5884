"""Whether a service's process lives: by pidfile, by listening port, or within our own trees.

Nothing is started, signalled or changed. Where nothing tells, `alive` is None: unknown is not dead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import psutil

from tools.clock import Clock
from tools.sources.records import ProcessState

_LOOPBACK = frozenset({"127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"})  # noqa: S104 - compared, not bound
_WORDS = re.compile(r"[/\\\s=:,]+")
_PIDFILE_BYTES_MAX = 64
_YOUNGER_S = 2.0
"""A process that began later than its pidfile was written is another one that got the same pid."""
_ANCESTORS_MAX = 8
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)


class ServiceSpec(Protocol):
    """What may prove that a service's process lives."""

    @property
    def name(self) -> str:
        """The service."""
        ...

    @property
    def port(self) -> int | None:
        """The TCP port it listens on, on this machine."""
        ...

    @property
    def pidfile(self) -> str | None:
        """Its pidfile, relative to the project."""
        ...


def service_states(
    specs: Sequence[ServiceSpec], root_pids: Iterable[int], clock: Clock, project_root: Path | None = None
) -> tuple[ProcessState, ...]:
    """One state per service, in order. `root_pids` are the roots of the trees that this session started.

    Never raises for a process that is gone.
    """
    tree = _named(_tree(root_pids), [spec.name for spec in specs])
    wanted = {spec.port for spec in specs if spec.port is not None}
    ports = _listeners(wanted) if wanted else None
    return tuple(_state(spec, tree.get(spec.name), ports, clock.now_ms(), project_root) for spec in specs)


class ProcessWatch:
    """The same over time: a process that was there and has ended is gone, not unknown."""

    def __init__(
        self,
        specs: Sequence[ServiceSpec],
        root_pids: Iterable[int],
        clock: Clock,
        project_root: Path | None = None,
    ) -> None:
        self.aim(specs, root_pids)
        self._clock, self._project_root = clock, project_root
        self.seen: dict[str, ProcessState] = {}
        """Each service's process as it was last seen alive; a new attempt goes on with it."""

    def aim(self, specs: Sequence[ServiceSpec], root_pids: Iterable[int]) -> None:
        """From now on look at these services: more of them become known while they start."""
        self._specs, self._root_pids = tuple(specs), tuple(root_pids)

    def look(self) -> dict[str, ProcessState]:
        """Every service's state now, by name."""
        found = service_states(self._specs, self._root_pids, self._clock, self._project_root)
        return {state.service: self._remembered(state) for state in found}

    def _remembered(self, state: ProcessState) -> ProcessState:
        if state.alive:
            if state.pid is not None:
                self.seen[state.service] = state
            return state
        before = self.seen.get(state.service)
        if state.alive is None and before is not None and not still_runs(before):
            return ProcessState(service=state.service, at_ms=state.at_ms, alive=False, pid=before.pid)
        return state


def still_runs(state: ProcessState) -> bool:
    """Whether the very process of a state runs; True where that may not be seen."""
    process = _process(state.pid)
    if process is None or state.started_ms is None:
        return process is not None
    try:
        same = abs(process.create_time() * 1000 - state.started_ms) < 1000
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:
        return True


def _state(
    spec: ServiceSpec,
    named: psutil.Process | None,
    ports: dict[int, int] | None,
    now_ms: int,
    project_root: Path | None,
) -> ProcessState:
    alive: bool | None = None
    process: psutil.Process | None = None
    if spec.pidfile is not None:
        alive, process = _by_pidfile((project_root or Path()) / spec.pidfile)
    if alive is None and spec.port is not None and ports is not None:
        alive = spec.port in ports
        process = _process(ports.get(spec.port))
    if alive is None and named is not None:
        alive, process = True, named
    return _described(spec.name, now_ms, alive=alive, process=process)


def _described(
    service: str, now_ms: int, *, alive: bool | None, process: psutil.Process | None
) -> ProcessState:
    if process is None:
        return ProcessState(service=service, at_ms=now_ms, alive=alive)
    try:
        started_ms = round(process.create_time() * 1000)
        return ProcessState(
            service=service, at_ms=now_ms, alive=alive, pid=process.pid, started_ms=started_ms
        )
    except _GONE:
        return ProcessState(service=service, at_ms=now_ms, alive=alive, pid=process.pid)


def _by_pidfile(path: Path) -> tuple[bool | None, psutil.Process | None]:
    try:
        with path.open("rb") as file:
            pid = int(file.read(_PIDFILE_BYTES_MAX).split()[0])
        written_s = path.stat().st_mtime
    except (OSError, ValueError, IndexError):
        return None, None
    process = _process(pid)
    if process is None:
        return False, None
    try:
        if process.create_time() > written_s + _YOUNGER_S or process.status() == psutil.STATUS_ZOMBIE:
            return False, None
    except psutil.NoSuchProcess:
        return False, None
    except psutil.AccessDenied:
        return True, process
    return True, process


def _listeners(ports: set[int]) -> dict[int, int] | None:
    # Port → pid (0 where we may not see whose it is); None where the system does not tell at all.
    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.AccessDenied, OSError):
        return None
    found: dict[int, set[int]] = {}
    outside: dict[int, set[int]] = {}
    for connection in connections:
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port in ports:
            address = connection.laddr
            here = found if address.ip in _LOOPBACK else outside
            here.setdefault(address.port, set()).add(connection.pid or 0)
    return {port: _eldest(found.get(port) or outside[port], port) for port in found.keys() | outside.keys()}


def _eldest(pids: set[int], port: int) -> int:
    """Workers inherit their parent's socket and come and go; the service is the process that had it first."""
    pid = min(pids - {0}, key=_born, default=0)
    for _ in range(_ANCESTORS_MAX):
        parent = _parent(pid)
        if not parent or not _listens(parent, port):
            break
        pid = parent
    return pid


def _born(pid: int) -> tuple[float, int]:
    try:
        return psutil.Process(pid).create_time(), pid
    except _GONE:
        return float("inf"), pid


def _parent(pid: int) -> int:
    process = _process(pid)
    try:
        return 0 if process is None else process.ppid()
    except _GONE:
        return 0


def _listens(pid: int, port: int) -> bool:
    # The system names one holder of a socket that several share; whether another holds it, it must be asked.
    process = _process(pid)
    try:
        held = [] if process is None else process.net_connections(kind="tcp")
    except _GONE:
        return False
    return any(one.status == psutil.CONN_LISTEN and one.laddr and one.laddr.port == port for one in held)


def _tree(root_pids: Iterable[int]) -> list[psutil.Process]:
    found: dict[int, psutil.Process] = {}
    for pid in root_pids:
        root = _process(pid)
        if root is None:
            continue
        try:
            for process in (root, *root.children(recursive=True)):
                found.setdefault(process.pid, process)
        except _GONE:
            continue
    return list(reversed(found.values()))


def _process(pid: int | None) -> psutil.Process | None:
    if not pid or pid < 0:
        return None
    try:
        return psutil.Process(pid)
    except _GONE:
        return None


def _named(tree: list[psutil.Process], services: list[str]) -> dict[str, psutil.Process]:
    # A process that names several services is what started them, not one of them.
    found: dict[str, psutil.Process] = {}
    for process in tree:
        named = [service for service in services if _is_named(process, service)]
        if len(named) == 1:
            found.setdefault(named[0], process)
    return found


def _is_named(process: psutil.Process, service: str) -> bool:
    # A whole component of a path or a whole word: `services/orders/main.py`, never `orders-api` for `orders`.
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        words = [word for argument in process.cmdline() for word in _WORDS.split(argument) if word]
    except _GONE:
        return False
    return any(word == service or Path(word).stem == service for word in words)
