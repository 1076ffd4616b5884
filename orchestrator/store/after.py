"""What is done with the store when a session is over; whatever it refuses costs the session nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from orchestrator.archive.shelf import Shelf
from orchestrator.config.model import Config
from orchestrator.store import retention
from orchestrator.store.database import create, open_store
from orchestrator.store.fill import fill, fill_archives
from tools.clock import Clock
from tools.workspace import Workspace


def take_over(config: Config, workspace: Path, clock: Clock) -> Iterator[str]:
    """Fill the store from a session and drop what is old; lines for people. Raises UsageError, OSError."""
    path = config.output.state_db
    if create(path):
        yield f"made {path}"
    with open_store(path) as store:
        filled = fill(store, Workspace(workspace), clock)
        fill_archives(store, Shelf.beside(workspace))
        retention.prune(store, clock, config.store.keep_days)
    yield from filled.problems
