"""How often lines came, in words, and what the rules over templates have in common in their symptoms."""

from __future__ import annotations

from typing import Any

import re2

from tools.clock import iso
from tools.detectors.contract import TemplateStats
from tools.findings.rule import Rule, Symptom
from tools.server_words import without_request
from tools.sources.records import LogLine
from tools.template_words import VARIABLE

_TIME = re2.compile(
    r"^\W?(?:\d{4}[-/]\d\d[-/]\d\d[T ][\d:.,]{8,18}|\d\d:\d\d:\d\d(?:[.,]\d{1,9})?|\d\d-[A-Z][a-z]{2}-\d{4} [\d:.]{8,12}(?: [A-Z][\w/]{1,30}\])?|1\d{9}:)"
    r"(?:Z\b| ?[+-]\d\d:?\d\d)?[\s\]>:;,|.)-]{0,3}"
)
_LEVEL = re2.compile(r"^\W{0,3}(?:FATAL|CRITICAL|ERROR|WARNING|WARN|INFO)\b[\s:\]|-]{0,4}")


def pattern_of(stats: TemplateStats) -> str:
    """`one-off`, or `31 × in 4 min, first 02:11:07Z, last 02:15:02Z`; without times only the number.

    The times are the lines' own, in UTC; where the two lie on different days, with their dates.
    """
    if stats.total < 2:
        return "one-off"
    known = [ms for ms in (stats.first.when_ms, stats.example.when_ms, *stats.times_ms) if ms is not None]
    if not known:
        return f"{stats.total} ×"
    first_ms, last_ms = min(known), max(known)
    first, last = iso(first_ms), iso(last_ms)
    begin = 0 if first[:10] != last[:10] else 11
    if first[:19] == last[:19]:
        return f"{stats.total} × at {first[11:19]}Z"
    span = seconds((last_ms - first_ms) / 1000)
    return f"{stats.total} × in {span}, first {first[begin:19]}Z, last {last[begin:19]}Z"


def seconds(value: float) -> str:
    """`40 s`, `1.8 s`, `4 min`, `3.5 h`."""
    if value >= 7200:
        return f"{value / 3600:.3g} h"
    if value >= 120:
        return f"{value / 60:.0f} min"
    return f"{value:.0f} s" if value >= 10 else f"{value:.2g} s"


def said(line: LogLine) -> str:
    """What a line says, without the time and level at its head: for titles."""
    if line.message is not None:
        return without_request(line.message)
    return _LEVEL.sub("", _TIME.sub("", line.text, count=1), count=1).strip() or line.text


def headline(stats: TemplateStats) -> str:
    """What lines say, for a title: the newest one's words, or their template where it holds one name of many."""
    return stats.template if stats.varied else said(stats.example)


def shortened(text: str, characters: int = 120) -> str:
    """The beginning of a text, on one line, for a title."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"


def template_symptom(rule: Rule, stats: TemplateStats, **fields: Any) -> Symptom:
    """A symptom about one template: entity, evidence, place, ids and frequency are the same for every rule."""
    line = stats.example
    fields["title"] = _of_all(fields["title"], line)
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
        template=stats.template or None,
        names_vary=stats.varied,
        stream_id=stats.streams_ids[0] if stats.streams_ids else None,
        **fields,
    )


_MESSAGE_ID = re2.compile(r"\b\d{13}-\d{1,10}\b")
_ID_MIN = 6
"""A shorter correlation id may stand in a line as something else, and so may one without a digit."""


def _of_all(title: str, line: LogLine) -> str:
    """A title is about every line of its kind: it names neither the message nor the flow of one of them."""
    text = _MESSAGE_ID.sub(VARIABLE, title)
    flow = line.correlation_id or ""
    names_one = len(flow) >= _ID_MIN and any(map(str.isdigit, flow))
    return text.replace(flow, VARIABLE) if names_one else text
