"""Constant propagation: which values an expression can have, and the chain that shows why.

A parameter has the values of the call that is being followed (a `Frame`); without one the value names the
function whose calls to follow. Every look-up is bounded, so hostile or huge code costs a bounded time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import replace

from tools.sources.code.invocations import Invocations
from tools.sources.code.program import Expression
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import (
    DEPTH_MAX,
    UNKNOWN,
    VALUES_MAX,
    Chain,
    Confidence,
    Context,
    Terminal,
    Value,
    worse,
)
from tools.sources.records import ChainStep

STEPS_MAX = 3000


class Resolver(Invocations):
    """Resolves expressions of one program. `environment` holds the values that configuration files set."""

    def __init__(
        self, program: Program, environment: Mapping[str, tuple[str, ChainStep]] | None = None
    ) -> None:
        self.program = program
        self.environment = dict(environment or {})
        self._steps = 0

    def values(self, expression: Expression, context: Context) -> tuple[Value, ...]:
        """The values of an expression, at most `VALUES_MAX`; at least one."""
        self._steps = 0
        return self.values_of(expression, context, 0)

    def items(self, expression: Expression, context: Context) -> tuple[Value, ...]:
        """The values in a list or a map's keys; of anything else its own values."""
        self._steps = 0
        found: list[Value] = []
        for terminal in self.follow(expression, context, (), 0):
            for item in self.items_of(terminal):
                found += self._stringify(item, 0)
        return tuple(dict.fromkeys(found[:VALUES_MAX]))

    def terminals(self, expression: Expression, context: Context) -> tuple[Terminal, ...]:
        """Where an expression leads: maps, lists, calls, classes."""
        self._steps = 0
        return tuple(itertools.islice(self.follow(expression, context, (), 0), VALUES_MAX))

    def values_of(self, expression: Expression, context: Context, depth: int) -> tuple[Value, ...]:
        """The values of an expression; at least one."""
        found: list[Value] = []
        for terminal in self.follow(expression, context, (), depth):
            found += self._stringify(terminal, depth)
            if len(found) >= VALUES_MAX:
                break
        return tuple(dict.fromkeys(found[:VALUES_MAX])) or (Value(None, "unresolved", ()),)

    def _stringify(self, terminal: Terminal, depth: int) -> list[Value]:
        made = terminal.expression
        confidence = terminal.confidence
        if confidence == "literal" and terminal.chain:
            confidence = "constant"
        if made.kind in {"text", "number"}:
            return [Value(made.value, confidence, terminal.chain, terminal.needs)]
        if made.kind == "null":
            return [Value(None, confidence, terminal.chain, null=True)]
        if made.kind == "joined":
            return self._concatenate(terminal, confidence, depth)
        return [Value(None, "unresolved", terminal.chain, terminal.needs)]

    def _concatenate(self, terminal: Terminal, confidence: Confidence, depth: int) -> list[Value]:
        found = [Value("", confidence, terminal.chain, terminal.needs)]
        for part in terminal.expression.parts:
            options = self.values_of(part, terminal.context, depth + 1)[:4]
            found = [_append(head, tail) for head in found for tail in options][:VALUES_MAX]
        return [
            value if value.text is not None and value.text.replace(UNKNOWN, "").strip(":.-_/") else
            replace(value, text=None, confidence="unresolved")
            for value in found
        ]  # fmt: skip

    def follow(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        """Where an expression leads, within the bounds of depth and steps."""
        self._steps += 1
        if depth > DEPTH_MAX or self._steps > STEPS_MAX:
            yield Terminal(replace(made, kind="other"), context, chain, "unresolved")
            return
        handler = _FOLLOWERS.get(made.kind)
        if handler is None:
            yield Terminal(made, context, chain)
        else:
            yield from handler(self, made, context, chain, depth + 1)


_FOLLOWERS = {
    "name": Resolver.follow_name,
    "member": Resolver.follow_member,
    "index": Resolver.follow_index,
    "element": Resolver.follow_element,
    "key": Resolver.follow_element,
    "choice": Resolver.follow_choice,
    "call": Resolver.follow_call,
}


def _append(head: Value, tail: Value) -> Value:
    text = (head.text or "") + (UNKNOWN if tail.text is None else tail.text)
    known = tail.text is not None
    confidence = worse(head.confidence, tail.confidence if known else "constant")
    return Value(text, confidence, (*head.chain, *tail.chain), head.needs | tail.needs)
