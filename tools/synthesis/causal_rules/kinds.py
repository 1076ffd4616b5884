"""What kind of finding this is, for causal rules: by category, and by rule where a category holds several."""

from __future__ import annotations

from tools.clock import from_iso
from tools.findings.model import (
    ConfigCategory,
    ConfigFinding,
    Enhancement,
    Finding,
    LogCategory,
    LogFinding,
    Severity,
    StreamCategory,
    StreamFinding,
)
from tools.synthesis import entities
from tools.synthesis.entities import Entity

LOSS = "stream.silent-loss"
GHOSTS = "stream.ghost-pending"
_SILENT_MS = 120_000
"""Of lines without a time: `silence` is 30 s, and a service's rhythm may ask for some times as much."""
_SILENT_MAX_MS = 600_000
"""A clock that is apart may put the last line hours back."""
_APART = frozenset({LOSS, "stream.consumer-leak"})
"""Rules that tell of something else than their category's other rules: looked for by their id."""


def as_stream(finding: Finding, *categories: StreamCategory) -> StreamFinding | None:
    """The finding where it is a stream finding of one of the categories, and of no rule that stands apart in it."""
    if isinstance(finding, StreamFinding) and finding.category in categories:
        return None if finding.rule_id in _APART else finding
    return None


def as_rule(finding: Finding, *rule_ids: str) -> StreamFinding | None:
    """The finding where it is a stream finding of one of the rules."""
    return finding if isinstance(finding, StreamFinding) and finding.rule_id in rule_ids else None


def as_log(finding: Finding, *categories: LogCategory) -> LogFinding | None:
    """The finding where it is a log finding of one of the categories, of a service that has a name."""
    if isinstance(finding, LogFinding) and finding.category in categories:
        return finding if finding.service not in {"", "unknown"} else None
    return None


def as_config(finding: Finding, *categories: ConfigCategory) -> ConfigFinding | None:
    """The finding where it is a configuration finding of one of the categories."""
    fits = isinstance(finding, ConfigFinding) and finding.category in categories
    return finding if fits and isinstance(finding, ConfigFinding) else None


def as_code(finding: Finding, *rule_ids: str) -> Enhancement | None:
    """The finding where it is the Scout's and of one of the rules."""
    fits = isinstance(finding, Enhancement) and finding.rule_id in rule_ids
    return finding if fits and isinstance(finding, Enhancement) else None


def as_unread_growth(finding: Finding) -> StreamFinding | None:
    """The finding where it is growth because a group falls behind or nobody reads; not where only a cap is missing."""
    growing = as_stream(finding, StreamCategory.STREAM_GROWING)
    return growing if growing is not None and growing.severity is Severity.HIGH else None


def reader_of(finding: StreamFinding) -> Entity:
    """What a finding about readers is about: its group where it names one, else its stream."""
    group = finding.consumer_group
    return entities.group(finding.stream, group) if group else entities.stream(finding.stream)


def is_dead_letter(finding: StreamFinding) -> bool:
    """Whether a DELIVERY_FAILURE is a dead-letter stream that receives, not a message that is redelivered."""
    return finding.consumer_group is None or "dead-letter" in finding.rule_id


def silent_ms(finding: Finding) -> int:
    """How long a service had said nothing when that was told: since the time in its last line, else about two minutes."""
    if not isinstance(finding, LogFinding) or not is_silence(finding):
        return 0
    if finding.event_time is None:
        return _SILENT_MS
    return min(max(0, from_iso(finding.timestamp) - from_iso(finding.event_time)), _SILENT_MAX_MS)


def is_restart(finding: LogFinding) -> bool:
    """Whether a CRASH is a service that starts again and again."""
    return "restart" in finding.rule_id


def is_silence(finding: LogFinding) -> bool:
    """Whether a CRASH or ANOMALY is a service that says nothing."""
    return "silen" in finding.rule_id
