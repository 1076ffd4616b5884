"""What is to be said of a run that is over: its anomalies and its verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from msgspec import Struct

from orchestrator.config.watch import WatchSection
from orchestrator.watch import views
from orchestrator.watch.views import View
from tools.quantities import format_duration

_APPROVED = frozenset({"approved", "passed", "pass", "ok", "completed", "done", "skipped"})
_REJECTED = frozenset({"rejected", "failed", "fail", "denied"})


class Verdict(StrEnum):
    """FAILED: a kill switch, a rejected gate or an open critical. INCOMPLETE: a gate, step or source is missing."""

    FAILED = "FAILED"
    INCOMPLETE = "INCOMPLETE"
    VALIDATED = "VALIDATED"


class Anomaly(Struct, frozen=True, kw_only=True):
    """Something that a run should not have. `kind` is a word for programs."""

    kind: str
    text: str


def verdict(view: View, status: str) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict, and a sentence for each reason; none where it is VALIDATED."""
    bad = tuple(_failures(view, status))
    if bad:
        return Verdict.FAILED, bad
    missing = tuple(_missing(view, status))
    return (Verdict.INCOMPLETE, missing) if missing else (Verdict.VALIDATED, ())


def _failures(view: View, status: str) -> Iterator[str]:
    if view.kill_switch:
        yield "its kill switch was used"
    for gate in view.gates:
        if gate.verdict in _REJECTED:
            yield f"the gate {gate.name} was rejected"
    if view.open_criticals:
        yield f"{view.open_criticals} critical findings are open"
    if status == views.FAILED:
        yield f"it failed{f': {view.error}' if view.error else ''}"


def _missing(view: View, status: str) -> Iterator[str]:
    if status != views.COMPLETED:
        yield f"it did not come to its end ({status})"
    for gate in view.gates:
        if gate.verdict not in _APPROVED:
            yield f"the gate {gate.name} is open"
    for step in view.steps:
        if not step.is_done:
            yield f"the step {step.name} is {step.status or 'not begun'}"
    if view.blind_gaps:
        yield f"{view.blind_gaps} sources could not be looked at"


def anomalies(view: View, limits: WatchSection, ended_ms: int) -> Iterator[Anomaly]:
    """What is out of the ordinary, each with its figures."""
    if view.safety is not None and view.safety < limits.safety_min:
        yield Anomaly(
            kind="safety", text=f"its safety score is {view.safety:.2f}, below {limits.safety_min:.2f}"
        )
    if view.cost_usd is not None and view.cost_usd > limits.cost_max_usd:
        yield Anomaly(
            kind="cost", text=f"it cost {view.cost_usd:.2f} USD, more than {limits.cost_max_usd:.2f}"
        )
    if view.kind == views.SESSION:
        return  # its window may be any length, and its phases end by themselves
    for step in view.steps:
        took_ms = 0 if step.started_ms is None else (step.ended_ms or ended_ms) - step.started_ms
        if took_ms > limits.timeout_max * 1000:
            took = format_duration(took_ms // 1000)
            yield Anomaly(
                kind="timeout",
                text=f"the step {step.name} took {took}, more than {format_duration(limits.timeout_max)}",
            )
    for name, done, limit in (
        ("it", view.retries, view.retry_limit),
        *((f"the step {step.name}", step.retries, step.retry_limit) for step in view.steps),
    ):
        if limit is not None and limit > 0 and done >= limit:
            yield Anomaly(kind="retries", text=f"{name} was tried again {done} times, its limit is {limit}")
