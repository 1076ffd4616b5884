"""The four finding models and their union: the contract of every `findings/*.jsonl` line.

JSON keys are camelCase; Python names are snake_case. Records are frozen and refuse unknown keys.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal, final

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator
from pydantic.alias_generators import to_camel


class _Name(StrEnum):
    """Names that are looked up a million times in a large session: Enum's own hash is a call in Python."""

    __hash__ = str.__hash__


class AgentId(_Name):
    """The four specialists."""

    LOG_WATCHER = "LOG_WATCHER"
    REDIS_STREAM_ANALYST = "REDIS_STREAM_ANALYST"
    CONFIG_AUDITOR = "CONFIG_AUDITOR"
    ENHANCEMENT_SCOUT = "ENHANCEMENT_SCOUT"

    @property
    def slug(self) -> str:
        """The name used for files and folders: `log-watcher` and so on."""
        return _SLUGS[self]

    @property
    def prefix(self) -> str:
        """The prefix of finding ids: `LW`, `RSA`, `CA`, `ES`."""
        return _PREFIXES[self]


_SLUGS = {
    AgentId.LOG_WATCHER: "log-watcher",
    AgentId.REDIS_STREAM_ANALYST: "stream-analyst",
    AgentId.CONFIG_AUDITOR: "config-auditor",
    AgentId.ENHANCEMENT_SCOUT: "enhancement-scout",
}
_PREFIXES = {
    AgentId.LOG_WATCHER: "LW",
    AgentId.REDIS_STREAM_ANALYST: "RSA",
    AgentId.CONFIG_AUDITOR: "CA",
    AgentId.ENHANCEMENT_SCOUT: "ES",
}


class Severity(_Name):
    """Severity; order by `rank`, never by name."""

    CRITICAL = "CRITICAL"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"
    INFO = "INFO"

    @property
    def rank(self) -> int:
        """0 for CRITICAL to 4 for INFO."""
        return _SEVERITIES[self]


_SEVERITIES = {severity: rank for rank, severity in enumerate(Severity)}


class Priority(_Name):
    """Priority of an enhancement; for sorting, P0 to P3 rank as CRITICAL to LOW."""

    P0_CRITICAL = "P0_CRITICAL"
    P1_HIGH = "P1_HIGH"
    P2_MEDIUM = "P2_MEDIUM"
    P3_LOW = "P3_LOW"

    @property
    def rank(self) -> int:
        """0 for P0 to 3 for P3, on the scale of `Severity.rank`."""
        return _PRIORITIES[self]


_PRIORITIES = {priority: rank for rank, priority in enumerate(Priority)}


class Effort(StrEnum):
    """Working time of an enhancement."""

    HOURS_2_4 = "HOURS_2_4"
    HOURS_4_8 = "HOURS_4_8"
    DAYS_1_2 = "DAYS_1_2"
    SPRINT = "SPRINT"


class Impact(StrEnum):
    """What an enhancement gains."""

    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


class Origin(StrEnum):
    """Who found it: a deterministic rule, or the model alone."""

    MEASURED = "measured"
    MODEL = "model"


class LogCategory(_Name):
    """Categories of the Log Watcher."""

    BUG = "BUG"
    ANOMALY = "ANOMALY"
    SECURITY = "SECURITY"
    CRASH = "CRASH"
    RETRY_STORM = "RETRY_STORM"
    MEMORY_LEAK = "MEMORY_LEAK"
    TIMEOUT = "TIMEOUT"
    DOC_DRIFT = "DOC_DRIFT"


class StreamCategory(_Name):
    """Categories of the Stream Analyst."""

    CONSUMER_LAG = "CONSUMER_LAG"
    STUCK_MESSAGE = "STUCK_MESSAGE"
    MISSING_ACK = "MISSING_ACK"
    DEAD_CONSUMER = "DEAD_CONSUMER"
    STREAM_GROWING = "STREAM_GROWING"
    NO_CONSUMER_GROUP = "NO_CONSUMER_GROUP"
    ORPHANED_STREAM = "ORPHANED_STREAM"
    COMPETING_CONSUMERS = "COMPETING_CONSUMERS"
    DELIVERY_FAILURE = "DELIVERY_FAILURE"
    SCHEMA_INCONSISTENCY = "SCHEMA_INCONSISTENCY"
    UNBOUNDED_STREAM = "UNBOUNDED_STREAM"
    MISSING_MAXLEN = "MISSING_MAXLEN"


class ConfigCategory(_Name):
    """Categories of the Config Auditor."""

    CONFIG_DRIFT = "CONFIG_DRIFT"
    DOC_DRIFT = "DOC_DRIFT"
    SCHEMA_DRIFT = "SCHEMA_DRIFT"
    NAMING_INCONSISTENCY = "NAMING_INCONSISTENCY"
    MISSING_SCHEMA = "MISSING_SCHEMA"
    ENV_MISMATCH = "ENV_MISMATCH"
    PORT_CONFLICT = "PORT_CONFLICT"
    VERSION_MISMATCH = "VERSION_MISMATCH"
    ROGUE_STREAM = "ROGUE_STREAM"
    MISSING_ENV_VAR = "MISSING_ENV_VAR"
    GROUP_NAME_MISMATCH = "GROUP_NAME_MISMATCH"


class ScoutCategory(_Name):
    """Categories of the Enhancement Scout."""

    STREAM_ANTI_PATTERN = "STREAM_ANTI_PATTERN"
    OBSERVABILITY_GAP = "OBSERVABILITY_GAP"
    PERFORMANCE = "PERFORMANCE"
    RESILIENCE = "RESILIENCE"
    ARCHITECTURE = "ARCHITECTURE"
    DX_IMPROVEMENT = "DX_IMPROVEMENT"
    CROSS_AGENT_SYNTHESIS = "CROSS_AGENT_SYNTHESIS"


Category = LogCategory | StreamCategory | ConfigCategory | ScoutCategory

Timestamp = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
Fingerprint = Annotated[str, Field(pattern=r"^v1:[0-9a-f]{20}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class EvidenceKind(StrEnum):
    """Where a piece of evidence was seen."""

    LOG = "log"
    REDIS = "redis"
    FILE = "file"
    PROCESS = "process"
    FINDING = "finding"


class Locator(_Record):
    """Where in its source a piece lies; only the keys that make sense for its kind are set."""

    line: int | None = Field(default=None, ge=1, description="line number, from 1")
    byte_offset: int | None = Field(default=None, ge=0, description="of the original bytes")
    byte_length: int | None = Field(default=None, ge=0, description="of the original bytes")
    origin_offset: int | None = Field(
        default=None,
        ge=0,
        description="of a line that was masked as it was captured: its offset in the raw output",
    )
    poll: int | None = Field(default=None, ge=0, description="poll number, 0 is the baseline")
    stream: str | None = Field(default=None, description="stream whose reply it is")
    finding_id: str | None = None


class EvidenceCopy(_Record):
    """The masked bytes in the workspace."""

    path: str = Field(description="file, relative to the workspace")
    byte_offset: int = Field(ge=0)
    byte_length: int = Field(ge=0)


class EvidenceRef(_Record):
    """One piece of evidence: its origin, its masked copy and the copy's hash."""

    kind: EvidenceKind
    source: str = Field(description="file or journal it was seen in")
    locator: Locator
    copy_at: EvidenceCopy = Field(alias="copy")
    sha256: Sha256 = Field(description="of the masked bytes at `copy`")


class FindingBase(_Record):
    """The fields that every finding has."""

    finding_id: str = Field(pattern=r"^(LW|RSA|CA|ES)-\d{3,}$")
    title: str = Field(min_length=1, description="one line")
    timestamp: Timestamp = Field(description="when we first observed it")
    last_seen: Timestamp
    event_time: Timestamp | None = Field(default=None, description="the source's own time")
    evidence: str = Field(min_length=1, description="verbatim, secrets masked")
    evidence_refs: tuple[EvidenceRef, ...] = Field(min_length=1)
    recommendation: str = Field(min_length=1)
    rule_id: str
    fingerprint: Fingerprint
    occurrences: int = Field(default=1, ge=1)
    revision: int = Field(default=1, ge=1)
    confidence: float = Field(default=1.0, ge=0.0, le=1.0)
    origin: Origin = Origin.MEASURED
    prompt_version: str | None = Field(
        default=None, description="of a model's own finding: the prompt's name and version"
    )
    counted_to: dict[str, int] = Field(
        default_factory=dict,
        description="per source, the position up to which occurrences are counted",
    )

    @model_validator(mode="after")
    def _model_stays_below(self) -> FindingBase:
        """A quote that exists does not prove a claim: what a model alone found is at most MEDIUM, or P2."""
        level = getattr(self, "severity", None) or getattr(self, "priority", None)
        if self.origin is Origin.MODEL and level is not None and level.rank < Severity.MEDIUM.rank:
            raise ValueError("a model's own finding is at most MEDIUM or P2")
        return self


class StreamMetrics(_Record):
    """Figures of a stream finding; None where it was not looked at or does not apply."""

    stream_len: int | None = None
    pending_count: int | None = None
    consumer_lag_messages: int | None = None
    lag_source: Literal["server", "derived", "counted", "bound"] | None = None
    oldest_pending_age_ms: int | None = None
    delivery_count: int | None = None
    messages_per_minute: float | None = None


class LogFinding(FindingBase):
    """What the Log Watcher writes."""

    agent_id: Literal[AgentId.LOG_WATCHER] = AgentId.LOG_WATCHER
    category: LogCategory
    severity: Severity
    service: str
    correlation_id: str | None = None
    stream_id: str | None = Field(default=None, description="message id in the line")
    pattern: str = Field(description='"one-off", or the frequency')
    template: str | None = Field(default=None, description="what the lines have in common; <*> varies")
    names_vary: bool = Field(default=False, description="whether a <*> stands for names, which hold no digit")
    hypothesis: str


class StreamFinding(FindingBase):
    """What the Stream Analyst writes."""

    agent_id: Literal[AgentId.REDIS_STREAM_ANALYST] = AgentId.REDIS_STREAM_ANALYST
    category: StreamCategory
    severity: Severity
    stream: str = Field(description="the stream, or of several whose names differ only in ids their family")
    members: tuple[str, ...] = Field(
        default=(),
        description="of a finding about a family: the streams on which it held when it was seen last, the worst first; "
        "figures, evidence and message ids are of the first",
    )
    more_members: int = Field(default=0, ge=0, description="how many streams of the family are not listed")
    consumer_group: str | None = None
    consumer: str | None = None
    message_ids: tuple[str, ...] = ()
    metrics: StreamMetrics = StreamMetrics()
    hypothesis: str


class ConfigFinding(FindingBase):
    """What the Config Auditor writes."""

    agent_id: Literal[AgentId.CONFIG_AUDITOR] = AgentId.CONFIG_AUDITOR
    category: ConfigCategory
    severity: Severity
    service: str = Field(description="or `cross-service`")
    affected_files: tuple[str, ...] = ()
    affected_streams: tuple[str, ...] = ()
    consumer_group: str | None = None
    expected: str
    actual: str
    ended_at: Timestamp | None = Field(
        default=None, description="when the files, changed since, were first seen to show it no longer"
    )


@final
class Enhancement(FindingBase):
    """What the Enhancement Scout writes."""

    agent_id: Literal[AgentId.ENHANCEMENT_SCOUT] = AgentId.ENHANCEMENT_SCOUT
    category: ScoutCategory
    priority: Priority
    effort: Effort
    impact: Impact
    affected_services: tuple[str, ...] = ()
    affected_streams: tuple[str, ...] = ()
    related_findings: tuple[str, ...] = ()
    affected_files: tuple[str, ...] = ()
    pattern: str
    code_snippet_before: str | None = None
    code_snippet_after: str | None = None


Finding = Annotated[LogFinding | StreamFinding | ConfigFinding | Enhancement, Field(discriminator="agent_id")]
FINDING: TypeAdapter[Finding] = TypeAdapter(Finding)


_RANKS: dict[str, int] = dict([*_SEVERITIES.items(), *_PRIORITIES.items()])


def rank_of(finding: Finding) -> int:
    """Severity or priority as one number: 0 worst, 4 mildest."""
    # Asked a dozen times of each finding: one look, without the property between.
    # By its type: a model's isinstance costs thrice as much where it says no, and no kind has kinds of its own.
    return _RANKS[finding.priority if type(finding) is Enhancement else finding.severity]


def services_of(finding: Finding) -> tuple[str, ...]:
    """The services a finding names; empty where it names none."""
    if isinstance(finding, Enhancement):
        return finding.affected_services
    if isinstance(finding, StreamFinding):
        return ()
    return () if finding.service in {"", "unknown", "cross-service"} else (finding.service,)


def streams_of(finding: Finding) -> tuple[str, ...]:
    """The streams a finding names; empty where it names none."""
    if isinstance(finding, StreamFinding):
        return (finding.stream,)
    if isinstance(finding, LogFinding):
        return ()
    return finding.affected_streams


def all_streams_of(finding: Finding) -> tuple[str, ...]:
    """The streams a finding names and, of a family, the members that it lists."""
    named = streams_of(finding)
    return tuple(dict.fromkeys((*named, *finding.members))) if isinstance(finding, StreamFinding) else named


def stream_shown(finding: StreamFinding) -> str:
    """The stream that its figures and message ids are of; of a finding about a family, the worst of its members."""
    return finding.members[0] if finding.members else finding.stream


def dump(finding: Finding) -> dict[str, object]:
    """A finding as plain JSON data with camelCase keys; None values are left out."""
    # By the model's own serializer: `model_dump` does the same with a sixth more time, and a large session has 100,000.
    plain: dict[str, object] = finding.__pydantic_serializer__.to_python(
        finding, mode="json", by_alias=True, exclude_none=True
    )
    return plain
