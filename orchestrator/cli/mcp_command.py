"""The command `mcp` and its options; what it does is in `orchestrator/mcp_server/`, imported when it is called."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary
from orchestrator.cli.place_options import ConfigFile

MISSING = (
    "The MCP server needs the package `mcp`. Install it with streamgauge: "
    "uv tool install 'streamgauge[mcp]', or pipx install 'streamgauge[mcp]'."
)


def mcp(
    ctx: typer.Context,
    *,
    project: Annotated[
        Path | None,
        typer.Option(
            "--project", metavar="DIR", help="The audited project; streamgauge.toml is looked for there."
        ),
    ] = None,
    config: ConfigFile = None,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", metavar="DIR", help="The session's folder (monitor-session)."),
    ] = None,
    state_db: Annotated[
        Path | None,
        typer.Option(
            "--state-db", metavar="FILE", help="State; keys lie beside it (.state/orchestration.db)."
        ),
    ] = None,
) -> int:
    """Serve a session's findings, report and read-only tools to an MCP client, over standard input and output.

    The client starts it. It may start before a session does, and tells of whichever the workspace holds.
    """
    from orchestrator.cli.request import Request, read
    from tools.errors import UsageError

    if find_spec("mcp") is None:
        raise UsageError(MISSING)
    flags = {"output.workspace": workspace, "output.state_db": state_db}
    request, cwd, state = Request(project, config, flags), Path.cwd(), ctx.obj["state"]
    output = read(request, os.environ, cwd, state).config.output
    from orchestrator.mcp_server.place import SessionPlace, Settings
    from orchestrator.mcp_server.server import serve
    from tools.clock import SystemClock

    settings = Settings(
        folder=output.workspace,
        state_folder=output.state_folder,
        config=lambda: read(request, os.environ, cwd, state).config,
        clock=SystemClock(),
    )
    if sys.stdin is not None and sys.stdin.isatty():
        boundary.say("waits for an MCP client on standard input, which starts it by itself; Ctrl-C ends it.")
    serve(SessionPlace(settings))
    return boundary.OK
