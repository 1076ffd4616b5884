"""Expressions of TypeScript and JavaScript."""

from __future__ import annotations

import re
from collections.abc import Callable

from tools.sources.code.making import make
from tools.sources.code.program import Expression
from tools.sources.code.syntax import Node

_TRANSPARENT = {
    "await_expression", "parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression",
    "type_assertion",
}  # fmt: skip
FUNCTION = "=>"
"""The value of a function that is written where it is used."""
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def expression(node: Node) -> Expression:
    """The expression of a node. `await r.xadd<T>(…)` parses with the await inside the callee: it is unwrapped."""
    while node.kind in _TRANSPARENT and (inner := node.children()):
        node = inner[-1] if node.kind == "type_assertion" else inner[0]
    maker = _MAKERS.get(node.kind)
    return maker(node) if maker is not None else make(node, "other")


def text_of(node: Node | None) -> str:
    """The text of a node that may be missing."""
    return "" if node is None else node.text


def _string(node: Node) -> Expression:
    text = "".join(child.text for child in node.children())
    return make(node, "text", _ESCAPE.sub(lambda m: _ESCAPED.get(m.group(1), m.group(1)), text))


def _template(node: Node) -> Expression:
    parts: list[Expression] = []
    for child in node.children():
        if child.kind == "template_substitution":
            inner = child.children()
            parts.append(expression(inner[0]) if inner else make(child, "other"))
        else:
            parts.append(make(child, "text", child.text))
    if all(part.kind == "text" for part in parts):
        return make(node, "text", "".join(part.value for part in parts))
    return make(node, "joined", parts=tuple(parts))


def _binary(node: Node) -> Expression:
    left, right, tokens = node.field("left"), node.field("right"), node.tokens()
    if left is None or right is None:
        return make(node, "other")
    both = (expression(left), expression(right))
    if "+" in tokens:
        return make(node, "joined", parts=both)
    if "??" in tokens or "||" in tokens:
        return make(node, "choice", parts=both)
    return make(node, "other")


def _ternary(node: Node) -> Expression:
    both = [node.field("consequence"), node.field("alternative")]
    return make(node, "choice", parts=tuple(expression(part) for part in both if part is not None))


def _member(node: Node) -> Expression:
    owner, name = node.field("object"), node.field("property")
    if owner is None or name is None:
        return make(node, "other")
    return make(node, "member", name.text, (expression(owner),))


def _subscript(node: Node) -> Expression:
    owner, key = node.field("object"), node.field("index")
    if owner is None or key is None:
        return make(node, "other")
    made = expression(key)
    if made.kind == "text":
        return make(node, "member", made.value, (expression(owner),))
    return make(node, "index", "", (expression(owner), made))


def _call(node: Node) -> Expression:
    callee, arguments = node.field("function") or node.field("constructor"), node.field("arguments")
    if callee is None:
        return make(node, "other")
    given = [
        child for child in (arguments.children() if arguments is not None else []) if child.kind != "comment"
    ]
    return make(node, "call", "", (expression(callee), *map(expression, given)))


def _object(node: Node) -> Expression:
    pairs: list[tuple[Expression | None, Expression]] = []
    for child in node.children():
        key, value = child.field("key"), child.field("value")
        if child.kind == "pair" and key is not None and value is not None:
            pairs.append((_key(key), expression(value)))
        elif child.kind == "shorthand_property_identifier":
            pairs.append((make(child, "text", child.text), make(child, "name", child.text)))
        elif child.kind == "spread_element":
            pairs.extend((None, expression(inner)) for inner in child.children())
    return make(node, "map", pairs=tuple(pairs))


def _key(node: Node) -> Expression:
    if node.kind in {"property_identifier", "private_property_identifier"}:
        return make(node, "text", node.text)
    if node.kind == "computed_property_name" and (inner := node.children()):
        return expression(inner[0])
    return expression(node)


def _list(node: Node) -> Expression:
    return make(node, "list", parts=tuple(expression(c) for c in node.children() if c.kind != "comment"))


def _spread(node: Node) -> Expression:
    return make(node, "spread", parts=tuple(map(expression, node.children())))


def _function(node: Node) -> Expression:
    return make(node, "other", FUNCTION)


def _name(node: Node) -> Expression:
    return make(node, "null" if node.text == "undefined" else "name", node.text)


_MAKERS: dict[str, Callable[[Node], Expression]] = {
    "string": _string,
    "template_string": _template,
    "binary_expression": _binary,
    "ternary_expression": _ternary,
    "member_expression": _member,
    "subscript_expression": _subscript,
    "call_expression": _call,
    "new_expression": _call,
    "object": _object,
    "array": _list,
    "spread_element": _spread,
    "identifier": _name,
    **dict.fromkeys(("arrow_function", "function_expression", "function"), _function),
    "this": lambda node: make(node, "name", "this"),
    "number": lambda node: make(node, "number", node.text),
    "true": lambda node: make(node, "number", node.text),
    "false": lambda node: make(node, "null", node.text),
    "null": lambda node: make(node, "null", node.text),
    "undefined": lambda node: make(node, "null", node.text),
}
