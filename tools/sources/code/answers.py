"""Whether code goes on without a value that it read: it has the value by a name, tests that, and means both answers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.sources.code.syntax import Node

_WRAPPERS = {
    "await", "await_expression", "parenthesized_expression", "non_null_expression", "as_expression", "satisfies_expression",
    "expression_list",
}  # fmt: skip
_BINDS = {
    "assignment": "left", "variable_declarator": "name", "short_var_declaration": "left", "assignment_statement": "left",
    "var_spec": "name",
}  # fmt: skip
_AROUND = {
    "function_definition", "module", "function_declaration", "arrow_function", "function_expression",
    "method_definition", "program", "func_literal", "method_declaration", "source_file",
}  # fmt: skip
_CHOICES = {"ternary_expression", "conditional_expression"}
_FALLBACKS = {"binary_expression": ("??", "||", "&&"), "boolean_operator": ("or", "and")}
_SWITCHES = {
    "switch_statement": "value",
    "expression_switch_statement": "value",
    "match_statement": "subject",
}
_TESTS = {"if_statement", "elif_clause", *_CHOICES, *_FALLBACKS, *_SWITCHES}
_CONVERTS = {"Number", "parseInt", "parseFloat", "Number.parseInt", "Number.parseFloat"}
"""What gives NaN for nothing."""
_WORD = re.compile(r"[A-Za-z_$][\w$]*")
_CONDITION_CHARS = 2000
"""Of a condition that are looked at."""
FAILS = re.compile(
    r"(?i)\braise\b|\bthrow\b|\bpanic\b|exit\b|fatal|abort|error|fail|missing|required|must|\b5\d\d\b|\breturn\b[^\n;]*\berr\b"
)


SWITCH = re.compile(
    r"""\(?\s*(?:!!|bool\(|Boolean\()?(?:(?:process\.|import\.meta\.)?env\.([A-Za-z_]\w*)|([A-Z][A-Z0-9]*_[A-Z0-9_]+)"""
    r"""|(?:os\.)?(?:environ\.get|getenv|Getenv)\(\s*["'](\w+)["'][^()]*\)|["'](\w+)["']\s+in\s+(?:os\.)?environ)\)?"""
    r"""(?:\s*(?:[!=]==?)\s*(?:["'][^"']*["']|undefined|null))?\s*\)?"""
)
_STAGE = re.compile(r"(?i)(?:.*_)?(?:ENV|ENVIRONMENT|STAGE|MODE)")
"""Says where the program runs: it switches nothing that could be left out."""
_USES_MAX = 20


@dataclass(frozen=True, slots=True)
class _Test:
    """A test, what follows where it holds, and what where it does not. An `always` one goes on either way."""

    start: int
    condition: str
    then: Node | None
    otherwise: Node | None
    always: bool = False


class Tests:
    """The tests of one file, looked for once a function, and the statements of its blocks."""

    def __init__(self) -> None:
        self._of: dict[tuple[int, int], dict[str, list[_Test]]] = {}
        self._switched: dict[tuple[int, int], list[Node]] = {}
        self._blocks: dict[tuple[int, int], list[tuple[int, Node]]] = {}

    def about(self, around: Node, name: str) -> list[_Test]:
        """The tests in a function or file whose condition names something."""
        key = (around.start, around.end)
        if key not in self._of:
            found: dict[str, list[_Test]] = {}
            for node in around.find(_TESTS):
                test = _test(node)
                for word in set(_WORD.findall(test.condition)) if test is not None else ():
                    if test is not None:
                        found.setdefault(word, []).append(test)
            self._of[key] = found
        return self._of[key].get(name, [])

    def switched(self, around: Node) -> list[Node]:
        """The parts of a function or file that another variable of the environment switches on."""
        key = (around.start, around.end)
        if key not in self._switched:
            self.about(around, "")
            every = {id(test): test for tests in self._of[key].values() for test in tests}.values()
            self._switched[key] = [
                test.then for test in every if test.then is not None and is_switch(test.condition)
            ]
        return self._switched[key]

    def statements(self, block: Node) -> list[tuple[int, Node]]:
        """The statements of a block, each with where it begins."""
        key = (block.start, block.end)
        if key not in self._blocks:
            self._blocks[key] = [(part.start, part) for part in block.children()]
        return self._blocks[key]


def answers_absence(node: Node, tests: Tests) -> bool:
    """Whether what is at `node` is bound to a name, and a test of that name does without it and complains of nothing."""
    parent = _outside(node)
    call = parent.parent() if parent is not None and parent.kind == "arguments" else None
    callee = call.field("function") if call is not None else None
    if call is not None and callee is not None and callee.text in _CONVERTS:
        parent = _outside(call)
    target = parent.field(_BINDS[parent.kind]) if parent is not None and parent.kind in _BINDS else None
    return target is not None and answers_name(target.text.partition(",")[0].strip(), node, tests)


def _outside(node: Node) -> Node | None:
    """What stands around a value and what only wraps it."""
    parent = node.parent()
    while parent is not None and parent.kind in _WRAPPERS:
        parent = parent.parent()
    return parent


def answers_name(name: str, node: Node, tests: Tests) -> bool:
    """The same of a name that a value is bound to at `node`."""
    around = next((found for found in node.ancestors() if found.kind in _AROUND), None)
    if around is None or not re.fullmatch(r"\w+", name):
        return False
    word = re.escape(name)
    nothing = r"null|undefined|nil|\"\"|''"
    absent = re.compile(
        rf"(?:not\s+|!){word}\b(?!\s*[.(\[])|\b{word}\s*(?:is\s+None|===?\s*(?:{nothing}))|len\({word}\)\s*==\s*0"
        rf"|\bisNaN\({word}\b|!\s*(?:Number\.)?is(?:Finite|Integer|SafeInteger)\({word}\b"
    )
    present = re.compile(
        rf"\(?\s*(?:!!|bool\(|Boolean\()?{word}\)?\s*(?:is\s+not\s+None|!==?\s*(?:{nothing}))?\s*\)?"
    )
    for test in tests.about(around, name):
        if test.start < node.start:
            continue
        if test.always:
            if test.condition.strip() == name:
                return True
            continue
        if absent.search(test.condition) and not _fails(test.then):
            return True
        if present.fullmatch(test.condition) and not _fails(test.otherwise):
            return True
    return _is_switched(name, node, around, tests)


def is_switch(condition: str) -> bool:
    """Whether a condition asks for nothing but a variable of the environment, which so switches something on."""
    found = SWITCH.fullmatch(condition.strip())
    name = next(filter(None, found.groups()), "") if found is not None else ""
    return bool(name) and _STAGE.fullmatch(name) is None


def _is_switched(name: str, node: Node, around: Node, tests: Tests) -> bool:
    """Whether all uses of a name stand where another variable has switched something on."""
    parts = tests.switched(around)
    if not parts:
        return False
    found = re.finditer(rf"\b{re.escape(name)}\b", around.text)
    uses = [place for match in found if (place := around.start + match.start()) >= node.end]
    return 0 < len(uses) <= _USES_MAX and all(
        any(part.start <= place < part.end for part in parts) for place in uses
    )


def _fails(part: Node | None) -> bool:
    return part is not None and FAILS.search(part.text) is not None


def _test(node: Node) -> _Test | None:
    if node.kind in _FALLBACKS:
        return _fallback(node)
    if node.kind in _SWITCHES:
        value = node.field(_SWITCHES[node.kind])
        return (
            None if value is None else _Test(node.start, _head(value).strip("() "), None, None, always=True)
        )
    if node.kind == "conditional_expression":  # of Python, whose grammar gives its parts no names
        then, condition, otherwise = [*node.children(), None, None, None][:3]
    else:
        condition = node.field("condition")
        then, otherwise = node.field("consequence"), node.field("alternative")
    return None if condition is None else _Test(node.start, _head(condition), then, otherwise)


def _fallback(node: Node) -> _Test | None:
    left, right = node.field("left"), node.field("right")
    goes_on = any(token in _FALLBACKS[node.kind] for token in node.tokens())
    if left is None or not goes_on or _fails(right):
        return None
    return _Test(node.start, _head(left), None, None, always=True)


def _head(node: Node) -> str:
    return node.text[:_CONDITION_CHARS]
