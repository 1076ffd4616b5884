"""Section 2 in Markdown: critical findings and the roots of troubles in full, other causes in a few lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from tools.findings.model import StreamCategory
from tools.report import markdown_model
from tools.report.markdown_places import OTHERS_MAX, Places, anchor, links, places
from tools.report.markdown_text import advice, code, fence, fold, inline
from tools.report.model import CriticalFinding, Reach, Reached, Report
from tools.synthesis import chains
from tools.synthesis.chains import ChainStep
from tools.synthesis.clusters import Cluster
from tools.synthesis.explain import Alternative

STEPS_BRIEF = 6
STEPS_MAX = 20
REACHED_MAX = 8
"""Services, and streams, of a blast radius that are named."""
EVIDENCE_LINES_MAX = 4
EVIDENCE_CHARS_MAX = 240
"""Evidence of more lines, or longer ones, is folded."""
MEMBERS_NAMED = 8


def critical(report: Report) -> str:
    """Section 2: each in full, with its cluster's chain and blast radius (once per cluster).

    So are the roots of their clusters, and what the first page says to do first: links lead to a text, not to a row.
    """
    findings = {finding["findingId"]: finding for finding in report.findings}
    clusters = {cluster.cluster_id: cluster for cluster in report.clusters}
    parts = [inline(report.verdict.counted)] if report.verdict.counted else []
    if not report.critical:
        parts.append("No critical finding was measured.")
    told = places(report)
    clusters_told = {row.cluster_id for row in told.full}
    begun: set[str] = set()
    reaches = {reach.cluster_id: reach for reach in report.reaches}
    for row in told.full:
        cluster = clusters.get(row.cluster_id or "")
        follows = cluster is not None and cluster.cluster_id in begun
        parts.append(_in_full(row, findings[row.finding_id], told, cluster if follows else None))
        parts += markdown_model.of_finding(report.readings, row.finding_id, links)
        if cluster is not None and not follows:
            parts.append(_chain(cluster, findings, reaches.get(cluster.cluster_id)))
            parts += _at_the_end(report, cluster, findings)
            begun.add(cluster.cluster_id)
    left = sum(row.finding_id not in told.in_full for row in report.critical)
    if left:
        parts.append(f"{left} more stand in the list of all findings.")
    others = [cluster for cluster in report.clusters if cluster.cluster_id not in clusters_told]
    if others:
        parts.append("### Other causes, without a critical finding")
        parts += [_brief(cluster, findings, told) for cluster in others[:OTHERS_MAX]]
    if len(others) > OTHERS_MAX:
        parts.append(f"{len(others) - OTHERS_MAX} more are in `report.json`.")
    return "\n\n".join(parts)


def _at_the_end(report: Report, cluster: Cluster, findings: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Whether the services of a trouble that ended or fell silent ran at the end."""
    services = {findings[name].get("service") for name in cluster.members if name in findings}
    for state in report.service_states:
        if state.service in services:
            yield f"**At the end:** {inline(state.service)}: {inline(state.says)}."


def _now(name: str, told: Places) -> Iterator[str]:
    """What limits the harm of a trouble now, also where the first page says it: its links lead here for the whole."""
    item = told.items.get(name)
    if item is not None and item.now is not None:
        yield f"**Now:** {advice(item.now, 1000)}"


def _brief(cluster: Cluster, findings: dict[str, dict[str, Any]], told: Places) -> str:
    """A cluster in a few lines: root, fix, and each step to a symptom; links to the root lead here."""
    here = "" if cluster.root in told.in_full else anchor(cluster.root)
    over = told.over.get(cluster.root)
    ended = "" if over is None else f" — over by the end, {inline(over)}"
    lines = [
        f"- {here}**{cluster.cluster_id}** {cluster.severity.value} {inline(cluster.title, 160)}{ended} ({links([cluster.root])})",
        *(f"  {text}" for text in _pace(findings[cluster.root], told)),
        *(f"  {text}" for text in _now(cluster.root, told)),
        f"  **Do:** {advice(cluster.recommendation, 600)}",
    ]
    steps = islice(chains.steps_of(cluster.root, cluster.chain), STEPS_BRIEF)
    lines += [f"  {_step(step, findings)}" for step in steps]
    if len(cluster.chain) > STEPS_BRIEF:
        lines.append(f"  and {len(cluster.chain) - STEPS_BRIEF} more steps")
    lines += [f"  {_alternative(one, findings)}" for one in cluster.alternatives]
    return "  \n".join(lines)


def _in_full(row: CriticalFinding, finding: dict[str, Any], told: Places, part_of: Cluster | None) -> str:
    """A finding with all that it says; of one that is `part_of` a trouble told above, what is its own is folded."""
    name = finding["findingId"]
    level = finding.get("severity") or finding["priority"].split("_")[0]
    facts = [f"**{level}**", f"`{finding['category']}`", code(_where(finding))]
    if row.open_at_end is not None:
        facts.append("**open at the end**" if row.open_at_end else "no longer open at the end")
    if part_of is not None:
        facts.append(f"part of {part_of.cluster_id}, root {links([part_of.root])}")
    elif row.cluster_id is not None:
        facts.append(f"root of **{row.cluster_id}**")
    over = told.over.get(name)
    ended = "" if over is None else f" — over by the end, {inline(over)}"
    parts = [f"{anchor(name)}\n\n### {name} {inline(finding['title'])}{ended}", " · ".join(facts)]
    for key, title in (("hypothesis", "What it means"), ("expected", "Expected"), ("actual", "Actual")):
        if finding.get(key):
            parts.append(f"**{title}:** {inline(finding[key], 1000)}")
    parts += _members(finding)
    parts += _pace(finding, told)
    own = _measured(finding)
    do = f"**Do:** {advice(finding['recommendation'], 1000)}"
    if part_of is not None:
        body = [*own, do, f"**Evidence:** {_sources(finding)}", fence(finding["evidence"])]
        return "\n\n".join([*parts, fold("Figures, its own advice, evidence", "\n\n".join(body))])
    return "\n\n".join([*parts, *_now(name, told), do, *own, _evidence(finding)])


def _pace(finding: dict[str, Any], told: Places) -> Iterator[str]:
    """Of a lag: what its stream gets and what the group is given at the end of the window."""
    if finding["category"] == StreamCategory.CONSUMER_LAG:
        stream = (finding.get("members") or [finding["stream"]])[0]
        says = told.paces.get((stream, finding.get("consumerGroup") or ""))
        if says is not None:
            yield f"**Pace:** {inline(says)}."


def _measured(finding: dict[str, Any]) -> list[str]:
    """When it was seen, by which rule, and its figures."""
    facts = [f"{finding['occurrences']}×, {_span(finding['timestamp'], finding['lastSeen'])}"]
    facts.append(f"rule {code(finding['ruleId'])}")
    if finding["confidence"] < 1:
        facts.append(f"confidence {finding['confidence']:.2f}")
    metrics = [
        f"{name} {inline(str(value))}"
        for name, value in finding.get("metrics", {}).items()
        if value is not None
    ]
    return [f"**Seen:** {' · '.join(facts)}", *([f"**Measured:** {', '.join(metrics)}"] if metrics else [])]


def _span(first: str, last: str) -> str:
    """Two moments in UTC, to the second; the day once where it is one."""
    end = last[11:19] if last[:10] == first[:10] else f"{last[:10]} {last[11:19]}"
    began = f"{first[:10]} {first[11:19]}"
    return f"{began} UTC" if began.endswith(end) else f"{began} to {end} UTC"


def _members(finding: dict[str, Any]) -> Iterator[str]:
    """Of a family of streams: how many there are, the worst by name, and where the rest is."""
    members, more = finding.get("members") or [], finding.get("moreMembers") or 0
    if not members:
        return
    said = f"**Streams:** {len(members) + more:,} of this family, the worst first: {_named(tuple(members), 0, MEMBERS_NAMED)}."
    if len(members) > MEMBERS_NAMED:
        said += f" The first {len(members):,} stand in `all-findings.json`."
    if more:
        said += (
            f" The other {more:,} are counted only; where the last poll shows the trouble on one, its row in "
            "`streams` of `report.json` names this finding."
        )
    yield said


def _evidence(finding: dict[str, Any]) -> str:
    """Where it was seen, and what was seen there, folded where it is long."""
    text = finding["evidence"].rstrip("\n")
    lines = text.split("\n")
    short = len(lines) <= EVIDENCE_LINES_MAX and max(map(len, lines)) <= EVIDENCE_CHARS_MAX
    what = "1 line" if len(lines) == 1 else f"{len(lines)} lines"
    return f"**Evidence:** {_sources(finding)}\n\n{fence(text) if short else fold(f'The evidence, {what}', fence(text))}"


def _sources(finding: dict[str, Any]) -> str:
    places: list[str] = []
    for reference in finding["evidenceRefs"][:4]:
        at = reference["locator"]
        place = reference["source"]
        place += f":{at['line']}" if "line" in at else ""
        place += f", poll {at['poll']}" if "poll" in at else ""
        places.append(code(place))
    return ", ".join(dict.fromkeys(places))


def _chain(cluster: Cluster, findings: dict[str, dict[str, Any]], reach: Reach | None) -> str:
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
        yield (f"{number}. {_step(step, findings)} — {says} (`{step.link.rule}`, {step.link.at[11:19]})")


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
    elsewhere = _both(
        reach.services_elsewhere,
        reach.services_elsewhere_count,
        reach.streams_elsewhere,
        reach.streams_elsewhere_count,
    )
    quiet = _both(
        reach.services_quiet,
        reach.services_count - reach.services_shown_count - reach.services_elsewhere_count,
        reach.streams_quiet,
        reach.streams_count - reach.streams_shown_count - reach.streams_elsewhere_count,
    )
    onward = [f"{quiet}, of which nothing serious is known"] if quiet else []
    if elsewhere:
        onward.insert(0, f"{elsewhere}, which have troubles of their own")
    lead = f" Messages lead on from there, nearest first: {'; and '.join(onward)}." if onward else ""
    return f"**Blast radius:** {size}. It shows at {shown or 'nothing that has a name'}.{lead}"


def _both(
    services: tuple[Reached, ...], services_count: int, streams: tuple[Reached, ...], streams_count: int
) -> str:
    parts = []
    for what, some, count in (("services", services, services_count), ("streams", streams, streams_count)):
        names = tuple(one.name for one in some)
        if names:
            parts.append(f"{what} {_named(names, max(0, count - len(names)))}")
    return "; ".join(parts)


def _named(names: tuple[str, ...], more: int, named_max: int = REACHED_MAX) -> str:
    more += max(0, len(names) - named_max)
    shown = ", ".join(map(code, names[:named_max])) or "none known"
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


def _where(finding: dict[str, Any]) -> str:
    if "stream" in finding:
        group = finding.get("consumerGroup")
        return f"{finding['stream']} / {group}" if group else str(finding["stream"])
    reference = finding["evidenceRefs"][0]
    line = reference["locator"].get("line")
    place = f"{reference['source']}:{line}" if line else str(reference["source"])
    return f"{finding['service']} {place}" if finding["agentId"] == "LOG_WATCHER" else place
