"""What the report says of the language model's part: what was spent, what came of it, what was left undone."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation

from tools.sources.session_facts import HandedInUse, SessionFacts


def told(facts: SessionFacts | None) -> str:
    """One line."""
    if facts is None:
        return "off: rules only"
    return "; ".join([_own(facts), *_handed_in(facts.handed_in)])


def _handed_in(use: HandedInUse | None) -> Iterator[str]:
    """What agents beside the session added, and what the gate kept out."""
    if use is not None:
        yield (
            f"beside the session {', '.join(use.clients)} handed in {_count(use.readings, 'reading')} of findings and "
            f"{_count(use.own_findings, 'finding')} of its own; {_count(use.rejected, 'claim')} refused"
        )


def _own(facts: SessionFacts) -> str:
    use = facts.model_use
    if use is None:
        return facts.language_model
    came = (
        f"{_count(use.readings, 'reading')} of findings, {_count(use.own_findings, 'finding')} of its own, "
        f"{_count(use.clusters_worded, 'cluster')} worded, {_count(use.focus_tasks, 'focus task')}"
    )
    refused = f"{_count(use.rejected, 'claim')} and {_count(use.sentences_dropped, 'sentence')} without evidence dropped"
    parts = [
        f"{', '.join(use.models)}: {_count(use.calls, 'call')}, {use.tokens} tokens, limit {use.limit_usd} USD",
        came,
        refused,
        f"{_count(use.undone, 'finding')} left undone",
    ]
    if use.breaker_reasons:
        parts.append(f"rules only for a while: {'; '.join(use.breaker_reasons[:3])}")
    return "; ".join(parts)


def cost_usd(facts: SessionFacts | None) -> float:
    """What was spent, with what was reserved and never settled."""
    try:
        return float(Decimal(facts.model_use.spent_usd)) if facts is not None and facts.model_use else 0.0
    except InvalidOperation:
        return 0.0


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
