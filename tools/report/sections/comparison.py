"""Section 1, against the last session: the comparison in figures."""

from __future__ import annotations

from tools.report.model import Comparison
from tools.synthesis.sessions.comparison import SessionComparison, State


def figures(found: SessionComparison | None) -> Comparison | None:
    """The counts of a comparison; None where there is no earlier session."""
    if found is None or not found.earlier:
        return None
    return Comparison(
        last_session_id=found.earlier,
        new=found.counts[State.NEW],
        persisting=found.counts[State.PERSISTING],
        updated=found.counts[State.UPDATED],
        resolved=found.counts[State.RESOLVED],
        not_observed=found.counts[State.NOT_OBSERVED],
        flapping=found.flapping,
        accepted=found.accepted,
    )
