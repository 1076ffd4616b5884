"""The commands `alerts …` and their options; what they print is made in `orchestrator/cli/alert_texts.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import boundary
from orchestrator.cli.place_options import ConfigFile, Project

if TYPE_CHECKING:
    from orchestrator.config.loaded import LoadedConfig

app = typer.Typer(
    help="Alerts: who is told of what sessions found.",
    epilog="Exit codes: 0 all is well, 1 something has no effect or was not taken, 2 wrong usage or configuration.",
    rich_markup_mode=None,
    no_args_is_help=True,
)
StateDb = Annotated[
    Path | None, typer.Option("--state-db", metavar="FILE", help="The store, in which alerts remember.")
]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Write the file again if it is there.")] = False,
) -> int:
    """Write alerts.yaml with four rules and the console as receiver."""
    from orchestrator.cli import alert_texts

    _lines(alert_texts.initialise(folder.absolute(), force=force))
    return boundary.OK


@app.command()
def check(
    ctx: typer.Context, *, project: Project = None, config: ConfigFile = None, state_db: StateDb = None
) -> int:
    """Read the alert file and tell what in it can have no effect. Exit code 1 where something has none."""
    from orchestrator.cli import alert_texts
    from tools.clock import SystemClock

    lines, whole = alert_texts.checked(_loaded(ctx, project, config, state_db), os.environ, SystemClock())
    _lines(lines)
    return boundary.OK if whole else boundary.FINDINGS


@app.command("test")
def send_test(
    ctx: typer.Context,
    receivers: Annotated[
        list[str] | None, typer.Argument(metavar="[RECEIVER]...", help="Only to these; else to all.")
    ] = None,
    *,
    project: Project = None,
    config: ConfigFile = None,
    state_db: StateDb = None,
) -> int:
    """Send a test message. Exit code 1 where one was not taken."""
    from orchestrator.cli import alert_texts
    from tools.clock import SystemClock

    loaded = _loaded(ctx, project, config, state_db)
    lines, whole = alert_texts.tested(loaded, receivers or [], os.environ, SystemClock())
    _lines(lines)
    return boundary.OK if whole else boundary.FINDINGS


@app.command()
def send(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    state_db: StateDb = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="The session's folder.")
    ] = None,
    shadow: Annotated[
        bool, typer.Option("--shadow", help="Print what would be sent, and send nothing.")
    ] = False,
) -> int:
    """Tell what the session of the workspace says, and try again what was refused; `run` does it at its end."""
    from orchestrator.cli import alert_texts
    from tools.clock import SystemClock
    from tools.errors import UsageError

    loaded = _loaded(ctx, project, config, state_db, workspace)
    try:
        _lines(alert_texts.sent(loaded, os.environ, SystemClock(), shadow=shadow))
    except OSError as error:
        raise UsageError(
            f"{loaded.config.output.state_db} cannot be used: {error.strerror or error}."
        ) from error
    return boundary.OK


@app.command()
def status(
    ctx: typer.Context, *, project: Project = None, config: ConfigFile = None, state_db: StateDb = None
) -> int:
    """Tell what lasts, whom it was told, and when it is told next."""
    from orchestrator.cli import alert_texts

    _lines(alert_texts.status(_loaded(ctx, project, config, state_db)))
    return boundary.OK


@app.command()
def ledger(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    state_db: StateDb = None,
    last: Annotated[int, typer.Option("--last", metavar="N", min=1, max=200, help="How many lines.")] = 50,
) -> int:
    """List what was sent, refused and kept back, and why."""
    from orchestrator.cli import alert_texts

    _lines(alert_texts.ledger(_loaded(ctx, project, config, state_db), last))
    return boundary.OK


@app.command()
def forget(
    ctx: typer.Context, *, project: Project = None, config: ConfigFile = None, state_db: StateDb = None
) -> int:
    """Forget what was told; what lasts is then told anew. The ledger stays."""
    from orchestrator.cli import alert_texts

    _lines(alert_texts.forgotten(_loaded(ctx, project, config, state_db)))
    return boundary.OK


def _loaded(
    ctx: typer.Context,
    project: Path | None,
    config: Path | None,
    state_db: Path | None,
    workspace: Path | None = None,
) -> LoadedConfig:
    from orchestrator.cli.request import Request, read

    flags = {"output.state_db": state_db, "output.workspace": workspace}
    return read(Request(project, config, flags), os.environ, Path.cwd(), ctx.obj["state"])


def _lines(lines: Iterable[str]) -> None:
    from orchestrator.cli.terminal_text import clean

    for line in lines:
        sys.stdout.write("".join(f"{clean(part)}\n" for part in line.splitlines() or [""]))
