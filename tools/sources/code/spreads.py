"""Arguments that are put together before the call: `args = [...]; args.push(x); client.call("XREADGROUP", ...args)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tools.sources.code.program import Expression, Module, Scope, Site

ARGUMENTS_MAX = 64
_ADDS = {"push", "append"}
_JOINS = {"extend"}
_WALKS = {"map", "forEach", "flatMap"}


def spread_out(module: Module, site: Site) -> Expression:
    """The call of a site with each `...name` replaced by what the list of that name holds when it is called.

    A spread of anything else stays as it is.
    """
    made = site.expression
    if not any(argument.kind == "spread" for argument in made.arguments):
        return made
    arguments = [part for argument in made.arguments for part in _parts(module, site, argument)]
    return replace(made, parts=(made.callee, *arguments[:ARGUMENTS_MAX]))


def listed(module: Module, site: Site, argument: Expression) -> Sequence[Expression] | None:
    """The parts of a list, written there or built before; None for anything that is no such list."""
    if argument.kind == "list":
        return argument.parts
    return _built(module, site, argument.value) if argument.kind == "name" else None


def _parts(module: Module, site: Site, argument: Expression) -> Sequence[Expression]:
    if argument.kind != "spread" or len(argument.parts) != 1:
        return (argument,)
    found = listed(module, site, argument.parts[0])
    return (argument,) if found is None else found


def _built(module: Module, site: Site, name: str) -> Sequence[Expression] | None:
    """The list that a name is bound to, once, in a function around the site, and what was added to it before."""
    for scope in module.scope_chain(site.scope):
        bound = scope.bindings.get(name)
        if bound is None:
            continue
        first = bound[0]
        if len(bound) > 1 or first.kind != "list" or scope.kind == "class":
            return None
        lines = range(first.line, site.expression.line + 1)
        return (*first.parts, *_added(module, scope, name, lines))
    return None


def _added(module: Module, home: Scope, name: str, lines: range) -> Iterator[Expression]:
    """What is added to a list of the scope `home`, there or in functions inside of it."""
    for other in module.sites:
        made = other.expression
        if made.kind != "call" or made.line not in lines or made.callee.kind != "member":
            continue
        callee = made.callee
        if (callee.parts[0].kind, callee.parts[0].value) != (
            "name",
            name,
        ) or callee.value not in _ADDS | _JOINS:
            continue
        around = module.scope_chain(other.scope)
        if home not in around or any(name in scope.bindings for scope in around[: around.index(home)]):
            continue
        for argument in made.arguments:
            for part in _one_by_one(argument) if callee.value in _JOINS else (argument,):
                yield _outside(module, around[: around.index(home)], part)


def _one_by_one(argument: Expression) -> Sequence[Expression]:
    if argument.kind == "list":
        return argument.parts
    return (Expression("spread", argument.text, argument.line, argument.end_line, "", (argument,)),)


def _outside(module: Module, inner: Sequence[Scope], made: Expression) -> Expression:
    """An expression of callbacks (`xs.forEach((x) => ...)`) as it reads around them: x is each of xs."""
    for scope in inner:
        if scope.kind != "function" or scope.name or not scope.parameters:
            continue
        over = next((call.callee.parts[0] for call in _calls_with(module, scope)), None)
        if over is not None:
            each = Expression("element", over.text, over.line, over.end_line, "", (over,))
            made = _with(made, scope.parameters[0].name, each)
    return made


def _calls_with(module: Module, callback: Scope) -> Iterator[Expression]:
    """The calls of `map` and the like that a function is written into."""
    lines = (callback.line, callback.end_line)
    for site in module.sites:
        made = site.expression
        if made.kind != "call" or made.callee.kind != "member" or made.callee.value not in _WALKS:
            continue
        if any((part.line, part.end_line) == lines for part in made.arguments):
            yield made


def _with(made: Expression, name: str, value: Expression) -> Expression:
    """An expression with a name replaced."""
    if (made.kind, made.value) == ("name", name):
        return value
    parts = tuple(_with(part, name, value) for part in made.parts)
    pairs = tuple((key, _with(part, name, value)) for key, part in made.pairs)
    return replace(made, parts=parts, pairs=pairs)
