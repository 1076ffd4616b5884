"""From recognised calls to `CodeUse`: names resolved, wrappers followed to the calls that name the stream.

A call whose stream, group or cap is a parameter of its function is reported at each call of that function
(up to `LEVELS_MAX` levels), so that the use carries the service and the name of the caller; the chain begins
with the expression at the Redis call itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import product

from msgspec.structs import replace as with_changes

from tools import masking
from tools.sources.code.commands import STREAM_KINDS, Command
from tools.sources.code.invocations import frame_of
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import CallSite, Program, ScopeKey
from tools.sources.code.resolution import STEP_READ, STEP_SHOWN, Chain, Context, Frame, Value
from tools.sources.code.resolve import Resolver
from tools.sources.records import ChainStep, CodeKind, CodeUse, Resolved

LEVELS_MAX = 4
PLACES_MAX = 200
PAIRS_MAX = 24
CHAIN_MAX = 8

ServiceOf = Callable[[str], str | None]
_CAPS = ("maxlen", "minid")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a use is reported: the Redis call itself, or the call of the wrapper around it."""

    module: Module
    site: Site
    context: Context
    level: int = 0


class UseFinder:
    """Finds the uses of one program."""

    def __init__(self, program: Program, resolver: Resolver, service_of: ServiceOf) -> None:
        self._program = program
        self._resolver = resolver
        self._service_of = service_of

    def uses(self, module: Module, site: Site, command: Command) -> Iterator[CodeUse]:
        """The uses that one recognised call stands for."""
        place = _Place(module, site, Context(module.path, site.scope))
        if command.kind is CodeKind.CONSOLE_LOG:
            named = command.name.value if command.name else None
            yield with_changes(self._use(place, command, None, None, {}), name=named)
            return
        origin = self._origin(module, site)
        for number, found in enumerate(self._places(place, command)):
            if number >= PLACES_MAX:
                return
            yield from self._at(found, command, origin)

    def _origin(self, module: Module, site: Site) -> ChainStep:
        lines = module.source(site.expression.line, site.expression.line).strip()
        return ChainStep(path=module.path, line=site.expression.line, text=lines[:STEP_READ])

    # --- following wrappers ------------------------------------------------------------------------------

    def _places(self, place: _Place, command: Command) -> Iterator[_Place]:
        needed = self._needs(place.context, command)
        if needed is None:
            yield place
            return
        sites = self._callers(needed) if place.level < LEVELS_MAX else []
        if not sites:
            frames = {**place.context.frames, needed: Frame({}, (place.context.module, 0))}
            yield from self._places(replace(place, context=replace(place.context, frames=frames)), command)
            return
        function = self._program.scope(needed)
        for caller in sites:
            there = Context(caller.module.path, caller.site.scope)
            frame = frame_of(caller.site.expression, function, there)
            frames = {**place.context.frames, needed: frame}
            context = replace(place.context, frames=frames)
            yield from self._places(_Place(caller.module, caller.site, context, place.level + 1), command)

    def _needs(self, context: Context, command: Command) -> ScopeKey | None:
        """The function whose parameter decides; the innermost where several do."""
        wanted = [*command.streams, *(e for e in (command.stream_set, command.group, command.name) if e)]
        wanted += [command.options[cap] for cap in _CAPS if cap in command.options]
        found: set[ScopeKey] = set()
        for expression in wanted:
            for value in self._all_values(expression, context, as_set=expression is command.stream_set):
                found |= value.needs
        return max(found - set(context.frames), key=lambda key: key[1], default=None)

    def _callers(self, function: ScopeKey) -> list[CallSite]:
        scope = self._program.scope(function)
        module = self._program.modules[function[0]]
        around = module.class_of(function[1])
        is_maker = scope.name in {"__init__", "constructor"} and around is not None
        name = around.name if is_maker and around is not None else scope.name
        wanted = (function[0], around.index) if is_maker and around is not None else function
        return [
            caller for caller in self._program.calls_named(name) if self._calls(caller, wanted, scope.name)
        ]

    def _calls(self, caller: CallSite, wanted: ScopeKey, name: str) -> bool:
        callee = caller.site.expression.callee
        context = Context(caller.module.path, caller.site.scope)
        ends = self._resolver.terminals(callee, context)
        known = [end for end in ends if end.expression.kind in {"function", "class"}]
        if known:
            return any((end.context.module, end.context.scope) == wanted for end in known)
        return callee.kind == "member" and self._program.only_method(name) == wanted

    # --- one place ---------------------------------------------------------------------------------------

    def _at(self, place: _Place, command: Command, origin: ChainStep) -> Iterator[CodeUse]:
        context = place.context
        first = (origin,) if place.level else ()
        if command.kind is CodeKind.ENV_READ:
            for value in self._all_values(command.name, context):
                if value.text is not None:
                    use = self._use(place, command, None, None, self._options(command, context))
                    yield with_changes(use, name=masking.mask(value.text))
            return
        if command.kind not in STREAM_KINDS:
            named = masking.mask(command.name.text) if command.name else None
            yield with_changes(self._use(place, command, None, None, {}), name=named)
            return
        streams = [v for stream in command.streams for v in self._named(stream, context, first)]
        if command.stream_set is not None:
            streams += self._named(command.stream_set, context, first, as_set=True)
        groups: list[Resolved | None] = [None]
        if command.group is not None:
            groups = list(self._named(command.group, context, first))
        options, fields = self._options(command, context), self._fields(command.payload, context)
        ends: list[Resolved | None] = [*streams] or [None]
        for stream, group in list(product(ends, groups))[:PAIRS_MAX]:
            yield with_changes(self._use(place, command, stream, group, options), fields=fields)

    def _named(
        self, expression: Expression, context: Context, first: Chain, *, as_set: bool = False
    ) -> list[Resolved]:
        head = self._resolver.step(expression, context.module)
        found: list[Resolved] = []
        for value in self._all_values(expression, context, as_set=as_set):
            chain = tuple(dict.fromkeys((*first, head, *value.chain)))[:CHAIN_MAX]
            masked = tuple(_masked(step) for step in chain)
            text = None if value.text is None else masking.mask(value.text)
            found.append(Resolved(value=text, confidence=value.confidence, chain=masked))
        return found

    def _all_values(
        self, expression: Expression | None, context: Context, *, as_set: bool = False
    ) -> tuple[Value, ...]:
        if expression is None:
            return ()
        if as_set:
            return self._resolver.items(expression, context)
        return self._resolver.values(expression, context)

    def _options(self, command: Command, context: Context) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, expression in command.options.items():
            if name == "spread":
                found |= self._spread(expression, context)
                continue
            values = self._resolver.values(expression, context)
            if command.kind is CodeKind.ENV_READ:
                null = all(value.null for value in values) and name == "default"
                found |= {} if null else {name: masking.mask(expression.text)}
            elif not all(value.null for value in values):
                known = [value.text for value in values if value.text is not None]
                found[name] = known[0] if known else expression.text
        return found

    def _spread(self, expression: Expression, context: Context) -> dict[str, str]:
        """Options out of `**options`; a `spread` option where they cannot be read."""
        found: dict[str, str] = {}
        for end in self._resolver.terminals(expression, context):
            if end.expression.kind not in {"map", "list"}:
                return {"spread": expression.text}
            for key, value in end.expression.pairs:
                if key is not None:
                    found[key.value.lower()] = value.text
            words = [part.value.lower() for part in end.expression.parts]
            found |= {word: word for word in words if word in _CAPS}
        return found

    def _fields(self, payload: Expression | None, context: Context) -> tuple[str, ...]:
        if payload is None:
            return ()
        names: list[str] = []
        for end in self._resolver.terminals(payload, context):
            if end.expression.kind != "map":
                return ()
            for key, value in end.expression.pairs:
                if key is None:
                    inner = self._fields(value, end.context)
                    names += inner
                else:
                    known = [found.text for found in self._all_values(key, end.context)]
                    if None in known:
                        return ()
                    names += [masking.mask(name) for name in known if name is not None]
        return tuple(dict.fromkeys(names))

    def _use(
        self,
        place: _Place,
        command: Command,
        stream: Resolved | None,
        group: Resolved | None,
        options: dict[str, str],
    ) -> CodeUse:
        made, module = place.site.expression, place.module
        return CodeUse(
            kind=command.kind,
            service=self._service_of(module.path),
            path=module.path,
            line=made.line,
            end_line=made.end_line,
            text=masking.mask(module.source(made.line, made.end_line)),
            language=module.language,
            function=module.function_name(place.site.scope),
            stream=stream,
            group=group,
            options=options,
        )


def _masked(step: ChainStep) -> ChainStep:
    return ChainStep(path=step.path, line=step.line, text=masking.beginning(step.text, STEP_SHOWN))
