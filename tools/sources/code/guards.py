"""Whether a variable of the environment is read only where the program has found that it is there.

A test of the same name stands around the read or ends the block before it, or a handler goes on without it. A test
or a handler that complains (raises, exits) is no guard: what it asks for is required.
"""

from __future__ import annotations

import re

from tools.sources.code.answers import FAILS
from tools.sources.code.syntax import Node

_NAME = re.compile(r"""(?:["'`]|\benv\.)([A-Za-z_]\w*)""")
_TESTS = {"if_statement", "elif_clause", "while_statement", "ternary_expression"}
_FUNCTIONS = {
    "function_definition", "lambda", "function_declaration", "arrow_function", "function_expression", "method_definition",
}  # fmt: skip
_BLOCKS = {"block", "module", "statement_block", "program"}
_LEAVES = re.compile(r"\b(?:return|continue|break)\b")
_MISSES = re.compile(r"except\s*(?::|\(?[^:]*\b(?:KeyError|LookupError|Exception)\b)")
_BEFORE_MAX = 20
"""Statements before one that are looked at for a test that leaves the block."""


def is_guarded(node: Node) -> bool:
    """Whether the read at `node` is behind a test of its variable, or a handler goes on without it."""
    found = _NAME.search(node.text)
    if found is None:
        return False
    named = re.compile(rf"(?:[\"'`]|\benv\.){re.escape(found.group(1))}\b")
    inner = node
    for outer in node.ancestors():
        if outer.kind in _FUNCTIONS:
            return False
        if _is_test(outer, inner, named) or _is_handled(outer, inner) or _is_left(outer, inner, named):
            return True
        inner = outer
    return False


def _is_test(outer: Node, inner: Node, named: re.Pattern[str]) -> bool:
    if outer.kind == "conditional_expression":
        parts = outer.children()
        return not inner.same(parts[1]) and named.search(parts[1].text) is not None
    if outer.kind == "binary_expression" and "&&" in outer.tokens():
        left = outer.field("left")
        return left is not None and not inner.same(left) and named.search(left.text) is not None
    if outer.kind not in _TESTS:
        return False
    condition = outer.field("condition")
    if condition is None or inner.same(condition) or named.search(condition.text) is None:
        return False
    otherwise = outer.field("alternative")
    return otherwise is None or inner.same(otherwise) or FAILS.search(otherwise.text) is None


def _is_handled(outer: Node, inner: Node) -> bool:
    if outer.kind != "try_statement" or not inner.same(outer.field("body")):
        return False
    handlers = [part.text for part in outer.children() if part.kind == "except_clause"]
    return any(_MISSES.match(text) and not FAILS.search(text.partition(":")[2]) for text in handlers)


def _is_left(outer: Node, inner: Node, named: re.Pattern[str]) -> bool:
    if outer.kind not in _BLOCKS:
        return False
    before = [part for part in outer.children() if part.start < inner.start][-_BEFORE_MAX:]
    for part in before:
        condition, then = part.field("condition"), part.field("consequence")
        if part.kind != "if_statement" or condition is None or then is None:
            continue
        leaves = _LEAVES.search(then.text) is not None and FAILS.search(then.text) is None
        if leaves and named.search(condition.text) is not None:
            return True
    return False
