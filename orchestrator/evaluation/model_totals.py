"""Adds up what a language model said and cost over the runs of an evaluation. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from agents.model.prices import shown
from orchestrator.evaluation.model_verdict import CONFIDENT, ModelVerdict


class ModelTotals(Struct, frozen=True, kw_only=True, rename="camel"):
    """All runs together; `ModelVerdict` says what each figure is. Sums in USD, exact."""

    runs: int
    verified: int
    rejected: int
    own_labelled: int
    own_unlabelled: int
    added: int
    confidently_wrong: int
    undone: int
    calls: int
    tokens: int
    usd: str
    dearest_usd: str
    """The dearest run."""
    seconds: float


def add_up(verdicts: Sequence[ModelVerdict]) -> ModelTotals | None:
    """The totals; None where no model took part in any run."""
    if not verdicts:
        return None
    costs = [Decimal(verdict.usd) for verdict in verdicts]
    return ModelTotals(
        runs=len(verdicts),
        verified=sum(verdict.verified for verdict in verdicts),
        rejected=sum(verdict.rejected for verdict in verdicts),
        own_labelled=sum(verdict.own_labelled for verdict in verdicts),
        own_unlabelled=sum(verdict.own_unlabelled for verdict in verdicts),
        added=sum(len(verdict.added) for verdict in verdicts),
        confidently_wrong=sum(len(verdict.confidently_wrong) for verdict in verdicts),
        undone=sum(verdict.undone for verdict in verdicts),
        calls=sum(verdict.calls for verdict in verdicts),
        tokens=sum(verdict.tokens for verdict in verdicts),
        usd=str(sum(costs, Decimal(0))),
        dearest_usd=str(max(costs)),
        seconds=round(sum(verdict.seconds for verdict in verdicts), 3),
    )


def lines(totals: ModelTotals) -> Iterator[str]:
    """For people."""
    yield f"model took part in    {totals.runs} runs, {totals.calls} calls, {totals.tokens} tokens, {totals.seconds:.0f} s of waiting"
    yield f"model's claims        {totals.verified} verified, {totals.rejected} rejected, {totals.undone} findings not reached"
    yield (
        f"found by it alone     {totals.own_labelled} labelled, {totals.own_unlabelled} not; "
        f"{totals.added} expected that no rule told"
    )
    yield f"confidently wrong     {totals.confidently_wrong} (claims of confidence {CONFIDENT:g} or more that the labels contradict)"
    yield f"cost                  {shown(Decimal(totals.usd))} USD, the dearest run {shown(Decimal(totals.dearest_usd))}"
