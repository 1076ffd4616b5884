"""A whole attach session as a user starts it, watched from outside: its phases, its processes, its polls."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psutil
from msgspec import Struct

from benchmarks import machine
from benchmarks.server import BenchServer, Spent
from tools.clock import from_iso
from tools.errors import JournalCorrupt
from tools.sources.records import Gap
from tools.sources.redis.polls import read_polls
from tools.workspace import Workspace

SESSION = "session"
_CPU_EVERY_S = 0.5
_MEMORY_EVERY_S = 3.0
_STEADY_AFTER_S = 15.0
"""The window's beginning is left out of a steady share: processes start, code is indexed."""

_CONFIG = """[project]
root = "{project}"
[redis]
url = "{url}"
[session]
mode = "attach"
duration = "{duration:g}s"
[services]
expected = [{names}]
{services}
[output]
workspace = "{workspace}"
state_db = "{state}"
"""
_SERVICE = """[[services.list]]
name = "{name}"
pidfile = "{folder}/{name}.pid"
[[logs.sources]]
service = "{name}"
path = "{folder}/{name}.log"
"""


class _Event(Struct):
    type: str = ""
    at: str = ""
    agent: str = ""
    pid: int = 0
    phase: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class Look:
    """One poll of the Stream Analyst, as its journal has it."""

    at_ms: int
    wall_ms: float
    server_us: int
    quiet: bool


@dataclass
class Use:
    """What one process used: CPU seconds at each time, and memory at its highest (MB)."""

    cpu: list[tuple[float, float]] = field(default_factory=list)
    rss_mb: float = 0.0
    pss_mb: float = 0.0

    def cpu_between(self, begin: float, end: float) -> float:
        """CPU seconds in a span of wall time (s since the epoch); a process that ended keeps its last figure."""
        before = [cpu for at, cpu in self.cpu if at <= begin]
        until = [cpu for at, cpu in self.cpu if at <= end]
        return (until[-1] if until else 0.0) - (before[-1] if before else 0.0)


@dataclass
class Observed:
    """One session. Times in s since the epoch; `report_at` is None where no report was written."""

    exit_code: int | None
    began: float
    ended: float
    window: tuple[float, float]
    phases: dict[str, float]
    """When each phase finished."""
    uses: dict[str, Use]
    pss_mb: float
    rss_mb: float
    """All processes together, at their highest."""
    looks: list[Look]
    spent: Spent
    """What everything cost the server in the steady part, and in this many seconds."""
    spent_s: float
    workspace_mb: float
    findings: int
    blind: tuple[str, ...]
    """What it says that it could not look at: with no service told, their logs are among it."""

    @property
    def steady(self) -> tuple[float, float]:
        """The window without its beginning."""
        return self.window[0] + _STEADY_AFTER_S, self.window[1]

    def share(self, name: str | None = None) -> float:
        """CPU in the steady part as a share of one core, of one process or of all."""
        begin, end = self.steady
        chosen = self.uses.values() if name is None else [self.uses[name]]
        return sum(use.cpu_between(begin, end) for use in chosen) / (end - begin)

    def cpu_s(self, name: str | None = None) -> float:
        """CPU seconds of the whole session, of one process or of all."""
        chosen = self.uses.values() if name is None else [self.uses[name]]
        return sum(use.cpu[-1][1] for use in chosen if use.cpu)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is observed, for how long, and how long we wait for the session to end after that."""

    folder: Path
    duration_s: float
    patience_s: float
    services: tuple[str, ...] = ()
    """Each has `NAME.pid` and `NAME.log` in `folder`."""
    stopped_after_s: float | None = None
    """When a STOP file ends the window: a short look at a window of the usual length, whose clocks are slower."""

    @property
    def looked_s(self) -> float:
        """How long the window really is."""
        return self.duration_s if self.stopped_after_s is None else self.stopped_after_s


class _Watch:
    """Samples a tree of processes."""

    def __init__(self, root: int) -> None:
        self._root = psutil.Process(root)
        self.uses: dict[int, Use] = {}
        self.pss_mb = self.rss_mb = 0.0
        self._memory_at = 0.0

    def sample(self) -> None:
        """CPU of each process; now and then memory, whose figure costs the kernel more."""
        with suppress(psutil.Error):
            processes = [self._root, *self._root.children(recursive=True)]
            now = time.time()
            for process in processes:
                with suppress(psutil.Error):
                    times = process.cpu_times()
                    self.uses.setdefault(process.pid, Use()).cpu.append((now, times.user + times.system))
            if now - self._memory_at >= _MEMORY_EVERY_S:
                self._memory_at = now
                self._weigh(processes)

    def _weigh(self, processes: list[psutil.Process]) -> None:
        pss = rss = 0.0
        for process in processes:
            with suppress(psutil.Error):
                memory = process.memory_full_info()
                use = self.uses[process.pid]
                own_pss, own_rss = getattr(memory, "pss", memory.rss) / 2**20, memory.rss / 2**20
                use.pss_mb, use.rss_mb = max(use.pss_mb, own_pss), max(use.rss_mb, own_rss)
                pss, rss = pss + own_pss, rss + own_rss
        self.pss_mb, self.rss_mb = max(self.pss_mb, pss), max(self.rss_mb, rss)


def observe(server: BenchServer, plan: Plan) -> Observed:
    """Run one session to its end, or to the end of our patience."""
    workspace = Workspace(plan.folder / "workspace")
    config = plan.folder / "session.toml"
    config.write_text(_configured(server.url, plan, workspace.root), encoding="utf-8")
    with (plan.folder / "session.out").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", "run", "--config", str(config), "--no-llm", "--quiet"],
            cwd=plan.folder,
            env=machine.environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            return _watched(server, plan, workspace, process)
        finally:
            _end(process)


def _watched(
    server: BenchServer, plan: Plan, workspace: Workspace, process: subprocess.Popen[bytes]
) -> Observed:
    watch, began = _Watch(process.pid), time.time()
    spent, spent_s = Spent(), 0.0
    while process.poll() is None and time.time() - began < plan.looked_s + plan.patience_s:
        window = _window(workspace, plan)
        if not spent_s and window and window[0] + _STEADY_AFTER_S <= time.time() < window[1]:
            # The rest of the window, in one measurement: what is shared with the services is told apart by command.
            at = time.time()
            with server.measure() as meter:
                while time.time() < window[1] and process.poll() is None:
                    watch.sample()
                    time.sleep(_CPU_EVERY_S)
            spent, spent_s = meter.spent, time.time() - at
        if plan.stopped_after_s is not None and window and time.time() >= window[1]:
            workspace.stop_file.touch()
        watch.sample()
        time.sleep(_CPU_EVERY_S)
    ended = time.time()
    events = _events(workspace)
    return Observed(
        exit_code=process.poll(),
        began=began,
        ended=ended,
        window=_window(workspace, plan) or (began, began + plan.looked_s),
        phases={
            one.phase: from_iso(one.at) / 1000 for one in events if one.phase and one.status == "finished"
        },
        uses=_named(watch.uses, process.pid, events),
        pss_mb=watch.pss_mb,
        rss_mb=watch.rss_mb,
        looks=_looks(workspace),
        spent=spent,
        spent_s=spent_s,
        workspace_mb=sum(one.stat().st_size for one in workspace.root.rglob("*") if one.is_file()) / 2**20,
        findings=_findings(workspace),
        blind=_blind(workspace),
    )


def _configured(url: str, plan: Plan, workspace: Path) -> str:
    project = plan.folder / "project"
    project.mkdir(exist_ok=True)
    names = ", ".join(f'"{name}"' for name in plan.services)
    services = "".join(_SERVICE.format(name=name, folder=plan.folder) for name in plan.services)
    state = plan.folder / ".state" / "orchestration.db"
    return _CONFIG.format(
        project=project, url=url, duration=plan.duration_s, names=names, services=services,
        workspace=workspace, state=state,
    )  # fmt: skip


def _events(workspace: Workspace) -> list[_Event]:
    try:
        lines = workspace.events.read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(msgspec.DecodeError):
            found.append(msgspec.json.decode(line, type=_Event))
    return found


def _window(workspace: Workspace, plan: Plan) -> tuple[float, float] | None:
    for one in _events(workspace):
        if one.phase == "observe" and one.status == "started":
            at = from_iso(one.at) / 1000
            return at, at + plan.looked_s
    return None


def _named(uses: dict[int, Use], root: int, events: list[_Event]) -> dict[str, Use]:
    """By agent, by pid where nobody tells what it is."""
    agents = {one.pid: one.agent for one in events if one.type == "agent-started"}
    return {SESSION if pid == root else agents.get(pid, f"process {pid}"): use for pid, use in uses.items()}


def _looks(workspace: Workspace) -> list[Look]:
    found: list[Look] = []
    with suppress(JournalCorrupt, OSError):
        found.extend(
            Look(poll.at_ms, poll.cost.wall_ms, poll.cost.server_us, poll.quiet)
            for poll in read_polls(workspace.polls)
        )
    return found


def _findings(workspace: Workspace) -> int:
    try:
        return len(msgspec.json.decode(workspace.all_findings.read_bytes()))
    except (OSError, msgspec.DecodeError, TypeError):
        return 0


def _blind(workspace: Workspace) -> tuple[str, ...]:
    """Each once, as the gaps' journal has them."""
    found: dict[str, None] = {}
    with suppress(OSError, msgspec.DecodeError):
        for line in workspace.gaps.read_bytes().splitlines():
            gap = msgspec.json.decode(line, type=Gap)
            found.update({gap.what: None} if gap.blind else {})
    return tuple(found)


def _end(process: subprocess.Popen[bytes]) -> None:
    """A session that did not end in time is ended, its processes with it."""
    if process.poll() is not None:
        return
    with suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.Error):
                child.kill()
    process.kill()
    process.wait()
