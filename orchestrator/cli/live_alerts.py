"""Alerts beside `run`: the process that tells while the session runs, and what is shown of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from orchestrator.cli.terminal_text import clean
from orchestrator.config.model import Config, Mode


@dataclass
class Told:
    """What was told while the session ran. `lines` were not shown yet; `lost` is how it came to nothing, or ""."""

    lines: list[str] = field(default_factory=list)
    lost: str = ""


@contextmanager
def alerting(
    config: Config,
    mode: Mode,
    environ: Mapping[str, str],
    *,
    before: tuple[int, int] | None,
    at_once: bool,
) -> Iterator[Told]:
    """Alert of what is critical while the session runs; a static one has no window in which anybody could wait.

    `before` marks a session that lies in the workspace and is another one. With `at_once` lines are shown as they
    come.
    """
    told = Told()
    if config.alerts.file is None or mode is Mode.STATIC:
        yield told
        return
    from orchestrator.alerts.beside import LiveAlerts
    from orchestrator.alerts.live import Job

    def show(line: str) -> None:
        if not at_once:
            told.lines.append(line)
            return
        with suppress(OSError, ValueError):
            sys.stdout.write(f"{clean(line)}\n")
            sys.stdout.flush()

    job = Job(
        rules=str(config.alerts.file),
        store=str(config.output.state_db),
        workspace=str(config.output.workspace),
        shadow=config.alerts.shadow,
        before=before,
    )
    live = LiveAlerts(job, environ, show)
    try:
        yield told
    finally:
        told.lost = live.end()
