"""CPU and memory of processes with all their descendants, measured between two calls. Nothing is changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import psutil

from tools.clock import Clock

_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)
_SAME_START_S = 1.0
"""When a process began is told in ticks since the boot, whose own time may move by a little."""

_Key = TypeVar("_Key")
_Identity = tuple[int, float]
"""Pid and start: a pid alone may be another process by now."""


@dataclass(frozen=True, slots=True)
class Root:
    """The process that a measurement is about. `alone`: without its descendants."""

    pid: int
    started_ms: int | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process and its descendants use. `cpu_percent` of one core since the call before, None at the first."""

    pid: int
    started_ms: int
    program: str
    processes: int
    cpu_percent: float | None
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class _One:
    cpu_s: float
    rss_bytes: int
    started_s: float


class UsageMeter:
    """Measures again and again; a descendant that is a root itself counts for itself only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._cpu_s: dict[_Identity, float] = {}
        self._measured_s: float | None = None

    def measure(self, roots: Mapping[_Key, Root]) -> dict[_Key, Usage]:
        """The usage of each root that runs; what has ended, or may not be seen, is left out. Raises nothing."""
        now = self._clock.monotonic()
        elapsed_s = None if self._measured_s is None else now - self._measured_s
        children = _children() if any(not root.alone for root in roots.values()) else {}
        tops = {root.pid for root in roots.values()}
        seen: dict[_Identity, float] = {}
        found: dict[_Key, Usage] = {}
        for key, root in roots.items():
            pids = [root.pid] if root.alone else _below(root.pid, children, tops)
            ones = {pid: one for pid in pids if (one := _one(pid)) is not None}
            top = ones.get(root.pid)
            if top is not None and _is_same(top, root):
                found[key] = self._usage(root.pid, top, ones, elapsed_s)
            seen |= {(pid, one.started_s): one.cpu_s for pid, one in ones.items()}
        self._cpu_s, self._measured_s = seen, now
        return found

    def _usage(self, pid: int, top: _One, ones: Mapping[int, _One], elapsed_s: float | None) -> Usage:
        known = (pid, top.started_s) in self._cpu_s
        percent = None
        if elapsed_s is not None and elapsed_s > 0 and known:
            # What began since the call before had used nothing then.
            used_s = sum(
                one.cpu_s - self._cpu_s.get((number, one.started_s), 0.0) for number, one in ones.items()
            )
            percent = round(100 * max(used_s, 0.0) / elapsed_s, 1)
        return Usage(
            pid=pid,
            started_ms=round(top.started_s * 1000),
            program=_program(pid),
            processes=len(ones),
            cpu_percent=percent,
            rss_bytes=sum(one.rss_bytes for one in ones.values()),
        )


def _is_same(top: _One, root: Root) -> bool:
    return root.started_ms is None or abs(top.started_s * 1000 - root.started_ms) < _SAME_START_S * 1000


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for process in psutil.process_iter():
        try:
            found.setdefault(process.ppid(), []).append(process.pid)
        except _GONE:
            continue
    return found


def _below(pid: int, children: Mapping[int, list[int]], tops: set[int]) -> list[int]:
    found, waiting = [pid], [pid]
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child not in tops and child not in found:
                found.append(child)
                waiting.append(child)
    return found


def _one(pid: int) -> _One | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            used, memory = process.cpu_times(), process.memory_info()
            return _One(used.user + used.system, memory.rss, process.create_time())
    except _GONE:
        return None


def _program(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except _GONE:
        return ""
