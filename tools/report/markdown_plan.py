"""Section 6 in Markdown, and the list of all findings behind the sections. What stands elsewhere is a link to there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tools.report.markdown_places import P2_MAX, Places, anchor, links, places, shown
from tools.report.markdown_text import advice, code, fence, fold, inline
from tools.report.model import Reason, Report, RoadmapItem

INDEX_MAX = 500
_JOINT = "\n\n"
TITLE_CHARS_MAX = 160
_PHASES = {
    "P0_CRITICAL": "P0 — now: limit the harm, then mend it",
    "P1_HIGH": "P1 — this sprint",
    "P2_MEDIUM": "P2 — backlog",
    "P3_LOW": "P3 — when it is touched anyway",
}


def roadmap(report: Report) -> str:
    """Section 6, by phase."""
    if not report.roadmap:
        return "Nothing to do was found."
    told, told_items = places(report), shown(report.roadmap)
    anchored: set[str] = set()
    parts: list[str] = []
    for phase, title in _PHASES.items():
        items = [item for item in told_items if item.priority.value == phase]
        if items:
            parts.append(f"### {title} ({len(items)})" if phase >= "P2" else f"### {title}")
            # What may wait is folded; its anchors stand before the fold, for not every viewer opens it for a link.
            before = (
                _marks([name for item in items for name in _named(item)], told, anchored)
                if phase >= "P2"
                else ""
            )
            said = [_item(item, told, anchored) for item in items]
            parts += said if phase < "P2" else [f"{before}\n\n{fold('Show them', _JOINT.join(said))}"]
            left = sum(item.priority.value == phase for item in report.roadmap) - len(items)
            if left:
                parts.append(f"{left} more items are in `report.json`: {P2_MAX} of a phase are told here.")
    return "\n\n".join(parts)


def _item(item: RoadmapItem, told: Places, anchored: set[str]) -> str:
    root = item.finding_ids[0]
    name = f"**{item.cluster_id}** " if item.cluster_id else ""
    above = root in told.in_full or root in told.brief
    marks = "" if above else _marks(item.finding_ids, told, anchored)
    lines = [f"- [ ] {marks}{name}**{inline(item.title)}** ({links(item.finding_ids)})"]
    if above:
        lines.append(f"  What to do: at {links([root])}")
    else:
        lines += [f"  **Now:** {advice(item.now, 600)}"] if item.now is not None else []
        lines.append(f"  **Mend:** {advice(item.action, 600)}")
    lines += _beside("Also", item.also, told, anchored)
    lines += _beside("If it stays", item.remains, told, anchored)
    if item.advice_left_out:
        lines.append(f"  {item.advice_left_out} more of these findings have advice of their own.")
    lines.append(f"  Effort: {inline(item.work)}")
    if root not in told.in_full:
        lines.append(f"  Evidence: {code(item.evidence, 200)}")
    text = "  \n".join(lines)
    return f"{text}\n\n{_indented(_change(item))}" if item.snippet_after else text


def _beside(title: str, reasons: tuple[Reason, ...], told: Places, anchored: set[str]) -> Iterator[str]:
    """Advice of other members: those that are told in section 2 by a link alone."""
    above = [one for one in reasons if one.finding_ids[0] in told.in_full]
    if above:
        yield f"  **{title}:** {links([name for one in above for name in one.finding_ids])}"
    for one in reasons:
        if one not in above:
            yield (
                f"  {_marks(one.finding_ids, told, anchored)}**{title}** ({links(one.finding_ids)}): "
                f"{advice(one.text, 600)}"
            )


def _named(item: RoadmapItem) -> list[str]:
    """The findings that an item speaks of by itself."""
    return [*item.finding_ids, *(name for one in (*item.also, *item.remains) for name in one.finding_ids)]


def _marks(names: Iterable[str], told: Places, anchored: set[str]) -> str:
    """The anchors of what is told here and nowhere before."""
    fresh = [name for name in dict.fromkeys(names) if name in told.planned and name not in anchored]
    anchored.update(fresh)
    return "".join(map(anchor, fresh))


def _change(item: RoadmapItem) -> str:
    after = fence(item.snippet_after or "", "text")
    if item.snippet_before:
        after = f"{fence(item.snippet_before, 'text')}\n\nbecomes\n\n{after}"
    return fold("The change", after)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" if line else "" for line in text.split("\n"))


def index(report: Report) -> str:
    """Every finding, in the order of `all-findings.json`: what is told above by a link, everything else in a line or two."""
    if not report.findings:
        return "None."
    told = places(report)
    modelled = {finding["findingId"] for finding in report.findings if finding.get("origin") == "model"}
    elsewhere = told.in_full | told.brief | told.planned
    clusters = {cluster.root: cluster.cluster_id for cluster in report.clusters}
    shown_here = report.findings[:INDEX_MAX]
    above = [
        f"- **{level}**, told above: {links(names, len(names))}"
        for level, names in _by_level(shown_here, elsewhere - modelled).items()
    ]
    rows = [
        _row(finding, clusters, told=finding["findingId"] in elsewhere)
        for finding in shown_here
        if finding["findingId"] not in elsewhere - modelled
    ]
    head = "All of each (category, rule, times, evidence and where it can be read again) is in `all-findings.json`."
    text = "\n".join([*above, *rows])
    if len(report.findings) > INDEX_MAX:
        text += f"\n\n{len(report.findings) - INDEX_MAX} more are in `all-findings.json`."
    return f"{head}\n\n{text}"


def _by_level(findings: Iterable[dict[str, Any]], names: frozenset[str]) -> dict[str, list[str]]:
    levels: dict[str, list[str]] = {}
    for finding in findings:
        if finding["findingId"] in names:
            levels.setdefault(_level(finding), []).append(finding["findingId"])
    return levels


def _level(finding: dict[str, Any]) -> str:
    return str(finding.get("severity") or finding["priority"].split("_")[0])


def _row(finding: dict[str, Any], clusters: dict[str, str], *, told: bool) -> str:
    """What is told nowhere else; and what a model alone found, which says so."""
    name = finding["findingId"]
    label = f"{links([name]) if told else f'{anchor(name)}{name}'} {_level(finding)}"
    related = finding.get("relatedFindings") or []
    if finding["category"] == "CROSS_AGENT_SYNTHESIS" and related and related[0] in clusters:
        return f"- {label} joins what {clusters[related[0]]} tells, root {links(related[:1])}"
    own = "_(the model's own)_ " if finding.get("origin") == "model" else ""
    return f"- {label} {own}{inline(finding['title'], TITLE_CHARS_MAX)}, {code(evidence_place(finding), 80)}"


def evidence_place(finding: dict[str, Any]) -> str:
    """Where the first piece of evidence was seen."""
    reference = finding["evidenceRefs"][0]
    at = reference["locator"]
    if "line" in at:
        return f"{reference['source']}:{at['line']}"
    if "poll" in at:
        return f"{reference['source']} poll {at['poll']}"
    return str(reference["source"])
