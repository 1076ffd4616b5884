"""What a thread does is done when a session that was cut short lets go of its lock."""

from __future__ import annotations

import asyncio
import threading

import pytest

from orchestrator.session.uncut import uncut


async def test_who_is_cancelled_waits_for_the_thread() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        go_on.wait(20)
        done.set()

    task = asyncio.create_task(uncut(work))
    await asyncio.to_thread(begun.wait, 20)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done.is_set()


async def test_it_returns_and_raises_what_the_work_does() -> None:
    assert await uncut(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await uncut(lambda: 1 // 0)
