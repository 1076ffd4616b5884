"""Questions about real processes, whose answer may be that they went between two looks."""

from __future__ import annotations

import psutil


def has_ended(process: psutil.Process | int) -> bool:
    """Whether a process, or the one with this pid, has ended; one that nobody has waited for yet has, too."""
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return not found.is_running() or found.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
