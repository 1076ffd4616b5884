"""The command `learn`: proposals of `[[expect]]` entries, printed as TOML; what they are is in `orchestrator/learn.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import boundary


def learn(
    *,
    state_db: Annotated[
        Path, typer.Option("--state-db", metavar="FILE", help="Records of past sessions lie beside it.")
    ] = Path(".state/orchestration.db"),
) -> int:
    """Propose [[expect]] entries from what past sessions found again and again. Prints them, and changes no file."""
    from orchestrator import learn as learning
    from orchestrator.config.model import OutputSection
    from orchestrator.session.earlier import store_of

    kept = store_of(OutputSection(state_db=state_db.absolute()).state_folder)
    sessions = learning.series_of(kept.records())
    if len(sessions) < learning.SESSIONS_MIN:
        boundary.say(
            f"Proposals need {learning.SESSIONS_MIN} complete sessions of one kind; "
            f"beside {state_db} {_kept(len(sessions))}."
        )
        return boundary.OK
    found = list(learning.proposals(sessions))
    if not found:
        boundary.say(f"{len(sessions)} sessions hold nothing that an [[expect]] entry could be about.")
    for proposal in found:
        sys.stdout.write("".join(f"{line}\n" for line in learning.toml(proposal, len(sessions))) + "\n")
    return boundary.OK


def _kept(sessions: int) -> str:
    return "one is kept" if sessions == 1 else f"{sessions or 'none'} are kept"
