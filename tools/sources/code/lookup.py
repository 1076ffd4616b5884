"""Following names: scopes, imports, parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from tools.sources.code.program import Expression, Scope
from tools.sources.code.resolution import (
    DEPTH_MAX,
    VALUES_MAX,
    Chain,
    Context,
    Follower,
    Terminal,
    scope_expression,
    worse,
)


def named(name: str) -> Expression:
    """A name that stands on no line: as a module or class has it when it is asked from outside."""
    return Expression("name", name, 0, 0, name)


class Lookup(Follower):
    """Names are looked up function scope first, then outwards, then through imports."""

    def follow_name(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        """What a name is bound to."""
        module = self.program.modules[context.module]
        if made.value in {"self", "this", "cls"} and (around := module.class_of(context.scope)) is not None:
            yield Terminal(
                scope_expression("class", around), context.at((context.module, around.index)), chain
            )
            return
        first = True
        for scope in module.scope_chain(context.scope):
            visible = first or scope.kind != "class"
            first = False
            if not visible:
                continue
            found = self._in_scope(made, scope, context, chain, depth)
            if found is not None:
                yield from found
                return
        for sibling in self.program.siblings(context.module):
            other = self.program.modules[sibling].scopes[0]
            found = (
                self._in_scope(made, other, context.at((sibling, 0)), chain, depth)
                if made.value not in other.imports
                else None
            )
            if found is not None:
                yield from found
                return
        for star in module.stars:
            source = self.program.module_of(context.module, star)
            if source is not None and source != context.module:
                found = self._exported(made.value, source, context, chain, depth)
                if found is not None:
                    yield from found
                    return
        yield Terminal(made, context, chain, "unresolved")

    def _in_scope(
        self, made: Expression, scope: Scope, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal] | None:
        """What a name means in exactly this scope, on its line; None where it is not bound there."""
        name, here = made.value, context.at((context.module, scope.index))
        if name in scope.bindings:
            own = self._of_loop(scope.bindings[name], context.module, made.line)
            if any(parameter.name == name for parameter in scope.parameters):
                return itertools.chain(
                    self._bound(own, here, chain, depth, name),
                    self._parameter(name, scope, here, chain, depth),
                )
            return self._bound(own, here, chain, depth, name)
        if any(parameter.name == name for parameter in scope.parameters):
            return self._parameter(name, scope, here, chain, depth)
        if name in scope.definitions:
            index = scope.definitions[name]
            inner = self.program.modules[context.module].scopes[index]
            kind: Literal["class", "function"] = "class" if inner.kind == "class" else "function"
            return iter([Terminal(scope_expression(kind, inner), here.at((here.module, index)), chain)])
        if name in scope.imports:
            return self._imported(name, scope, here, chain, depth)
        return None

    def _of_loop(self, bound: list[Expression], module: str, line: int) -> list[Expression]:
        """Of a name that several loops run with, what the innermost one around a line gives it."""
        if len(bound) < 2 or not any(value.kind in {"element", "key"} for value in bound):
            return bound
        loops = [loop for loop in self.program.modules[module].loops if loop.line <= line <= loop.end_line]
        for loop in sorted(loops, key=lambda loop: loop.line, reverse=True):
            own = [value for value in bound if value.line == loop.line]
            if own:
                return own
        return bound

    def _bound(
        self,
        bound: list[Expression],
        context: Context,
        chain: Chain,
        depth: int,
        name: str,
    ) -> Iterator[Terminal]:
        for value in bound[:VALUES_MAX]:
            if value.kind == "name" and value.value == name:
                continue
            yield from self.follow(value, context, (*chain, self.step(value, context.module)), depth)

    def _imported(
        self, name: str, scope: Scope, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        target = scope.imports[name]
        source = self.program.submodule(context.module, target)
        if source is None:
            source = self.program.module_of(context.module, target.module)
            if source is not None and target.name is not None:
                found = self._exported(target.name, source, context, chain, depth)
                if found is not None:
                    yield from found
                    return
        elif target.name is not None:
            package = self.program.module_of(context.module, target.module)
            found = self._exported(target.name, package, context, chain, depth) if package else None
            if found is not None:
                yield from found
                return
        whole = target.name is None or source == self.program.submodule(context.module, target)
        if source is not None and whole:
            yield Terminal(Expression("module", name, 1, 1, source), context.at((source, 0)), chain)
        else:
            place = Expression("name", name, scope.line, scope.line, f"{target.module}.{target.name or ''}")
            yield Terminal(place, context, chain, "unresolved")

    def _exported(
        self, name: str, module: str, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal] | None:
        if depth > DEPTH_MAX:
            return None
        source = self.program.modules[module]
        there = context.at((module, 0))
        found = self._in_scope(named(name), source.scopes[0], there, chain, depth + 1)
        if found is not None:
            return found
        for sibling in self.program.siblings(module):
            other = context.at((sibling, 0))
            found = self._in_scope(
                named(name), self.program.modules[sibling].scopes[0], other, chain, depth + 1
            )
            if found is not None:
                return found
        for star in source.stars:
            target = self.program.module_of(module, star)
            if target is not None and target != module:
                found = self._exported(name, target, there, chain, depth + 4)
                if found is not None:
                    return found
        return None

    def _parameter(
        self, name: str, scope: Scope, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        key = (context.module, scope.index)
        parameter = next(found for found in scope.parameters if found.name == name)
        place = Expression("other", name, scope.line, scope.line)
        frame = context.frames.get(key)
        if frame is None:
            yield Terminal(place, context, chain, "unresolved", frozenset({key}))
            return
        bound = frame.bindings.get(name)
        caller = context.at(frame.caller)
        if bound is not None:
            passed = (*chain, self.step(bound, frame.caller[0]))
            for terminal in self.follow(bound, caller, passed, depth):
                yield replace(terminal, confidence=worse(terminal.confidence, "parameter"))
        elif parameter.default is not None and not frame.rest:
            passed = (*chain, self.step(parameter.default, context.module))
            for terminal in self.follow(parameter.default, context.at((context.module, 0)), passed, depth):
                yield replace(terminal, confidence=worse(terminal.confidence, "parameter"))
        else:
            yield Terminal(place, context, chain, "unresolved")
