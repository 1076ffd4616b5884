"""Work that may take so long and no longer, and that a signal ends at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

_LOOK_S = 0.25
"""Between two looks whether there is a hurry."""


async def for_a_while(
    work: Coroutine[Any, Any, None], within_s: float, hurried: Callable[[], bool]
) -> BaseException | None:
    """Do it for at most so many seconds; returns what it failed with. What is cut short was cancelled."""
    loop = asyncio.get_running_loop()
    until = loop.time() + within_s
    task = loop.create_task(work)
    try:
        while not task.done() and not hurried() and loop.time() < until:
            await asyncio.wait([task], timeout=min(until - loop.time(), _LOOK_S))
    finally:
        task.cancel()
        await asyncio.wait([task])
    return None if task.cancelled() else task.exception()
