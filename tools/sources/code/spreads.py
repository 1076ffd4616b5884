"""Arguments that are put together before the call: `args = [...]; args.push(x); client.call("XREADGROUP", ...args)`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tools.sources.code.program import Expression, Module, Site

ARGUMENTS_MAX = 64
_ADDS = {"push", "append"}
_JOINS = {"extend"}


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
        return (*first.parts, *_added(module, site, name, first.line))
    return None


def _added(module: Module, site: Site, name: str, since: int) -> Iterator[Expression]:
    scopes = {scope.index for scope in module.scope_chain(site.scope)}
    for other in module.sites:
        made = other.expression
        if made.kind != "call" or other.scope not in scopes or not since <= made.line <= site.expression.line:
            continue
        callee = made.callee
        if callee.kind != "member" or (callee.parts[0].kind, callee.parts[0].value) != ("name", name):
            continue
        if callee.value in _ADDS:
            yield from made.arguments
        elif callee.value in _JOINS:
            for argument in made.arguments:
                text = argument.text
                spread = Expression("spread", text, argument.line, argument.end_line, "", (argument,))
                yield from argument.parts if argument.kind == "list" else (spread,)
