"""The command `diff` and its options; what it prints is made in `orchestrator/cli/diff.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

EXIT_CODES = (
    "Exit codes: 0 nothing new or worse at or above --fail-on, 1 something is, 2 wrong usage or no session."
)
_WHAT = "A workspace, an all-findings.json, or the id of a session that is kept."


def diff(
    earlier: Annotated[str, typer.Argument(metavar="EARLIER", help=_WHAT)],
    later: Annotated[str, typer.Argument(metavar="LATER", help=_WHAT)],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON (docs/schemas/comparison.schema.json).")
    ] = False,
    fail_on: Annotated[
        str,
        typer.Option(
            "--fail-on", metavar="SEVERITY", help="critical, high, medium, low, info, never (high)."
        ),
    ] = "high",
    everything: Annotated[bool, typer.Option("--all", help="List what persists too.")] = False,
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="Archived sessions lie beside it.")
    ] = Path("monitor-session"),
    state_db: Annotated[
        Path, typer.Option("--state-db", metavar="FILE", help="Records of sessions lie beside it.")
    ] = Path(".state/orchestration.db"),
) -> int:
    """Compare two sessions: what is new, persists, was updated, is resolved, or was not looked for."""
    from orchestrator.cli import diff as differing

    level = differing.level(fail_on)
    found = differing.compared(earlier, later, workspace, state_db)
    sys.stdout.write(differing.as_json(found) if as_json else differing.table(found, everything=everything))
    return boundary.FINDINGS if differing.has_news(found, level) else boundary.OK
