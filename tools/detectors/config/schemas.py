"""Which schemas are of which stream, and how a payload or an entry compares with them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from tools.detectors.code import known
from tools.detectors.config.names import normal
from tools.sources.records import CodeIndex, CodeKind, CodeUse, EntryShape, MessageSchema, SchemaField

_CONTAINERS = frozenset({"data", "payload", "body", "message", "event", "value", "json", "content", "msg"})
"""Names, small, of a field that may hold the message itself: beside one, a missing field may be inside of it."""
_ACCEPTS: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"int", "empty"}),
    "number": frozenset({"int", "float", "empty"}),
    "boolean": frozenset({"bool", "int", "empty"}),
    "object": frozenset({"json", "empty"}),
    "array": frozenset({"json", "empty"}),
    "null": frozenset({"empty"}),
}
"""Types of values on the wire, where all is text, that a type of JSON Schema allows. A string may be anything."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a message differs from a schema: fields that it lacks, that are refused, and of another type."""

    schema: MessageSchema
    missing: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    mistyped: Mapping[str, str] = field(default_factory=dict)
    """Field → the type on the wire."""

    @property
    def size(self) -> int:
        """How many fields differ."""
        return len(self.missing) + len(self.refused) + len(self.mistyped)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields that differ, each once."""
        return tuple(dict.fromkeys((*self.missing, *self.refused, *self.mistyped)))


_Compare = Callable[[MessageSchema], Difference | None]


def of_stream(index: CodeIndex, stream: str) -> tuple[MessageSchema, ...]:
    """The schemas of a stream: by its name, or of a schema that names none, by the words of its own name."""
    named = [
        schema for schema in index.schemas if schema.stream is not None and _is_of(schema.stream, stream)
    ]
    if named:
        return tuple(named)
    words = normal(stream)
    return tuple(
        schema for schema in index.schemas if schema.stream is None and words and normal(schema.name) == words
    )


def models_of(index: CodeIndex, stream: str) -> tuple[MessageSchema, ...]:
    """The models in code that make what is added to a stream, or by which it is read."""
    found: dict[tuple[str, str], MessageSchema] = {}
    for use in known.of_kind(index, CodeKind.XADD, CodeKind.XREADGROUP):
        if use.around.model is not None and known.value(use.stream) == stream:
            found.setdefault((use.around.model.path, use.around.model.name), use.around.model)
    return tuple(found.values())


def made_by(index: CodeIndex, stream: str) -> tuple[MessageSchema, ...]:
    """The models of a stream's producers, where every producer has one: then no other message is added."""
    adds = [use for use in known.of_kind(index, CodeKind.XADD) if known.may_be(use.stream, stream)]
    models = [use.around.model for use in adds if use.around.model is not None and known.known(use.stream)]
    return tuple(models) if len(models) == len(adds) else ()


def _is_of(pattern: str, stream: str) -> bool:
    return pattern == stream or known.fits(pattern, stream)


def of_payload(use: CodeUse, schemas: Collection[MessageSchema]) -> Difference | None:
    """How the payload of an XADD differs from the schema that it is nearest to; None where it is one, or unknown."""
    outer, inner = frozenset(use.fields), frozenset(use.around.inner_fields)
    model = use.around.model
    # What has the type of an interface has no other fields as a rule: what it lacks, the type lacks.
    is_typed = model is not None and model.form == "interface" and model.whole
    is_open = use.around.fields_open and not is_typed
    return _nearest(schemas, lambda schema: _of_names(schema, outer, inner, is_open=is_open))


def of_entry(shape: EntryShape, schemas: Collection[MessageSchema]) -> Difference | None:
    """How an entry differs from the schema that it is nearest to; None where it is one, or that cannot be said."""
    types = dict(shape.fields)
    return _nearest(schemas, lambda schema: _of_types(schema, types))


def _nearest(schemas: Collection[MessageSchema], compare: _Compare) -> Difference | None:
    """Any schema that is not whole, or that cannot be compared, may be the one that fits."""
    found: list[Difference] = []
    for schema in schemas:
        difference = compare(schema) if schema.whole and schema.fields else None
        if difference is None or difference.size == 0:
            return None
        found.append(difference)
    return min(found, key=lambda difference: difference.size, default=None)


def _of_names(
    schema: MessageSchema, outer: frozenset[str], inner: frozenset[str], *, is_open: bool
) -> Difference | None:
    is_inside = len(inner & schema.names) > len(outer & schema.names)
    names = inner if is_inside else outer
    if not _is_about(schema, names) or (not is_inside and _holds_more(schema, names)):
        return None
    # Names inside of JSON may be of more than one message: none of them is refused then.
    refused = names - schema.names if schema.closed and not is_inside else frozenset()
    missing = frozenset() if is_open else schema.required - names
    return Difference(schema, tuple(sorted(missing)), tuple(sorted(refused)))


def _of_types(schema: MessageSchema, types: Mapping[str, str]) -> Difference | None:
    names = frozenset(types)
    if not _is_about(schema, names) or _holds_more(schema, names):
        return None
    refused = names - schema.names if schema.closed else frozenset()
    mistyped = {
        found.name: types[found.name]
        for found in schema.fields
        if found.name in types and not _allows(found, types[found.name])
    }
    return Difference(schema, tuple(sorted(schema.required - names)), tuple(sorted(refused)), mistyped)


def _is_about(schema: MessageSchema, names: frozenset[str]) -> bool:
    """Whether these names are this message at all: half of what it must have is there, or another form is used."""
    wanted = schema.required or schema.names
    return 2 * len(names & wanted) >= len(wanted)


def _holds_more(schema: MessageSchema, names: Iterable[str]) -> bool:
    return any(name.lower() in _CONTAINERS and name not in schema.names for name in names)


def _allows(found: SchemaField, on_the_wire: str) -> bool:
    if not found.types:
        return True
    return any(on_the_wire in _ACCEPTS.get(kind, {on_the_wire}) for kind in found.types)
