"""Following members, indices, elements and alternatives: maps, lists, classes, instances, modules."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

from tools.sources.code.environment import environment_read
from tools.sources.code.lookup import Lookup, named
from tools.sources.code.program import Expression
from tools.sources.code.resolution import DEPTH_MAX, VALUES_MAX, Chain, Context, Terminal, worse


class Members(Lookup):
    """What lies inside of something."""

    def follow_member(
        self, made: Expression, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        """What a member holds: `streams.ORDERS`, `self.stream`, `ROUTES["a"]`."""
        known = environment_read(self.program, made, context)
        if known is not None:
            yield from self.from_environment(known, made, context, chain, depth)
            return
        for owner in itertools.islice(self.follow(made.parts[0], context, chain, depth), VALUES_MAX):
            yield from self._member_of(owner, made, depth)

    def _member_of(self, owner: Terminal, made: Expression, depth: int) -> Iterator[Terminal]:
        name, thing = made.value, owner.expression
        if thing.kind == "module":
            found = self._exported(name, thing.value, owner.context, owner.chain, depth)
            if found is not None:
                yield from found
                return
        elif thing.kind in {"class", "instance"}:
            found = self._attribute(owner, name, depth)
            if found is not None:
                yield from found
                return
        elif thing.kind == "map":
            value = self._pair(thing, name, owner.context, depth)
            if value is not None:
                expression, context = value
                chain = (*owner.chain, self.step(expression, context.module))
                yield from self.follow(expression, context, chain, depth)
                return
        elif name in {"value", "name"} and thing.kind in {"text", "joined", "number"}:
            yield owner
            return
        yield Terminal(replace(made, kind="other"), owner.context, owner.chain, "unresolved", owner.needs)

    def _pair(
        self, thing: Expression, name: str, context: Context, depth: int
    ) -> tuple[Expression, Context] | None:
        for key, value in reversed(thing.pairs):
            if key is None:
                for spread in self.follow(value, context, (), depth):
                    if spread.expression.kind == "map":
                        found = self._pair(spread.expression, name, spread.context, depth + 1)
                        if found is not None:
                            return found
            elif key.value == name and key.kind in {"text", "number"}:
                return value, context
            elif key.kind not in {"text", "number"}:
                keys = self.values_of(key, context, depth)
                if any(found.text == name for found in keys):
                    return value, context
        return None

    def _attribute(self, owner: Terminal, name: str, depth: int) -> Iterator[Terminal] | None:
        """A field or class attribute, own or inherited."""
        context, thing = owner.context, owner.expression
        if depth > DEPTH_MAX:
            return None
        klass = self.program.scope((context.module, context.scope))
        if (
            thing.kind == "instance"
            and "__init__" not in klass.definitions
            and "constructor" not in klass.definitions
        ):
            given = thing.keyword(name)
            if given is not None:
                frame = context.frames.get((context.module, klass.index))
                there = context if frame is None else context.at(frame.caller)
                return self.follow(given, there, (*owner.chain, self.step(given, there.module)), depth)
        if name in klass.fields:
            return self._fields(owner, klass.fields[name], depth)
        found = self._in_scope(named(name), klass, context, owner.chain, depth)
        if found is not None:
            return found
        for base in klass.bases:
            for parent in self.follow(base, context.at((context.module, klass.parent or 0)), (), depth):
                if parent.expression.kind == "class":
                    inherited = replace(parent, chain=owner.chain)
                    found = self._attribute(inherited, name, depth + 2)
                    if found is not None:
                        return found
        return None

    def _fields(
        self, owner: Terminal, assigned: list[tuple[int, Expression]], depth: int
    ) -> Iterator[Terminal]:
        for scope, value in assigned[:VALUES_MAX]:
            there = owner.context.at((owner.context.module, scope))
            yield from self.follow(value, there, (*owner.chain, self.step(value, there.module)), depth)

    def follow_index(
        self, made: Expression, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        """What an index that is no literal can give."""
        owner, key = made.parts
        names = [value.text for value in self.values_of(key, context, depth) if value.text is not None]
        for terminal in self.follow(owner, context, chain, depth):
            thing = terminal.expression
            if names and thing.kind in {"map", "class", "instance", "module"}:
                for name in names:
                    yield from self._member_of(terminal, replace(made, kind="member", value=name), depth)
            elif thing.kind == "map":
                yield from self.items_of(terminal, values=True, depth=depth)
            elif thing.kind == "list":
                position = names[0] if names else ""
                chosen = thing.parts
                if position.isdecimal() and int(position) < len(chosen):
                    chosen = (chosen[int(position)],)
                for part in chosen:
                    yield from self.follow(part, terminal.context, terminal.chain, depth)
            else:
                yield Terminal(made, context, terminal.chain, "unresolved", terminal.needs)

    def follow_element(
        self, made: Expression, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        """What a loop variable runs over."""
        for terminal in self.follow(made.parts[0], context, chain, depth):
            values = made.kind == "element" and terminal.expression.kind != "map"
            yield from self.items_of(terminal, values=values, depth=depth)

    def items_of(self, terminal: Terminal, *, values: bool = False, depth: int = 1) -> Iterator[Terminal]:
        """The items of a list, or the keys (or values) of a map; anything else itself."""
        thing = terminal.expression
        if thing.kind == "list":
            for part in thing.parts[:VALUES_MAX]:
                whole = part.parts[0] if part.kind == "spread" and part.parts else None
                for end in self.follow(whole or part, terminal.context, terminal.chain, depth):
                    yield from (end,) if whole is None else self.items_of(end, depth=depth + 1)
        elif thing.kind == "map":
            for key, value in thing.pairs[:VALUES_MAX]:
                wanted = value if values else key
                if wanted is not None:
                    yield from self.follow(wanted, terminal.context, terminal.chain, depth)
        else:
            yield terminal

    def follow_choice(
        self, made: Expression, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        """Alternatives; an unknown or null one is left out where another is known (`x or "default"`)."""
        found = [end for part in made.parts for end in self.follow(part, context, chain, depth)]
        known = [
            end for end in found if end.expression.kind not in {"null", "other", "name", "call"} or end.needs
        ]
        # `x or ""` says nothing of what x is.
        if known and all((end.expression.kind, end.expression.value) == ("text", "") for end in known):
            yield Terminal(replace(made, kind="other", parts=()), context, chain, "unresolved")
            return
        yield from known or found

    def from_environment(
        self,
        name: Expression,
        made: Expression,
        context: Context,
        chain: Chain,
        depth: int,
    ) -> Iterator[Terminal]:
        """The value a configuration file sets; else the default in the code."""
        for value in self.values_of(name, context, depth):
            known = self.environment.get(value.text or "")
            if known is not None:
                text, step = known
                place = replace(made, kind="text", value=text, parts=(), pairs=())
                yield Terminal(place, context, (*chain, step), "environment")
                return
        default = made.argument(1, "default") if made.kind == "call" else None
        if default is None:
            yield Terminal(replace(made, kind="other"), context, chain, "unresolved")
            return
        for terminal in self.follow(default, context, chain, depth):
            yield replace(terminal, confidence=worse(terminal.confidence, "environment"))
