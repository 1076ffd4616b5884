"""A session that failed: what it says first, and the gaps that are nothing but its shadow."""

from __future__ import annotations

from dataclasses import replace

from tools.sources.records import Gap
from tools.sources.session_facts import PhaseRun, SessionFacts
from tools.synthesis import session_data
from tools.synthesis.session_data import SessionData

SOURCE = "session"
"""The `source` of the gap that a failed session is."""
_BEFORE_THE_WINDOW = ("preflight", "baseline", "observe")
_NEVER_WRITTEN = ("the session left no such file", "it holds no poll")
"""What `session_data` says of a part that was never begun; damaged parts say something else."""


def failed_phase(facts: SessionFacts | None) -> PhaseRun | None:
    """The first phase that failed; None where none did or nothing is known."""
    return next((run for run in facts.phases if run.status == "failed"), None) if facts is not None else None


def before_the_window(run: PhaseRun | None) -> bool:
    """Whether nothing was looked at because this phase failed."""
    return run is not None and run.name in _BEFORE_THE_WINDOW


def sentence(run: PhaseRun) -> str:
    """`the session failed in preflight: …`, without a full stop."""
    reason = " ".join(run.detail.split()).rstrip(".") or "no reason was recorded"
    return f"the session failed in {run.name}: {reason}"


def restated(data: SessionData) -> SessionData:
    """The data with one gap for what a failed session never began, instead of one for each of its files."""
    run = failed_phase(data.facts)
    if run is None or not before_the_window(run):
        return data
    gap = Gap(
        what=f"everything after {run.name}",
        why=sentence(run),
        fix="Mend what the reason names and run the session again; `streamgauge doctor` checks it beforehand.",
        source=SOURCE,
        at_ms=run.ended_ms or run.started_ms,
    )
    others = (found for found in data.gaps if not _is_shadow(found))
    return replace(data, gaps=(gap, *others))


def _is_shadow(gap: Gap) -> bool:
    return gap.source == session_data.SOURCE and gap.why in _NEVER_WRITTEN
