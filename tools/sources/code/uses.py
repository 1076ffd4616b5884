"""From recognised calls to `CodeUse`: names resolved, wrappers followed to the calls that name the stream.

A call whose stream, group or cap is a parameter of its function is reported at each call of that function
(up to `LEVELS_MAX` levels), so that the use carries the service and the name of the caller; the chain begins
with the expression at the Redis call itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product

from msgspec.structs import replace as with_changes

from tools import masking
from tools.sources.code.commands import STREAM_KINDS, Command
from tools.sources.code.invocations import frame_of
from tools.sources.code.models import Models
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import CallSite, Program, ScopeKey
from tools.sources.code.resolution import STEP_READ, STEP_SHOWN, Chain, Context, Frame, Value
from tools.sources.code.resolve import Resolver
from tools.sources.code.surroundings import Spot, Surroundings
from tools.sources.code_records import Around
from tools.sources.records import ChainStep, CodeKind, CodeUse, Resolved
from tools.sources.schema_records import VERSION_FIELDS, MessageSchema
from tools.sources.secret_literals import masked_code, masked_default, masked_read

LEVELS_MAX = 4
PLACES_MAX = 200
PAIRS_MAX = 24
CHAIN_MAX = 8

ServiceOf = Callable[[str], str | None]
_CAPS = ("maxlen", "minid")
_PACE = ("count", "block")
_READS = {CodeKind.XREAD, CodeKind.XREADGROUP, CodeKind.XCLAIM}
_LIBRARY = re.compile(r"(?i)\bredis\b|createClient|createCluster|from_url|ioredis|valkey")
_JSON = {"stringify", "dumps"}
_DUMPS = {"model_dump_json", "json"}


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
        self._surroundings = Surroundings(program, resolver)
        self._models = Models(program, resolver)

    def uses(self, module: Module, site: Site, command: Command) -> Iterator[CodeUse]:
        """The uses that one recognised call stands for."""
        place = _Place(module, site, Context(module.path, site.scope))
        if command.kind is CodeKind.CONSOLE_LOG:
            named = command.name.value if command.name else None
            yield with_changes(self._use(place, command, None, None, {}), name=named)
            return
        if command.kind is CodeKind.KEYS:
            yield self._keys(place, command)
            return
        origin = self._origin(module, site)
        start = ((module.path, site.scope), site.expression.line)
        call = masking.mask(module.source(site.expression.line, site.expression.end_line))
        for number, found in enumerate(self._places(place, command)):
            if number >= PLACES_MAX:
                return
            for use in self._at(found, command, origin, start):
                yield with_changes(use, call=call) if found.level else use

    def is_own(self, module: Module, site: Site, command: Command) -> bool:
        """Whether what looks like a command calls a function of the project that has the same name."""
        if command.kind not in STREAM_KINDS:
            return False
        context = Context(module.path, site.scope)
        return any(
            end.expression.kind == "function"
            for end in self._resolver.terminals(site.expression.callee, context)
        )

    def swallowed(self, module: Module) -> Iterator[CodeUse]:
        """The handlers that neither raise nor read the error they catch, or only look for one kind of it."""
        for handler in module.handlers:
            if not handler.raises and (handler.tested_only or not handler.uses_error):
                scope = max(
                    (found for found in module.scopes if found.line <= handler.line <= found.end_line),
                    key=lambda found: found.line,
                    default=module.scopes[0],
                )
                yield CodeUse(
                    kind=CodeKind.CATCH,
                    service=self._service_of(module.path),
                    path=module.path,
                    line=handler.line,
                    end_line=handler.end_line,
                    text=masking.mask(module.source(handler.line, handler.end_line)),
                    language=module.language,
                    function=module.function_name(scope.index),
                    around=Around(handler=handler),
                )

    def _origin(self, module: Module, site: Site) -> ChainStep:
        lines = module.source(site.expression.line, site.expression.line).strip()
        return ChainStep(path=module.path, line=site.expression.line, text=lines[:STEP_READ])

    # --- following wrappers ------------------------------------------------------------------------------

    def _places(self, place: _Place, command: Command) -> Iterator[_Place]:
        needed = self._needs(place.context, command)
        if needed is None:
            yield from self._owned(place, command)
            return
        sites = self._surroundings.callers(needed) if place.level < LEVELS_MAX else []
        if not sites:
            frames = {**place.context.frames, needed: Frame({}, (place.context.module, 0))}
            yield from self._places(replace(place, context=replace(place.context, frames=frames)), command)
            return
        for caller in sites:
            there = Context(caller.module.path, caller.site.scope)
            frame = frame_of(caller.site.expression, self._program.scope(needed), there)
            frames = {**place.context.frames, needed: frame}
            context = replace(place.context, frames=frames)
            yield from self._places(_Place(caller.module, caller.site, context, place.level + 1), command)

    def _owned(self, place: _Place, command: Command) -> Iterator[_Place]:
        """Of a place in code that services share, the calls by which each of them gets there; else the place."""
        if command.kind not in STREAM_KINDS:
            yield place
            return
        own = self._service_of(place.module.path)
        found = [
            other for other in self._upwards(place) if self._service_of(other.module.path) not in {None, own}
        ]
        yield from found or (place,)

    def _upwards(self, place: _Place) -> Iterator[_Place]:
        """The calls of the function around a place; those in the same service are followed further up."""
        function = self._surroundings.function((place.module.path, place.site.scope))
        scope = self._program.scope(function)
        if (
            scope.kind != "function"
            or not scope.name
            or function in place.context.frames
            or place.level >= LEVELS_MAX
        ):
            return
        own = self._service_of(place.module.path)
        for caller in self._surroundings.callers(function):
            there = Context(caller.module.path, caller.site.scope)
            frame = frame_of(caller.site.expression, scope, there)
            context = replace(place.context, frames={**place.context.frames, function: frame})
            above = _Place(caller.module, caller.site, context, place.level + 1)
            if self._service_of(caller.module.path) not in {None, own}:
                yield above
            else:
                yield from self._upwards(above)

    def _needs(self, context: Context, command: Command) -> ScopeKey | None:
        """The function whose parameter decides; the innermost where several do."""
        wanted = [*command.streams, *(e for e in (command.stream_set, command.group, command.name) if e)]
        wanted += [command.options[cap] for cap in _CAPS if cap in command.options]
        found: set[ScopeKey] = set()
        for expression in wanted:
            for value in self._all_values(expression, context, as_set=expression is command.stream_set):
                found |= value.needs
        return max(found - set(context.frames), key=lambda key: key[1], default=None)

    # --- one place ---------------------------------------------------------------------------------------

    def _at(self, place: _Place, command: Command, origin: ChainStep, start: Spot) -> Iterator[CodeUse]:
        context = place.context
        first = (origin,) if place.level else ()
        if command.kind is CodeKind.ENV_READ:
            for value in self._all_values(command.name, context):
                if value.text is not None:
                    use = self._use(place, command, None, None, self._options(command, context, value.text))
                    shown = masked_read(value.text, place.module.source(use.line, use.end_line))
                    yield with_changes(use, name=masking.mask(value.text), text=shown)
            return
        streams = [v for stream in command.streams for v in self._named(stream, context, first)]
        if command.stream_set is not None:
            streams += self._named(command.stream_set, context, first, as_set=True)
        groups: list[Resolved | None] = [None]
        if command.group is not None:
            groups = list(self._named(command.group, context, first))
        options, around = self._options(command, context), Around()
        fields: tuple[str, ...] = ()
        if command.kind is CodeKind.XADD:
            fields, around = self._payload(command.payload, context)
            around = self._attempts(around, start, command, context)
        elif command.kind in _READS:
            around = self._surroundings.of(start, CallSite(place.module, place.site))
            if command.kind is CodeKind.XREADGROUP:
                led_to = self._surroundings.led_to(start[0], CallSite(place.module, place.site))
                around = with_changes(around, model=self._models.only_one_in(led_to))
        ends: list[Resolved | None] = [*streams] or [None]
        for stream, group in list(product(ends, groups))[:PAIRS_MAX]:
            use = self._use(place, command, stream, group, options)
            yield with_changes(use, fields=fields, around=around)

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

    def _options(self, command: Command, context: Context, variable: str = "") -> dict[str, str]:
        found: dict[str, str] = {}
        for name, expression in command.options.items():
            if name == "spread":
                found |= self._spread(expression, context)
                continue
            values = self._resolver.values(expression, context)
            if command.kind is CodeKind.ENV_READ:
                # Who writes None for the value of an absent variable goes on without it.
                null = name == "default" and all(value.null for value in values)
                found |= {"tested": "None"} if null else {name: masked_default(variable, expression.text)}
            elif name == "id":
                found[name] = expression.value if expression.kind == "text" else masking.mask(expression.text)
            elif not all(value.null for value in values):
                known = list(dict.fromkeys(value.text for value in values if value.text is not None))
                if not known and name in _PACE:
                    known = self._from_callers(expression, context)
                sure = len(known) == 1 or (known and name not in _PACE)
                found[name] = known[0] if sure else expression.text
        return found

    def _from_callers(self, expression: Expression, context: Context) -> list[str]:
        """The one value that every call of the function gives a parameter; [] where they differ or are not known."""
        found: set[str | None] = set()
        for key in {key for value in self._resolver.values(expression, context) for key in value.needs}:
            for caller in self._surroundings.callers(key)[:PLACES_MAX]:
                there = Context(caller.module.path, caller.site.scope)
                frame = frame_of(caller.site.expression, self._program.scope(key), there)
                inner = replace(context, frames={**context.frames, key: frame})
                found |= {value.text for value in self._resolver.values(expression, inner)}
        return [text for text in found if text is not None] if len(found) == 1 else []

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
            found |= {word: value for word, value in pairwise((*words, "")) if word in (*_CAPS, *_PACE)}
        return found

    def _keys(self, place: _Place, command: Command) -> CodeUse:
        """A KEYS: its pattern as far as it is known, and what it is called on."""
        values = self._all_values(command.name, place.context)
        known = next((value.text for value in values if value.text is not None), None)
        written = command.name.text if command.name is not None else ""
        receiver = "redis"
        if command.receiver is not None:
            receiver = command.receiver.text
            for end in self._resolver.terminals(command.receiver, place.context):
                if end.expression.kind in {"call", "instance"} and _LIBRARY.search(end.expression.text):
                    receiver = "redis"
        use = self._use(place, command, None, None, {})
        around = Around(receiver=masking.mask(receiver), library=self._surroundings.library(place.module))
        return with_changes(use, name=masking.mask(known or written), around=around)

    def _attempts(self, around: Around, start: Spot, command: Command, context: Context) -> Around:
        """What is known of an XADD's second attempt."""
        (path, scope), _ = start
        if command.receiver is None:
            return around
        gives_up = self._surroundings.gives_up(command.receiver, context.at((path, scope)))
        if gives_up is None:
            return around
        return with_changes(around, gives_up=gives_up, retried=self._surroundings.retried(start, gives_up))

    def _payload(
        self, payload: Expression | None, context: Context, level: int = 0
    ) -> tuple[tuple[str, ...], Around]:
        """The field names of a payload, those inside of JSON in it, and whether there may be more."""
        if payload is None or level > LEVELS_MAX:
            return (), Around()
        names: list[str] = []
        inner: list[str] = []
        constants: dict[str, str] = {}
        found_model: MessageSchema | None = None
        is_open = False
        for end in self._resolver.terminals(payload, context):
            if end.expression.kind != "map":
                model = self._models.sent(end)
                if model is None:
                    return (), Around()
                found_model = model
                names += [field.name for field in model.fields]
                # An object may have more than its interface says.
                is_open |= not model.whole or model.form == "interface"
                continue
            for key, value in end.expression.pairs:
                if key is None:
                    found, around = self._payload(value, end.context, level + 1)
                    names += found
                    inner += around.inner_fields
                    constants |= around.constants
                    found_model = around.model or found_model
                    is_open |= around.fields_open
                    continue
                known = [found.text for found in self._all_values(key, end.context)]
                if None in known:
                    return (), Around()
                names += [masking.mask(name) for name in known if name is not None]
                constants |= self._constant(known, value, end.context)
                inside, of_json = self._json(value, end.context, level)
                inner += inside
                constants |= of_json.constants
                found_model = of_json.model or found_model
                is_open |= of_json.fields_open
        around = Around(
            inner_fields=tuple(dict.fromkeys(inner)),
            fields_open=is_open or not names,
            constants=tuple(constants.items()),
            model=found_model,
        )
        return tuple(dict.fromkeys(names)), around

    def _constant(self, names: list[str | None], value: Expression, context: Context) -> dict[str, str]:
        """The value of a field that says a version, where there is one alone."""
        if len(names) != 1 or names[0] is None or names[0].lower() not in VERSION_FIELDS:
            return {}
        known = {found.text for found in self._all_values(value, context)}
        text = next(iter(known)) if len(known) == 1 else None
        return {} if text is None else {masking.mask(names[0]): masking.mask(text)}

    def _json(self, value: Expression, context: Context, level: int) -> tuple[tuple[str, ...], Around]:
        """The names inside of a value that is JSON of a map; what stands around them, open where it cannot be read."""
        for end in self._resolver.terminals(value, context):
            made = end.expression
            model = self._models.sent(end) if made.kind == "call" and not made.arguments else None
            if model is not None and made.callee.value in _DUMPS:
                return tuple(field.name for field in model.fields), Around(
                    model=model, fields_open=not model.whole
                )
            if made.kind == "call" and made.callee.value in _JSON and made.arguments:
                names, around = self._payload(made.arguments[0], end.context, level + 1)
                return (*names, *around.inner_fields), around
        return (), Around(fields_open=False)

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
            text=masked_code(module.source(made.line, made.end_line)),
            language=module.language,
            function=module.function_name(place.site.scope),
            stream=stream,
            group=group,
            options=options,
        )


def _masked(step: ChainStep) -> ChainStep:
    return with_changes(step, text=masking.beginning(masked_code(step.text), STEP_SHOWN))
