"""Another orchestrator with its database, and a daemon's parts on a clock that is moved by hand."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from orchestrator.archive import chain as archive_chain
from orchestrator.archive.shelf import Shelf
from orchestrator.config.model import Config
from orchestrator.store import database
from orchestrator.store.database import Store
from orchestrator.watch.chain import Chain
from orchestrator.watch.ledger import Ledger
from orchestrator.watch.links import Effects
from orchestrator.watch.watcher import Watcher
from tests.fakes.clock import ManualClock
from tools.clock import NEVER, Clock, iso

SCHEMA = """
CREATE TABLE runs (run_id TEXT PRIMARY KEY, status TEXT, created_at TEXT, completed_at TEXT, pid INTEGER,
  safety_score REAL, cost_usd REAL, error TEXT);
CREATE TABLE workstreams (id INTEGER PRIMARY KEY, run_id TEXT, name TEXT, status TEXT, retry_count INTEGER,
  max_retries INTEGER)
"""


class OtherOrchestrator:
    """Writes runs into a database of its own."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path, self._clock = path, clock
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.commit()

    def sql(self, text: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute(text, values)

    def begin(self, run_id: str, *steps: str, pid: int | None = None) -> None:
        now = iso(self._clock.now_ms())
        self.sql(
            "INSERT INTO runs (run_id, status, created_at, pid) VALUES (?, 'RUNNING', ?, ?)", run_id, now, pid
        )
        for name in steps:
            self.sql("INSERT INTO workstreams (run_id, name, status) VALUES (?, ?, 'PENDING')", run_id, name)

    def step(self, run_id: str, name: str, status: str = "COMPLETED") -> None:
        self.sql("UPDATE workstreams SET status = ? WHERE run_id = ? AND name = ?", status, run_id, name)

    def end(self, run_id: str, status: str = "COMPLETED", error: str | None = None) -> None:
        now = iso(self._clock.now_ms())
        self.sql(
            "UPDATE runs SET status = ?, completed_at = ?, error = ? WHERE run_id = ?",
            status,
            now,
            error,
            run_id,
        )


def rules(url: str) -> str:
    """All that the daemon tells goes to a webhook, each run by itself."""
    return (
        f"receivers:\n  - {{name: hook, webhook: {{url: '{url}'}}}}\n"
        "route: {receiver: hook, notify_on: [new], group_wait: 0s, group_by: [cause]}\n"
        "budget: {per_receiver_per_hour: 100000}\n"
    )


def config_of(folder: Path, **watch: Any) -> Config:
    """Of a project in a folder; alerts where it holds an alert file."""
    alerts = folder / "alerts.yaml"
    return Config.model_validate(
        {
            "project": {"root": folder},
            "output": {
                "workspace": folder / "monitor-session",
                "state_db": folder / ".state" / "orchestration.db",
            },
            "alerts": {"file": alerts} if alerts.exists() else {},
            "watch": watch,
        }
    )


class Parts:
    """Looks and leads chains when it is told; the same parts as the daemon's."""

    def __init__(self, folder: Path, clock: Clock, **watch: Any) -> None:
        self.config, self.clock = config_of(folder, **watch), clock
        database.create(self.config.output.state_db)
        self.store: Store = database.open_store(self.config.output.state_db)
        self.ledger = Ledger(self.store)
        self.effects = Effects(self.config, self.store, {}, clock)
        self.effects.places.create()
        self.watcher = Watcher(self.config, self.ledger, self.effects, clock)
        self.chain = Chain(self.ledger, self.effects, clock, NEVER)

    def tick(self) -> list[str]:
        return [*self.watcher.look(), *self.chain.run()]

    def close(self) -> None:
        self.store.__exit__()


def ticks(parts: Parts, clock: ManualClock, seconds: float, every_s: float = 5.0) -> list[str]:
    """Let time pass, and look now and then."""
    lines: list[str] = []
    until = clock.monotonic() + seconds
    while clock.monotonic() < until:
        clock.advance(every_s)
        lines += parts.tick()
    return lines


def events(path: Path) -> list[dict[str, Any]]:
    """The events of a journal."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def counted(folder: Path) -> dict[str, Counter[str]]:
    """By kind of effect, how often each run has it; what a message is about its title says."""
    logs = folder / "logs"
    found = {
        name: Counter(item["key"] for item in events(logs / file) if item["event"] == name)
        for file, names in (
            ("monitor.jsonl", ("RUN_CREATED", "RUN_COMPLETED")),
            ("archival.jsonl", ("RUN_ARCHIVED", "REPORT_GENERATED")),
        )
        for name in names
    }
    shelf = Shelf(folder / ".archive")
    seen, refused = shelf.seen()
    assert refused == []
    assert list(archive_chain.problems(archive_chain.read(shelf.folder), seen)) == []
    found["archives"] = Counter(item.info.run for item in seen.values())
    found["reports"] = Counter(
        json.loads(path.read_text(encoding="utf-8"))["key"] for path in folder.glob("reports/*_summary.json")
    )
    with database.open_store(folder / ".state" / "orchestration.db") as store:
        found["rows"] = Counter(
            row["run_id"] for row in store.rows("SELECT run_id FROM runs WHERE verdict IS NOT NULL")
        )
    return found
