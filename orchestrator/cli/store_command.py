"""The commands `store …` and their options; what they print is made in `orchestrator/cli/stores.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

app = typer.Typer(
    help="The store: what sessions left, in one SQLite database.",
    epilog="Exit codes: 0 done, 2 wrong usage, or the database cannot be used.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
StateDb = Annotated[Path, typer.Option("--state-db", metavar="FILE", help="The database.")]
_FILE = Path(".state/orchestration.db")


@app.command()
def create(*, state_db: StateDb = _FILE) -> int:
    """Make the database; a run makes it too."""
    from orchestrator.cli import stores

    _lines(stores.make(state_db.absolute()))
    return boundary.OK


@app.command()
def status(
    *, state_db: StateDb = _FILE, as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False
) -> int:
    """Tell how the database is, and its last runs."""
    from orchestrator.cli import stores

    text, usable = stores.status(state_db.absolute(), as_json=as_json)
    (sys.stdout if usable or as_json else sys.stderr).write(text)
    return boundary.OK if usable else boundary.USAGE


@app.command()
def fill(
    session: Annotated[
        str | None,
        typer.Argument(metavar="[SESSION]", help="A session's folder, or the id of an archived one."),
    ] = None,
    *,
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="The session's folder; it may be running.")
    ] = Path("monitor-session"),
    state_db: StateDb = _FILE,
) -> int:
    """Take over what is new in a session's journals, while it runs or after it."""
    from orchestrator.cli import stores
    from orchestrator.cli.session_place import session_at
    from tools.clock import SystemClock

    with session_at(workspace, session) as folder:
        _lines(stores.filled(state_db.absolute(), folder, SystemClock()))
    return boundary.OK


@app.command()
def prune(
    *,
    days: Annotated[int, typer.Option("--days", metavar="N", min=1, help="What is older goes.")] = 7,
    state_db: StateDb = _FILE,
) -> int:
    """Remove what is old. Errors that nobody resolved, runs and archives stay."""
    from orchestrator.cli import stores
    from tools.clock import SystemClock

    _lines(stores.pruned(state_db.absolute(), days, SystemClock()))
    return boundary.OK


def _lines(lines: Iterable[str]) -> None:
    from orchestrator.cli.terminal_text import clean

    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
