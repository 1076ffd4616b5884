"""What resolving an expression gives, and where it stands: values, terminals, contexts, frames."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from tools.sources.code.program import Expression, Scope
from tools.sources.code.program_index import Program, ScopeKey
from tools.sources.records import ChainStep

DEPTH_MAX = 40
VALUES_MAX = 32
STEP_READ, STEP_SHOWN = 2048, 200
"""Characters of a step's source line that are kept, and that are left once it was masked."""
UNKNOWN = "{}"
"""Stands in a value for a part that is known only at run time."""

Chain = tuple[ChainStep, ...]
Confidence = Literal["literal", "constant", "parameter", "environment", "unresolved"]
_ORDER: tuple[Confidence, ...] = ("literal", "constant", "parameter", "environment", "unresolved")


@dataclass(frozen=True, slots=True)
class Frame:
    """One call that is being followed: what its arguments are, and where it stands."""

    bindings: Mapping[str, Expression]
    caller: ScopeKey
    rest: bool = False
    """The call passes arguments that cannot be told apart (`*args`, `**options`)."""


@dataclass(frozen=True, slots=True)
class Context:
    """Where an expression stands, and the calls that lead there."""

    module: str
    scope: int
    frames: Mapping[ScopeKey, Frame] = field(default_factory=dict)

    def at(self, key: ScopeKey) -> Context:
        """The same calls, another place."""
        return Context(key[0], key[1], self.frames)


@dataclass(frozen=True, slots=True)
class Value:
    """One value. `text` is None where it is not known; `needs` are functions whose calls would tell."""

    text: str | None
    confidence: Confidence
    chain: tuple[ChainStep, ...]
    needs: frozenset[ScopeKey] = frozenset()
    null: bool = False


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where following an expression ends."""

    expression: Expression
    context: Context
    chain: tuple[ChainStep, ...]
    confidence: Confidence = "literal"
    needs: frozenset[ScopeKey] = frozenset()


def worse(first: Confidence, second: Confidence) -> Confidence:
    """The weaker of two confidences."""
    return max(first, second, key=_ORDER.index)


class Follower(ABC):
    """What the parts of the resolver share."""

    program: Program
    environment: Mapping[str, tuple[str, ChainStep]]

    @abstractmethod
    def follow(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        """Where an expression leads."""

    @abstractmethod
    def values_of(self, expression: Expression, context: Context, depth: int) -> tuple[Value, ...]:
        """The values of an expression; at least one."""

    def step(self, expression: Expression, module: str) -> ChainStep:
        """A step of a chain: the source line of an expression."""
        lines = self.program.modules[module].lines
        text = lines[expression.line - 1].strip() if 0 < expression.line <= len(lines) else expression.text
        return ChainStep(path=module, line=expression.line, text=text[:STEP_READ])


def scope_expression(kind: Literal["class", "function"], scope: Scope) -> Expression:
    """A class or function as a value."""
    return Expression(kind, scope.name, scope.line, scope.line, scope.name)
