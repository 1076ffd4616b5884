"""How often lines came, in words, and what the rules over templates have in common in their symptoms."""

from __future__ import annotations

from typing import Any

import re2

from tools.detectors.contract import TemplateStats
from tools.findings.rule import Rule, Symptom
from tools.sources.records import LogLine

_HEAD = re2.compile(
    r"^\W?(?:\d{4}[-/]\d\d[-/]\d\d[T ][\d:.,]{8,18}(?:Z|[+-]\d\d:?\d\d)?)?\W{0,3}"
    r"(?:(?:FATAL|CRITICAL|ERROR|WARNING|WARN|INFO)\b[\s:\]|-]{0,4})?"
)


def pattern_of(stats: TemplateStats) -> str:
    """`one-off`, or `23 times in 40 s (every 1.8 s)`; without times only the number."""
    if stats.total < 2:
        return "one-off"
    times = stats.times_ms
    span_s = (max(times) - min(times)) / 1000 if len(times) > 1 else 0.0
    if span_s <= 0:
        return f"{stats.total} times"
    every_s = span_s / (len(times) - 1)
    return f"{stats.total} times in {seconds(every_s * (stats.total - 1))} (every {seconds(every_s)})"


def seconds(value: float) -> str:
    """`40 s`, `1.8 s`, `12 min`."""
    if value >= 600:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def said(line: LogLine) -> str:
    """What a line says, without the time and level at its head: for titles."""
    if line.message is not None:
        return line.message
    return _HEAD.sub("", line.text, count=1).strip() or line.text


def shortened(text: str, characters: int = 120) -> str:
    """The beginning of a text, on one line, for a title."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def template_symptom(rule: Rule, stats: TemplateStats, **fields: Any) -> Symptom:
    """A symptom about one template: entity, evidence, place, ids and frequency are the same for every rule."""
    line = stats.example
    return Symptom(
        rule=rule,
        entity=(stats.service,),
        location=fields.pop("location", stats.template),
        evidence=fields.pop("evidence", (line.quote(stats.trace),)),
        service=stats.service,
        count=stats.new,
        position=(line.source, line.position),
        event_ms=line.event_ms,
        pattern=pattern_of(stats),
        correlation_id=line.correlation_id,
        stream_id=stats.streams_ids[0] if stats.streams_ids else None,
        **fields,
    )
