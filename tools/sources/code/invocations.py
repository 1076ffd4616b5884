"""Following calls: what functions return, what classes make, which parameter has which argument."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace

from tools.sources.code.environment import environment_read
from tools.sources.code.members import Members
from tools.sources.code.program import Expression, Parameter, Scope
from tools.sources.code.program_index import ScopeKey
from tools.sources.code.resolution import UNKNOWN, VALUES_MAX, Chain, Context, Frame, Terminal

_PASS_THROUGH = {
    "str",
    "String",
    "int",
    "float",
    "Number",
    "parseInt",
    "parseFloat",
    "cast",
    "freeze",
    "tuple",
    "list",
    "set",
    "frozenset",
    "sorted",
    "from",
}
_PASS_METHODS = {"strip", "encode", "toString", "trim", "decode", "valueOf"}
_FORMAT_FIELD = re.compile(r"\{[^{}]*\}")


class Invocations(Members):
    """What calls lead to."""

    def follow_call(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        """What a call gives: a value of the environment, a return value, an instance."""
        read = environment_read(self.program, made, context)
        if read is not None:
            yield from self.from_environment(read, made, context, chain, depth)
            return
        callee, arguments = made.callee, made.arguments
        if callee.kind in {"name", "member"} and callee.value in _PASS_THROUGH and arguments:
            # `cast(T, x)` alone has it last: the 10 of `parseInt(x, 10)` is no value.
            place = -1 if callee.value == "cast" else 0
            yield from self.follow(arguments[place], context, chain, depth)
        elif callee.kind == "member":
            yield from self._method(made, context, chain, depth)
        else:
            yield from self._invoked(made, context, chain, depth)

    def _method(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        owner, name, arguments = made.callee.parts[0], made.callee.value, made.arguments
        if name in _PASS_METHODS and not arguments:
            yield from self.follow(owner, context, chain, depth)
        elif name == "get" and arguments:
            key = replace(made, kind="index", parts=(owner, arguments[0]))
            found = list(self.follow(key, context, chain, depth))
            if len(arguments) > 1:
                found += self.follow(arguments[1], context, chain, depth)
            yield from found
        elif name in {"map", "flatMap"} and arguments:
            yield from self._mapped(made, context, chain, depth)
        elif name in {"keys", "values"} and owner.text == "Object" and len(arguments) == 1:
            inner = replace(made, parts=(replace(made.callee, parts=arguments),))
            yield from self._method(inner, context, chain, depth)
        elif name in {"keys", "values", "items"} and not arguments:
            for terminal in self.follow(owner, context, chain, depth):
                parts = tuple(
                    wanted
                    for key, value in terminal.expression.pairs
                    if (wanted := key if name == "keys" else value) is not None
                )
                yield replace(terminal, expression=replace(terminal.expression, kind="list", parts=parts))
        elif name in {"format", "split", "lower", "upper", "toLowerCase", "toUpperCase"}:
            yield from self._text_method(made, context, chain, depth)
        else:
            yield from self._invoked(made, context, chain, depth)

    def _mapped(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        """A list of what a function written in place makes of each item (`NAMES.map((n) => `a:${n}`)`)."""
        owner, function = made.callee.parts[0], self._function_at(made.arguments[0], context)
        if function is None or not function.parameters:
            yield Terminal(made, context, chain, "unresolved")
            return
        key = (context.module, function.index)
        for terminal in itertools.islice(self.follow(owner, context, chain, depth), VALUES_MAX):
            is_list = terminal.expression.kind == "list"
            for item in self.items_of(terminal, depth=depth) if is_list else (terminal,):
                part = item.expression if is_list else replace(item.expression, kind="other", parts=())
                frame = Frame({function.parameters[0].name: part}, (item.context.module, item.context.scope))
                inner = Context(*key, {**context.frames, key: frame})
                for value in function.returns[:VALUES_MAX]:
                    for end in self.follow(value, inner, item.chain, depth):
                        one = replace(made, kind="list", parts=(end.expression,), pairs=())
                        yield replace(end, expression=one)

    def _function_at(self, made: Expression, context: Context) -> Scope | None:
        """The scope of a function that is written in place; None where two of a line could be meant."""
        lines = (made.line, made.end_line)
        found = [
            scope
            for scope in self.program.modules[context.module].scopes
            if scope.kind == "function" and not scope.name and (scope.line, scope.end_line) == lines
        ]
        return found[0] if len(found) == 1 else None

    def _text_method(
        self, made: Expression, context: Context, chain: Chain, depth: int
    ) -> Iterator[Terminal]:
        name = made.callee.value
        for value in self.values_of(made.callee.parts[0], context, depth):
            text = value.text
            if text is None:
                yield Terminal(made, context, chain, "unresolved", value.needs)
                continue
            if name == "split":
                separator = made.arguments[0].value if made.arguments else None
                pieces = [piece.strip() for piece in text.split(separator or None)]
                parts = tuple(replace(made, kind="text", value=piece, parts=()) for piece in pieces)
                yield Terminal(
                    replace(made, kind="list", parts=parts), context, value.chain, value.confidence
                )
                continue
            changed = _FORMAT_FIELD.sub(UNKNOWN, text) if name == "format" else text
            changed = changed.lower() if "ower" in name else changed.upper() if "pper" in name else changed
            text_made = replace(made, kind="text", value=changed, parts=(), pairs=())
            yield Terminal(text_made, context, (*chain, *value.chain), value.confidence, value.needs)

    def _invoked(self, made: Expression, context: Context, chain: Chain, depth: int) -> Iterator[Terminal]:
        """What a function of the project returns, or the instance that a class makes."""
        some = False
        for target in self.follow(made.callee, context, (), depth):
            key = (target.context.module, target.context.scope)
            if target.expression.kind == "function" and key not in context.frames:
                function = self.program.scope(key)
                frames = {**context.frames, key: frame_of(made, function, context)}
                inner = Context(key[0], key[1], frames)
                for value in function.returns[:VALUES_MAX]:
                    some = True
                    step = self.step(value, key[0])
                    yield from self.follow(value, inner, (*chain, step), depth)
            elif target.expression.kind == "class":
                some = True
                yield self._instance(made, key, context, chain)
        if not some:
            yield Terminal(made, context, chain, "unresolved")

    def _instance(self, made: Expression, key: ScopeKey, context: Context, chain: Chain) -> Terminal:
        klass = self.program.scope(key)
        maker = klass.definitions.get("__init__", klass.definitions.get("constructor"))
        target = (key[0], klass.index if maker is None else maker)
        frame = frame_of(made, self.program.scope(target), context)
        frames = {**context.frames, target: frame}
        return Terminal(replace(made, kind="instance"), Context(key[0], key[1], frames), chain)


def frame_of(call: Expression, function: Scope, context: Context) -> Frame:
    """The frame of a call to a function: which parameter has which argument."""
    bindings: dict[str, Expression] = {}
    rest = any(key is None for key, _ in call.pairs)
    plain = [parameter for parameter in function.parameters if parameter.kind == "plain"]
    if plain and plain[0].name in {"self", "cls"}:
        plain = plain[1:]
    places = sorted({parameter.position for parameter in plain})
    for place, argument in zip(places, call.arguments, strict=False):
        if argument.kind == "spread":
            rest = True
            break
        for parameter in plain:
            if parameter.position == place:
                bindings[parameter.name] = _destructured(argument, parameter)
    bindings = {name: value for name, value in bindings.items() if value.kind != "null" or value.text}
    for key, value in call.pairs:
        if key is not None:
            bindings[key.value] = value
    return Frame(bindings, (context.module, context.scope), rest)


def _destructured(argument: Expression, parameter: Parameter) -> Expression:
    if parameter.path is None:
        return argument
    if argument.kind == "map":
        given = argument.keyword(parameter.path)
        if given is not None or all(key is not None for key, _ in argument.pairs):
            return given or replace(argument, kind="null", text="", pairs=())
    return replace(argument, kind="member", value=parameter.path, parts=(argument,), pairs=())
