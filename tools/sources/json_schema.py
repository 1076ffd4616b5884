"""JSON Schemas, read node by node: fields of an object, through local references and `allOf`.

A message that is one of several (`oneOf`, `anyOf`) is several schemas, of which one must fit. What a reader of field
names cannot decide (`not`, `if`, alternatives within alternatives, references to other files) makes a schema not whole.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from tools import masking
from tools.sources.project_place import Place
from tools.sources.project_yaml import composed, entries, mapping_of, merged, scalar, sequence_of
from tools.sources.schema_records import MessageSchema, SchemaField

DEPTH_MAX = 12
FIELDS_MAX = 500
ALTERNATIVES_MAX = 50
_ALTERNATIVES = ("oneOf", "anyOf")
_UNDECIDED = ("oneOf", "anyOf", "not", "if", "patternProperties", "dependentSchemas")


@dataclass(slots=True)
class Shape:
    """What an object's schema says."""

    fields: dict[str, SchemaField] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    closed: bool = False
    whole: bool = True

    def taken(self) -> tuple[SchemaField, ...]:
        """The fields, each with whether it is required; those that are only required too."""
        bare = {name: SchemaField(name=name) for name in self.required - self.fields.keys()}
        return tuple(
            SchemaField(
                name=known.name,
                types=known.types,
                required=name in self.required,
                constant=known.constant,
                line=known.line,
                text=known.text,
            )
            for name, known in (self.fields | bare).items()
        )


def resolved(node: yaml.Node | None, root: yaml.Node | None, depth: int = 0) -> yaml.Node | None:
    """The node that a local `$ref` means; the node itself where it is none, None where it leads nowhere."""
    reference = scalar(merged(node).get("$ref"))
    if reference is None:
        return node
    if not reference.startswith("#/") or depth > DEPTH_MAX:
        return None
    parts = [part.replace("~1", "/").replace("~0", "~") for part in reference[2:].split("/")]
    return resolved(mapping_of(root, *parts), root, depth + 1)


def shape(
    place: Place, node: yaml.Node | None, root: yaml.Node | None, option: yaml.Node | None = None
) -> Shape:
    """The fields of an object's schema; with `option`, one of its alternatives, as that has them."""
    made, source = Shape(), _Source(place, root)
    if option is None:
        _read(source, node, made, 0)
        return made
    beside = {key for key in merged(resolved(node, root)) if key not in _ALTERNATIVES}
    if beside & {"properties", "allOf", "additionalProperties"}:
        _read(source, node, made, 1, chosen=True)
        _read(source, option, made, 1)
    else:  # nothing but a choice: the option says all of it
        made.required |= {
            name
            for item in sequence_of(merged(resolved(node, root)).get("required"))
            if (name := scalar(item))
        }
        _read(source, option, made, 0)
    return made


def alternatives(node: yaml.Node | None, root: yaml.Node | None) -> list[yaml.Node]:
    """The schemas of which a message fits one; none where it has no choice, or more than one."""
    body = merged(resolved(node, root))
    choices = [sequence_of(body.get(word)) for word in _ALTERNATIVES if word in body]
    options = choices[0] if len(choices) == 1 else []
    return options if len(options) <= ALTERNATIVES_MAX else []


@dataclass(frozen=True, slots=True)
class _Source:
    place: Place
    root: yaml.Node | None


def _read(source: _Source, node: yaml.Node | None, made: Shape, depth: int, *, chosen: bool = False) -> None:
    root = source.root
    body = merged(resolved(node, root))
    if not body or depth > DEPTH_MAX or len(made.fields) > FIELDS_MAX:
        made.whole = False
        return
    kind = scalar(body.get("type"))
    undecided = [word for word in _UNDECIDED if not (chosen and word in _ALTERNATIVES)]
    if any(word in body for word in undecided) or kind not in {None, "object"}:
        made.whole = False
    # Beside `allOf` it refuses what the other parts name: nobody who writes that means it.
    if scalar(body.get("additionalProperties")) == "false" and depth == 0 and "allOf" not in body:
        made.closed = True
    made.required |= {name for item in sequence_of(body.get("required")) if (name := scalar(item))}
    for key, value in entries(body.get("properties")):
        name = scalar(key)
        if name:
            made.fields[masking.mask(name)] = _field(source, key, value)
    for part in sequence_of(body.get("allOf")):
        _read(source, part, made, depth + 1)


def _field(source: _Source, key: yaml.Node, node: yaml.Node | None) -> SchemaField:
    body = merged(resolved(node, source.root))
    options = [scalar(item) for item in sequence_of(body.get("enum"))]
    constant = scalar(body.get("const")) or (options[0] if len(options) == 1 else None)
    return SchemaField(
        name=masking.mask(scalar(key) or ""),
        types=_types(source, node, 0),
        constant=None if constant is None else masking.mask(constant),
        line=key.start_mark.line + 1,
        text=source.place.shown(key.start_mark.line + 1),
    )


def _types(source: _Source, node: yaml.Node | None, depth: int) -> tuple[str, ...]:
    """The types that a value may have; () for any, or where that cannot be said."""
    body = merged(resolved(node, source.root))
    choices = [sequence_of(body.get(word)) for word in _ALTERNATIVES if word in body]
    if "allOf" in body or len(choices) > 1 or depth > DEPTH_MAX:
        return ()
    if choices:
        found = [_types(source, option, depth + 1) for option in choices[0]]
        return tuple(dict.fromkeys(word for types in found for word in types)) if all(found) else ()
    return tuple(word for item in sequence_of(body.get("type")) if (word := scalar(item)))


def messages(
    place: Place,
    node: yaml.Node,
    root: yaml.Node | None,
    named: tuple[str, str | None],
    form: str = "asyncapi",
) -> Iterator[MessageSchema]:
    """The schema at a node, or each of its alternatives; `named` are its name and its stream."""
    options: list[yaml.Node | None] = [*alternatives(node, root)] or [None]
    for option in options:
        made = shape(place, node, root, option)
        at = resolved(option or node, root) or node
        line = at.start_mark.line + 1
        yield MessageSchema(
            # A schema without a stream is of the one that has its name.
            name=masking.mask((named[1] and _name_of(option, root)) or named[0]),
            path=place.path,
            line=line,
            text=place.shown(line),
            form="asyncapi" if form == "asyncapi" else "json-schema",
            stream=None if named[1] is None else masking.mask(named[1]),
            service=place.service,
            fields=made.taken(),
            closed=made.closed,
            whole=made.whole,
        )


def _name_of(option: yaml.Node | None, root: yaml.Node | None) -> str | None:
    """What an alternative is called: by its title, else by the place that its reference names."""
    if option is None:
        return None
    reference = scalar(merged(option).get("$ref")) or ""
    return scalar(merged(resolved(option, root)).get("title")) or reference.rpartition("/")[2] or None


def is_json_schema(text: str) -> bool:
    """Whether a text is a JSON Schema of its own."""
    head = text[:2000]
    return "json-schema.org" in head and "$schema" in head


def schemas(path: str, service: str | None, text: str) -> Iterator[MessageSchema]:
    """The schema of a file; its stream by `x-redis-stream`, its name by title or file. Raises yaml.YAMLError."""
    root = composed(text)
    body = merged(root)
    if root is None or not {"properties", "allOf", *_ALTERNATIVES} & body.keys():
        return
    stem = posixpath.basename(path).removesuffix(".json").removesuffix(".yaml").removesuffix(".yml")
    name = scalar(body.get("title")) or stem.removesuffix(".schema")
    place = Place.of(path, service, text, "json-schema")
    yield from messages(place, root, root, (name, scalar(body.get("x-redis-stream"))), "json-schema")
