"""`metrics`: what one run used and did."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary


def metrics(
    run: Annotated[
        str, typer.Argument(metavar="RUN", help="The id of a session, or of a run that was watched.")
    ],
    *,
    state_db: Annotated[Path, typer.Option("--state-db", metavar="FILE", help="The store.")] = Path(
        ".state/orchestration.db"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """Tell tokens, cost, duration, errors, retries and findings of a run, and of each of its agents."""
    from orchestrator.cli.terminal_text import clean
    from orchestrator.store.database import open_store
    from orchestrator.watch import run_metrics

    with open_store(state_db.absolute()) as store:
        use = run_metrics.read(store, run)
    if as_json:
        sys.stdout.write(run_metrics.as_json(use))
    else:
        sys.stdout.write("".join(f"{clean(line)}\n" for line in run_metrics.lines(use)))
    return boundary.OK
