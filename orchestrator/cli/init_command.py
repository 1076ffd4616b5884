"""The command `init` and its options; what it does is in `orchestrator/init.py` and `init_claude.py`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary


def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The project's folder.")] = Path(),
    *,
    claude: Annotated[
        bool,
        typer.Option(
            "--claude",
            help="Also write what a Claude Code session needs: MONITORING.md, subagents, a command, .mcp.json, a note "
            "for other coding agents. A streamgauge.toml that is there is used as it is, with --force too.",
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write files again that are there.")] = False,
) -> int:
    """Write a commented streamgauge.toml from what the project's files tell."""
    from orchestrator.cli.terminal_text import clean
    from orchestrator.config.load import FILE_NAME

    root = folder.absolute()
    # --force is for what is made from the configuration, which may be the work of hours.
    kept = claude and (root / FILE_NAME).exists()
    lines = [] if kept else list(_configuration(root, force=force))
    if claude:
        lines += _claude(ctx, root, force=force)
    else:
        lines.append("Next: streamgauge doctor, streamgauge plan, streamgauge run")
    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
    return boundary.OK


def _configuration(root: Path, *, force: bool) -> Iterator[str]:
    from orchestrator.init import advice, initialise

    file, found = initialise(root, os.environ, force=force)
    yield f"wrote {file}"
    yield from found.notes
    yield from advice(found)


def _claude(ctx: typer.Context, root: Path, *, force: bool) -> Iterator[str]:
    from orchestrator import init_claude
    from orchestrator.cli.request import Request, read

    loaded = read(Request(project=root), os.environ, root, ctx.obj["state"])
    written = init_claude.initialise(root, loaded, force=force)
    yield from (f"wrote {file}" for file in written.files)
    yield from written.notes
    yield 'Next: claude "Run the full multi-agent monitoring session as defined in MONITORING.md"'
