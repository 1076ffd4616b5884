"""The row of a run in our store: of a session where its workspace was, of any other run all that is known of it."""

from __future__ import annotations

from orchestrator.store.database import Store
from orchestrator.watch import views
from orchestrator.watch.ledger import OWN, Watched
from orchestrator.watch.summary import Summary
from tools.clock import Clock, iso
from tools.masking import mask

_RUN = """
INSERT INTO runs (run_id, kind, status, verdict, mode, project, started_at, ended_at, ended_by, open_criticals,
  blind_gaps, steps_done, steps_total, tokens, cost_usd, updated_at)
VALUES (:run_id, :kind, :status, :verdict, 'foreign', :project, :started_at, :ended_at, :ended_by, :open_criticals,
  :blind_gaps, :steps_done, :steps_total, :tokens, :cost_usd, :now)
ON CONFLICT (run_id) DO UPDATE SET status = excluded.status, verdict = excluded.verdict,
  ended_at = excluded.ended_at, ended_by = excluded.ended_by, steps_done = excluded.steps_done,
  steps_total = excluded.steps_total, tokens = excluded.tokens, cost_usd = excluded.cost_usd,
  updated_at = excluded.updated_at
"""
_STEP = """
INSERT OR REPLACE INTO workstreams (run_id, name, position, status, started_at, ended_at, detail)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""


def place(store: Store, run: Watched) -> None:
    """Say where a session's workspace is, and not the copy that was read. Raises UsageError."""
    with store.writing() as database:
        database.execute("UPDATE runs SET workspace = ? WHERE run_id = ?", (run.workspace, run.run_id))


def record(store: Store, run: Watched, made: Summary | None, clock: Clock) -> None:
    """Write the row of a run that is over. What another orchestrator wrote into our store stays. Raises UsageError."""
    assert run.view is not None
    verdict = None if made is None else str(made.verdict)
    with store.writing() as database:
        if run.source == OWN:
            database.execute(
                "UPDATE runs SET verdict = coalesce(verdict, ?) WHERE run_id = ?", (verdict, run.run_id)
            )
            return
        steps = run.view.steps
        database.execute(
            _RUN,
            {
                "run_id": run.key,
                "kind": views.WATCHED,
                "status": run.status,
                "verdict": verdict,
                "project": run.source,
                "started_at": iso(run.started_ms or run.seen_ms),
                "ended_at": None if run.ended_ms is None else iso(run.ended_ms),
                "ended_by": mask(run.why),
                "open_criticals": run.view.open_criticals,
                "blind_gaps": run.view.blind_gaps,
                "steps_done": sum(step.is_done for step in steps),
                "steps_total": len(steps),
                "tokens": (made.tokens if made is not None else run.view.tokens) or 0,
                "cost_usd": str((made.cost_usd if made is not None else run.view.cost_usd) or 0),
                "now": iso(clock.now_ms()),
            },
        )
        database.executemany(
            _STEP,
            [
                (
                    run.key,
                    mask(step.name),
                    number,
                    step.status,
                    None if step.started_ms is None else iso(step.started_ms),
                    None if step.ended_ms is None else iso(step.ended_ms),
                    mask(step.detail),
                )
                for number, step in enumerate(steps)
            ],
        )
