"""What a figure was measured on: machine, software, commit; and who runs on which core."""

from __future__ import annotations

import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(__file__).resolve().parent / ".cache"
"""Peers and compiled probes; git ignores it."""

SERVER_PRIORITY = 40
PROBE_PRIORITY = 50


def description() -> str:
    """CPU, cores, memory, system, Python, and the load when asked."""
    memory = psutil.virtual_memory().total / 2**30
    load, kernel = os.getloadavg()[0], platform.release().partition("-")[0]
    return (
        f"{_cpu_model()}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()} {kernel}, "
        f"Python {platform.python_version()}, load {load:.1f} at the start"
    )


def now() -> str:
    """The time, to the minute, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")


def commit() -> str:
    """The commit that is measured; says so where files differ from it."""
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        # What a benchmark itself writes is no change of what it measures.
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ":!benchmarks/RESULTS.md")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{name} with local changes" if changed else name


def versions(*packages: str) -> dict[str, str]:
    """Installed versions of Python packages; "not installed" where one is not."""
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def cores() -> tuple[int, int]:
    """The core for the server and the one for its clients; the same one where there is only one."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return allowed[0], allowed[1 if len(allowed) > 1 else 0]


def pin(pid: int, core: int) -> bool:
    """Bind a process (0: this one) to a core; False where the system does not allow it."""
    if not hasattr(os, "sched_setaffinity"):
        return False
    with suppress(OSError):
        os.sched_setaffinity(pid, {core})
        return True
    return False


def hasten(pid: int, priority: int) -> bool:
    """Give a process real-time priority, so that other work on its core does not blur what is measured."""
    if not hasattr(os, "sched_setscheduler"):
        return False
    with suppress(OSError):
        os.sched_setscheduler(pid, os.SCHED_FIFO, os.sched_param(priority))
        return True
    return False


def environment() -> dict[str, str]:
    """What a program of ours is started with: no settings from outside, and compiled modules kept as a user has them."""
    dropped = (
        "ANTHROPIC_",
        "LANGSMITH_",
        "LANGCHAIN_",
        "STREAMGAUGE_",
        "REDIS_URL",
        "PYTHONDONTWRITEBYTECODE",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONPATH": str(ROOT)}


def _cpu_model() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()
