"""Adds verdicts up, compares them with the bars, and says it in a table. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from msgspec import Struct, structs

from orchestrator.evaluation import model_totals
from orchestrator.evaluation.fitting import Alarm
from orchestrator.evaluation.model_totals import ModelTotals
from orchestrator.evaluation.verdict import Verdict

RECALL_MIN = 0.98
"""Of the labelled faults (specification: detection quality)."""
ROOT_MIN = 0.9
"""Of the scenarios with a chain: the cause stands first."""
EVIDENCE_MIN = 1.0
_NONE = "–"


class Row(Struct, frozen=True, kw_only=True, rename="camel"):
    """One category, or all of them."""

    category: str
    expected: int = 0
    found: int = 0
    true: int = 0
    """Findings above LOW that are labelled."""
    false: int = 0

    @property
    def recall(self) -> float | None:
        """The share of what is expected that was found; None where nothing is expected."""
        return self.found / self.expected if self.expected else None

    @property
    def precision(self) -> float | None:
        """The share of findings above LOW that are labelled; None where there are none."""
        told = self.true + self.false
        return self.true / told if told else None


class Totals(Struct, frozen=True, kw_only=True, rename="camel"):
    """All runs together."""

    scenarios: int
    runs: int
    controls: int
    rows: tuple[Row, ...]
    all: Row
    alarms_on_controls: int
    forbidden: int
    chains: int
    roots_first: int
    evidence_checked: int
    evidence_held: int
    median_seconds: float | None
    """From the beginning of a fault to its first finding, over the runs that have one."""
    slowest_seconds: float | None
    failed: int
    model: ModelTotals | None = None
    """Where a language model took part."""
    short: tuple[str, ...] = ()
    """The bars that were missed, in words; none is about the model."""


class Record(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is saved."""

    version: str
    at: str
    language_model: str
    repeats: int
    totals: Totals
    verdicts: tuple[Verdict, ...]


def add_up(verdicts: Sequence[Verdict]) -> Totals:
    """The totals of one evaluation."""
    rows = _rows(verdicts)
    total = Row(
        category="all",
        expected=sum(row.expected for row in rows),
        found=sum(row.found for row in rows),
        true=sum(row.true for row in rows),
        false=sum(row.false for row in rows),
    )
    chains = [verdict for verdict in verdicts if verdict.root_first is not None]
    times = [v.seconds_to_first for v in verdicts if v.seconds_to_first is not None]
    totals = Totals(
        scenarios=len({verdict.scenario for verdict in verdicts}),
        runs=len(verdicts),
        controls=sum(verdict.is_control for verdict in verdicts),
        rows=rows,
        all=total,
        alarms_on_controls=sum(len(v.false_alarms) for v in verdicts if v.is_control),
        forbidden=sum(len(verdict.forbidden) for verdict in verdicts),
        chains=len(chains),
        roots_first=sum(bool(verdict.root_first) for verdict in chains),
        evidence_checked=sum(verdict.evidence_checked for verdict in verdicts),
        evidence_held=sum(verdict.evidence_held for verdict in verdicts),
        median_seconds=round(median(times), 1) if times else None,
        slowest_seconds=max(times, default=None),
        failed=sum(verdict.problem is not None for verdict in verdicts),
        model=model_totals.add_up([verdict.model for verdict in verdicts if verdict.model is not None]),
    )
    return structs.replace(totals, short=tuple(_missed_bars(totals)))


def _rows(verdicts: Sequence[Verdict]) -> tuple[Row, ...]:
    expected = [(met.category, met.found) for verdict in verdicts for met in verdict.expected]
    true = [pair for verdict in verdicts for pair in verdict.true_above_low.items()]
    false = [alarm.category for verdict in verdicts for alarm in verdict.false_alarms]
    names = sorted({name for name, _ in (*expected, *true)} | set(false))
    return tuple(
        Row(
            category=name,
            expected=sum(category == name for category, _ in expected),
            found=sum(found for category, found in expected if category == name),
            true=sum(count for category, count in true if category == name),
            false=false.count(name),
        )
        for name in names
    )


def _missed_bars(totals: Totals) -> Iterator[str]:
    if totals.failed:
        yield f"{totals.failed} sessions failed, 0 may"
    recall = totals.all.recall
    if recall is not None and recall < RECALL_MIN:
        yield f"recall {recall:.3f} < {RECALL_MIN:.2f}"
    if totals.alarms_on_controls:
        yield f"{totals.alarms_on_controls} findings above LOW on healthy controls, 0 may be"
    if totals.forbidden:
        yield f"{totals.forbidden} findings that must not fire, 0 may"
    if totals.chains and totals.roots_first / totals.chains < ROOT_MIN:
        yield f"root cause first in {totals.roots_first} of {totals.chains} < {ROOT_MIN:.2f}"
    if totals.evidence_held < totals.evidence_checked * EVIDENCE_MIN:
        yield f"evidence {totals.evidence_held} of {totals.evidence_checked} verified, all has to be"


def progress(verdict: Verdict) -> str:
    """One run in a line."""
    found = sum(met.found for met in verdict.expected)
    parts = [f"{found}/{len(verdict.expected)} found"]
    if verdict.false_alarms:
        parts.append(f"{len(verdict.false_alarms)} false")
    if verdict.forbidden:
        parts.append(f"{len(verdict.forbidden)} forbidden")
    if verdict.root_first is not None:
        parts.append("root first" if verdict.root_first else "root not first")
    if verdict.seconds_to_first is not None:
        parts.append(f"first after {verdict.seconds_to_first:.1f} s")
    if verdict.model is not None:
        parts.append(f"model {verdict.model.verified} verified, {verdict.model.rejected} rejected")
    if verdict.problem is not None:
        parts = [verdict.problem]
    return f"{verdict.scenario:<34} {verdict.run:>2}  {', '.join(parts)}"


def lines(totals: Totals, verdicts: Sequence[Verdict]) -> Iterator[str]:
    """The result for people: table, figures, what was missed, what is wrong, and the bars that were missed."""
    yield f"{totals.scenarios} scenarios, {totals.runs} runs, {totals.controls} of them healthy"
    yield ""
    yield _row("", "expected", "found", "true", "false", "recall", "precision")
    for row in (*totals.rows, totals.all):
        yield _row(
            row.category,
            str(row.expected),
            str(row.found),
            str(row.true),
            str(row.false),
            _share(row.recall),
            _share(row.precision),
        )
    yield ""
    yield f"root cause first      {totals.roots_first} of {totals.chains}"
    yield f"evidence verified     {totals.evidence_held} of {totals.evidence_checked}"
    yield f"time to first finding {_seconds(totals.median_seconds)} median, {_seconds(totals.slowest_seconds)} slowest"
    if totals.model is not None:
        yield from model_totals.lines(totals.model)
    yield ""
    for verdict in verdicts:
        yield from _troubles(verdict)
    yield from (f"below the bar: {text}" for text in totals.short)


def _troubles(verdict: Verdict) -> Iterator[str]:
    head = f"{verdict.scenario} {verdict.run}:"
    if verdict.problem is not None:
        yield f"failed     {head} {verdict.problem}"
    for met in verdict.expected:
        if not met.found:
            yield f"missed     {head} {met.id} {met.category}" + (f" ({met.note})" if met.note else "")
    for alarm in verdict.false_alarms:
        yield f"false      {head} {_told(alarm)}"
    for alarm in verdict.forbidden:
        yield f"forbidden  {head} {_told(alarm)}"
    for alarm in () if verdict.model is None else verdict.model.confidently_wrong:
        yield f"model      {head} {_told(alarm)}"
    if verdict.root_first is False:
        yield f"root       {head} {verdict.chain_note}"
    if verdict.evidence_held < verdict.evidence_checked:
        yield f"evidence   {head} {verdict.evidence_held} of {verdict.evidence_checked} hold"


def _told(alarm: Alarm) -> str:
    return f"{alarm.rule} {alarm.severity} {alarm.title}"


def _share(value: float | None) -> str:
    return _NONE if value is None else f"{value:.2f}"


def _seconds(value: float | None) -> str:
    return _NONE if value is None else f"{value:.1f} s"


def _row(name: str, *cells: str) -> str:
    return f"{name:<24}" + "".join(f"{cell:>10}" for cell in cells)
