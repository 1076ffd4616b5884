"""A stream that the code writes and no schema describes, in a project that describes others.

A project that describes fewer than half of its streams is left alone: it has decided so. Streams of dead letters and of replies are
not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.detectors.code import known
from tools.detectors.config import schemas
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse, MessageSchema

RULE = Rule(
    id="config.missing-schema",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.MISSING_SCHEMA,
    condition=(
        "a stream that the code writes, without a schema in documents or a model in code, where documents, pydantic or zod "
        "describe at least half of the streams that the code writes"
    ),
    severity=Severity.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
_ASIDE = re2.compile(r"(?i)dlq|dead|poison|parked|failed|repl(?:y|ies)|response|test")


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each stream without a schema."""
    written: dict[str, CodeUse] = {}
    for use in known.of_kind(view.index, CodeKind.XADD):
        if known.known(use.stream) and not known.silenced(view.index, RULE.id, use):
            written.setdefault(use.stream.value or "", use)
    described = {
        stream: found
        for stream in written
        if (found := schemas.of_stream(view.index, stream) or schemas.models_of(view.index, stream))
    }
    # The type of a parameter describes a message, but is no promise that messages are described.
    promised = {
        name: schema for name, found in described.items() for schema in found if schema.form != "interface"
    }
    if not promised or 2 * len(promised) < len(written):
        return
    example = promised[min(promised)]
    for stream, use in sorted(written.items()):
        expected = any(entry.matches(stream=stream) for entry in view.judgement.expect)
        if stream not in described and not expected and not _ASIDE.search(stream):
            yield _symptom(use, stream, example, len(promised))


def _symptom(use: CodeUse, stream: str, example: MessageSchema, described: int) -> Symptom:
    place = f"{use.path}:{use.line}"
    return Symptom(
        rule=RULE,
        title=f"No schema describes what {place} adds to {stream!r}",
        entity=(stream,),
        evidence=(*known.chain_quotes(use, use.stream)[:3], example.quote()),
        recommendation=f"Describe the message in {example.path}, as {example.name} is at line {example.line}.",
        confidence=known.confidence_of(use.stream),
        position=(use.path, 0),
        service=use.service or "cross-service",
        streams=(stream,),
        files=(place, f"{example.path}:{example.line}"),
        expected=f"a schema, as {described} other streams of the code have one",
        actual=f"none for {stream!r}",
    )
