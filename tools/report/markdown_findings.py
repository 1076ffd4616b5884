"""Findings in Markdown: links, the critical ones in full, the roadmap, and the table of all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

from tools.report import markdown_model
from tools.report.markdown_text import advice, code, fence, inline, table
from tools.report.model import CriticalFinding, Reach, Reached, Report, RoadmapItem
from tools.synthesis import chains
from tools.synthesis.chains import ChainStep
from tools.synthesis.clusters import Cluster
from tools.synthesis.explain import Alternative

FULL_MAX = 40
"""Critical findings in full; further ones stand in the table of all findings."""
INDEX_MAX = 500
LINKS_MAX = 8
OTHERS_MAX = 20
"""Clusters without a critical finding in section 2."""
STEPS_BRIEF = 6
STEPS_MAX = 20
REACHED_MAX = 8
"""Services, and streams, of a blast radius that are named."""
P2_MAX = 40
"""Roadmap items from P2 on; the rest is in `report.json`."""
_PHASES = {
    "P0_CRITICAL": "P0 — now: limit the harm, then mend it",
    "P1_HIGH": "P1 — this sprint",
    "P2_MEDIUM": "P2 — backlog",
    "P3_LOW": "P3 — when it is touched anyway",
}
_EFFORTS = {"HOURS_2_4": "2–4 h", "HOURS_4_8": "4–8 h", "DAYS_1_2": "1–2 days", "SPRINT": "a sprint"}


def links(finding_ids: Iterable[str], shown_max: int = LINKS_MAX) -> str:
    """Finding ids, each a link to its full text, or to its row in the table of all findings."""
    names = list(finding_ids)
    shown = ", ".join(f"[{name}](#{name.lower()})" for name in names[:shown_max])
    return f"{shown} and {len(names) - shown_max} more" if len(names) > shown_max else shown


def critical(report: Report) -> str:
    """Section 2: each in full, with its cluster's chain and blast radius (once per cluster).

    So are the roots of their clusters, and what the first page says to do first: links lead to a text, not to a row.
    """
    findings = {finding["findingId"]: finding for finding in report.findings}
    clusters = {cluster.cluster_id: cluster for cluster in report.clusters}
    parts = [inline(report.verdict.counted)] if report.verdict.counted else []
    if not report.critical:
        parts.append("No critical finding was measured.")
    full = _rows_in_full(report)
    told = {row.cluster_id for row in full}
    begun: set[str] = set()
    reaches = {reach.cluster_id: reach for reach in report.reaches}
    for row in full:
        parts.append(_in_full(row, findings[row.finding_id]))
        parts += markdown_model.of_finding(report.readings, row.finding_id, links)
        if row.cluster_id is not None and row.cluster_id in clusters:
            first = row.cluster_id not in begun
            parts.append(_chain(clusters[row.cluster_id], findings, reaches.get(row.cluster_id), first=first))
            parts += _at_the_end(report, clusters[row.cluster_id], findings) if first else []
            begun.add(row.cluster_id)
    named = {row.finding_id for row in full}
    left = sum(row.finding_id not in named for row in report.critical)
    if left:
        parts.append(f"{left} more stand in the table of all findings.")
    others = [cluster for cluster in report.clusters if cluster.cluster_id not in told]
    if others:
        parts.append("### Other causes, without a critical finding")
        parts += [_brief(cluster, findings, named) for cluster in others[:OTHERS_MAX]]
    if len(others) > OTHERS_MAX:
        parts.append(f"{len(others) - OTHERS_MAX} more are in `report.json`.")
    return "\n\n".join(parts)


def _at_the_end(report: Report, cluster: Cluster, findings: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Whether the services of a trouble that ended or fell silent ran at the end."""
    services = {findings[name].get("service") for name in cluster.members if name in findings}
    for state in report.service_states:
        if state.service in services:
            yield f"**At the end:** {inline(state.service)}: {inline(state.says)}."


def _rows_in_full(report: Report) -> list[CriticalFinding]:
    """Critical findings, each cluster's root before its other members, then what is to be done first; without repeats."""
    roots = {cluster.cluster_id: cluster.root for cluster in report.clusters}
    cluster_of = {name: cluster.cluster_id for cluster in report.clusters for name in cluster.members}
    known = {row.finding_id: row for row in report.critical}
    names: dict[str, None] = {}
    for row in report.critical[:FULL_MAX]:
        root = roots.get(row.cluster_id or "")
        names |= dict.fromkeys([root, row.finding_id] if root is not None else [row.finding_id])
    names |= dict.fromkeys(name for reason in report.verdict.first for name in reason.finding_ids)
    there = {finding["findingId"] for finding in report.findings}
    return [
        known.get(name) or CriticalFinding(finding_id=name, open_at_end=None, cluster_id=cluster_of.get(name))
        for name in names
        if name in there
    ]


def _roots_in_brief(report: Report) -> set[str]:
    told = {row.cluster_id for row in _rows_in_full(report)}
    others = [cluster for cluster in report.clusters if cluster.cluster_id not in told]
    return {cluster.root for cluster in others[:OTHERS_MAX]}


def _brief(cluster: Cluster, findings: dict[str, dict[str, Any]], in_full: set[str]) -> str:
    """A cluster in a few lines: root, fix, and each step to a symptom; links to the root lead here."""
    here = "" if cluster.root in in_full else anchor(cluster.root)
    lines = [
        f"- {here}**{cluster.cluster_id}** {cluster.severity.value} {inline(cluster.title, 160)} ({links([cluster.root])})",
        f"  **Do:** {advice(cluster.recommendation, 600)}",
    ]
    steps = islice(chains.steps_of(cluster.root, cluster.chain), STEPS_BRIEF)
    lines += [f"  {_step(step, findings)}" for step in steps]
    if len(cluster.chain) > STEPS_BRIEF:
        lines.append(f"  and {len(cluster.chain) - STEPS_BRIEF} more steps")
    lines += [f"  {_alternative(one, findings)}" for one in cluster.alternatives]
    return "  \n".join(lines)


def roadmap(report: Report) -> str:
    """Section 6, by phase."""
    if not report.roadmap:
        return "Nothing to do was found."
    parts: list[str] = []
    for phase, title in _PHASES.items():
        items = [item for item in report.roadmap if item.priority.value == phase]
        if items:
            limit = len(items) if phase < "P2" else P2_MAX
            parts.append(f"### {title}")
            parts += [_item(item) for item in items[:limit]]
            if len(items) > limit:
                parts.append(f"{len(items) - limit} more items are in `report.json`.")
    return "\n\n".join(parts)


def index(report: Report) -> str:
    """Every finding with an anchor, in the order of `all-findings.json`; two columns, for narrow screens."""
    if not report.findings:
        return "None."
    in_full = {row.finding_id for row in _rows_in_full(report)} | _roots_in_brief(report)
    rows = [_index_row(finding, in_full) for finding in report.findings[:INDEX_MAX]]
    text = table(("finding", "what, where, and where it can be read again"), rows)
    if len(report.findings) > INDEX_MAX:
        text += f"\n\n{len(report.findings) - INDEX_MAX} more are in `all-findings.json`."
    return text


def _index_row(finding: dict[str, Any], in_full: set[str]) -> tuple[str, ...]:
    name = finding["findingId"]
    where, evidence = _where(finding), _evidence_place(finding)
    places = code(where, 80) if evidence in where else f"{code(where, 80)}, evidence {code(evidence, 80)}"
    label = links([name]) if name in in_full else f"{anchor(name)}{name}"
    level = finding.get("severity") or finding["priority"].split("_")[0]
    seen = f"seen {finding['occurrences']}×, first at {finding['timestamp'][11:19]}"
    return f"{label}<br>{level}", f"{_title_of(finding)}<br>`{finding['category']}` {places}, {seen}"


def anchor(finding_id: str) -> str:
    """What links to a finding lead to: it stands once, before its full text, at the cluster that it is the root of, or in its row."""
    return f'<a id="{finding_id.lower()}"></a>'


def _evidence_place(finding: dict[str, Any]) -> str:
    """Where the first piece of evidence was seen."""
    reference = finding["evidenceRefs"][0]
    at = reference["locator"]
    if "line" in at:
        return f"{reference['source']}:{at['line']}"
    if "poll" in at:
        return f"{reference['source']} poll {at['poll']}"
    return str(reference["source"])


def _title_of(finding: dict[str, Any]) -> str:
    """What a model alone found says so."""
    title = inline(finding["title"], 160)
    return f"_(the model's own)_ {title}" if finding.get("origin") == "model" else title


def _where(finding: dict[str, Any]) -> str:
    if "stream" in finding:
        group = finding.get("consumerGroup")
        return f"{finding['stream']} / {group}" if group else str(finding["stream"])
    if finding["category"] == "CROSS_AGENT_SYNTHESIS" and finding.get("relatedFindings"):
        return f"root {finding['relatedFindings'][0]}"
    reference = finding["evidenceRefs"][0]
    line = reference["locator"].get("line")
    place = f"{reference['source']}:{line}" if line else str(reference["source"])
    return f"{finding['service']} {place}" if finding["agentId"] == "LOG_WATCHER" else place


def _in_full(row: CriticalFinding, finding: dict[str, Any]) -> str:
    facts = [f"`{finding['category']}`", code(_where(finding)), f"rule {code(finding['ruleId'])}"]
    facts += [f"seen {finding['occurrences']}×, {finding['timestamp']} to {finding['lastSeen']}"]
    if row.open_at_end is not None:
        facts.append("**open at the end**" if row.open_at_end else "no longer open at the end")
    if finding["confidence"] < 1:
        facts.append(f"confidence {finding['confidence']:.2f}")
    name = finding["findingId"]
    level = finding.get("severity") or finding["priority"].split("_")[0]
    facts.insert(0, f"**{level}**")
    parts = [anchor(name), f"### {name} {inline(finding['title'])}", " · ".join(facts)]
    for key, title in (("hypothesis", "What it means"), ("expected", "Expected"), ("actual", "Actual")):
        if finding.get(key):
            parts.append(f"**{title}:** {inline(finding[key], 1000)}")
    metrics = {name: value for name, value in finding.get("metrics", {}).items() if value is not None}
    if metrics:
        parts.append(
            "**Measured:** " + ", ".join(f"{name} {inline(str(value))}" for name, value in metrics.items())
        )
    parts.append(f"**Do:** {advice(finding['recommendation'], 1000)}")
    parts.append(f"**Evidence** ({_sources(finding)}):\n\n{fence(finding['evidence'])}")
    return "\n\n".join(parts)


def _sources(finding: dict[str, Any]) -> str:
    places: list[str] = []
    for reference in finding["evidenceRefs"][:4]:
        at = reference["locator"]
        place = reference["source"]
        place += f":{at['line']}" if "line" in at else ""
        place += f", poll {at['poll']}" if "poll" in at else ""
        place += f", byte {at['byteOffset']}" if "byteOffset" in at else ""
        places.append(f"{code(place)}, sha256 `{reference['sha256'][:12]}…`")
    return "; ".join(places)


def _chain(cluster: Cluster, findings: dict[str, dict[str, Any]], reach: Reach | None, *, first: bool) -> str:
    if not first:
        return f"_Part of the same trouble, {cluster.cluster_id}; its chain stands above._"
    head = (
        f"**Chain {cluster.cluster_id}**, root {links([cluster.root])} ({inline(cluster.entity)}), "
        f"{len(cluster.members)} findings of {', '.join(cluster.agents)}:"
    )
    lines = [head, "\n".join(_steps(cluster, findings))]
    if len(cluster.chain) > STEPS_MAX:
        lines.append(f"{len(cluster.chain) - STEPS_MAX} more steps are in `report.json`.")
    began = str(findings[cluster.root]["timestamp"])
    if any(link.at < began for link in cluster.chain):
        lines.append(
            "_Times are when each was first seen: a limit is passed some time after its cause began._"
        )
    lines.append(_blast_radius(cluster, reach))
    lines += [_alternative(one, findings) for one in cluster.alternatives]
    return "\n\n".join(lines)


def _steps(cluster: Cluster, findings: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Each link in a line; what a rule says is said once where the same follows of the same."""
    before: tuple[str, str] | None = None
    for number, step in enumerate(islice(chains.steps_of(cluster.root, cluster.chain), STEPS_MAX), start=1):
        same = before == (step.link.rule, step.told)
        says = "likewise" if same else inline(step.link.says)
        before = step.link.rule, step.told
        yield (
            f"{number}. {_step(step, findings)} — {says} "
            f"(`{step.link.rule}`, by {inline(step.link.via, 120)}, {step.link.at})"
        )


def _step(step: ChainStep, findings: dict[str, dict[str, Any]]) -> str:
    """An arrow only where one explains the other."""
    title = inline(_title(findings, step.added), 120)
    if step.role == "effect":
        return f"{links([step.told])} → {links([step.added])} {title}"
    if step.role == "cause":
        return f"{links([step.added])} {title}, also a cause of {links([step.told])}"
    return f"{links([step.told])} together with {links([step.added])} {title}"


def _blast_radius(cluster: Cluster, reach: Reach | None) -> str:
    """Where it shows, then where messages lead from there, nearest first; the bare names where that was not told."""
    if reach is None:
        radius = cluster.blast_radius
        services = _named(radius.services, radius.more_services)
        streams = _named(radius.streams, radius.more_streams)
        return f"**Blast radius:** services {services}; streams {streams}."
    size = f"{_count(reach.services_count, 'service')}, {_count(reach.streams_count, 'stream')}"
    shown = _both(
        reach.services_shown, reach.services_shown_count, reach.streams_shown, reach.streams_shown_count
    )
    quiet = _both(
        reach.services_quiet,
        reach.services_count - reach.services_shown_count,
        reach.streams_quiet,
        reach.streams_count - reach.streams_shown_count,
    )
    onward = (
        f" Messages lead on from there, nearest first, and no symptom of it was seen there: {quiet}."
        if quiet
        else ""
    )
    return f"**Blast radius:** {size}. It shows at {shown or 'nothing that has a name'}.{onward}"


def _both(
    services: tuple[Reached, ...], services_count: int, streams: tuple[Reached, ...], streams_count: int
) -> str:
    parts = []
    for what, some, count in (("services", services, services_count), ("streams", streams, streams_count)):
        names = tuple(one.name for one in some)
        if names:
            parts.append(f"{what} {_named(names, max(0, count - len(names)))}")
    return "; ".join(parts)


def _named(names: tuple[str, ...], more: int) -> str:
    more += max(0, len(names) - REACHED_MAX)
    shown = ", ".join(map(code, names[:REACHED_MAX])) or "none known"
    return f"{shown} and {more} more" if more else shown


def _count(amount: int, what: str) -> str:
    return f"{amount:,} {what}{'' if amount == 1 else 's'}"


def _alternative(one: Alternative, findings: dict[str, dict[str, Any]]) -> str:
    return (
        f"**Not decided:** {links([one.cause])} {inline(_title(findings, one.cause), 120)} would explain "
        f"{links([one.effect])} too — {inline(one.says)} (`{one.rule}`, by {inline(one.via, 120)})."
    )


def _title(findings: dict[str, dict[str, Any]], name: str) -> str:
    return str(findings[name]["title"]) if name in findings else ""


def _item(item: RoadmapItem) -> str:
    effort = f"effort: {inline(item.work)}, {'about ' if item.estimated else ''}{_EFFORTS[item.effort.value]}"
    cluster = f", {item.cluster_id}" if item.cluster_id else ""
    lines = [f"- [ ] **{inline(item.title)}** ({links(item.finding_ids)}{cluster})"]
    if item.now is not None:
        lines.append(f"  **Now:** {advice(item.now, 600)}")
    lines += [
        f"  **Mend:** {advice(item.action, 600)} _({effort})_",
        *(f"  **Also** ({links(one.finding_ids)}): {advice(one.text, 600)}" for one in item.also),
        *(f"  **If it stays** ({links(one.finding_ids)}): {advice(one.text, 600)}" for one in item.remains),
    ]
    if item.advice_left_out:
        lines.append(f"  {item.advice_left_out} more of these findings have advice of their own.")
    lines.append(f"  Evidence: {code(item.evidence, 200)}")
    text = "  \n".join(lines)
    if item.snippet_after:
        before = fence(item.snippet_before, "text") if item.snippet_before else ""
        blocks = (
            f"{before}\n\nbecomes\n\n{fence(item.snippet_after, 'text')}"
            if before
            else fence(item.snippet_after)
        )
        text += "\n\n" + "\n".join(f"  {line}" if line else "" for line in blocks.split("\n"))
    return text
