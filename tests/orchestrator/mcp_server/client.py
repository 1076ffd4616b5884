"""A real MCP client over stdio for tests that are no coroutines: the server is a process, the client a thread."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mcp import Client, StdioServerParameters, stdio_client

ROOT = Path(__file__).resolve().parents[3]
BOUND_S = 60.0
_Made = TypeVar("_Made")


@dataclass(frozen=True)
class Caller:
    """One connected client."""

    client: Client
    loop: asyncio.AbstractEventLoop

    def run(self, ask: Callable[[Client], Coroutine[Any, Any, _Made]]) -> _Made:
        """What one request gives."""
        return asyncio.run_coroutine_threadsafe(ask(self.client), self.loop).result(BOUND_S)

    def call(self, name: str, /, **arguments: Any) -> Any:
        """The result of one tool."""
        return self.run(lambda client: client.call_tool(name, arguments))


@contextmanager
def connected(folder: Path, *arguments: str, environ: dict[str, str] | None = None) -> Iterator[Caller]:
    """`streamgauge mcp` in `folder`, and a client of it."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "orchestrator", "mcp", *arguments],
        cwd=str(folder),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)} | (environ or {}),
    )
    made: list[Caller] = []
    failed: list[BaseException] = []
    there, over = threading.Event(), threading.Event()

    async def live() -> None:
        async with Client(stdio_client(parameters)) as client:
            made.append(Caller(client, asyncio.get_running_loop()))
            there.set()
            await asyncio.to_thread(over.wait)

    def thread() -> None:
        try:
            asyncio.run(live())
        except BaseException as error:  # noqa: BLE001 - raised in the test's thread
            failed.append(error)
        finally:
            there.set()

    worker = threading.Thread(target=thread, daemon=True)
    worker.start()
    try:
        assert there.wait(BOUND_S)
        if not made:
            raise failed[0]
        yield made[0]
    finally:
        over.set()
        worker.join(BOUND_S)
    assert not worker.is_alive()
    if failed:
        raise failed[0]
