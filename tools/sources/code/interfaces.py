"""TypeScript interfaces and object types, read from their file when one is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from tools import masking
from tools.sources.code.syntax import Node, parse
from tools.sources.schema_records import MessageSchema, SchemaField
from tools.sources.source_lines import lines_of

_TYPES = {
    "string": "string",
    "number": "number",
    "boolean": "boolean",
    "object": "object",
    "bigint": "integer",
}
_LEVELS_MAX = 5


def interface(path: str, lines: Sequence[str], language: str, name: str) -> MessageSchema | None:
    """The interface or object type of that name in a file; None where it has none."""
    if not any(name in line for line in lines):
        return None
    return _interface(path, "\n".join(lines), language, name)


@lru_cache(maxsize=256)
def _interface(path: str, text: str, language: str, name: str) -> MessageSchema | None:
    root = parse(text, language)
    declared = {
        named.text: node
        for node in root.find({"interface_declaration", "type_alias_declaration"})
        if (named := node.field("name")) is not None
    }
    if name not in declared:
        return None
    fields: dict[str, SchemaField] = {}
    whole = _collect(name, declared, lines_of(text), fields, 0)
    if not fields:
        return None
    line = declared[name].line
    return MessageSchema(
        name=masking.mask(name),
        path=path,
        line=line,
        text=_line(lines_of(text), line),
        form="interface",
        fields=tuple(fields.values()),
        whole=whole,
    )


def _collect(
    name: str, declared: dict[str, Node], lines: Sequence[str], fields: dict[str, SchemaField], level: int
) -> bool:
    """Add the fields of a declaration and of those it extends; whether all are known."""
    node = declared.get(name)
    if node is None or level > _LEVELS_MAX:
        return False
    body = node.field("body") or node.field("value")
    if body is None or body.kind not in {"interface_body", "object_type"}:
        return False
    whole = True
    for child in node.children():
        if child.kind == "extends_type_clause":
            for base in child.children():
                whole = _collect(base.text, declared, lines, fields, level + 1) and whole
        elif child.kind == "type_parameters":
            whole = False
    for part in body.children():
        named = part.field("name")
        if part.kind == "property_signature" and named is not None and named.kind == "property_identifier":
            fields[masking.mask(named.text)] = _field(part, named, lines)
        elif part.kind not in {"method_signature", "comment"}:
            whole = False
    return whole


def _field(part: Node, named: Node, lines: Sequence[str]) -> SchemaField:
    kind = part.field("type")
    written = kind.text.lstrip(": ") if kind is not None else ""
    constant = written[1:-1] if written[:1] in {"'", '"'} and written[:1] == written[-1:] else None
    known = _TYPES.get(written)
    return SchemaField(
        name=masking.mask(named.text),
        types=(known,) if known else (),
        required="?" not in part.tokens() and "undefined" not in written,
        constant=None if constant is None else masking.mask(constant),
        line=part.line,
        text=_line(lines, part.line),
    )


def _line(lines: Sequence[str], number: int) -> str:
    return masking.beginning(lines[number - 1].strip(), 300) if 0 < number <= len(lines) else ""
