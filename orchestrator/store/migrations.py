"""The tables of the store, as numbered steps from one version to the next; the newest is what this program reads."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping

_FIRST = """
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, kind TEXT NOT NULL DEFAULT 'session', status TEXT NOT NULL, verdict TEXT,
  mode TEXT, project TEXT, redis TEXT, version TEXT, workspace TEXT,
  started_at TEXT NOT NULL, ended_at TEXT, ended_by TEXT, exit_code INTEGER, health TEXT,
  open_criticals INTEGER NOT NULL DEFAULT 0, blind_gaps INTEGER NOT NULL DEFAULT 0,
  steps_done INTEGER NOT NULL DEFAULT 0, steps_total INTEGER NOT NULL DEFAULT 0,
  tokens INTEGER NOT NULL DEFAULT 0, cost_usd TEXT NOT NULL DEFAULT '0', updated_at TEXT
);
CREATE TABLE tasks (
  run_id TEXT NOT NULL, task_id TEXT NOT NULL, agent_id TEXT, title TEXT, status TEXT, created_at TEXT,
  PRIMARY KEY (run_id, task_id)
);
CREATE TABLE workstreams (
  run_id TEXT NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL, status TEXT NOT NULL,
  started_at TEXT, ended_at TEXT, detail TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (run_id, name)
);
CREATE TABLE findings (
  run_id TEXT NOT NULL, finding_id TEXT NOT NULL, fingerprint TEXT NOT NULL, agent_id TEXT NOT NULL,
  rule_id TEXT NOT NULL, category TEXT NOT NULL, level TEXT NOT NULL, origin TEXT NOT NULL, title TEXT NOT NULL,
  service TEXT, stream TEXT, consumer_group TEXT, occurrences INTEGER NOT NULL, revision INTEGER NOT NULL,
  first_seen TEXT NOT NULL, last_seen TEXT NOT NULL, ended_at TEXT,
  PRIMARY KEY (run_id, finding_id)
);
CREATE TABLE stream_samples (
  run_id TEXT NOT NULL, stream TEXT NOT NULL, timestamp TEXT NOT NULL,
  length INTEGER NOT NULL, pending INTEGER NOT NULL, lag INTEGER, groups INTEGER NOT NULL,
  PRIMARY KEY (run_id, stream, timestamp)
) WITHOUT ROWID;
CREATE TABLE agent_metrics (
  id INTEGER PRIMARY KEY, run_id TEXT, agent_id TEXT NOT NULL, kind TEXT NOT NULL DEFAULT 'agent',
  timestamp TEXT NOT NULL, cpu_percent REAL, memory_mb REAL, status TEXT,
  error_count INTEGER NOT NULL DEFAULT 0, message_count INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE agent_events (
  id INTEGER PRIMARY KEY, run_id TEXT, agent_id TEXT NOT NULL DEFAULT '', event_type TEXT NOT NULL,
  message TEXT NOT NULL DEFAULT '', metadata TEXT NOT NULL DEFAULT '{}', timestamp TEXT NOT NULL
);
CREATE TABLE error_logs (
  id INTEGER PRIMARY KEY, run_id TEXT, agent_id TEXT NOT NULL DEFAULT '', error_type TEXT NOT NULL,
  message TEXT NOT NULL, stack_trace TEXT, timestamp TEXT NOT NULL, resolved INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE alerts (
  id INTEGER PRIMARY KEY, run_id TEXT, receiver TEXT NOT NULL, dedup_key TEXT NOT NULL, kind TEXT NOT NULL,
  severity TEXT NOT NULL, title TEXT NOT NULL, outcome TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '',
  timestamp TEXT NOT NULL
);
CREATE TABLE alert_state (name TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE archives (
  path TEXT PRIMARY KEY, name TEXT NOT NULL, run_id TEXT NOT NULL, number INTEGER NOT NULL, sha256 TEXT NOT NULL,
  previous_sha256 TEXT NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL, archived_at TEXT NOT NULL,
  pruned_at TEXT
);
CREATE TABLE checkpoints (
  run_id TEXT NOT NULL, source TEXT NOT NULL, position INTEGER NOT NULL,
  PRIMARY KEY (run_id, source)
) WITHOUT ROWID;
CREATE INDEX runs_started ON runs (started_at);
CREATE INDEX findings_fingerprint ON findings (fingerprint);
CREATE INDEX metrics_agent ON agent_metrics (agent_id, timestamp);
CREATE INDEX metrics_time ON agent_metrics (timestamp);
CREATE INDEX events_agent ON agent_events (agent_id, timestamp);
CREATE INDEX events_time ON agent_events (timestamp);
CREATE INDEX errors_agent ON error_logs (agent_id, timestamp);
CREATE INDEX errors_open ON error_logs (resolved, timestamp);
CREATE INDEX samples_time ON stream_samples (timestamp);
CREATE INDEX alerts_time ON alerts (timestamp)
"""

_SECOND = """
CREATE TABLE watched_runs (
  run_key TEXT PRIMARY KEY, source TEXT NOT NULL, run_id TEXT NOT NULL, started_ms INTEGER NOT NULL,
  state TEXT NOT NULL, generation INTEGER NOT NULL DEFAULT 1, status TEXT NOT NULL DEFAULT '',
  ended_ms INTEGER, data TEXT NOT NULL, UNIQUE (source, run_id, started_ms)
);
CREATE TABLE chain_steps (
  run_key TEXT NOT NULL, generation INTEGER NOT NULL, step TEXT NOT NULL, status TEXT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0, next_ms INTEGER NOT NULL DEFAULT 0, detail TEXT NOT NULL DEFAULT '',
  result TEXT NOT NULL DEFAULT '', updated_ms INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (run_key, generation, step)
) WITHOUT ROWID;
CREATE TABLE watch_state (name TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE INDEX watched_state ON watched_runs (state)
"""

Migration = Callable[[sqlite3.Connection], None]


def _statements(script: str) -> Migration:
    def apply(connection: sqlite3.Connection) -> None:
        # One by one: executescript commits what is open, and a step must be whole or not at all.
        for statement in script.split(";"):
            connection.execute(statement)

    return apply


MIGRATIONS: tuple[Migration, ...] = (_statements(_FIRST), _statements(_SECOND))
"""Step N leads to version N. A step that was released is never changed."""

REQUIRED: Mapping[str, frozenset[str]] = {
    "runs": frozenset({"run_id", "status", "started_at", "ended_at"}),
    "tasks": frozenset({"run_id", "task_id", "status"}),
    "workstreams": frozenset({"run_id", "name", "status"}),
    "findings": frozenset({"run_id", "finding_id", "fingerprint", "level"}),
    "stream_samples": frozenset({"run_id", "stream", "timestamp", "length", "lag"}),
    "agent_metrics": frozenset(
        {"agent_id", "timestamp", "cpu_percent", "memory_mb", "status", "error_count", "message_count"}
    ),
    "agent_events": frozenset({"agent_id", "event_type", "message", "metadata", "timestamp"}),
    "error_logs": frozenset({"agent_id", "error_type", "message", "stack_trace", "timestamp", "resolved"}),
    "alerts": frozenset({"receiver", "dedup_key", "outcome", "timestamp"}),
    "alert_state": frozenset({"name", "data"}),
    "archives": frozenset({"path", "run_id", "sha256"}),
    "checkpoints": frozenset({"run_id", "source", "position"}),
    "watched_runs": frozenset({"run_key", "source", "run_id", "state", "data"}),
    "chain_steps": frozenset({"run_key", "step", "status", "attempts"}),
    "watch_state": frozenset({"name", "data"}),
}
"""Tables, and the columns without which nothing here works."""
