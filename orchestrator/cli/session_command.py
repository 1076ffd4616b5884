"""The command group `session`: a session as a process of its own, for whoever investigates beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.cli import boundary

group = typer.Typer(
    name="session",
    help="A session in the background, and investigators beside it (coding agents, MCP clients). All answer as JSON.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
_HOLD = "10m"
_BEGINS_S = 100.0
"""As `wait`: whoever drives us (a coding agent's shell) may end a command after two minutes."""
_WAIT_EXITS = "Exit codes: 0 it has come to that, 1 not yet, 2 no session, 3 its process is gone."
Existing = Annotated[Path, typer.Option("--workspace", metavar="DIR", help="The session's folder.")]


@group.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    epilog="Exit codes: 0 its window is open, or it is over with a report, 1 not yet; else those of run.",
)
def start(ctx: typer.Context) -> int:
    """Begin a session in the background and return once its window is open, or after 100 s. Takes the options of run.

    With --resume it goes on with one that was killed. A language model of its own only with --llm. Without --hold it waits up to 10m after its window for `streamgauge session done`.
    """
    from orchestrator import session_start
    from tools.clock import SystemClock

    begun = session_start.start(_order(ctx), SystemClock(), _BEGINS_S)
    if begun.status is not None:
        _tell(begun.status)
    if begun.exit_code is None:
        return boundary.OK if begun.is_open else boundary.FINDINGS
    sys.stderr.write(begun.said)
    over = begun.status is not None and begun.status.report is not None
    return boundary.OK if over and begun.exit_code == boundary.FINDINGS else begun.exit_code


@group.command()
def status(workspace: Existing = Path("monitor-session")) -> int:
    """Tell where a session stands: its stage, agents, findings by severity, and what can be done now."""
    from orchestrator import session_status
    from tools.clock import SystemClock

    _tell(session_status.read(workspace, SystemClock()))
    return boundary.OK


@group.command(epilog=_WAIT_EXITS)
def wait(
    workspace: Existing = Path("monitor-session"),
    *,
    until: Annotated[
        str,
        typer.Option(
            "--until",
            metavar="MOMENT",
            help="window (it is open), end (of the window), report (the session is over).",
        ),
    ] = "end",
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="Wait no longer than this.")
    ] = "100s",
) -> int:
    """Wait until a session has come to a moment, and tell where it stands."""
    from orchestrator import session_wait
    from tools.clock import SystemClock

    told, reached = session_wait.wait(workspace, until, timeout, SystemClock())
    _tell(told)
    if reached:
        return boundary.OK
    return boundary.BLIND if told.stage == "killed" else boundary.FINDINGS


@group.command()
def stop(workspace: Existing = Path("monitor-session")) -> int:
    """End the window of a running session now; after it, or said again, the waiting for investigators too. Its report is written all the same."""
    return _mark(workspace, "stop")


@group.command()
def done(workspace: Existing = Path("monitor-session")) -> int:
    """Say that investigators have nothing more to record: the session goes on to its report after its window."""
    return _mark(workspace, "done")


def _mark(folder: Path, what: str) -> int:
    from orchestrator import session_status, session_wait
    from tools.clock import SystemClock

    session_wait.mark(folder, what)
    _tell(session_status.read(folder, SystemClock()))
    return boundary.OK


def _order(ctx: typer.Context) -> Any:
    """What is to be started. Raises what the options of run raise where they are wrong."""
    from orchestrator.session_start import Start

    options = _options_of_run(ctx)
    state = ctx.obj["state"]
    config = _config(options, state)
    output = config.output
    arguments = list(ctx.args)
    if options.get("hold") is None:
        arguments += ["--hold", _HOLD]
    # Whoever calls us is a model as a rule, and its key lies in our environment: none for a second one.
    if options.get("llm") is None and config.llm.enabled == "auto":
        arguments.append("--no-llm")
    resume = bool(options.get("resume"))
    return Start(arguments, resume, output.workspace, output.state_folder, Path.cwd(), os.environ)


def _options_of_run(ctx: typer.Context) -> Mapping[str, Any]:
    """The options, read as `run` reads them. Raises UsageError for what a session in the background cannot be."""
    from tools.errors import UsageError

    whole: Any = ctx.find_root().command
    run = whole.get_command(ctx, "run")
    with run.make_context("run", list(ctx.args), parent=ctx.find_root(), obj=ctx.obj) as read:
        options: Mapping[str, Any] = dict(read.params)
    if options.get("session") is not None or options.get("mode") == "replay":
        raise UsageError("A replay needs nobody beside it: streamgauge run --mode replay SESSION.")
    return options


def _config(options: Mapping[str, Any], state: boundary.StateFolder) -> Any:
    from orchestrator.cli.request import Request, read

    demo = options.get("demo_profile") or options.get("demo")
    flags = {"output.workspace": options.get("workspace"), "output.state_db": options.get("state_db")}
    # The demo has a configuration of its own, which says nothing of where a session lies.
    file = Path(os.devnull) if demo else options.get("config")
    request = Request(None if demo else options.get("project"), file, flags)
    return read(request, os.environ, Path.cwd(), state).config


def _tell(told: Any) -> None:
    import json

    import msgspec

    sys.stdout.write(json.dumps(msgspec.to_builtins(told), indent=2, ensure_ascii=True) + "\n")
