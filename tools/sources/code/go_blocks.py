"""Loops of Go, and stream commands whose error is dropped, out of syntax trees.

Errors are values there, and nothing catches them: one is swallowed where nobody takes it (`c.XAdd(ctx, args)` as a
statement, `_ = ...Err()`), or where the test for it does nothing. A command that is queued in a pipeline has its error
elsewhere; of an XACK whose error is dropped the entry stays pending, which is seen.
"""

from __future__ import annotations

import re

from tools.sources.code import blocks
from tools.sources.code.program import Module
from tools.sources.code.syntax import Node
from tools.sources.code_records import Handler, Loop

KINDS = {"for_statement", "expression_statement", "assignment_statement", "if_statement"}
_GIVES = {"Err", "Result", "Val"}
"""What is asked of a command for its outcome."""
_LOST = {"XAdd", "XGroupCreate", "XGroupCreateMkStream"}
_FAILED = re.compile(r"\berr\w*\s*!=\s*nil")
_TICKER = re.compile(r"(?i)\.C$|\btick(?:er)?\b|time\.Tick\(")
_DELAYS = re.compile(r"<-\s*time\.After\([^)\n]{0,100}\)|<-\s*[\w.]*[tT]ick(?:er)?(?:\.C)?")


def read(module: Module, node: Node) -> None:
    """Adds the loop, or the dropped error, that a node is to its module."""
    if node.kind == "for_statement":
        _loop(module, node)
        return
    dropped = _tested_for_nothing(node) if node.kind == "if_statement" else _dropped(node)
    command = dropped and _command(dropped)
    if dropped is not None and command and not _is_queued(module, command):
        module.handlers.append(
            Handler(
                path=module.path,
                line=min(node.line, dropped.line),
                end_line=node.end_line,
                guarded_line=dropped.line,
                guarded_end_line=dropped.end_line,
                catches=(),
                form="dropped",
                empty=True,
                guards=blocks.called(dropped),
            )
        )


def _loop(module: Module, node: Node) -> None:
    body = node.field("body")
    clause = next((child for child in node.children() if child.kind not in {"block", "comment"}), None)
    until = body.start - node.start if body is not None else None
    ticks = clause is not None and clause.kind == "range_clause" and _TICKER.search(clause.text) is not None
    delay = _DELAYS.search(body.text) if body is not None else None
    module.loops.append(
        Loop(
            path=module.path,
            line=node.line,
            end_line=node.end_line,
            header=blocks.shown(node.text[:until].split("\n", 1)[0].rstrip(" {")),
            kind="timer" if ticks else "endless" if _endless(clause) else "bounded",
            waits=blocks.pause_in(node) or (blocks.shown(delay.group()) if delay is not None else ""),
            leaves=blocks.leaves(node),
            calls=blocks.called(node),
            tests=blocks.tests(node),
        )
    )


def _endless(clause: Node | None) -> bool:
    """Whether nothing but a flag or a break ends a loop: `for {`, `for running {`, `for ctx.Err() == nil {`."""
    if clause is None:
        return True
    if clause.kind in {"range_clause", "for_clause"}:
        return False
    return clause.kind in {
        "identifier",
        "selector_expression",
        "call_expression",
        "true",
        "unary_expression",
    } or ("ctx" in clause.text and "nil" in clause.text)


def _dropped(node: Node) -> Node | None:
    """What a statement calls and takes nothing of."""
    if node.kind == "expression_statement":
        return next(iter(node.children()), None)
    left, right = node.field("left"), node.field("right")
    if left is None or right is None or left.text.replace(" ", "").strip("_,"):
        return None
    return right


def _tested_for_nothing(node: Node) -> Node | None:
    """What gives the error that an `if` tests and then does nothing about: in its head, or in the line before."""
    body, condition = node.field("consequence"), node.field("condition")
    if body is None or condition is None or not _FAILED.search(condition.text) or node.field("alternative"):
        return None
    if any(child.kind != "comment" for child in body.children()):
        return None
    start, parent = node.field("initializer"), node.parent()
    if start is not None:
        return start.field("right")
    before = [child for child in (parent.children() if parent is not None else []) if child.end <= node.start]
    return before[-1].field("right") if before else None


def _command(node: Node) -> Node | None:
    """The client of a stream command, where a node is that command or asks for its outcome."""
    while node.kind in {"expression_list", "parenthesized_expression"} and len(node.children()) == 1:
        node = node.children()[0]
    callee = node.field("function") if node.kind == "call_expression" else None
    name, owner = (callee.field("field"), callee.field("operand")) if callee is not None else (None, None)
    if name is None or owner is None:
        return None
    if name.text in _GIVES:
        return _command(owner)
    return owner if name.text in _LOST else None


def _is_queued(module: Module, client: Node) -> bool:
    """Whether a client is a pipeline: by its name, or by what the file makes it of."""
    last = re.escape(client.text.rpartition(".")[2])
    if re.search(r"(?i)pipe|^tx|multi", client.text) or not re.fullmatch(r"\w+", last):
        return True
    made = re.compile(rf"\b{last}\b[^\n]*Pipelin")
    return any(made.search(line) for line in module.lines)
