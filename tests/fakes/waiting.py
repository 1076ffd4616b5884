"""Waiting for a condition with a bound, for tests with real processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable


def wait_for(condition: Callable[[], object], *, seconds: float = 20.0, what: str = "") -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds} s for {what or condition}"
        time.sleep(0.02)


async def async_wait_for(condition: Callable[[], object], *, seconds: float = 20.0, what: str = "") -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"waited {seconds} s for {what or condition}"
        await asyncio.sleep(0.02)
