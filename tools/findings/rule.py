"""What a detector is made of: a `Rule` (its identity) and the `Symptom`s it yields.

A symptom says what was seen and quotes it. The recorder alone turns it into a finding: id, fingerprint,
occurrences, revision and evidence references are not a detector's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tools.findings.model import (
    AgentId,
    Category,
    Effort,
    EvidenceKind,
    Impact,
    Locator,
    Origin,
    Priority,
    Severity,
    StreamMetrics,
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One deterministic check. `condition` is its row in `docs/rules.md`.

    `severity` (or `priority`, `effort`, `impact` for the Scout) is what it usually raises; where the
    severity depends on what is seen, `condition` says how and the symptom overrides it.
    """

    id: str
    agent: AgentId
    category: Category
    condition: str
    severity: Severity | None = None
    priority: Priority | None = None
    effort: Effort | None = None
    impact: Impact | None = None
    of_entries: bool = False
    """Whether it judges sampled entries: where none were read, its silence says nothing."""


@dataclass(frozen=True, slots=True)
class Quote:
    """A verbatim, already masked piece of what a source delivered, and where it lies."""

    kind: EvidenceKind
    source: str
    text: str
    locator: Locator = field(default_factory=Locator)


@dataclass(frozen=True, slots=True)
class Symptom:
    """What one rule saw on one entity at one moment.

    `entity` and `location` make the fingerprint: they hold names, never times, counts, ids or line
    numbers (for code: path and the normalised text of the line). `position` says how far the source had
    been read (source name, number that only grows); a sighting at or below a counted position is not
    counted again after a restart. `count` is how many occurrences this sighting adds. The remaining
    fields fill the agent's own finding model; those that do not belong to the rule's agent stay unset.
    """

    rule: Rule
    title: str
    entity: tuple[str, ...]
    evidence: tuple[Quote, ...]
    recommendation: str
    location: str = ""
    category: Category | None = None
    """Where one rule tells several apart; else the rule's own."""
    severity: Severity | None = None
    priority: Priority | None = None
    effort: Effort | None = None
    impact: Impact | None = None
    confidence: float = 1.0
    count: int = 1
    position: tuple[str, int] | None = None
    event_ms: int | None = None
    hypothesis: str = ""
    pattern: str = "one-off"
    service: str | None = None
    services: tuple[str, ...] = ()
    stream: str | None = None
    members: tuple[str, ...] = ()
    """Of a symptom of several streams of a family: their names, the worst first."""
    more_members: int = 0
    streams: tuple[str, ...] = ()
    consumer_group: str | None = None
    consumer: str | None = None
    message_ids: tuple[str, ...] = ()
    metrics: StreamMetrics = field(default_factory=StreamMetrics)
    correlation_id: str | None = None
    stream_id: str | None = None
    template: str | None = None
    """Of a finding about lines: what they have in common."""
    names_vary: bool = False
    """Whether names vary in it, and not what holds digits alone."""
    files: tuple[str, ...] = ()
    expected: str | None = None
    actual: str | None = None
    related_findings: tuple[str, ...] = ()
    snippet_before: str | None = None
    snippet_after: str | None = None
    origin: Origin = Origin.MEASURED
    prompt_version: str | None = None
    """Of what a model found: its prompt's name and version."""


def by_id(rules: Iterable[Rule]) -> Mapping[str, Rule]:
    """Rules by id; raises ValueError where two share one."""
    found: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in found:
            raise ValueError(f"two rules are called {rule.id}")
        found[rule.id] = rule
    return found
