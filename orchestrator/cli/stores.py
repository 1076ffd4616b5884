"""`store …`: what the commands do and print."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from orchestrator.archive.shelf import Shelf
from orchestrator.cli.terminal_text import clean
from orchestrator.store import database, health, retention
from orchestrator.store.fill import fill, fill_archives
from tools.clock import Clock
from tools.errors import UsageError
from tools.workspace import workspace_at

_RUNS_SHOWN = 10


def make(path: Path) -> Iterator[str]:
    """Make the store. Raises UsageError where something is there."""
    if not database.create(path):
        with database.open_store(path):
            raise UsageError(f"{path} is there already. `streamgauge store status` tells how it is.")
    yield f"made {path}"


def status(path: Path, *, as_json: bool) -> tuple[str, bool]:
    """How the store is, and whether it can be used."""
    found = health.examine(path)
    if as_json:
        plain = {
            "path": str(path),
            "problem": found.problem,
            "version": found.version,
            "bytes": found.bytes,
            "lastRun": found.last_run,
            "unresolvedErrors": found.unresolved_errors,
            "rows": found.rows,
        }
        return json.dumps(plain, indent=2, ensure_ascii=True) + "\n", not found.problem
    if found.problem:
        return f"{clean(found.problem)}\n", False
    lines = [f"store      {path}, {found.bytes / 1e6:.1f} MB, tables of version {found.version}"]
    lines.append(
        "rows       " + ", ".join(f"{table} {count:,}" for table, count in found.rows.items() if count)
    )
    if found.unresolved_errors:
        lines.append(f"errors     {found.unresolved_errors} not resolved")
    with database.open_store(path) as store:
        rows = store.rows("SELECT * FROM runs ORDER BY started_at DESC LIMIT ?", (_RUNS_SHOWN,))
    lines += map(_run, rows)
    return "".join(f"{clean(line)}\n" for line in lines), True


def _run(row: sqlite3.Row) -> str:
    return (
        f"{row['run_id']:<16} {row['started_at']}  {row['status']:<11} {row['verdict'] or '-':<10} "
        f"{row['health'] or '-':<9} {row['steps_done']}/{row['steps_total']} steps, "
        f"{row['open_criticals']} open critical"
    )


def filled(path: Path, folder: Path, clock: Clock) -> Iterator[str]:
    """Take a session's journals over. Raises UsageError."""
    with database.open_store(path) as store:
        done = fill(store, workspace_at(folder), clock)
        fill_archives(store, Shelf.beside(folder))
    new = ", ".join(f"{count:,} {table}" for table, count in done.rows.items() if count) or "nothing"
    yield f"filled     run {done.run_id}: {new} new"
    for problem in done.problems:
        yield f"unread     {problem}"


def pruned(path: Path, days: int, clock: Clock) -> Iterator[str]:
    """Drop what is old. Raises UsageError."""
    with database.open_store(path) as store:
        gone = retention.prune(store, clock, days)
    told = ", ".join(f"{count:,} {table}" for table, count in gone.items()) or "nothing"
    yield f"removed    {told}; older than {days} days"
