"""The version that a message says of itself: another one than its schema, or none where the others say one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tools.detectors.code import known
from tools.detectors.config import schemas
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import VERSION_FIELDS, CodeKind, CodeUse, MessageSchema

RULE = Rule(
    id="config.schema-version",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.SCHEMA_DRIFT,
    condition=(
        "a producer whose payload says another version than the one that its schema allows: MEDIUM; payloads, known "
        "whole, without a version where at least two other streams of the project carry one: LOW, once a service"
    ),
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
CARRIED_MIN = 2
"""Streams that carry a version, from which one without it is out of line."""


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each version that differs, and one a service for payloads without one."""
    carried: dict[str, CodeUse] = {}
    bare: dict[str, CodeUse] = {}
    for use in known.of_kind(view.index, CodeKind.XADD):
        if not known.known(use.stream) or known.silenced(view.index, RULE.id, use):
            continue
        stream = use.stream.value or ""
        if _versions((*use.fields, *use.around.inner_fields)):
            carried.setdefault(stream, use)
        elif use.fields and not use.around.fields_open:
            bare.setdefault(stream, use)
        different = _different(use, schemas.of_stream(view.index, stream))
        if different is not None:
            yield _symptom(use, stream, *different)
    if len(carried) >= CARRIED_MIN:
        services: dict[str | None, list[CodeUse]] = defaultdict(list)
        for stream, use in sorted(bare.items()):
            if stream not in carried:
                services[use.service].append(use)
        for found in services.values():
            yield _without(found, carried[min(carried)])


def _versions(names: Iterable[str]) -> list[str]:
    return [name for name in names if name.lower() in VERSION_FIELDS]


def _different(use: CodeUse, found: tuple[MessageSchema, ...]) -> tuple[MessageSchema, str, str, str] | None:
    """The schema, the field, the version that it allows and the one that is sent; only where every schema differs."""
    sent = dict(use.around.constants)
    different: list[tuple[MessageSchema, str, str, str]] = []
    for schema in found:
        declared = [field for field in schema.fields if field.name in sent and field.constant is not None]
        wrong = [field for field in declared if field.constant != sent[field.name]]
        if not wrong:
            return None
        different.append((schema, wrong[0].name, wrong[0].constant or "", sent[wrong[0].name]))
    return different[0] if different else None


def _symptom(use: CodeUse, stream: str, schema: MessageSchema, *said: str) -> Symptom:
    name, wanted, sent = said
    place, line = f"{use.path}:{use.line}", schema.quote(name).locator.line
    return Symptom(
        rule=RULE,
        title=f"{place} adds version {sent!r} of {schema.name} to {stream!r}, its schema is version {wanted!r}",
        entity=(stream, schema.name, name),
        location=use.path,
        evidence=(*known.chain_quotes(use, use.stream)[:3], schema.quote(name)),
        recommendation=f"Raise {name} where {place} makes the message, or correct {schema.path}:{line}.",
        confidence=known.confidence_of(use.stream),
        position=(use.path, 0),
        service=use.service or "cross-service",
        streams=(stream,),
        files=(place, f"{schema.path}:{line}"),
        expected=f"{name} is {wanted!r} ({schema.path}:{line})",
        actual=f"{place} sends {sent!r}",
    )


def _without(uses: list[CodeUse], example: CodeUse) -> Symptom:
    streams = known.streams_of(uses)
    shown = ", ".join(map(repr, streams[:5])) + (" and others" if len(streams) > 5 else "")
    carries = _versions((*example.fields, *example.around.inner_fields))[0]
    return Symptom(
        rule=RULE,
        category=ConfigCategory.MISSING_SCHEMA,
        severity=Severity.LOW,
        title=f"Messages of {uses[0].service or 'shared code'} to {shown} say no version",
        entity=(uses[0].service or "", "no version"),
        evidence=(*(use.quote() for use in uses[:5]), example.quote()),
        recommendation=f"Send {carries} too, as {example.path}:{example.line} does, so that readers can tell old from new.",
        position=(uses[0].path, 0),
        service=uses[0].service or "cross-service",
        streams=streams,
        files=known.files_of([*uses[:5], example]),
        expected=f"{carries}, as other messages of the project carry it",
        actual=f"none on {shown}",
    )
