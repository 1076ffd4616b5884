"""Loops, timers and handlers of errors, out of syntax trees: what stands around a call."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from msgspec import structs

from tools import masking
from tools.sources.code.program import Module
from tools.sources.code.syntax import Node
from tools.sources.code_records import Handler, Loop

TEXT_SHOWN = 200
NAMES_MAX, TESTS_MAX = 100, 20

_LOOPS = {"while_statement", "do_statement", "for_statement", "for_in_statement"}
_TRIES = {"try_statement"}
_CALLS = {"call_expression", "call"}
_HANDLERS = {"catch_clause", "except_clause", "except_group_clause"}
_FUNCTIONS = {
    "function_declaration", "function_expression", "function", "arrow_function", "method_definition",
    "generator_function_declaration", "generator_function", "function_definition", "lambda", "class_body", "func_literal",
}  # fmt: skip
KINDS = _LOOPS | _TRIES | {"call_expression", "with_statement"}
"""Nodes that `read` may make something of."""

_PAUSES = {"sleep", "delay", "wait", "pause", "wait_for", "waitfor", "settimeout", "sleepms", "usleep"}
_ENDS = re.compile(
    r"[<>]|\blen\(|\.length\b|\.size\b|:=|\bawait\b|[^=!<>]=[^=>]|\.empty\(|\bhasNext\b|\bnext\("
)
_SAYS_NO = re.compile(r"\bnot\b|!|-\s*1|<\s*0")
_FOREVER = re.compile(r"\b(?:count|cycle|repeat)\(")
_NOTHING = {
    "comment",
    "pass_statement",
    "continue_statement",
    "ellipsis",
    "empty_statement",
}


def read(module: Module, node: Node) -> None:
    """Adds the loop or the handlers that a node is to its module."""
    if node.kind in _LOOPS:
        module.loops.append(_loop(module.path, node))
    elif node.kind in _TRIES:
        module.handlers.extend(_handlers(module.path, node))
    elif node.kind == "with_statement":
        module.handlers.extend(_suppressed(module.path, node))
    elif node.kind == "call_expression":
        _script_call(module, node)


# --- loops -----------------------------------------------------------------------------------------------


def _loop(path: str, node: Node) -> Loop:
    condition = node.field("condition")
    text = condition.text.strip("()").strip() if condition is not None else ""
    body = node.field("body")
    until = body.start - node.start if body is not None and node.kind != "do_statement" else None
    header = node.text[:until].split("\n", 1)[0].rstrip()
    return Loop(
        path=path,
        line=node.line,
        end_line=node.end_line,
        header=shown(header),
        kind="endless" if _endless(node, condition, text) else "bounded",
        waits=pause_in(node),
        leaves=leaves(node),
        calls=called(node),
        tests=tests(node),
    )


def _endless(node: Node, condition: Node | None, text: str) -> bool:
    """Whether a flag alone ends a loop: no comparison, no count, nothing that a read in its body gave."""
    if node.kind == "for_in_statement":
        return False
    if node.kind == "for_statement":
        over = node.field("right")
        if over is not None:
            return _FOREVER.search(over.text) is not None
        if node.field("increment") is not None:
            return False
    if condition is None or text.strip(";") in {"", "true", "True", "1"}:
        return True
    return _ENDS.search(text) is None and not _given_in(node, condition)


def _given_in(loop: Node, condition: Node) -> bool:
    """Whether the body assigns what a call gave to a name of the condition (`while batch: batch = read()`)."""
    names = {found.text for found in condition.find({"identifier"})}
    for made in loop.find({"assignment", "assignment_expression"}):
        left, right = made.field("left"), made.field("right")
        if left is not None and right is not None and left.text in names and next(right.find(_CALLS), None):
            return True
    return False


def pause_in(loop: Node) -> str:
    """The call that pauses a loop, outside handlers of errors; "" where none does."""
    for node in _own(loop, _CALLS, without=_HANDLERS):
        name = _name_of(node)
        arguments = node.field("arguments")
        given = arguments is not None and bool(arguments.children())
        if name.lower() in _PAUSES and given and not node.text.startswith("asyncio.wait("):
            return shown(node.text)
    return ""


def leaves(loop: Node) -> bool:
    """Whether a loop has a break or return outside handlers of errors."""
    skipped = _HANDLERS | _FUNCTIONS
    if next(_own(loop, {"return_statement"}, without=skipped), None) is not None:
        return True
    return next(_own(loop, {"break_statement"}, without=skipped | _LOOPS), None) is not None


def tests(node: Node) -> tuple[str, ...]:
    """The conditions of the branches in a node."""
    found: list[str] = []
    for branch in node.find({"if_statement", "ternary_expression", "elif_clause", "conditional_expression"}):
        condition = branch.field("condition")
        if condition is not None and len(found) < TESTS_MAX:
            found.append(shown(condition.text))
    return tuple(dict.fromkeys(found))


# --- handlers --------------------------------------------------------------------------------------------


def _handlers(path: str, node: Node) -> Iterator[Handler]:
    body = node.field("body")
    if body is None:
        return
    for clause in node.children():
        if clause.kind not in _HANDLERS:
            continue
        block = clause.field("body") or next((c for c in clause.children() if c.kind == "block"), None)
        if block is None:
            continue
        heads = [child for child in clause.children() if child.kind not in {"block", "comment"}]
        parameter = clause.field("parameter")
        types: tuple[str, ...] = ()
        name = "" if parameter is None else parameter.text
        if clause.kind != "catch_clause":
            types, name = _caught(heads[0] if heads else None)
        yield _handler(path, clause, block, guarded=body, types=types, name=name)


def _caught(head: Node | None) -> tuple[tuple[str, ...], str]:
    """The types and the name of `except (A, b.B) as error`."""
    if head is None:
        return (), ""
    text, _, name = head.text.partition(" as ")
    types = tuple(part.strip().rsplit(".", 1)[-1] for part in text.strip("() \n").split(",") if part.strip())
    return types, name.strip()


def _handler(
    path: str, clause: Node, block: Node, *, guarded: Node, types: tuple[str, ...], name: str
) -> Handler:
    inner = [child for child in block.children() if not _is_nothing(child)]
    returned = next(_own(block, {"return_statement"}, without=_FUNCTIONS), None)
    given = "" if returned is None else returned.text.removeprefix("return").strip(" ;")
    names = set(re.findall(r"\w+", name))
    uses = any(found.text in names for found in block.find({"identifier", "shorthand_property_identifier"}))
    raising = {"throw_statement", "raise_statement"}
    changed = {"assignment", "assignment_expression", "augmented_assignment", "update_expression"}
    return Handler(
        path=path,
        line=clause.line,
        end_line=clause.end_line,
        tested_only=_is_tested_only(inner, names),
        guarded_line=guarded.line,
        guarded_end_line=guarded.end_line,
        catches=types,
        raises=next(block.find(raising), None) is not None,
        uses_error=uses,
        empty=not inner,
        commented=any(child.kind == "comment" for child in block.children())
        or any(child.kind == "comment" for child in clause.children()),
        calls=called(block),
        assigns=next(block.find(changed | {"augmented_assignment_expression"}), None) is not None,
        returns=shown(given),
        guards=called(guarded),
    )


def _is_tested_only(inner: list[Node], names: set[str]) -> bool:
    """Whether a block is one `if` that says yes to something of the error, and nothing else reads it."""
    if len(inner) != 1 or inner[0].kind != "if_statement" or inner[0].field("alternative") is not None:
        return False
    condition = inner[0].field("condition")
    if condition is None or _SAYS_NO.search(condition.text):
        return False
    reads = [found for found in inner[0].find({"identifier"}) if found.text in names]
    return bool(reads) and all(condition.start <= found.start < condition.end for found in reads)


def _is_nothing(node: Node) -> bool:
    if node.kind == "expression_statement":
        return all(child.kind in {"ellipsis", "string"} for child in node.children())
    return node.kind in _NOTHING or (node.kind == "return_statement" and not node.children())


def _suppressed(path: str, node: Node) -> Iterator[Handler]:
    """`with suppress(A, B):`."""
    body = node.field("body")
    clauses = (child for child in node.children() if child.kind == "with_clause")
    for call in (found for clause in clauses for found in clause.find({"call"})):
        arguments = call.field("arguments")
        if body is None or _name_of(call) != "suppress" or arguments is None:
            continue
        types = tuple(part.text.rsplit(".", 1)[-1] for part in arguments.children())
        yield Handler(
            path=path,
            line=node.line,
            end_line=node.line,
            guarded_line=body.line,
            guarded_end_line=body.end_line,
            catches=types,
            form="suppress",
            empty=True,
            guards=called(body),
        )


# --- calls of scripts that repeat or catch ---------------------------------------------------------------


def _script_call(module: Module, node: Node) -> None:
    name = _name_of(node)
    if name not in {"setInterval", "setTimeout", "setImmediate", "forever", "catch"}:
        return
    callee, arguments = node.field("function"), node.field("arguments")
    given = arguments.children() if arguments is not None else []
    if callee is None or not given:
        return
    if name == "setInterval":
        module.loops.append(_timer(module.path, node, node))
    elif name == "forever":
        module.loops.append(structs.replace(_timer(module.path, node, node), kind="endless", waits=""))
    elif name in {"setTimeout", "setImmediate"}:
        around = _repeated_by(node, given[0].text)
        if around is not None:
            module.loops.append(_timer(module.path, around, node))
    elif name == "catch" and callee.kind == "member_expression":
        receiver, function = callee.field("object"), given[0]
        body = function.field("body")
        if receiver is not None and function.kind in _FUNCTIONS and body is not None:
            module.handlers.append(_promised(module.path, receiver, function, body))


def _timer(path: str, around: Node, call: Node) -> Loop:
    return Loop(
        path=path,
        line=around.line,
        end_line=around.end_line,
        header=shown(call.text.split("\n", 1)[0]),
        kind="timer",
        waits=shown(call.text),
        calls=called(around),
        tests=tests(around),
    )


def _repeated_by(call: Node, target: str) -> Node | None:
    """The function that a `setTimeout` calls again, where it stands in that function and in no handler."""
    for around in call.ancestors():
        if around.kind in _HANDLERS:
            return None
        if around.kind not in _FUNCTIONS:
            continue
        named = around.field("name")
        parent = around.parent()
        if named is None and parent is not None and parent.kind == "variable_declarator":
            named = parent.field("name")
        if named is not None and re.search(rf"\b{re.escape(named.text)}\b", target):
            return around
    return None


def _promised(path: str, receiver: Node, function: Node, body: Node) -> Handler:
    single = function.field("parameter") or function.field("parameters")
    names = set(re.findall(r"\w+", single.text)) if single is not None else set()
    is_block = body.kind == "statement_block"
    value = "" if is_block or body.kind in {"undefined", "null"} else body.text
    inner = (
        [child for child in body.children() if not _is_nothing(child)] if is_block else [body] * bool(value)
    )
    uses = any(found.text in names for found in body.find({"identifier", "shorthand_property_identifier"}))
    return Handler(
        path=path,
        line=function.line,
        end_line=function.end_line,
        guarded_line=receiver.line,
        guarded_end_line=receiver.end_line,
        catches=(),
        form="promise",
        raises=next(body.find({"throw_statement"}), None) is not None,
        uses_error=uses,
        empty=not inner,
        commented=any(child.kind == "comment" for child in body.children()),
        calls=called(body),
        assigns=next(body.find({"assignment_expression", "update_expression"}), None) is not None,
        returns="" if body.kind == "call_expression" else shown(value),
        guards=called(receiver),
    )


# --- trees -----------------------------------------------------------------------------------------------


def _own(root: Node, kinds: Collection[str], *, without: Collection[str]) -> Iterator[Node]:
    """Nodes of these kinds below `root`, not inside of nodes that are left out."""
    stack = root.children()
    while stack:
        node = stack.pop(0)
        if node.kind in without:
            continue
        if node.kind in kinds:
            yield node
        stack[:0] = node.children()


def called(node: Node) -> tuple[str, ...]:
    """The names of what a node calls, each once."""
    found = dict.fromkeys(_name_of(call) for call in node.find(_CALLS))
    return tuple(name for name in found if name)[:NAMES_MAX]


def _name_of(call: Node) -> str:
    """The last name of what a call calls."""
    callee = call.field("function")
    while callee is not None and callee.kind in {"await_expression", "parenthesized_expression"}:
        inner = callee.children()
        callee = inner[0] if inner else None
    if callee is None:
        return ""
    last = callee.field("property") or callee.field("attribute") or callee.field("field") or callee
    return last.text if last.kind.endswith("identifier") else ""


def shown(text: str) -> str:
    """The masked beginning of a text."""
    return masking.beginning(text, TEXT_SHOWN)
