"""`watch`: the daemon, its set-up, its state and a trial of its chain."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli import boundary

if TYPE_CHECKING:
    from orchestrator.config.model import Config

EXIT_CODES = "Exit codes: 0 ended by SIGTERM or Ctrl-C, or all is well; 1 something is not; 2 wrong usage or configuration; 75 it runs already."


def watch(
    ctx: typer.Context,
    *,
    project: Annotated[
        Path | None, typer.Option("--project", metavar="DIR", help="The audited project.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="The configuration file.")
    ] = None,
    workspace: Annotated[
        Path | None, typer.Option("--workspace", metavar="DIR", help="Where sessions of ours appear.")
    ] = None,
    state_db: Annotated[Path | None, typer.Option("--state-db", metavar="FILE", help="The store.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only tell whether it could do its work.")] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Only tell how it is, and the chains of the last runs.")
    ] = False,
    test_run: Annotated[
        bool, typer.Option("--test-run", help="Lead a simulated run through the whole chain, and end.")
    ] = False,
) -> int:
    """Watch for runs, and archive, verify, report, record and alert each that has ended, exactly once.

    SIGHUP reads the configuration again.
    """
    from tools.errors import UsageError

    if check + status + test_run > 1:
        raise UsageError("--check, --status and --test-run are three commands. Give one of them.")
    flags = {"output.workspace": workspace, "output.state_db": state_db}

    def load() -> Config:
        from orchestrator.cli.request import Request, read

        return read(Request(project, config, flags), os.environ, Path.cwd(), ctx.obj["state"]).config

    if status:
        return _status(load())
    if check:
        return _check(load())
    return _test_run(load()) if test_run else _watch(load)


def _watch(load: Callable[[], Config]) -> int:
    from orchestrator.watch.daemon import Daemon
    from tools.clock import SystemClock

    _say("watching; SIGTERM or Ctrl-C ends it")
    Daemon(load, os.environ, SystemClock(), _say).run()
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
