"""Commands that read a session that is there: `findings`, `verify` and `report`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

Existing = Annotated[Path, typer.Option("--workspace", metavar="DIR", help="The session's folder.")]
Archived = Annotated[
    str | None, typer.Option("--session", metavar="ID", help="An archived session: its id or its folder.")
]
SessionPlace = Annotated[
    str | None,
    typer.Argument(metavar="[SESSION]", help="The session's folder, or the id of an archived one."),
]
KeyBeside = Annotated[
    Path,
    typer.Option(
        "--state-db", metavar="FILE", help="The state of the project: its masking key lies beside it."
    ),
]


def findings(
    finding_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Show this one whole, for example RSA-001.")
    ] = None,
    *,
    workspace: Existing = Path("monitor-session"),
    session: Archived = None,
    severity: Annotated[str | None, typer.Option("--severity", help="At or above it.")] = None,
    agent: Annotated[
        str | None, typer.Option("--agent", help="LOG_WATCHER or log-watcher, and so on.")
    ] = None,
    category: Annotated[str | None, typer.Option("--category", help="CONSUMER_LAG, for example.")] = None,
    service: Annotated[str | None, typer.Option("--service", help="A name or a glob.")] = None,
    stream: Annotated[str | None, typer.Option("--stream", help="A name or a glob.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="A rule id or a glob.")] = None,
    style: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="table, json, csv or sarif.")
    ] = "table",
) -> int:
    """List the findings of a session."""
    from orchestrator.cli import findings as listing
    from orchestrator.cli.session_place import session_at
    from tools.errors import UsageError
    from tools.workspace import workspace_at

    if style not in set(listing.Format):
        raise UsageError(f"There is no format {style!r}. Use table, json, csv or sarif.")
    wanted = listing.Filter(severity, agent, category, service, stream, rule)
    with session_at(workspace, session) as folder:
        found = listing.read(folder)
        if finding_id is not None:
            sys.stdout.write(listing.one(found, finding_id))
            return boundary.OK
        kept = [item for item in found if wanted.keeps(item)]
        sys.stdout.write(listing.render(kept, listing.Format(style), workspace_at(folder)))
    return boundary.OK


def verify(
    session: SessionPlace = None,
    *,
    workspace: Existing = Path("monitor-session"),
    state_db: KeyBeside = Path(".state/orchestration.db"),
) -> int:
    """Read every piece of evidence of a session again. Exit code 1 where one cannot be found."""
    from orchestrator.cli.session_place import session_at
    from orchestrator.cli.workspace_commands import verify as verify_command

    with session_at(workspace, session) as folder:
        lines, whole = verify_command(folder, state_db)
    _lines(lines)
    return boundary.OK if whole else boundary.FINDINGS


def report(
    session: SessionPlace = None,
    *,
    workspace: Existing = Path("monitor-session"),
    state_db: KeyBeside = Path(".state/orchestration.db"),
    run: Annotated[
        str | None,
        typer.Option(
            "--run", metavar="ID", help="Instead: the summary of a run that was watched (reports/)."
        ),
    ] = None,
) -> int:
    """Write the report of a session again from its journals."""
    if run is not None:
        from orchestrator.cli.watch_command import summary

        _lines(summary(run, workspace, state_db))
        return boundary.OK
    from orchestrator.cli.session_place import writable
    from orchestrator.cli.workspace_commands import report as report_command

    _lines(report_command(writable(workspace, session), state_db))
    return boundary.OK


def _lines(lines: Iterable[str]) -> None:
    from orchestrator.cli.terminal_text import clean

    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
