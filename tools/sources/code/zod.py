"""zod objects: `z.object({ id: z.string(), note: z.string().optional() }).strict()`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from msgspec import structs

from tools import masking
from tools.sources.code.program import Expression
from tools.sources.schema_records import MessageSchema, SchemaField

_TYPES = {
    "string": "string", "number": "number", "bigint": "integer", "int": "integer", "boolean": "boolean",
    "object": "object", "record": "object", "array": "array",
}  # fmt: skip
_OPTIONAL = {"optional", "nullish", "default", "catch", "prefault"}
_UNDECIDED = {
    "any", "unknown", "custom", "undefined", "void", "union", "preprocess", "lazy", "or", "discriminatedUnion",
    "intersection", "codec", "instanceof", "optional", "stringbool",
}  # fmt: skip
"""Makers and methods with which a field may be left out, by what stands in them."""
_COERCED = {"string", "boolean"}
"""What `z.coerce` makes of nothing without complaint: "undefined" and false."""
_KEEPS = {
    "strict",
    "passthrough",
    "strip",
    "loose",
    "describe",
    "brand",
    "readonly",
    "refine",
    "superRefine",
    "meta",
}
"""Methods of an object after which it has the same fields."""
_STEPS_MAX = 20
_OBJECTS = {"object", "strictObject", "looseObject"}

Follow = Callable[[Expression], Expression]


def zod_object(
    name: str, path: str, made: Expression, follow: Follow, lines: Sequence[str]
) -> MessageSchema | None:
    """The schema of a zod object; None where an expression is none. `follow` leads names to what they hold."""
    found = _read(made, follow, lines, 0)
    if found is None or not found.fields:
        return None
    return MessageSchema(
        name=masking.mask(name),
        path=path,
        line=made.line,
        text=_line(lines, made.line),
        form="zod",
        fields=tuple(found.fields.values()),
        closed=found.closed,
        whole=found.whole,
    )


@dataclass(slots=True)
class _Object:
    """What is known of an object so far."""

    fields: dict[str, SchemaField] = field(default_factory=dict)
    closed: bool = False
    whole: bool = True


def _read(made: Expression, follow: Follow, lines: Sequence[str], level: int) -> _Object | None:
    """The object of an expression; None where it is none."""
    if made.kind == "name":
        made = follow(made)
    if made.kind != "call" or made.callee.kind != "member" or level > _STEPS_MAX:
        return None
    callee = made.callee
    argument = made.arguments[0] if made.arguments else None
    if callee.value in _OBJECTS and callee.parts[0].kind == "name":
        given = None if argument is None else follow(argument)
        if given is None or given.kind != "map":
            return None
        found = _Object(closed=callee.value == "strictObject")
        _add(given, lines, found)
        return found
    inner = _read(callee.parts[0], follow, lines, level + 1)
    if inner is not None:
        _change(inner, callee.value, argument, (follow, lines, level))
    return inner


def _change(
    found: _Object, method: str, argument: Expression | None, reading: tuple[Follow, Sequence[str], int]
) -> None:
    """What a method of an object makes of it."""
    follow, lines, level = reading
    if method in {"extend", "safeExtend", "augment"} and argument is not None:
        given = follow(argument)
        if given.kind == "map":
            _add(given, lines, found)
        else:
            found.whole = False
    elif method == "merge" and argument is not None:
        other = _read(argument, follow, lines, level + 1)
        found.fields |= {} if other is None else other.fields
        found.whole = found.whole and other is not None and other.whole
    elif method == "partial" and argument is None:
        found.fields = {name: structs.replace(known, required=False) for name, known in found.fields.items()}
    elif method in _KEEPS:
        found.closed = method == "strict" or (
            found.closed and method not in {"passthrough", "strip", "loose"}
        )
    else:
        found.whole = False


def _add(given: Expression, lines: Sequence[str], found: _Object) -> None:
    """Add the fields of a map."""
    for key, value in given.pairs:
        if key is None or key.kind != "text":
            found.whole = False
            continue
        methods, root = _chain(value)
        constant = None
        if "literal" in methods and root.arguments and root.arguments[0].kind in {"text", "number"}:
            constant = masking.mask(root.arguments[0].value)
        changes = {"transform", "pipe", "preprocess"} & set(methods)
        kind = next((_TYPES[name] for name in methods if name in _TYPES), None)
        found.fields[masking.mask(key.value)] = SchemaField(
            name=masking.mask(key.value),
            types=() if changes or kind is None else (kind, "null") if "nullable" in methods else (kind,),
            required=_is_required(methods, root),
            constant=constant,
            line=key.line,
            text=_line(lines, key.line),
        )


def _is_required(methods: Sequence[str], root: Expression) -> bool:
    """Whether a field must be there; False too where a helper or something that is not known makes it."""
    if not methods or (_OPTIONAL | _UNDECIDED) & set(methods):
        return False
    maker = root.callee.parts[0]
    coerced = maker.kind == "member" and maker.value == "coerce" and root.callee.value in _COERCED
    return (maker.kind == "name" or maker.value == "coerce") and not coerced


def _chain(made: Expression) -> tuple[list[str], Expression]:
    """The methods of `z.a().b()`, outermost first, and the innermost call. Nothing for what is no such chain."""
    methods: list[str] = []
    root = made
    while made.kind == "call" and made.callee.kind == "member" and len(methods) < _STEPS_MAX:
        methods.append(made.callee.value)
        root, made = made, made.callee.parts[0]
    return methods, root


def _line(lines: Sequence[str], number: int) -> str:
    return masking.beginning(lines[number - 1].strip(), 300) if 0 < number <= len(lines) else ""
