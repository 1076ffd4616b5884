"""The checkpoint file of one session: opened, and kept small. What is kept there is small, plain JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from tools.errors import PreflightFailed

_KEPT = 3
"""Checkpoints kept of each graph and subgraph: the newest, and two to spare."""

_OLD = """
    SELECT checkpoint_ns, checkpoint_id FROM (
        SELECT checkpoint_ns, checkpoint_id,
               ROW_NUMBER() OVER (PARTITION BY checkpoint_ns ORDER BY checkpoint_id DESC) AS age
        FROM checkpoints WHERE thread_id = ?
    ) WHERE age > ?
"""


class Checkpoints(AsyncSqliteSaver):
    """The saver, but a full disk costs the way back (resume) only, not the session. `failures` counts."""

    failures = 0

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Save a checkpoint, or count that it could not be."""
        try:
            return await super().aput(config, checkpoint, metadata, new_versions)
        except sqlite3.Error:
            self.failures += 1
            given = config["configurable"]
            place = {key: given[key] for key in ("thread_id", "checkpoint_ns")}
            return {"configurable": place | {"checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Save a task's writes, or count that they could not be."""
        try:
            await super().aput_writes(config, writes, task_id, task_path)
        except sqlite3.Error:
            self.failures += 1


@asynccontextmanager
async def open_checkpoints(path: Path) -> AsyncIterator[Checkpoints]:
    """The saver of a session. Raises PreflightFailed where the file cannot be used."""
    path.parent.mkdir(parents=True, exist_ok=True)
    async with aiosqlite.connect(path) as connection:
        saver = Checkpoints(connection)
        try:
            await saver.setup()
        except sqlite3.Error as error:
            raise PreflightFailed(f"{path} cannot be used: {error}.") from error
        yield saver


async def prune(saver: Checkpoints, thread_id: str) -> int:
    """Delete all but the newest checkpoints of every graph of a session; returns how many went."""
    try:
        return await _prune(saver, thread_id)
    except sqlite3.Error:
        saver.failures += 1
        return 0


async def _prune(saver: Checkpoints, thread_id: str) -> int:
    async with saver.lock, saver.conn.cursor() as cursor:
        await cursor.execute(_OLD, (thread_id, _KEPT))
        old = [(thread_id, namespace, checkpoint) for namespace, checkpoint in await cursor.fetchall()]
        for table in ("writes", "checkpoints"):
            await cursor.executemany(
                f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_ns = ? AND checkpoint_id = ?",  # noqa: S608
                old,
            )
        await saver.conn.commit()
    return len(old)
