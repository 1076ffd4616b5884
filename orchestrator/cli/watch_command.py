"""`watch`: the daemon, its set-up, its state and a trial of its chain."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import boundary
from orchestrator.cli.place_options import ConfigFile, Project, StateDb

if TYPE_CHECKING:
    from orchestrator.config.model import Config

EXIT_CODES = "Exit codes: 0 ended by SIGTERM or Ctrl-C, or all is well; 1 something is not; 2 wrong usage or configuration; 75 it runs already."


def watch(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="Where sessions of ours appear.")
    ] = None,
    state_db: StateDb = None,
    interval: Annotated[
        str | None,
        typer.Option(
            "--interval",
            metavar="TIME",
            help="Also audit all the time: sessions one after the other, a look at the streams every TIME.",
        ),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only tell whether it could do its work.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Only tell how it is, and the chains of the last runs.")
    ] = False,
    test_run: Annotated[
        bool, typer.Option("--test-run", help="Lead a simulated run through the whole chain, and end.")
    ] = False,
    retry: Annotated[
        str | None,
        typer.Option(
            "--retry",
            metavar="RUN|all",
            help="Lead the links of a run's chain once more that were given up, and end.",
        ),
    ] = None,
) -> int:
    """Watch for runs, and archive, verify, report, record and alert each that has ended, exactly once.

    SIGHUP reads the configuration again.
    """
    from tools.errors import UsageError

    if check + status + test_run + (retry is not None) > 1:
        raise UsageError("--check, --status, --test-run and --retry are four commands. Give one of them.")
    flags = {"output.workspace": workspace, "output.state_db": state_db}

    def load() -> Config:
        from orchestrator.cli.request import Request, read

        return read(Request(project, config, flags), os.environ, Path.cwd(), ctx.obj["state"]).config

    if status:
        return _status(load())
    if check:
        return _check(load())
    if test_run:
        return _test_run(load())
    if retry is not None:
        return _retry(load(), retry)
    given = {"--project": project, "--config": config, "--workspace": workspace, "--state-db": state_db}
    return _watch(load, None if interval is None else _audits(interval, given))


def status(
    ctx: typer.Context,
    *,
    project: Project = None,
    config: ConfigFile = None,
    state_db: StateDb = None,
) -> int:
    """Tell how the daemon is, and the chains of the last runs: watch --status."""
    from orchestrator.cli.request import Request, read

    request = Request(project, config, {"output.state_db": state_db})
    return _status(read(request, os.environ, Path.cwd(), ctx.obj["state"]).config)


def monitor(
    ctx: typer.Context,
    *,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="Only this run.")] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="All runs, until it is stopped: streamgauge watch.")
    ] = False,
    complete: Annotated[
        bool, typer.Option("--complete", help="Look once, deal with what is over, and end.")
    ] = False,
    ingest_events: Annotated[
        list[Path] | None,
        typer.Option(
            "--ingest-events", metavar="FILE", help="Read a JSONL file of events on; may be repeated."
        ),
    ] = None,
    project: Project = None,
    config: ConfigFile = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="Where sessions of ours appear.")
    ] = None,
    state_db: StateDb = None,
) -> int:
    """Tell where a run is, deal once with what is over, or read event files on; --auto is the daemon."""
    from orchestrator.cli.request import Request, read
    from orchestrator.watch import once
    from tools.clock import SystemClock
    from tools.errors import UsageError

    request = Request(project, config, {"output.workspace": workspace, "output.state_db": state_db})

    def load() -> Config:
        return read(request, os.environ, Path.cwd(), ctx.obj["state"]).config

    if auto:
        if run is not None or complete or ingest_events:
            raise UsageError("--auto watches all runs until it is stopped. Leave the other options out.")
        return _watch(load, None)
    loaded, clock = load(), SystemClock()
    if ingest_events:
        _lines(once.ingest(loaded, os.environ, clock, ingest_events))
    if complete:
        _lines(once.complete(loaded, os.environ, clock, run))
    elif run is not None:
        _lines(once.one(loaded, run))
    elif not ingest_events:
        raise UsageError("Say what to do: --run ID, --auto, --complete or --ingest-events FILE.")
    return boundary.OK


def summary(run: str, workspace: Path, state_db: Path) -> Iterable[str]:
    """Write the summary of a run again. Raises UsageError, OSError."""
    from orchestrator.cli.boundary import StateFolder
    from orchestrator.cli.request import Request, read
    from orchestrator.watch import once
    from tools.clock import SystemClock

    request = Request(flags={"output.workspace": workspace, "output.state_db": state_db})
    config = read(request, os.environ, Path.cwd(), StateFolder(Path.cwd() / ".state")).config
    return once.report(config, os.environ, SystemClock(), run)


def _retry(config: Config, run: str) -> int:
    from orchestrator.watch import once
    from tools.clock import SystemClock

    _lines(once.retry(config, os.environ, SystemClock(), run))
    return boundary.OK


def _lines(lines: Iterable[str]) -> None:
    for line in lines:
        _say(line)


def _audits(interval: str, given: Mapping[str, Path | None]) -> list[str]:
    """The arguments of each session. Raises UsageError."""
    from tools.errors import UsageError
    from tools.quantities import parse_duration

    try:
        wrong = "" if parse_duration(interval) > 0 else "0 is no interval; write it like '15s'"
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise UsageError(f"--interval: {wrong}.")
    paths = [part for flag, path in given.items() if path is not None for part in (flag, str(path))]
    return ["--quiet", "--poll-interval", interval, *paths]


def _watch(load: Callable[[], Config], audits: list[str] | None) -> int:
    from orchestrator.watch.daemon import Daemon
    from tools.clock import SystemClock

    _say("watching; SIGTERM or Ctrl-C ends it")
    Daemon(load, os.environ, SystemClock(), _say, audits).run()
    return boundary.OK


def _status(config: Config) -> int:
    from orchestrator.watch import about
    from tools.clock import SystemClock

    for line in about.status(config, SystemClock()):
        _say(line)
    return boundary.OK


def _check(config: Config) -> int:
    from orchestrator.check import Verdict
    from orchestrator.watch import about
    from tools.clock import SystemClock

    whole = True
    for item in about.check(config, os.environ, SystemClock()):
        _say(f"{item.verdict.value:<7} {item.subject:<10} {item.saw}")
        if item.remedy:
            _say(f"{'':<18} {item.remedy}")
        whole = whole and item.verdict is not Verdict.FAIL
    return boundary.OK if whole else boundary.FINDINGS


def _test_run(config: Config) -> int:
    from orchestrator.watch import trial
    from tools.clock import SystemClock

    whole = True
    for line, well in trial.run(config, os.environ, SystemClock()):
        _say(line)
        whole = whole and well
    return boundary.OK if whole else boundary.FINDINGS


def _say(line: str) -> None:
    from orchestrator.cli.terminal_text import clean
    from tools.masking import mask

    sys.stdout.write("".join(f"{mask(clean(part))}\n" for part in line.splitlines() or [""]))
    sys.stdout.flush()
