"""Expressions out of nodes of any language."""

from __future__ import annotations

from tools.sources.code.program import TEXT_CHARS_MAX, Expression, ExpressionKind
from tools.sources.code.syntax import Node


def make(
    node: Node,
    kind: ExpressionKind,
    value: str = "",
    parts: tuple[Expression, ...] = (),
    pairs: tuple[tuple[Expression | None, Expression], ...] = (),
) -> Expression:
    """An expression at the place of a node."""
    text = node.text
    cut = text if len(text) <= TEXT_CHARS_MAX else text[: TEXT_CHARS_MAX - 1] + "…"
    return Expression(kind, cut, node.line, node.end_line, value, parts, pairs)
