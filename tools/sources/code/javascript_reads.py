"""What JavaScript makes of a value where it reads it: a fallback beside it, a test, an assignment to it."""

from __future__ import annotations

import re

from tools.sources.code.syntax import Node

WRAPPERS = {"await_expression", "parenthesized_expression", "non_null_expression", "as_expression"}
_FALLS_BACK = {"??", "||"}
_ASSIGNS = {"assignment_expression", "augmented_assignment_expression"}
_ASKED = {
    "ternary_expression": "condition", "if_statement": "condition", "while_statement": "condition", "switch_statement": "value",
}  # fmt: skip
_ANSWERS = re.compile(r"Boolean|(?:\w+\.)*\w*(?:[bB]ool|[fF]lag|[tT]ruthy|[oO]ptional)\w*")
"""Functions that make something of nothing: what a switch is that nobody set."""
_STEPS_MAX = 6


def use_of(node: Node) -> tuple[str | None, bool]:
    """What becomes of a value: the text of its fallback, and whether it is only tested."""
    node, parent = _unwrapped(node)
    if parent is None:
        return None, False
    if parent.kind == "binary_expression":
        return _of_operator(node, parent)
    asked = _ASKED.get(parent.kind)
    if asked is not None:
        return None, node.same(parent.field(asked))
    return (None, True) if parent.kind == "unary_expression" else _of_result(node, parent)


def _of_operator(node: Node, parent: Node) -> tuple[str | None, bool]:
    left, right, tokens = parent.field("left"), parent.field("right"), parent.tokens()
    if _FALLS_BACK & set(tokens) and right is not None:
        # The last of several: what becomes of it becomes of all.
        return (right.text, False) if node.same(left) else use_of(parent)
    return None, any(token in tokens for token in ("===", "!==", "==", "!=", "&&"))


def is_target(node: Node) -> bool:
    """Whether the value is not read but written."""
    parent = node.parent()
    return parent is not None and parent.kind in _ASSIGNS and node.same(parent.field("left"))


def _unwrapped(node: Node) -> tuple[Node, Node | None]:
    parent = node.parent()
    while parent is not None and parent.kind in WRAPPERS:
        node, parent = parent, parent.parent()
    return node, parent


def _of_result(node: Node, parent: Node | None) -> tuple[str | None, bool]:
    """The same of what one call makes of a value, or a chain (`value?.trim()`): `parseInt(value, 10) || x`."""
    is_chain = calls = False
    for _ in range(_STEPS_MAX):
        if parent is None:
            break
        if parent.kind == "arguments" and not calls:
            call = parent.parent()
            callee = call.field("function") if call is not None else None
            if call is None or callee is None:
                break
            if _ANSWERS.fullmatch(callee.text):
                return None, True
            calls = True
            node, parent = _unwrapped(call)
        elif parent.kind == "member_expression" and node.same(parent.field("object")):
            is_chain = is_chain or "optional_chain" in parent.tokens()
            if not is_chain:
                break  # it throws where there is no value
            node, parent = _unwrapped(parent)
        elif parent.kind == "call_expression" and is_chain and node.same(parent.field("function")):
            node, parent = _unwrapped(parent)
        else:
            break
    right = parent.field("right") if parent is not None and parent.kind == "binary_expression" else None
    if parent is not None and right is not None and node.same(parent.field("left")):
        return (right.text if _FALLS_BACK & set(parent.tokens()) else None), is_chain
    return None, is_chain
