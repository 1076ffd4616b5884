"""What Python makes of a value where it reads it: a fallback beside it, a test, an assignment to it."""

from __future__ import annotations

from tools.sources.code.syntax import Node

_TESTS = {"not_operator", "comparison_operator", "assert_statement", "match_statement"}
_WRAPPERS = {"await", "parenthesized_expression", "named_expression"}


def use_of(node: Node) -> tuple[str | None, bool]:
    """What becomes of a value: the text of its fallback, and whether it is only tested."""
    parent = node.parent()
    while parent is not None and parent.kind in _WRAPPERS:
        node, parent = parent, parent.parent()
    if parent is None:
        return None, False
    if parent.kind == "boolean_operator":
        left, right = parent.field("left"), parent.field("right")
        if "or" in parent.tokens() and right is not None:
            # The last of several: what becomes of it becomes of all.
            return (right.text, False) if node.same(left) else use_of(parent)
        return None, node.same(left)
    if parent.kind == "conditional_expression":
        return None, node.same(parent.children()[1])
    if parent.kind in {"if_statement", "while_statement", "elif_clause"}:
        return None, node.same(parent.field("condition"))
    return None, parent.kind in _TESTS or _is_asked(parent)


def _is_asked(arguments: Node) -> bool:
    """Whether a value is the argument of `bool(…)`."""
    call = arguments.parent() if arguments.kind == "argument_list" else None
    callee = call.field("function") if call is not None else None
    return callee is not None and callee.text == "bool"


def is_target(node: Node) -> bool:
    """Whether the value is not read but written or deleted."""
    parent = node.parent()
    if parent is None:
        return False
    return parent.kind == "delete_statement" or (
        parent.kind in {"assignment", "augmented_assignment"} and node.same(parent.field("left"))
    )
