"""The command `recheck` and its options; what it does is in `orchestrator/recheck.py`, imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import boundary
from orchestrator.cli.place_options import ConfigFile

if TYPE_CHECKING:
    from orchestrator.recheck import Recheck, Verdict

EXIT_CODES = "Exit codes: 0 it is gone, 1 it is still there, 2 wrong usage or no such finding, 3 it cannot be checked (why is said)."
_CODES = {"gone": boundary.OK, "still there": boundary.FINDINGS, "cannot be checked": boundary.BLIND}


def recheck(
    ctx: typer.Context,
    finding_id: Annotated[str, typer.Argument(metavar="FINDING-ID", help="For example RSA-001.")],
    *,
    workspace: Annotated[
        Path, typer.Option("--workspace", metavar="DIR", help="The session's folder.")
    ] = Path("monitor-session"),
    session: Annotated[
        str | None, typer.Option("--session", metavar="ID", help="An archived session: its id or its folder.")
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option("--project", metavar="DIR", help="Where streamgauge.toml is; else the audited project."),
    ] = None,
    config: ConfigFile = None,
    redis_url: Annotated[
        str | None, typer.Option("--redis-url", metavar="URL", help="Else as the configuration says.")
    ] = None,
    state_db: Annotated[
        Path | None, typer.Option("--state-db", metavar="FILE", help="The masking key lies beside it.")
    ] = None,
    watch: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long a server is watched at most (15s).")
    ] = "15s",
) -> int:
    """Look for one finding again: its rule, on its entity, now. Read-only, like a session."""
    from orchestrator.cli.request import Request
    from orchestrator.cli.terminal_text import clean
    from orchestrator.recheck import recheck as look_again

    flags = {"redis.url": redis_url, "output.state_db": state_db}
    wanted = _wanted(finding_id, workspace, session, Request(project, config, flags), watch, ctx.obj["state"])
    verdict = look_again(wanted)
    sys.stdout.write("".join(f"{clean(line)}\n" for line in _lines(wanted, verdict)))
    return _CODES[verdict.state]


def _wanted(  # noqa: PLR0917 - what was typed
    finding_id: str,
    workspace: Path,
    session: str | None,
    request: object,
    watch: str,
    state: boundary.StateFolder,
) -> Recheck:
    from dataclasses import replace

    from orchestrator.cli import findings as listing
    from orchestrator.cli.request import Request, read
    from orchestrator.cli.trace import folder_of
    from orchestrator.config.detect import with_logs
    from orchestrator.recheck import Recheck
    from tools import masking
    from tools.clock import SystemClock
    from tools.errors import UsageError
    from tools.quantities import parse_duration
    from tools.sources import session_facts
    from tools.synthesis import judged
    from tools.workspace import workspace_at

    assert isinstance(request, Request)
    folder = folder_of(workspace, session)
    finding = listing.named(listing.read(folder), finding_id)
    beside = workspace_at(folder)
    try:
        watch_s = parse_duration(watch)
    except ValueError as error:
        raise UsageError(f"--for: {error}.") from error
    try:
        facts = session_facts.read(beside)
        judgement = judged.read(beside)
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder} holds no session that can be read. Name one with --workspace.") from error
    root = Path(facts.project_root)
    if request.project is None and request.config_file is None and root.is_dir():
        request = replace(request, project=root)
    loaded = with_logs(read(request, os.environ, Path.cwd(), state))
    key_file = loaded.config.output.state_folder / "mask.key"
    key = masking.load_key(key_file) if key_file.exists() else None
    masking.use_key(key)
    return Recheck(finding, beside, facts, loaded.config, judgement, key, SystemClock(), watch_s)


def _lines(wanted: Recheck, verdict: Verdict) -> Iterator[str]:
    finding = wanted.finding
    yield f"{finding.finding_id}  {verdict.state}: {finding.title}"
    yield f"  rule      {finding.rule_id}"
    yield f"  why       {verdict.why}"
    if verdict.found is not None:
        yield f"  now       {verdict.found.title}"
        for line in verdict.found.evidence.splitlines()[:5]:
            yield f"            {line}"
