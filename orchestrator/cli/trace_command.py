"""The command `trace` and its options; what it does is in `orchestrator/cli/trace.py`, imported when it is called."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

EXIT_CODES = (
    "Exit codes: 0 the id was found, 1 no source of the session names it, 2 wrong usage or no session."
)


def trace(
    wanted: Annotated[
        str,
        typer.Argument(metavar="ID", help="A correlation id, a message id (1750000000000-0), or STREAM:ID."),
    ],
    *,
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="The session's folder; it may be running.")
    ] = Path("monitor-session"),
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="An archived session: its id or its folder.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="As JSON (docs/schemas/trace.schema.json).")
    ] = False,
    as_mermaid: Annotated[bool, typer.Option("--mermaid", help="As a Mermaid sequence diagram.")] = False,
    state_db: Annotated[
        Path,
        typer.Option(
            "--state-db", metavar="FILE", help="The state of the project: its masking key lies beside it."
        ),
    ] = Path(".state/orchestration.db"),
) -> int:
    """Tell what became of one id, step by step, while a session runs or after it. The server is not asked."""
    from orchestrator.cli import trace as tracing
    from orchestrator.cli.session_place import session_at
    from tools.errors import UsageError

    if as_json and as_mermaid:
        raise UsageError("--json and --mermaid are two forms of one answer. Give one of them.")
    tracing.use_key(state_db)
    style = tracing.Style.JSON if as_json else tracing.Style.MERMAID if as_mermaid else tracing.Style.TABLE
    colours = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    with session_at(workspace, session) as folder:
        answer = tracing.trace(folder, wanted, style, colours=colours)
    sys.stdout.write(answer.text)
    if answer.unknown is not None:
        boundary.say(answer.unknown)
    return boundary.OK if answer.unknown is None else boundary.FINDINGS
