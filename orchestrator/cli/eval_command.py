"""The command `eval` and its options; what it does is in `orchestrator/evaluation`, imported when it is called."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary

EXIT_CODES = (
    "Exit codes: 0 every bar is met, 1 one is missed (the last lines say which), "
    "2 wrong usage, or a scenario or label file that cannot be used, 130 and 143 ended by a signal."
)


def evaluate(
    *,
    repos: Annotated[
        Path | None,
        typer.Option(
            "--repos",
            metavar="DIR",
            help="Measure the rules about code on labelled repositories instead: DIR/labels/NAME.toml beside DIR/NAME.",
        ),
    ] = None,
    scenarios: Annotated[
        Path | None,
        typer.Option(
            "--scenarios", metavar="DIR", help="Scenarios of your own in place of the bundled ones."
        ),
    ] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option("--scenario", metavar="NAME", help="Only this one; may be given several times."),
    ] = None,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Runs of each scenario.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Scenarios that run side by side.")] = 1,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Where results.json, table.txt and all workspaces go."),
    ] = Path(".state/eval"),
    llm: Annotated[
        bool,
        typer.Option(
            "--llm",
            help="With a language model, which ANTHROPIC_API_KEY is for: every run asks it and costs money.",
        ),
    ] = False,
    max_cost_usd: Annotated[
        float,
        typer.Option("--max-cost-usd", metavar="USD", min=0, help="With --llm: what each run may cost."),
    ] = 2.0,
) -> int:
    """Audit labelled scenarios with faults, healthy controls and red herrings; print and save how right it was."""
    from tools.clock import SystemClock
    from tools.errors import UsageError

    if repos is not None:
        if llm:
            raise UsageError(
                "--llm is for scenarios: a model takes no part in --repos. Leave one of them out."
            )
        if scenario or scenarios is not None:
            raise UsageError(
                "--repos measures repositories, --scenario and --scenarios are for scenarios. Give one."
            )
        from orchestrator.evaluation import repositories

        result = repositories.evaluate(repos, SystemClock().now_ms())
        for line in repositories.lines(result):
            _say(line)
        return boundary.FINDINGS if result.short else boundary.OK
    asked = Asked(scenarios, tuple(scenario or ()), repeats, jobs, out, max_cost_usd if llm else None)
    return _on_scenarios(asked)


@dataclass(frozen=True, slots=True)
class Asked:
    """The options about scenarios. `usd` is what a model may cost in a run; None: rules only."""

    folder: Path | None
    names: tuple[str, ...]
    repeats: int
    jobs: int
    out: Path
    usd: float | None


def _on_scenarios(asked: Asked) -> int:
    from importlib.metadata import version

    from orchestrator import bundled
    from orchestrator.evaluation.scenario_run import Order, Terminated
    from orchestrator.evaluation.scenario_run import evaluate as measure
    from tools.clock import SystemClock

    given = asked.folder or bundled.folder("examples") / "scenarios"
    out = asked.out.absolute()
    order = Order(
        given.absolute(), asked.names, asked.repeats, asked.jobs, out, version("streamgauge"), asked.usd
    )
    try:
        totals = measure(order, os.environ, SystemClock(), _say)
    except KeyboardInterrupt:
        boundary.say("ended by Ctrl-C; the sessions and all that they started have been stopped.")
        return boundary.INTERRUPTED
    except Terminated:
        boundary.say("ended by SIGTERM; the sessions and all that they started have been stopped.")
        return boundary.TERMINATED
    return boundary.FINDINGS if totals.short else boundary.OK


def _say(line: str) -> None:
    from orchestrator.cli.terminal_text import clean

    sys.stdout.write(f"{clean(line)}\n")
    sys.stdout.flush()
