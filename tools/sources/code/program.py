"""A program as the resolver sees it, the same for every language: expressions, scopes, modules, sites.

A reader per language makes these from syntax trees; nothing here knows a language or holds a tree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tools.sources.code_records import Handler, Loop

TEXT_CHARS_MAX = 300

ExpressionKind = Literal[
    "text", "number", "null", "joined", "name", "member", "index", "call", "map", "list",
    "choice", "element", "spread", "function", "module", "class", "instance", "key", "other",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression.

    `value` is the literal of text and number, or the name of name and member. `parts` are the operands:
    of joined its pieces, of member and index the object (and key), of call the callee and the positional
    arguments, of choice the alternatives, of element and key what is iterated over. `pairs` are the pairs
    of a map or the keyword arguments of a call; a key of None is a spread.
    """

    kind: ExpressionKind
    text: str
    line: int
    end_line: int
    value: str = ""
    parts: tuple[Expression, ...] = ()
    pairs: tuple[tuple[Expression | None, Expression], ...] = ()

    @property
    def callee(self) -> Expression:
        """What a call calls."""
        return self.parts[0]

    @property
    def arguments(self) -> tuple[Expression, ...]:
        """The positional arguments of a call."""
        return self.parts[1:]

    def keyword(self, *names: str) -> Expression | None:
        """The keyword argument, or the value in a map, of the first of these names that is there."""
        for name in names:
            for key, value in self.pairs:
                if key is not None and key.value == name:
                    return value
        return None

    def argument(self, position: int, *names: str) -> Expression | None:
        """A positional argument (None for one behind a spread), or a keyword argument by name."""
        before = self.arguments[: position + 1]
        if len(before) > position and not any(part.kind == "spread" for part in before):
            return before[position]
        return self.keyword(*names)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a function. `kind` is rest for `*args`; `path` is the key of a destructured one."""

    name: str
    default: Expression | None = None
    kind: Literal["plain", "keyword-only", "rest"] = "plain"
    position: int = 0
    path: str | None = None
    annotation: str = ""


@dataclass(frozen=True, slots=True)
class Import:
    """A name that comes from another module; `name` is None for the module itself."""

    module: str
    name: str | None = None


@dataclass(slots=True)
class Scope:
    """A module, class or function and the names bound in it."""

    index: int
    kind: Literal["module", "class", "function"]
    name: str
    parent: int | None
    line: int
    parameters: tuple[Parameter, ...] = ()
    bindings: dict[str, list[Expression]] = field(default_factory=dict)
    fields: dict[str, list[tuple[int, Expression]]] = field(default_factory=dict)
    """Of a class: what methods assign to `self.x` or `this.x`, with the scope of the method."""
    definitions: dict[str, int] = field(default_factory=dict)
    imports: dict[str, Import] = field(default_factory=dict)
    returns: list[Expression] = field(default_factory=list)
    bases: tuple[Expression, ...] = ()
    end_line: int = 0
    """The last line; 0 for a module."""

    def bind(self, name: str, value: Expression) -> None:
        """Remember one assignment."""
        self.bindings.setdefault(name, []).append(value)


@dataclass(frozen=True, slots=True)
class Site:
    """A call, or a read of a member in capitals: a place where something may happen.

    `fallback` is the source text of `x` in `site or x`; `tested` says that the value is only
    tested, or that the code goes on without one.
    """

    expression: Expression
    scope: int
    fallback: str | None = None
    tested: bool = False


@dataclass(slots=True)
class Module:
    """One source file."""

    path: str
    language: str
    lines: list[str]
    scopes: list[Scope]
    sites: list[Site] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    """Modules of which every name is taken over."""
    comments: list[tuple[int, str]] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)
    handlers: list[Handler] = field(default_factory=list)

    def scope_chain(self, scope: int) -> list[Scope]:
        """A scope and the ones around it, innermost first."""
        chain: list[Scope] = []
        index: int | None = scope
        while index is not None:
            chain.append(self.scopes[index])
            index = self.scopes[index].parent
        return chain

    def class_of(self, scope: int) -> Scope | None:
        """The class whose method this scope is in."""
        return next((found for found in self.scope_chain(scope) if found.kind == "class"), None)

    def function_name(self, scope: int) -> str:
        """Dotted name of the function around a scope; "" at module level."""
        names = [found.name for found in self.scope_chain(scope) if found.kind != "module"]
        return ".".join(reversed(names))

    def source(self, line: int, end_line: int, lines_max: int = 15) -> str:
        """The verbatim lines from `line` to `end_line`."""
        return "\n".join(self.lines[line - 1 : min(end_line, line + lines_max - 1)])
