"""Loops of Go, out of syntax trees. Errors are values there: nothing catches them."""

from __future__ import annotations

import re

from tools.sources.code import blocks
from tools.sources.code.program import Module
from tools.sources.code.syntax import Node
from tools.sources.code_records import Loop

KINDS = {"for_statement"}
_TICKER = re.compile(r"(?i)\.C$|\btick(?:er)?\b|time\.Tick\(")
_DELAYS = re.compile(r"<-\s*time\.After\([^)\n]{0,100}\)|<-\s*[\w.]*[tT]ick(?:er)?(?:\.C)?")


def read(module: Module, node: Node) -> None:
    """Adds the loop that a node is to its module."""
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
