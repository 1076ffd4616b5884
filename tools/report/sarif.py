"""`report.sarif`: the findings about code and configuration as SARIF 2.1.0, for code scanning and editors.

A result must lie in a file of the repository, so findings without one (and those of logs and streams) stay in the
report; how many were left out is a notification. Where the standard leaves a choice, it is made as GitHub's code
scanning wants it ("SARIF support for code scanning"): paths relative to the repository, one primary location,
`primaryLocationLineHash` from our own fingerprint, so that two findings on one line stay two and a moved line stays
one. None of these rules is about security, so none has a `security-severity`: it would file them under security alerts.

All texts of the audited system are hostile: what could be an embedded link, a placeholder, markup or a hidden
character is written so that it reads as itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.detectors import registry
from tools.findings.model import AgentId, ConfigFinding, Enhancement, Finding, Severity, rank_of, services_of
from tools.findings.model import EvidenceKind as Kind
from tools.findings.rule import Rule
from tools.report import session_failure
from tools.report.markdown_text import fence, inline, shortened, visible
from tools.report.sarif_model import (
    ArtifactLocation,
    AutomationDetails,
    Configuration,
    Driver,
    Invocation,
    Level,
    Location,
    Log,
    Notification,
    PhysicalLocation,
    ReportingDescriptor,
    Result,
    ResultProperties,
    RuleProperties,
    Run,
    Text,
    Tool,
)
from tools.report.source_places import ROOT_ID, Place, Places
from tools.sources.session_facts import SessionFacts
from tools.synthesis import cross_agent

FILE = "report.sarif"
SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
RESULTS_MAX = 25_000
"""Code scanning refuses a run with more; it shows the first 5,000."""
RELATED_MAX = 20
TAGS_MAX = 20
_TEXT_CHARS_MAX = 1_000
_EVIDENCE_CHARS_MAX = 2_000
_AGENTS = (AgentId.CONFIG_AUDITOR, AgentId.ENHANCEMENT_SCOUT)
_MEASURED: tuple[Level, ...] = ("error", "error", "warning", "note", "note")
_ADVICE: tuple[Level, ...] = ("warning", "warning", "note", "note")
"""By rank. A priority of the Scout never ends a run with exit code 1, so it is never an error either."""
_PROBLEM = {"error": "error", "warning": "warning", "note": "recommendation"}
_RANKS = (95.0, 75.0, 50.0, 25.0, 5.0)
"""SARIF's `rank`: 0 to 100, higher matters more."""
_UNKNOWN_VERSION = "0.0.0"


@dataclass(frozen=True, slots=True)
class About:
    """Whose findings these are. `root` is the audited project, `facts` what the session was; None = not known."""

    session_id: str
    root: Path
    facts: SessionFacts | None = None


def build(findings: Iterable[Finding], about: About) -> Log:
    """The file's content; `findings` come worst first, and what is beyond the limit is the mildest."""
    ours = [
        item for item in findings if isinstance(item, ConfigFinding | Enhancement) and not _has_ended(item)
    ]
    places = Places.of(about.root)
    rules = _rules(ours)
    index = {rule.id: number for number, rule in enumerate(rules)}
    partial = about.facts is not None and about.facts.change is not None
    results: list[Result] = []
    without_file = 0
    for finding in ours:
        found = _places(finding)
        if not found:
            without_file += 1
        elif len(results) < RESULTS_MAX:
            results.append(_result(finding, found, places, index[finding.rule_id], is_new=partial))
    left_out = len(ours) - without_file - len(results)
    facts = about.facts
    kind = "change" if partial else "unknown" if facts is None else facts.mode
    failed = None if facts is None else session_failure.failed_phase(facts)
    return Log(
        schema=SCHEMA,
        version="2.1.0",
        runs=(
            Run(
                tool=Tool(
                    Driver("streamgauge", _UNKNOWN_VERSION if facts is None else facts.version, tuple(rules))
                ),
                invocations=(
                    Invocation(
                        execution_successful=failed is None,
                        tool_execution_notifications=tuple(_notes(without_file, left_out, facts)),
                    ),
                ),
                automation_details=AutomationDetails(f"streamgauge/{kind}/{about.session_id}"),
                original_uri_base_ids={
                    ROOT_ID: ArtifactLocation(description=Text("The root of the repository."))
                },
                column_kind="utf16CodeUnits",
                results=tuple(results),
            ),
        ),
    )


def _notes(without_file: int, left_out: int, facts: SessionFacts | None) -> Iterable[Notification]:
    if facts is not None and facts.change is not None:
        change = facts.change
        text = f"Partial view: only what changed since {plain(change.asked)} (commit {change.commit[:12]}) is here."
        yield Notification(Text(text), "note")
    if without_file:
        lie = "finding lies" if without_file == 1 else "findings lie"
        text = f"{without_file} {lie} in no file, though about code or configuration; the report has all."
        yield Notification(Text(text), "note")
    if left_out:
        text = f"More than {RESULTS_MAX} results: the mildest {left_out} are left out; the report has them."
        yield Notification(Text(text), "warning")


def _rules(findings: Sequence[Finding]) -> list[ReportingDescriptor]:
    """Every rule that could have made a result, whatever was found, and those that only a finding names."""
    known = {rule.id: rule for rule in (*registry.rules().values(), *cross_agent.RULES)}
    described = [_rule(rule) for _, rule in sorted(known.items()) if rule.agent in _AGENTS]
    ids = {rule.id for rule in described}
    for finding in findings:
        if finding.rule_id not in ids:
            ids.add(finding.rule_id)
            described.append(_unknown_rule(finding))
    return described


def _rule(rule: Rule) -> ReportingDescriptor:
    about = Text(_sentence(_no_placeholder(rule.condition)))
    worst = rule.severity.rank if rule.severity else rule.priority.rank if rule.priority else 0
    return _descriptor(rule.id, about, str(rule.category), _level(worst, advice=rule.severity is None))


def _unknown_rule(finding: Finding) -> ReportingDescriptor:
    """A rule of another version, or the language model."""
    level = _level(rank_of(finding), advice=isinstance(finding, Enhancement))
    return _descriptor(finding.rule_id, Text("A rule that this version does not have."), "", level)


def _descriptor(rule_id: str, about: Text, category: str, level: Level) -> ReportingDescriptor:
    tags = ("redis-streams", rule_id.partition(".")[0], category.lower().replace("_", "-"))
    return ReportingDescriptor(
        id=rule_id,
        name=rule_id,
        short_description=about,
        full_description=about,
        help=about,
        default_configuration=Configuration(level),
        properties=RuleProperties(
            tags=tuple(dict.fromkeys(tag for tag in tags if tag))[:TAGS_MAX],
            precision="high",
            problem_severity=_PROBLEM[level],
        ),
    )


def _result(
    finding: ConfigFinding | Enhancement, found: Sequence[Place], places: Places, rule: int, *, is_new: bool
) -> Result:
    rank = rank_of(finding)
    digest = finding.fingerprint.partition(":")[2]
    return Result(
        rule_id=finding.rule_id,
        rule_index=rule,
        level=_level(rank, advice=isinstance(finding, Enhancement)),
        message=_message(finding),
        locations=(Location(_physical(found[0], places)),),
        related_locations=tuple(
            Location(_physical(place, places), id=number, message=Text(plain(str(place))))
            for number, place in enumerate(found[1 : RELATED_MAX + 1], start=1)
        ),
        partial_fingerprints={"primaryLocationLineHash": f"{digest}:1", "streamgauge/v1": digest},
        rank=_RANKS[rank],
        properties=ResultProperties(
            finding_id=finding.finding_id,
            severity=str(finding.priority if isinstance(finding, Enhancement) else finding.severity),
            category=str(finding.category),
            occurrences=finding.occurrences,
            services=tuple(map(visible, services_of(finding))),
            streams=tuple(map(visible, finding.affected_streams)),
        ),
        baseline_state="new" if is_new else None,
    )


def _has_ended(finding: ConfigFinding | Enhancement) -> bool:
    """Whether the files no longer hold it: who looks there finds nothing."""
    return isinstance(finding, ConfigFinding) and finding.ended_at is not None


def _physical(place: Place, places: Places) -> PhysicalLocation:
    return PhysicalLocation(places.artifact(place.path), places.region(place))


def _message(finding: ConfigFinding | Enhancement) -> Text:
    """The title as a sentence of its own: where there is little room, code scanning shows the first one."""
    text = f"{_sentence(plain(finding.title))} {plain(finding.recommendation)}"
    evidence = fence(finding.evidence, chars_max=_EVIDENCE_CHARS_MAX)
    markdown = (
        f"**{inline(finding.title)}**\n\n{inline(finding.recommendation, _TEXT_CHARS_MAX)}\n\n{evidence}"
    )
    return Text(text=text, markdown=_no_placeholder(markdown))


def plain(text: str) -> str:
    """Hostile text in a plain message: one line, no embedded link, no placeholder, nothing hidden."""
    line = visible(shortened(" ".join(text.split()), _TEXT_CHARS_MAX))
    return _no_placeholder(line.replace("](", "] ("))


def _no_placeholder(text: str) -> str:
    """Braces doubled, as the standard wants them in every message (3.11.5)."""
    return text.replace("{", "{{").replace("}", "}}")


def _sentence(text: str) -> str:
    line = text[:1].upper() + text[1:]
    return line if line.endswith((".", "!", "?")) else f"{line}."


def _level(rank: int, *, advice: bool) -> Level:
    return (_ADVICE if advice else _MEASURED)[min(rank, len(_ADVICE) - 1 if advice else Severity.INFO.rank)]


def _places(finding: ConfigFinding | Enhancement) -> list[Place]:
    """Where it lies, the place it speaks of first, then where else its evidence was seen."""
    quoted = [
        Place(reference.source, reference.locator.line)
        for reference in finding.evidence_refs
        if reference.kind is Kind.FILE
    ]
    named = [Place.parse(text, {place.path for place in quoted}) for text in finding.affected_files]
    exact = {place.path: place for place in reversed(quoted) if place.line is not None}
    lined = (exact.get(place.path, place) if place.line is None else place for place in (*named, *quoted))
    return list(dict.fromkeys(lined))
