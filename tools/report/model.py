"""The report as data: the eight sections of specification 3. Every format is made from this and nothing else.

Findings stand in `findings` as they are in their journals, but that files of the project stand by their path in it;
sections name them by id.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from tools.detectors.ledger.records import Ledger
from tools.findings.model import Effort, Priority, Severity
from tools.findings.readings import Reading
from tools.report.streams_model import StreamHealth, TopologyEdge
from tools.synthesis.clusters import Cluster
from tools.synthesis.drift import DriftRow
from tools.synthesis.flows.model import Flows
from tools.synthesis.health import Health
from tools.synthesis.sessions.comparison import SessionComparison
from tools.synthesis.timeline import Timeline
from tools.synthesis.wording import ClusterWording

SCHEMA_VERSION = 1


class Verdict(Struct, frozen=True, kw_only=True, rename="camel"):
    """The first page: are we on fire, what is it about, why, what first."""

    headline: str
    about: str = ""
    """Which system this is, and when it was looked at."""
    harm: str = ""
    """What became of messages until the end, in figures; "" where nothing serious tells of any."""
    at_the_end: str = ""
    """Whether the services that ended or fell silent ran at the end; "" where none did."""
    why: tuple[Reason, ...]
    others: tuple[Reason, ...] = ()
    """Further causes and lone findings that are as serious, by their title alone."""
    more: int = 0
    """As serious, and not named here."""
    counted: str = ""
    """What the troubles of the headline are, and which root causes are not among them."""
    first: tuple[Reason, ...]
    first_more: int = 0
    """What else is to be done at once or soon (P0, P1), in the roadmap alone."""
    stopped: bool = False
    """The system was started for this audit and stopped again: nothing of it runs now."""


class Reason(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One sentence and the findings that prove it."""

    text: str
    finding_ids: tuple[str, ...]
    severity: Severity | None = None
    now: str | None = None
    """Of something to do: what limits the harm until it is done."""
    cluster_id: str | None = None
    """Of a trouble that is a cluster: which one."""
    over: str | None = None
    """Of a trouble that was over by the end: when it was seen last."""
    seen: str | None = None
    """Where a text that speaks of a line has it: place and line, masked."""


class ServiceState(Struct, frozen=True, kw_only=True, rename="camel"):
    """A service that ended, was started again or fell silent: how it was seen last. Times are ISO 8601."""

    service: str
    state: Literal["running", "down", "unknown"]
    restarts: int
    """How often it was seen to start again."""
    last_start: str | None
    """When it was seen to start again last."""
    last_line: str | None
    """When its last recorded line came."""
    says: str
    """The same in words, to follow the service's name."""


class Comparison(Struct, frozen=True, kw_only=True, rename="camel"):
    """Fingerprints against the last session of this project."""

    last_session_id: str
    new: int
    persisting: int
    resolved: int
    updated: int = 0
    """Still there, at another level or in another file."""
    not_observed: int = 0
    """Neither seen nor looked for where they were."""
    flapping: int = 0
    accepted: int = 0


class ChangeView(Struct, frozen=True, kw_only=True, rename="camel"):
    """Of a session about a change: it is a partial view. Counts are of findings; None where an agent did not compare."""

    revision: str
    commit: str
    how: Literal["merge-base", "revision"]
    before: int | None
    """At the base, all of them."""
    still: int | None
    """Of these, there again and not reported."""
    gone: int | None
    new: int
    """Reported: not known of the base, or worse than there."""
    not_compared: tuple[str, ...]
    summary: str


class Dashboard(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 1. Lengths in ms; counts are of findings unless they say otherwise."""

    session_id: str
    mode: str
    health: Health | Literal["UNKNOWN"]
    started_at: str | None
    ended_at: str | None
    ended_by: str
    duration_ms: int | None
    services: tuple[str, ...]
    streams_discovered: int | None
    """None where Redis was never polled, as the next two."""
    findings: int
    by_severity: dict[str, int]
    by_priority: dict[str, int]
    by_agent: dict[str, int]
    by_category: dict[str, int]
    by_service: dict[str, int]
    unacked_messages: int | None
    """Pending entries of all groups at the last poll."""
    streams_with_lag: tuple[str, ...] | None
    drifts: int
    blind_gaps: int
    comparison: Comparison | None
    language_model: str
    language_model_cost_usd: float
    own_cost: dict[str, float]


class CriticalFinding(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 2: a finding that is CRITICAL, and the cluster it belongs to."""

    finding_id: str
    open_at_end: bool | None
    cluster_id: str | None


class Reached(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A service or a stream in the reach of a trouble. `findings` are about it: of the trouble, or of another; none: nothing serious is known of it."""

    name: str
    steps: int | None = None
    """Over how many streams messages come there from where the trouble began; None where none lead there."""
    findings: tuple[str, ...] = ()


class Reach(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a cluster's trouble shows, and where messages lead from there. Nearest first; of many the first are named."""

    cluster_id: str
    services_count: int
    streams_count: int
    services_shown: tuple[Reached, ...]
    """Services with a symptom."""
    streams_shown: tuple[Reached, ...]
    services_quiet: tuple[Reached, ...]
    """Downstream, and nothing serious is known of them."""
    streams_quiet: tuple[Reached, ...]
    services_elsewhere: tuple[Reached, ...]
    """Downstream without a symptom of this trouble, and with troubles of their own."""
    streams_elsewhere: tuple[Reached, ...]
    services_shown_count: int
    streams_shown_count: int
    services_elsewhere_count: int
    streams_elsewhere_count: int


class RoadmapItem(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 6: one thing to do. `work` tells what kind of work that is, and how long; `estimated`: the effort is by kind of finding, not by the rule.

    `now` limits the harm until it is done. Of the other serious members of the cluster, `also` is the own advice of those
    that the root does not explain, `remains` of those that should go with it.
    """

    priority: Priority
    title: str
    action: str
    effort: Effort
    estimated: bool
    work: str = ""
    finding_ids: tuple[str, ...]
    evidence: str
    cluster_id: str | None
    snippet_before: str | None
    snippet_after: str | None
    now: str | None = None
    also: tuple[Reason, ...] = ()
    remains: tuple[Reason, ...] = ()
    advice_left_out: int = 0


class Change(Struct, frozen=True, kw_only=True, rename="camel"):
    """An exact change: where, and the code or setting."""

    file: str
    language: str
    code: str


class ObservabilityGap(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 7: what could not be seen because the system does not tell it. `letter` is A to F."""

    letter: str
    title: str
    priority: Priority
    missing: tuple[str, ...]
    why: str
    files: tuple[str, ...]
    change: Change | None
    schemas: tuple[str, ...]


class SourceGap(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 7: a source that could not be looked at, or only in part.

    Where it was not seen for a span of time, `at` is when it was seen last and `until` when it was seen again, or
    the window's end; else `at` is when it was told.
    """

    what: str
    why: str
    fix: str
    source: str
    at: str
    blind: bool
    until: str | None = None


class Coverage(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 7: what was looked at and what was not."""

    window_ms: int | None
    dead_times: tuple[tuple[str, str], ...]
    redis_unseen: tuple[tuple[str, str], ...]
    """Spans of the window in which Redis, or a part of it, did not answer: from the last poll before to the first after."""
    redis_nodes: tuple[str, ...]
    """The primaries that were looked at behind Sentinels or of a cluster, each with its slots and streams."""
    polls: int
    streams: int
    streams_unread_in_detail: int
    """Groups whose consumers or pending entries were looked at in part only."""
    lines: int
    lines_by_service: dict[str, int]
    services_without_lines: tuple[str, ...]
    files_read: int | None
    languages: dict[str, int]
    rules_active: int
    rules_not_looked_at: tuple[str, ...]
    """Rule ids that exist and had nothing to look at, with the reason."""
    ignored: tuple[str, ...]
    """The `streamgauge-ignore` comments of the code: rule, place and reason."""
    limits: tuple[str, ...]
    """What a session of this mode never looks at, however well it goes."""
    agents: tuple[str, ...]
    """One sentence for each agent that was restarted or did not finish."""


class Advice(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 8: what to change before the next session to see more."""

    change: str
    closes: str
    agent: str
    effort: str


class SectionFailure(Struct, frozen=True, kw_only=True, rename="camel"):
    """A section that could not be built; the report says so in its place."""

    section: str
    reason: str


class LogTemplate(Struct, frozen=True, kw_only=True, rename="camel"):
    """Section 7: lines of one service that differ only in numbers, ids and times, and one of them.

    `expected` is the owners' reason where a `[[logs.expected]]` names them; then no other finding is about them.
    """

    service: str
    template: str
    lines: int
    pattern: str
    example: str
    finding_ids: tuple[str, ...]
    expected: str | None = None


class Report(Struct, frozen=True, kw_only=True, rename="camel"):
    """The whole report; `report.json` is this."""

    schema_version: int
    version: str
    session_id: str
    completed_at: str
    verdict: Verdict
    change: ChangeView | None
    """None where the whole project was reported."""
    dashboard: Dashboard | None
    comparison: SessionComparison | None = None
    """Against earlier sessions, with the trend over them; what only persists is counted alone. None in a session that was not prepared for it."""
    critical: tuple[CriticalFinding, ...]
    clusters: tuple[Cluster, ...]
    wordings: tuple[ClusterWording, ...] = ()
    """A model's words for clusters; they stand beside the rules' own."""
    readings: tuple[Reading, ...] = ()
    """What a model made of findings; beside them, never in them."""
    reaches: tuple[Reach, ...] = ()
    """Of the weightiest clusters; `clusters` have the bare names of all."""
    streams: tuple[StreamHealth, ...]
    ledger: Ledger | None
    """Every message of every group accounted for, or why that cannot be known; None where Redis was never polled."""
    topology: tuple[TopologyEdge, ...]
    service_states: tuple[ServiceState, ...] = ()
    """Of services that ended, were started again or fell silent, as they were seen last."""
    flows: Flows | None
    drift: tuple[DriftRow, ...]
    roadmap: tuple[RoadmapItem, ...]
    observability_gaps: tuple[ObservabilityGap, ...]
    source_gaps: tuple[SourceGap, ...]
    log_templates: tuple[LogTemplate, ...]
    """What findings about log lines are about, most lines first; lines that are expected last."""
    coverage: Coverage | None
    next_session: tuple[Advice, ...]
    failures: tuple[SectionFailure, ...]
    timeline: Timeline | None = None
    """What streams and logs did when; None where it could not be told."""
    over: dict[str, str] = {}
    """By id of the root of a trouble, or of a finding in none, that was over by the end: when it was seen last, in words."""
    findings: tuple[dict[str, Any], ...]
    """Every finding, sorted by severity rank, then time, then id."""
