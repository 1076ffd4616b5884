"""A model's words in Markdown: beside the rules' own, always said to be the model's."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tools.findings.readings import Reading
from tools.report.markdown_text import code, inline
from tools.report.model import Report
from tools.synthesis.wording import ClusterWording, Sentence

Links = Callable[[Iterable[str]], str]

_PARTS = (
    ("Root cause", "root_cause"),
    ("How it leads there", "chain"),
    ("Reach", "blast_radius"),
    ("What to do", "fix"),
)
ROWS_MAX = 60
"""Readings in the section of all; more stand in `report.json`."""
_READINGS_MAX = 3
_TEXT_MAX = 1200


def section(report: Report, links: Links) -> str:
    """Everything the model said of clusters and findings; empty where it said nothing."""
    roots = {cluster.root_fingerprint: cluster for cluster in report.clusters}
    parts: list[str] = []
    for wording in report.wordings:
        about = roots.get(wording.root_fingerprint)
        if about is not None and about.members == wording.members:
            parts.append(f"### {about.cluster_id} {inline(about.title)}")
            parts.append(cluster(wording, links))
    rows = [_row(reading, links) for reading in report.readings[:ROWS_MAX]]
    if rows:
        parts += ["### Readings of findings", "\n".join(rows)]
    if len(report.readings) > ROWS_MAX:
        parts.append(f"{len(report.readings) - ROWS_MAX} more readings are in `report.json`.")
    if parts:
        note = "Explanations of a language model. They change no finding, no severity and no exit code."
        parts.insert(0, note)
    return "\n\n".join(parts)


def _row(reading: Reading, links: Links) -> str:
    what = "one thing: " if reading.kind == "same" else ""
    do = f" Do: {inline(reading.recommendation, _TEXT_MAX)}" if reading.recommendation else ""
    by = f"{inline(reading.model)}, prompt {code(reading.prompt_version)}"
    return f"- {links(reading.finding_ids)} {what}{inline(reading.hypothesis, _TEXT_MAX)}{do} ({by})"


def cluster(wording: ClusterWording, links: Links) -> str:
    """The words for a cluster, each sentence with what proves it."""
    lines = [f"**In the model's words** ({inline(wording.model)}, prompt {code(wording.prompt_version)}):"]
    for title, name in _PARTS:
        sentences: tuple[Sentence, ...] = getattr(wording, name)
        if sentences:
            told = " ".join(f"{inline(one.text, _TEXT_MAX)} ({links(one.finding_ids)})" for one in sentences)
            lines.append(f"- {title}: {told}")
    if wording.dropped:
        lines.append(f"- {wording.dropped} sentences without support were dropped.")
    return "\n".join(lines)


def of_finding(readings: Iterable[Reading], finding_id: str, links: Links) -> list[str]:
    """What the model makes of one finding, a paragraph each."""
    told: list[str] = []
    for reading in readings:
        if finding_id not in reading.finding_ids or len(told) == _READINGS_MAX:
            continue
        if reading.kind == "same":
            others = [name for name in reading.finding_ids if name != finding_id]
            told.append(
                f"**The model takes it for one thing with** {links(others)}: {inline(reading.hypothesis, _TEXT_MAX)}"
            )
        elif reading.finding_ids[0] == finding_id:
            why = inline(reading.hypothesis, _TEXT_MAX)
            do = inline(reading.recommendation, _TEXT_MAX)
            told.append(f"**The model's reading** (confidence {reading.confidence:.2f}): {why} **Do:** {do}")
    return told
