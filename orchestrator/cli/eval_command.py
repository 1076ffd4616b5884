"""The command `eval` and its options; what it does is in `orchestrator/evaluation`, imported when it is called."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

EXIT_CODES = (
    "Exit codes: 0 every bar is met, 1 one is missed (the last lines say which), "
    "2 wrong usage, or a label file that cannot be used."
)


def evaluate(
    *,
    repos: Annotated[
        Path | None,
        typer.Option(
            "--repos", metavar="DIR", help="Labelled repositories: DIR/labels/NAME.toml beside DIR/NAME."
        ),
    ] = None,
) -> int:
    """Measure recall and precision of the rules about code on repositories that were labelled by hand."""
    from orchestrator.cli.terminal_text import clean
    from orchestrator.evaluation.repositories import evaluate as measure
    from orchestrator.evaluation.repositories import lines
    from tools.clock import SystemClock
    from tools.errors import UsageError

    if repos is None:
        raise UsageError("eval needs --repos DIR, a folder of labelled repositories (docs/evaluation.md).")
    result = measure(repos, SystemClock().now_ms())
    sys.stdout.write("".join(f"{clean(line)}\n" for line in lines(result)))
    return boundary.FINDINGS if result.short else boundary.OK
