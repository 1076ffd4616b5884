"""Whether a variable of the environment is read only where the program has found that it is there.

A test of the same name stands around the read or ends the block before it, another variable switches on what the read
is for, a handler goes on without it, or a schema is given it and decides. A test or a handler that complains (raises, exits) is no guard: what it asks for is required.
"""

from __future__ import annotations

import re
from bisect import bisect_left

from tools.sources.code.answers import FAILS, Tests, is_switch
from tools.sources.code.syntax import Node

_NAME = re.compile(r"""(?:["'`]|\benv\.)([A-Za-z_]\w*)""")
_TESTS = {"if_statement", "elif_clause", "while_statement", "ternary_expression"}
_FUNCTIONS = {
    "function_definition", "lambda", "function_declaration", "arrow_function", "function_expression", "method_definition",
    "func_literal", "method_declaration",
}  # fmt: skip
_BLOCKS = {"block", "module", "statement_block", "program", "statement_list"}
_CALLS = {"call_expression", "call"}
_LEAVES = re.compile(r"\b(?:return|continue|break)\b")
_MISSES = re.compile(r"except\s*(?::|\(?[^:]*\b(?:KeyError|LookupError|Exception)\b)")
_SCHEMA = re.compile(
    r"(?:\.(?:parse|safeParse|parseAsync|safeParseAsync|validate|validateSync)|\bcreateEnv)$"
)
"""What is called with an object of variables and says itself which of them it needs."""
_BEFORE_MAX = 20
"""Statements before one that are looked at for a test that leaves the block."""


def is_guarded(node: Node, tests: Tests) -> bool:
    """Whether the read at `node` is behind a test of its variable, or a handler goes on without it."""
    found = _NAME.search(node.text)
    if found is None:
        return False
    named = re.compile(rf"(?:[\"'`]|\benv\.){re.escape(found.group(1))}\b")
    inner, in_object = node, False
    for outer in node.ancestors():
        in_object = in_object or inner.kind == "object"
        if _is_given(outer, inner, named, in_object=in_object):
            return True
        if outer.kind in _FUNCTIONS:
            return False
        if _is_test(outer, inner, named) or _is_handled(outer, inner) or _is_left(outer, inner, named, tests):
            return True
        inner = outer
    return False


def _is_given(outer: Node, inner: Node, named: re.Pattern[str], *, in_object: bool) -> bool:
    """Whether a schema that is called with the value decides, or its call also says whether it is there."""
    if outer.kind not in _CALLS or inner.kind not in {"arguments", "argument_list"}:
        return False
    callee = outer.field("function")
    if in_object and callee is not None and _SCHEMA.search(callee.text) is not None:
        return True
    return re.search(rf"(?:\bBoolean\(|\bbool\(|!!)\s*[\w.]*{named.pattern}", inner.text) is not None


def _is_test(outer: Node, inner: Node, named: re.Pattern[str]) -> bool:
    if outer.kind == "conditional_expression":
        then, condition = outer.children()[:2]
        asks = not inner.same(condition) and _asks(condition, named)
        return asks or (inner.same(then) and is_switch(condition.text))
    if outer.kind == "binary_expression" and "&&" in outer.tokens():
        left = outer.field("left")
        return left is not None and not inner.same(left) and (_asks(left, named) or is_switch(left.text))
    return outer.kind in _TESTS and _is_branch(outer, inner, named)


def _is_branch(outer: Node, inner: Node, named: re.Pattern[str]) -> bool:
    condition, otherwise = outer.field("condition"), outer.field("alternative")
    if condition is None or inner.same(condition):
        return False
    if inner.same(outer.field("consequence")) and is_switch(condition.text):
        return True
    goes_on = otherwise is None or inner.same(otherwise) or FAILS.search(otherwise.text) is None
    return goes_on and _asks(condition, named)


def _asks(condition: Node, named: re.Pattern[str]) -> bool:
    return named.search(condition.text) is not None


def _is_handled(outer: Node, inner: Node) -> bool:
    if outer.kind != "try_statement" or not inner.same(outer.field("body")):
        return False
    handlers = [part.text for part in outer.children() if part.kind == "except_clause"]
    return any(_MISSES.match(text) and not FAILS.search(text.partition(":")[2]) for text in handlers)


def _is_left(outer: Node, inner: Node, named: re.Pattern[str], tests: Tests) -> bool:
    if outer.kind not in _BLOCKS:
        return False
    statements = tests.statements(outer)
    place = bisect_left(statements, inner.start, key=lambda found: found[0])
    for _, part in statements[max(0, place - _BEFORE_MAX) : place]:
        condition, then = part.field("condition"), part.field("consequence")
        if part.kind != "if_statement" or condition is None or then is None:
            continue
        leaves = _LEAVES.search(then.text) is not None and FAILS.search(then.text) is None
        if leaves and named.search(condition.text) is not None:
            return True
    return False
