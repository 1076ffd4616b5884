"""Whether code goes on without a value that it read: it has the value by a name, tests that, and means both answers."""

from __future__ import annotations

import re

from tools.sources.code.syntax import Node

_WRAPPERS = {"await", "await_expression", "parenthesized_expression", "non_null_expression", "as_expression"}
_BINDS = {"assignment": "left", "variable_declarator": "name"}
_AROUND = {
    "function_definition", "module", "function_declaration", "arrow_function", "function_expression",
    "method_definition", "program",
}  # fmt: skip
FAILS = re.compile(r"(?i)\braise\b|\bthrow\b|exit\b|fatal|abort|error|fail|missing|required|must|\b5\d\d\b")


def answers_absence(node: Node) -> bool:
    """Whether what is at `node` is bound to a name, and an `if` about that name does without it and complains of nothing."""
    parent = node.parent()
    while parent is not None and parent.kind in _WRAPPERS:
        parent = parent.parent()
    target = parent.field(_BINDS[parent.kind]) if parent is not None and parent.kind in _BINDS else None
    around = next((found for found in node.ancestors() if found.kind in _AROUND), None)
    if target is None or around is None or not re.fullmatch(r"\w+", target.text):
        return False
    name = re.escape(target.text)
    absent = re.compile(
        rf"(?:not\s+|!){name}\b(?!\s*[.(\[])|\b{name}\s*(?:is\s+None|===?\s*(?:null|undefined|\"\"|''))"
    )
    present = re.compile(
        rf"\(?\s*(?:!!)?{name}\s*(?:is\s+not\s+None|!==?\s*(?:null|undefined|\"\"|''))?\s*\)?"
    )
    for test in around.find({"if_statement"}):
        condition, then = test.field("condition"), test.field("consequence")
        if condition is None or then is None or test.start < node.start:
            continue
        if absent.search(condition.text) and not FAILS.search(then.text):
            return True
        otherwise = test.field("alternative")
        if present.fullmatch(condition.text) and (otherwise is None or not FAILS.search(otherwise.text)):
            return True
    return False
