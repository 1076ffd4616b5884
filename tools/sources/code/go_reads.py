"""What Go makes of a variable of the environment where it reads it: a fallback beside it, a test of it or of what it gives."""

from __future__ import annotations

import re

from tools.sources.code.answers import FAILS, Tests, answers_absence
from tools.sources.code.go_expressions import listed
from tools.sources.code.guards import is_guarded
from tools.sources.code.syntax import Node

_WRAPPERS = {"expression_list", "selector_expression", "parenthesized_expression"}
_ASSIGNS = {"short_var_declaration", "assignment_statement"}
_FUNCTIONS = {"function_declaration", "method_declaration", "func_literal"}
_AROUND = {"if_statement", "block", *_FUNCTIONS}
_FIRST_OF = {"cmp.Or"}
"""Functions that give the first of their arguments that is not empty."""
_GIVES_UP = re.compile(r"\breturn\s*[;\n}]")
_CALLS_MAX = 2


def use_of(node: Node, tests: Tests) -> tuple[str | None, bool]:
    """What becomes of a value: the text of its fallback, and whether the program goes on without it."""
    fallback = _fallback(node)
    if fallback is not None:
        return fallback, False
    parent = node.parent()
    while parent is not None and parent.kind in _WRAPPERS:
        parent = parent.parent()
    if parent is None:
        return None, False
    if parent.kind in {"binary_expression", "if_statement", "expression_switch_statement"}:
        return None, True
    if parent.kind in _ASSIGNS and _is_compared(parent, tests):
        return None, True
    return None, answers_absence(node, tests) or is_guarded(node, tests) or _is_converted(node, tests)


def _is_compared(made: Node, tests: Tests) -> bool:
    """Whether what is bound is compared with nothing, there (`if v := …; v != ""`) or in the function."""
    around = next((found for found in made.ancestors() if found.kind in _AROUND), None)
    names = [name.text for name in listed(made.field("left")) if name.kind == "identifier"]
    if around is None or not names or names[0] == "_":
        return False
    if around.kind == "if_statement":
        return True
    name = re.escape(names[0])
    compared = re.compile(rf'\b{name}\s*[!=]=\s*""|len\({name}\)')
    function = next((found for found in made.ancestors() if found.kind in _FUNCTIONS), around)
    return any(compared.search(test.condition) for test in tests.about(function, names[0]))


def _fallback(node: Node) -> str | None:
    arguments = node.parent()
    call = arguments.parent() if arguments is not None and arguments.kind == "argument_list" else None
    callee = call.field("function") if call is not None else None
    if arguments is None or callee is None or callee.text not in _FIRST_OF:
        return None
    last = arguments.children()[-1]
    return None if node.same(last) else last.text


def _is_converted(node: Node, tests: Tests) -> bool:
    """Whether the program goes on where a conversion of the value gives an error: `n, err := strconv.Atoi(…)`."""
    call: Node | None = node
    for _ in range(_CALLS_MAX):
        arguments = call.parent() if call is not None else None
        call = arguments.parent() if arguments is not None and arguments.kind == "argument_list" else None
        if call is None:
            return False
        made = call.parent()
        made = made.parent() if made is not None and made.kind == "expression_list" else made
        if made is None or made.kind not in _ASSIGNS:
            continue
        names = [name.text for name in listed(made.field("left"))]
        after = _statement_after(made, tests)
        if len(names) < 2 or after is None or after.kind != "if_statement":
            return False
        condition, then = after.field("condition"), after.field("consequence")
        return (
            condition is not None
            and then is not None
            and names[-1] in condition.text
            and "!=" in condition.text
            and FAILS.search(then.text) is None
            and _GIVES_UP.search(then.text) is None
        )
    return False


def _statement_after(made: Node, tests: Tests) -> Node | None:
    block = made.parent()
    statements = tests.statements(block) if block is not None else []
    return next((part for start, part in statements if start > made.start), None)
