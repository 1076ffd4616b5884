"""`diagnostics`: one bundle for whoever helps."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary
from orchestrator.cli.place_options import ConfigFile, Project, StateDb


def diagnostics(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", metavar="URL", help="The server that is asked.")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="The session's folder.")
    ] = None,
    state_db: StateDb = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="The bundle; else named by the time, here."),
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="Take the three newest entries of streams too, masked.")
    ] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="What is not there by then is left out.")
    ] = "2m",
) -> int:
    """Collect logs, the state of Redis, runs, configuration, containers and host into one ZIP file, secrets masked.

    Only reads. What could not be had is told in the bundle's SUMMARY.md and here.
    """
    from orchestrator.cli.request import Request, read
    from orchestrator.cli.terminal_text import clean
    from orchestrator.diagnostics.making import Order, make
    from tools.clock import SystemClock
    from tools.errors import UsageError
    from tools.quantities import parse_duration

    try:
        seconds = parse_duration(timeout)
    except ValueError as error:
        raise UsageError(f"--timeout: {error}.") from error
    flags = {"redis.url": redis_url, "output.workspace": workspace, "output.state_db": state_db}
    loaded = read(Request(project, config, flags), os.environ, Path.cwd(), ctx.obj["state"])
    clock = SystemClock()
    now = datetime.fromtimestamp(clock.now_ms() / 1000, tz=UTC)
    path = output or Path(f"streamgauge-diagnostics-{now:%Y%m%d_%H%M%S}.zip")
    order = Order(path.absolute(), values, seconds, installed_version("streamgauge"))
    rows = make(order, loaded, os.environ, clock)
    for row in rows:
        if row.problem:
            sys.stdout.write(f"missing    {clean(row.what)}: {clean(row.problem)}\n")
    there = sum(not row.problem for row in rows)
    sys.stdout.write(f"bundle     {clean(str(path))}: {there} of {len(rows)} pieces, secrets masked\n")
    return boundary.OK
