"""How the store is: whether it can be read and written, how large it is, what it holds."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from orchestrator.store.database import VERSION, open_store
from orchestrator.store.migrations import REQUIRED
from tools.errors import UsageError


class Health(NamedTuple):
    """`problem` says what is wrong, "" where nothing is; `rows` counts by table."""

    path: Path
    problem: str = ""
    version: int = 0
    bytes: int = 0
    runs: int = 0
    last_run: str = ""
    unresolved_errors: int = 0
    rows: dict[str, int] = {}  # noqa: RUF012 - never changed


def examine(path: Path) -> Health:
    """Look at the store without changing it, but for its migration to this version."""
    try:
        with open_store(path) as store:
            damaged = str(store.one("PRAGMA quick_check(1)"))
            size = sum(beside.stat().st_size for beside in _files(path))
            return Health(
                path=path,
                problem="" if damaged == "ok" else f"{path} is damaged: {damaged}",
                version=VERSION,
                bytes=size,
                runs=_number(store.one("SELECT count(*) FROM runs")),
                last_run=str(store.one("SELECT run_id FROM runs ORDER BY started_at DESC LIMIT 1") or ""),
                unresolved_errors=_number(store.one("SELECT count(*) FROM error_logs WHERE resolved = 0")),
                rows={
                    table: _number(store.one(f"SELECT count(*) FROM {table}"))  # noqa: S608 - names of ours
                    for table in REQUIRED
                },
            )
    except UsageError as error:
        return Health(path, problem=str(error))


def _files(path: Path) -> list[Path]:
    beside = [path, path.with_name(f"{path.name}-wal")]
    return [file for file in beside if file.exists()]


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
