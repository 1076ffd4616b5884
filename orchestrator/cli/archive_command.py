"""The commands `archive …` and their options; what they print is made in `orchestrator/cli/archives.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.archive.form import Form
from orchestrator.cli import boundary

EXIT_CODES = (
    "Exit codes: 0 all is whole, 1 an archive is damaged or missing, 2 wrong usage, 75 a session is at work."
)
app = typer.Typer(
    help="Archive the session of the workspace; list, verify, unpack and prune archives.",
    epilog=EXIT_CODES,
    rich_markup_mode=None,
    invoke_without_command=True,
)

Workspace = Annotated[
    Path, typer.Option("--workspace", metavar="DIR", help="Archives lie in .archive beside it.")
]
Run = Annotated[str, typer.Argument(metavar="RUN", help="The id of a session, or an archive's file.")]
_BESIDE = Path("monitor-session")


@app.callback()
def archive(
    ctx: typer.Context,
    *,
    workspace: Workspace = _BESIDE,
    run: Annotated[
        str | None,
        typer.Option("--run", metavar="ID", help="Archive this session of those that lie there unpacked."),
    ] = None,
    form: Annotated[
        Form | None,
        typer.Option(
            "--format", help="zip (the default), or tar.zst: smaller for raw logs, read from its beginning."
        ),
    ] = None,
) -> int:
    """Archive the session of the workspace, and what lies in .archive unpacked; the workspace stays."""
    if ctx.invoked_subcommand is not None:
        return boundary.OK
    from orchestrator.cli import archives
    from tools.clock import SystemClock

    _lines(archives.make(workspace, run, SystemClock(), form))
    return boundary.OK


@app.command("list")
def list_archives(
    *,
    workspace: Workspace = _BESIDE,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> int:
    """List the archives, the oldest first."""
    from orchestrator.cli import archives

    text, whole = archives.listed(workspace, as_json=as_json)
    sys.stdout.write(text)
    return boundary.OK if whole else boundary.FINDINGS


@app.command()
def verify(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Ids of sessions or files of archives; else all."),
    ] = None,
    *,
    workspace: Workspace = _BESIDE,
    fast: Annotated[bool, typer.Option("--fast", help="Structure, names, sizes and manifests only.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Also read every file and hash it (the default).")
    ] = False,
    chain: Annotated[
        bool, typer.Option("--chain", help="Also whether an archive was taken away, put in or replaced.")
    ] = False,
) -> int:
    """Read archives again and hold them against their manifests. Exit code 1 where one is not whole."""
    from orchestrator.cli import archives
    from tools.errors import UsageError

    if fast and full:
        raise UsageError("--fast reads less than --full. Give one of them.")
    if chain and runs:
        raise UsageError("The chain is that of all archives. Leave the runs out, or --chain.")
    lines, whole = archives.verified(workspace, runs or [], fast=fast, chain=chain)
    _lines(lines)
    return boundary.OK if whole else boundary.FINDINGS


@app.command()
def restore(
    run: Run,
    *,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="An empty folder, or one to be made.")],
    workspace: Workspace = _BESIDE,
) -> int:
    """Unpack an archive, and verify it on the way."""
    from orchestrator.cli import archives

    _lines(archives.restored(workspace, run, to))
    return boundary.OK


@app.command()
def show(
    run: Run,
    file: Annotated[
        str | None,
        typer.Argument(metavar="[FILE]", help="A file of the session; without it they are listed."),
    ] = None,
    *,
    workspace: Workspace = _BESIDE,
) -> int:
    """Print one file of an archive, verified, without unpacking the rest."""
    from orchestrator.cli import archives

    if file is None:
        _lines(archives.files(workspace, run))
        return boundary.OK
    archives.show(workspace, run, file)
    return boundary.OK


def _count(name: str, what: str) -> object:
    return typer.Option(name, metavar="N", min=0, help=f"How many of the newest{what} stay.")


@app.command()
def prune(
    *,
    workspace: Workspace = _BESIDE,
    last: Annotated[int, _count("--keep-last", "")] = 7,
    daily: Annotated[int, _count("--keep-daily", " of each day")] = 14,
    weekly: Annotated[int, _count("--keep-weekly", " of each week")] = 8,
    monthly: Annotated[int, _count("--keep-monthly", " of each month")] = 12,
    keep: Annotated[
        list[str] | None, typer.Option("--keep", metavar="RUN", help="Stays; may be repeated.")
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Do it; else it is only told.")] = False,
) -> int:
    """Tell which archives nothing keeps, or remove them.

    The newest good run, what the next session is compared with and runs with open critical findings always stay.
    """
    from orchestrator.archive.retention import Policy
    from orchestrator.cli import archives
    from tools.clock import SystemClock

    policy = Policy(last, daily, weekly, monthly)
    _lines(archives.pruned(workspace, policy, frozenset(keep or ()), SystemClock() if delete else None))
    return boundary.OK


def _lines(lines: Iterable[str]) -> None:
    from orchestrator.cli.terminal_text import clean

    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
