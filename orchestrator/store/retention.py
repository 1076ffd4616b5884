"""What is older than some days goes; what is not settled, and what tells that a run was dealt with, stays."""

from __future__ import annotations

from orchestrator.store.database import Store
from tools.clock import Clock, iso

KEPT_DAYS = 7
"""Specification 4."""
_DAY_MS = 86_400_000
_BY_TIME = {
    "agent_metrics": "timestamp < ?",
    "agent_events": "timestamp < ?",
    "stream_samples": "timestamp < ?",
    "error_logs": "timestamp < ? AND resolved = 1",
    "alerts": "timestamp < ?",
}
_OF_RUNS = ("findings", "tasks", "workstreams")
"""Go with their run's time. The run's own row stays: one that were forgotten would be taken for new."""


def prune(store: Store, clock: Clock, days: int = KEPT_DAYS) -> dict[str, int]:
    """Remove what is older than `days`; how many rows of each table. Raises UsageError.

    Errors that nobody resolved stay, and so do runs, archives and the positions of journals.
    """
    before = iso(clock.now_ms() - days * _DAY_MS)
    gone: dict[str, int] = {}
    with store.writing() as database:
        for table, condition in _BY_TIME.items():
            gone[table] = database.execute(f"DELETE FROM {table} WHERE {condition}", (before,)).rowcount  # noqa: S608 - names of ours
        for table in _OF_RUNS:
            gone[table] = database.execute(
                f"DELETE FROM {table} WHERE run_id IN "  # noqa: S608 - names of ours
                "(SELECT run_id FROM runs WHERE status <> 'RUNNING' AND coalesce(ended_at, started_at) < ?)",
                (before,),
            ).rowcount
    return {table: count for table, count in gone.items() if count}
