"""Work in a thread that a second signal does not leave behind: nothing stops a thread, so the session waits for it.

Else it would go on to write where the lock is no longer held, and the outcome would not know of what it wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")


async def uncut(work: Callable[[], _T]) -> _T:
    """What it returns. Cancelled, it ends when the thread has. Raises what `work` raises."""
    thread = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(thread)
    except asyncio.CancelledError:
        await asyncio.wait({thread})
        if not thread.cancelled():
            thread.exception()  # looked at, so that nobody complains of it
        raise
