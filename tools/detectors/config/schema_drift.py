"""What is sent is not what is documented: the code's payload, or entries of the server, against the message's schema.

Of several messages of a stream one must fit. Payloads that are not known whole, fields inside of JSON that the server
does not show, and schemas that a list of fields cannot tell are not judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from tools.detectors.code import known
from tools.detectors.config import schemas
from tools.detectors.config.schemas import Difference
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeKind, CodeUse, EntryShape, Poll, StreamState, entry_time_ms, plain_name

RULE = Rule(
    id="config.schema-drift",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.SCHEMA_DRIFT,
    condition=(
        "the payload of a producer, or an entry that is less than an hour old, lacks a field that its documented "
        "schema requires, has one that it refuses, or (entries) one of another type; where no producer of a stream makes "
        "what the model of its reader wants: HIGH"
    ),
    severity=Severity.MEDIUM,
    of_entries=True,
)
RULES: tuple[Rule, ...] = (RULE,)
RECENT_MS = 3_600_000
"""Older entries may be from before the schema or the code was changed."""


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each producer and each shape of entries that differs."""
    told: set[tuple[str, str]] = set()
    for use in known.of_kind(view.index, CodeKind.XADD):
        if not known.known(use.stream) or known.silenced(view.index, RULE.id, use):
            continue
        stream = use.stream.value or ""
        difference = schemas.of_payload(use, schemas.of_stream(view.index, stream))
        if difference is not None and (stream, use.path) not in told:
            told.add((stream, use.path))
            yield _of_code(use, stream, difference)
    yield from _unreadable(view)
    if view.now is not None:
        for state in view.now.streams:
            yield from _of_stream(view, view.now, state)


def _unreadable(view: ConfigView) -> Iterator[Symptom]:
    """Messages that no producer makes as the reader's model wants them: it refuses every one."""
    streams: dict[tuple[str, int], set[str | None]] = defaultdict(set)
    reads = [use for use in known.of_kind(view.index, CodeKind.XREADGROUP) if use.around.model is not None]
    for use in reads:
        streams[use.path, use.line].add(known.value(use.stream))
    told: set[tuple[str, str]] = set()
    for use in reads:
        model, stream = use.around.model, known.value(use.stream) or ""
        if model is None or not known.known(use.stream) or len(streams[use.path, use.line]) > 1:
            continue
        if known.silenced(view.index, RULE.id, use) or (stream, model.name) in told:
            continue
        adds = [add for add in known.of_kind(view.index, CodeKind.XADD) if known.may_be(add.stream, stream)]
        differences = [schemas.of_payload(add, [model]) for add in adds]
        if adds and all(
            found is not None and known.known(add.stream)
            for found, add in zip(differences, adds, strict=True)
        ):
            told.add((stream, model.name))
            difference = next(found for found in differences if found is not None)
            yield _of_reader(use, adds[0], stream, difference)


def _of_stream(view: ConfigView, now: Poll, state: StreamState) -> Iterator[Symptom]:
    """The worst shape of a stream, as one symptom."""
    name = plain_name(state.name)
    declared = schemas.of_stream(view.index, name) or schemas.made_by(view.index, name)
    found = [
        (difference, shape)
        for shape in state.sample
        if _is_recent(shape, now)
        for difference in [schemas.of_entry(shape, declared)]
        if difference is not None
    ]
    if found:
        difference, shape = max(found, key=lambda pair: pair[0].size)
        yield _of_entries(view, state, shape, difference)


def _is_recent(shape: EntryShape, now: Poll) -> bool:
    added_ms = entry_time_ms(shape.id)
    return added_ms is None or now.at_ms - added_ms <= RECENT_MS


def _said(difference: Difference) -> str:
    parts = []
    if difference.missing:
        parts.append(f"lacks {', '.join(map(repr, difference.missing[:6]))}")
    if difference.refused:
        parts.append(f"has {', '.join(map(repr, difference.refused[:6]))}, which the schema refuses")
    for name, kind in list(difference.mistyped.items())[:6]:
        wanted = difference.schema.field(name)
        parts.append(f"has {name!r} as {kind}, not {' or '.join(wanted.types) if wanted else 'as declared'}")
    return "; ".join(parts)


def _of_code(use: CodeUse, stream: str, difference: Difference) -> Symptom:
    schema = difference.schema
    place, line = f"{use.path}:{use.line}", schema.quote(*difference.names).locator.line
    return Symptom(
        rule=RULE,
        title=f"What {place} adds to {stream!r} is not the documented {schema.name}: it {_said(difference)}",
        entity=(stream, schema.name, "code", *difference.names[:6]),
        location=use.path,
        evidence=(*known.chain_quotes(use, use.stream)[:3], schema.quote(*difference.names)),
        recommendation=f"Bring {place} and {schema.name} in {schema.path}:{line} in line.",
        confidence=known.confidence_of(use.stream),
        position=(use.path, 0),
        service=use.service or "cross-service",
        streams=(stream,),
        files=(place, f"{schema.path}:{line}"),
        expected=f"{schema.name} ({schema.path}:{schema.line}): {_fields(sorted(schema.required))}",
        actual=f"{place} sends {_fields(use.around.inner_fields or use.fields)}",
    )


def _of_reader(read: CodeUse, add: CodeUse, stream: str, difference: Difference) -> Symptom:
    model = difference.schema
    sent, wanted = f"{add.path}:{add.line}", f"{model.path}:{model.quote(*difference.names).locator.line}"
    return Symptom(
        rule=RULE,
        severity=Severity.HIGH,
        title=f"{read.path}:{read.line} reads {stream!r} as {model.name}, and what {sent} adds {_said(difference)}",
        entity=(stream, model.name, "reader", *difference.names[:6]),
        location=read.path,
        evidence=(read.quote(), model.quote(*difference.names), *known.chain_quotes(add, add.stream)[:2]),
        recommendation=f"Bring {sent} and {model.name} ({wanted}) in line: no producer makes what it wants.",
        confidence=min(0.9, known.confidence_of(read.stream, add.stream)),
        position=(read.path, 0),
        service=read.service or "cross-service",
        streams=(stream,),
        files=(f"{read.path}:{read.line}", wanted, sent),
        expected=f"{model.name} ({model.path}:{model.line}): {_fields(sorted(model.required))}",
        actual=f"{sent} sends {_fields(add.around.inner_fields or add.fields)}",
    )


def _of_entries(view: ConfigView, state: StreamState, shape: EntryShape, difference: Difference) -> Symptom:
    schema, now = difference.schema, view.now
    assert now is not None
    stream = plain_name(state.name)
    producers = [use for use in known.of_kind(view.index, CodeKind.XADD) if known.value(use.stream) == stream]
    line = schema.quote(*difference.names).locator.line
    return Symptom(
        rule=RULE,
        title=f"Entries of {state.name!r} are not the documented {schema.name}: one {_said(difference)}",
        entity=(stream, schema.name, "entries", *difference.names[:6]),
        evidence=(
            state.quote(now.number, now.source, shape),
            schema.quote(*difference.names),
            *(use.quote() for use in producers[:2]),
        ),
        recommendation=(
            f"Find who adds such entries ({shape.id}){_by(producers)}, and correct it or {schema.path}:{line}."
        ),
        position=(now.source, now.number),
        service=producers[0].service or "cross-service" if len(producers) == 1 else "cross-service",
        streams=(state.name,),
        files=(f"{schema.path}:{line}", *known.files_of(producers[:3])),
        expected=f"{schema.name} ({schema.path}:{schema.line}): {_fields(sorted(schema.required))}",
        actual=f"entry {shape.id}: {_fields(name for name, _ in shape.fields)}",
    )


def _by(producers: list[CodeUse]) -> str:
    return f", perhaps {producers[0].path}:{producers[0].line}" if producers else ""


def _fields(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:12]) + (" and others" if len(shown) > 12 else "")
