"""Symptom → finding model, per agent: which fields go where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tools.clock import iso
from tools.findings.model import (
    FINDING,
    AgentId,
    ConfigFinding,
    EvidenceRef,
    Finding,
    StreamFinding,
    rank_of,
)
from tools.findings.rule import Symptom
from tools.masking import mask

Evidence = tuple[str, tuple[EvidenceRef, ...]]
_NAMED_MAX = 3
_FIGURES = ("metrics", "pattern", "message_ids", "members", "more_members", "related_findings")


def build(symptom: Symptom, finding_id: str, fingerprint: str, at: str, evidence: Evidence) -> Finding:
    """A new finding. Raises pydantic.ValidationError where the symptom lacks what its model needs."""
    text, references = evidence
    data: dict[str, Any] = {
        "agent_id": symptom.rule.agent,
        "finding_id": finding_id,
        "category": symptom.category or symptom.rule.category,
        "title": mask(symptom.title),
        "timestamp": at,
        "last_seen": at,
        "event_time": None if symptom.event_ms is None else iso(symptom.event_ms),
        "evidence": text,
        "evidence_refs": references,
        "recommendation": mask(symptom.recommendation),
        "rule_id": symptom.rule.id,
        "fingerprint": fingerprint,
        "occurrences": symptom.count,
        "confidence": symptom.confidence,
        "origin": symptom.origin,
        "prompt_version": symptom.prompt_version,
        "counted_to": {} if symptom.position is None else dict([symptom.position]),
    }
    return FINDING.validate_python(data | _AGENT_FIELDS[symptom.rule.agent](symptom))


def merge(known: Finding, symptom: Symptom, at: str, evidence: Evidence | None) -> Finding:
    """The finding after one more sighting; a worse sighting brings its severity and its evidence.

    Each sighting brings its figures (metrics, pattern, message ids, members, related findings), never a new id.
    """
    fresh = _AGENT_FIELDS[symptom.rule.agent](symptom)
    update: dict[str, Any] = {"last_seen": max(at, known.last_seen)}
    update["occurrences"] = known.occurrences + symptom.count
    if symptom.position is not None:
        update["counted_to"] = known.counted_to | dict([symptom.position])
    update |= {key: fresh[key] for key in _FIGURES if key in fresh}
    if isinstance(known, StreamFinding) and known.members and not symptom.members:
        update["members"] = (fresh["stream"],)  # the figures are of this one, whatever the words are of
    if evidence is not None:
        update |= fresh | {"title": mask(symptom.title)}
        update |= {"recommendation": mask(symptom.recommendation), "confidence": symptom.confidence}
        update |= {"evidence": evidence[0], "evidence_refs": evidence[1]}
    if isinstance(known, ConfigFinding):
        update["ended_at"] = None
    merged = FINDING.validate_python(dict(known) | update)
    return merged if rank_of(merged) <= rank_of(known) else known.model_copy(update=update)


def ended(known: ConfigFinding, at: str, changed: Sequence[str]) -> ConfigFinding:
    """The finding once the files, of which `changed` did, no longer show it; its evidence stays as it was."""
    ours = {place.rpartition(":")[0] or place for place in known.affected_files}
    named = [path for path in changed if path in ours] or list(changed)
    shown = ", ".join(named[:_NAMED_MAX]) + (" and others" if len(named) > _NAMED_MAX else "")
    done = (
        f"Nothing is left to do in the files: read again at {at}, they no longer show this (changed since: {shown}). "
        "What was started before goes on with what it read then, until it is restarted."
    )
    update = {"ended_at": at, "title": f"{known.title} (no longer, at {at})", "recommendation": mask(done)}
    return known.model_copy(update=update)


def _log_fields(symptom: Symptom) -> dict[str, Any]:
    return {
        "severity": symptom.severity or symptom.rule.severity,
        "service": mask(symptom.service or "unknown"),
        "correlation_id": symptom.correlation_id,
        "stream_id": symptom.stream_id,
        "template": symptom.template and mask(symptom.template),
        "names_vary": symptom.names_vary,
        "pattern": mask(symptom.pattern),
        "hypothesis": mask(symptom.hypothesis),
    }


def _stream_fields(symptom: Symptom) -> dict[str, Any]:
    return {
        "severity": symptom.severity or symptom.rule.severity,
        "stream": symptom.stream and mask(symptom.stream),
        "members": tuple(map(mask, symptom.members)),
        "more_members": symptom.more_members,
        "consumer_group": symptom.consumer_group and mask(symptom.consumer_group),
        "consumer": symptom.consumer and mask(symptom.consumer),
        "message_ids": symptom.message_ids,
        "metrics": symptom.metrics,
        "hypothesis": mask(symptom.hypothesis),
    }


def _config_fields(symptom: Symptom) -> dict[str, Any]:
    return {
        "severity": symptom.severity or symptom.rule.severity,
        "service": mask(symptom.service or "cross-service"),
        "affected_files": tuple(map(mask, symptom.files)),
        "affected_streams": tuple(map(mask, symptom.streams)),
        "consumer_group": symptom.consumer_group and mask(symptom.consumer_group),
        "expected": None if symptom.expected is None else mask(symptom.expected),
        "actual": None if symptom.actual is None else mask(symptom.actual),
    }


def _scout_fields(symptom: Symptom) -> dict[str, Any]:
    rule = symptom.rule
    return {
        "priority": symptom.priority or rule.priority,
        "effort": symptom.effort or rule.effort,
        "impact": symptom.impact or rule.impact,
        "affected_services": tuple(map(mask, symptom.services)),
        "affected_streams": tuple(map(mask, symptom.streams)),
        "affected_files": tuple(map(mask, symptom.files)),
        "related_findings": symptom.related_findings,
        "pattern": mask(symptom.pattern),
        "code_snippet_before": symptom.snippet_before and mask(symptom.snippet_before),
        "code_snippet_after": symptom.snippet_after and mask(symptom.snippet_after),
    }


_AGENT_FIELDS = {
    AgentId.LOG_WATCHER: _log_fields,
    AgentId.REDIS_STREAM_ANALYST: _stream_fields,
    AgentId.CONFIG_AUDITOR: _config_fields,
    AgentId.ENHANCEMENT_SCOUT: _scout_fields,
}
