"""Expressions of Go."""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.sources.code.making import make
from tools.sources.code.program import Expression
from tools.sources.code.syntax import Node

_TRANSPARENT = {"parenthesized_expression", "literal_element", "type_assertion_expression"}
_VERB = re.compile(r"%[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CASTS = {"string", "int", "int64", "Duration"}


def expression(node: Node) -> Expression:
    """The expression of a node; pointers and conversions are what they point to and convert."""
    while node.kind in _TRANSPARENT and (inner := node.children()):
        node = inner[0]
    maker = _MAKERS.get(node.kind)
    return maker(node) if maker is not None else make(node, "other")


def listed(node: Node | None) -> list[Node]:
    """The nodes of an expression list, or the one that stands there."""
    if node is None:
        return []
    return node.children() if node.kind == "expression_list" else [node]


def _string(node: Node) -> Expression:
    text = node.text[1:-1]
    if node.kind == "interpreted_string_literal":
        text = _ESCAPE.sub(lambda m: _ESCAPED.get(m.group(1), m.group(1)), text)
    return make(node, "text", text)


def _unary(node: Node) -> Expression:
    inner = node.children()
    if not inner:
        return make(node, "other")
    if "&" in node.tokens() or "*" in node.tokens():
        return expression(inner[0])
    negative = "-" in node.tokens() and inner[0].kind == "int_literal"
    return make(node, "number", node.text) if negative else make(node, "other")


def _binary(node: Node) -> Expression:
    left, right = node.field("left"), node.field("right")
    if left is None or right is None or "+" not in node.tokens():
        return make(node, "other")
    return make(node, "joined", parts=(expression(left), expression(right)))


def _selector(node: Node) -> Expression:
    owner, name = node.field("operand"), node.field("field")
    if owner is None or name is None:
        return make(node, "other")
    return make(node, "member", name.text, (expression(owner),))


def _type(node: Node) -> Expression:
    """A type as a name: `redis.XAddArgs` is a member, `Order` a name."""
    names = node.children()
    if node.kind == "qualified_type" and len(names) == 2:
        return make(node, "member", names[1].text, (make(names[0], "name", names[0].text),))
    return make(node, "name", node.text)


def _index(node: Node) -> Expression:
    owner, key = node.field("operand"), node.field("index")
    if owner is None or key is None:
        return make(node, "other")
    made = expression(key)
    if made.kind == "text":
        return make(node, "member", made.value, (expression(owner),))
    return make(node, "index", "", (expression(owner), made))


def _call(node: Node) -> Expression:
    callee, arguments = node.field("function"), node.field("arguments")
    if callee is None:
        return make(node, "other")
    given = [
        child for child in (arguments.children() if arguments is not None else []) if child.kind != "comment"
    ]
    parts = [expression(part) for part in given]
    called = expression(callee)
    if called.value in _CASTS and len(parts) == 1 and called.kind == "name":
        return parts[0]
    if called.text == "fmt.Sprintf" and parts and parts[0].kind == "text":
        return _formatted(node, parts)
    return make(node, "call", "", (called, *parts))


def _formatted(node: Node, parts: list[Expression]) -> Expression:
    """`fmt.Sprintf("a:%s", x)` as its pieces."""
    pieces = _VERB.split(parts[0].value.replace("%%", "%"))
    found: list[Expression] = []
    for number, piece in enumerate(pieces):
        if piece:
            found.append(make(node, "text", piece))
        if number < len(pieces) - 1:
            found.append(parts[number + 1] if number + 1 < len(parts) else make(node, "other"))
    return make(node, "joined", parts=tuple(found))


def _conversion(node: Node) -> Expression:
    """What the grammar takes for a conversion may be a call: `os.Getenv("X")` in a declaration."""
    kind, given = node.field("type"), node.field("operand")
    if kind is None or given is None:
        return make(node, "other")
    if kind.kind == "qualified_type":
        return make(node, "call", "", (_type(kind), expression(given)))
    return expression(given)


def _composite(node: Node) -> Expression:
    """A struct as the call of its type, with its fields by name; maps and slices as what they hold."""
    kind, body = node.field("type"), node.field("body")
    if kind is None or body is None:
        return make(node, "other")
    elements = [child for child in body.children() if child.kind != "comment"]
    if kind.kind in {"slice_type", "array_type", "implicit_length_array_type"}:
        parts = (
            element.children()[-1] if element.kind == "keyed_element" else element for element in elements
        )
        return make(node, "list", parts=tuple(map(expression, parts)))
    is_map = kind.kind == "map_type"
    pairs: list[tuple[Expression | None, Expression]] = []
    for element in elements:
        sides = element.children()
        if element.kind == "keyed_element" and len(sides) == 2:
            name = sides[0].text
            pairs.append(
                (expression(sides[0]) if is_map else make(sides[0], "text", name), expression(sides[1]))
            )
    if is_map:
        return make(node, "map", pairs=tuple(pairs))
    return make(node, "call", "", (_type(kind),), tuple(pairs))


def _function(node: Node) -> Expression:
    return make(node, "other", "func")


def _spread(node: Node) -> Expression:
    return make(node, "spread", parts=tuple(map(expression, node.children())))


_MAKERS: dict[str, Callable[[Node], Expression]] = {
    "interpreted_string_literal": _string,
    "raw_string_literal": _string,
    "rune_literal": lambda node: make(node, "other"),
    "int_literal": lambda node: make(node, "number", node.text),
    "float_literal": lambda node: make(node, "number", node.text),
    "true": lambda node: make(node, "number", "true"),
    "false": lambda node: make(node, "null", "false"),
    "nil": lambda node: make(node, "null", "nil"),
    "identifier": lambda node: make(node, "name", node.text),
    "type_identifier": _type,
    "qualified_type": _type,
    "selector_expression": _selector,
    "index_expression": _index,
    "unary_expression": _unary,
    "binary_expression": _binary,
    "call_expression": _call,
    "type_conversion_expression": _conversion,
    "composite_literal": _composite,
    "func_literal": _function,
    "variadic_argument": _spread,
}
