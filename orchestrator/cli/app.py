"""Every command and its options. What a command does is in a module of its own, imported when it is called."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import (
    alerts_command,
    archive_command,
    boundary,
    diagnostics_command,
    diff_command,
    eval_command,
    init_command,
    learn_command,
    mcp_command,
    metrics_command,
    read_commands,
    recheck_command,
    schedule_command,
    session_command,
    store_command,
    trace_command,
    watch_command,
)
from orchestrator.cli.commands import Commands
from orchestrator.cli.llm_options import Llm, MaxCost
from orchestrator.cli.nightly_options import Jitter, Nightly
from orchestrator.cli.place_options import ConfigFile

if TYPE_CHECKING:
    from orchestrator.cli.request import Request
    from orchestrator.cli.run import Show

_EXIT_CODES = "\n".join(f"  {code:>3}  {text}" for code, text in boundary.MEANINGS.items())
_EPILOG = f"\b\nExit codes of run:\n{_EXIT_CODES}"
_TARGET, _SESSION = "What is audited", "The session"


app = typer.Typer(
    name="streamgauge",
    cls=Commands,
    help="Audits systems of services that talk over Redis Streams.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Project = Annotated[
    Path | None,
    typer.Option(
        "--project", metavar="DIR", help="The audited project; streamgauge.toml is looked for there."
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option(
        "--redis-url",
        metavar="URL",
        help="redis://, rediss://, unix://; redis+sentinel://, redis+cluster:// (and rediss+). "
        "A password in it shows in process lists, prefer STREAMGAUGE_REDIS_URL.",
    ),
]
Samples = Annotated[
    bool | None,
    typer.Option(
        "--samples/--no-samples", help="Read a few stream entries for their ids and field names (on)."
    ),
]
ModeName = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="MODE",
        help="managed, attach, static or replay; else it follows from the configuration.",
    ),
]
Duration = Annotated[
    str | None, typer.Option("--duration", metavar="TIME", help="Length of the window: 90s, 10m.")
]
Hold = Annotated[
    str | None,
    typer.Option(
        "--hold",
        metavar="TIME",
        help="After the window, wait so long at most for investigators beside the session (streamgauge mcp).",
    ),
]
PollInterval = Annotated[
    str | None, typer.Option("--poll-interval", metavar="TIME", help="Time between two looks at the streams.")
]
WorkspaceFolder = Annotated[
    Path | None, typer.Option("--workspace", metavar="DIR", help="The session's folder (monitor-session).")
]
StateDb = Annotated[
    Path | None,
    typer.Option(
        "--state-db", metavar="FILE", help="State; locks and keys lie beside it (.state/orchestration.db)."
    ),
]
Archive = Annotated[
    bool | None,
    typer.Option("--archive/--no-archive", help="Archive the session at its end, in .archive (on)."),
]
FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="Exit code 1 at or above it: critical, high, medium, low, info, never (high); "
        "new:SEVERITY counts only what is new or worse.",
    ),
]
DiffBase = Annotated[
    str | None,
    typer.Option(
        "--diff-base",
        metavar="REV",
        help="With --mode static: report only what changed since the common history with REV, a git revision.",
    ),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="last|SESSION",
        help="Compare with the last complete session (default), or with this one: a workspace, an all-findings.json, an id.",
    ),
]
Recorded = Annotated[
    str | None,
    typer.Argument(metavar="[SESSION]", help="For a replay: a workspace, or the id of an archived session."),
]
Demo = Annotated[bool, typer.Option("--demo", help="Audit the bundled example fleet on an embedded server.")]
DemoProfile = Annotated[
    str | None,
    typer.Option("--demo-profile", metavar="NAME", help="faulty (default) or healthy; means --demo."),
]


def _version_asked(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_version_asked, help="Print the version and end."),
    ] = False,
) -> None:
    """Take what stands before the command."""


@app.command(epilog=_EPILOG)
def run(
    ctx: typer.Context,
    session: Recorded = None,
    *,
    project: Project = None,
    config: ConfigFile = None,
    redis_url: RedisUrl = None,
    samples: Samples = None,
    mode: ModeName = None,
    duration: Duration = None,
    hold: Hold = None,
    poll_interval: PollInterval = None,
    llm: Llm = None,
    max_cost_usd: MaxCost = None,
    workspace: WorkspaceFolder = None,
    state_db: StateDb = None,
    archive: Archive = None,
    fail_on: FailOn = None,
    diff_base: DiffBase = None,
    baseline: Baseline = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the session that was killed.")] = False,
    nightly: Nightly = False,
    jitter: Jitter = None,
    demo: Demo = False,
    demo_profile: DemoProfile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the summary at the end.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Plain lines, all of them.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Plain lines on a terminal too.")] = False,
) -> int:
    """Run one audit session and write its report; or replay a recorded one (--mode replay SESSION).

    A replay ends with 0 where the findings are identical, with 1 where they differ, with 3 where the recording is partial.
    """
    from orchestrator.cli.request import Request
    from orchestrator.cli.run import Show

    flags = {
        "redis.url": redis_url,
        "redis.samples": samples,
        "session.mode": mode,
        "session.duration": duration,
        "session.hold": hold,
        "session.poll_interval": poll_interval,
        "llm.enabled": llm,
        "llm.max_cost_usd": max_cost_usd,
        "output.workspace": workspace,
        "output.state_db": state_db,
        "output.archive": archive,
        "nightly.jitter": jitter,
        "fail_on": fail_on,
    }
    demo_name = _demo(demo, demo_profile)
    request = Request(project, config, flags, demo_name, resume, diff_base, baseline, nightly)
    return _run(request, Show(quiet, verbose, plain or nightly), session, ctx.obj["state"])


@app.command()
def plan(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    redis_url: RedisUrl = None,
    samples: Samples = None,
    mode: ModeName = None,
    duration: Duration = None,
    poll_interval: PollInterval = None,
    llm: Llm = None,
    max_cost_usd: MaxCost = None,
    workspace: WorkspaceFolder = None,
    state_db: StateDb = None,
    diff_base: DiffBase = None,
    demo: Demo = False,
    demo_profile: DemoProfile = None,
) -> int:
    """Tell what a run would do, without doing it."""
    from orchestrator.cli.request import Request, check_change, resolve
    from orchestrator.plan import plan as plan_lines

    flags = {
        "redis.url": redis_url,
        "redis.samples": samples,
        "session.mode": mode,
        "session.duration": duration,
        "session.poll_interval": poll_interval,
        "llm.enabled": llm,
        "llm.max_cost_usd": max_cost_usd,
        "output.workspace": workspace,
        "output.state_db": state_db,
    }
    request = Request(project, config, flags, _demo(demo, demo_profile), diff_base=diff_base)
    resolved = resolve(request, os.environ, Path.cwd(), ctx.obj["state"])
    check_change(request, resolved.decision)
    _pairs(plan_lines(resolved.loaded, resolved.decision, os.environ, diff_base))
    return boundary.OK


@app.command()
def doctor(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    redis_url: RedisUrl = None,
    mode: ModeName = None,
    llm: Llm = None,
    workspace: WorkspaceFolder = None,
    state_db: StateDb = None,
    acl: Annotated[
        bool, typer.Option("--acl", help="Print the ACL rule of a user that may only read.")
    ] = False,
) -> int:
    """Check that a session can do its work here. Exit code 3 where it cannot."""
    from orchestrator import doctor as checks
    from orchestrator.cli.request import Request, read, resolve

    flags = {
        "redis.url": redis_url,
        "session.mode": mode,
        "llm.enabled": llm,
        "output.workspace": workspace,
        "output.state_db": state_db,
    }
    request = Request(project, config, flags)
    if acl:
        _lines([checks.acl(read(request, os.environ, Path.cwd(), ctx.obj["state"]).config)])
        return boundary.OK
    resolved = resolve(request, os.environ, Path.cwd(), ctx.obj["state"])
    failed = False
    for check in checks.examine(resolved.loaded, resolved.decision, os.environ):
        _lines([f"{check.verdict.value:<7} {check.subject:<16} {check.saw}"])
        if check.remedy:
            _lines([f"{'':<24} {check.remedy}"])
        failed = failed or check.verdict is checks.Verdict.FAIL
    return boundary.BLIND if failed else boundary.OK


@app.command()
def schemas(
    folder: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write them.")] = Path(
        "docs/schemas"
    ),
) -> int:
    """Write the JSON Schemas of findings, report and configuration."""
    from orchestrator.cli.schemas import write

    _lines([str(file) for file in write(folder)])
    return boundary.OK


@app.command()
def version() -> int:
    """Print the version."""
    _lines([installed_version("streamgauge")])
    return boundary.OK


for command in (read_commands.findings, read_commands.verify, read_commands.report):
    app.command()(command)
app.command(epilog=diff_command.EXIT_CODES)(diff_command.diff)
app.command()(learn_command.learn)
app.command(epilog=recheck_command.EXIT_CODES)(recheck_command.recheck)
app.command(epilog=trace_command.EXIT_CODES)(trace_command.trace)
app.add_typer(archive_command.app, name="archive")
app.add_typer(store_command.app, name="store")
app.add_typer(alerts_command.app, name="alerts")
app.command(epilog=watch_command.EXIT_CODES)(watch_command.watch)
app.command(epilog=watch_command.EXIT_CODES)(watch_command.monitor)
app.command()(watch_command.status)
app.command()(metrics_command.metrics)
app.command()(init_command.init)
app.command()(schedule_command.schedule)
app.command()(diagnostics_command.diagnostics)
app.command()(mcp_command.mcp)
app.add_typer(session_command.group)
app.command("eval", epilog=eval_command.EXIT_CODES)(eval_command.evaluate)


def _run(request: Request, show: Show, session: str | None, state: boundary.StateFolder) -> int:
    from orchestrator.cli import nightly_run, replay_command
    from orchestrator.cli.run import run as run_command
    from tools.errors import UsageError

    mode = request.flags["session.mode"]
    if mode == "replay" or (session is not None and mode is None):
        told, code = replay_command.run(request, session, os.environ, Path.cwd(), state)
        _lines(told)
        return code
    if session is not None:
        raise UsageError("Only a replay takes a session: streamgauge run --mode replay SESSION.")
    start = nightly_run.run if request.nightly else run_command
    return start(request, show, os.environ, Path.cwd(), state)


def _demo(demo: bool, profile: str | None) -> str | None:
    return profile or ("faulty" if demo else None)


def _pairs(pairs: Iterable[tuple[str, str]]) -> None:
    last = ""
    for heading, text in pairs:
        _lines([f"{'' if heading == last else heading:<20} {text}"])
        last = heading


def _lines(lines: Iterable[str]) -> None:
    from orchestrator.cli.terminal_text import clean

    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines))
