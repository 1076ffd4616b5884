"""Redis commands, environment reads and prints in Python: redis-py, its asyncio twin, coredis, raw commands."""

from __future__ import annotations

from dataclasses import replace

from tools.sources.code.commands import KINDS, Command, raw
from tools.sources.code.environment import environment_read
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context
from tools.sources.code.spreads import spread_out
from tools.sources.records import CodeKind

_PRINTS = {"print", "pprint"}
_STREAM_NAMES = ("name", "key", "stream", "stream_name")
_GROUP_NAMES = ("groupname", "group", "group_name")


def recognise(program: Program, module: Module, site: Site) -> Command | None:
    """What a site does, if it is anything that a rule may care about."""
    made = site.expression
    name = environment_read(program, made, Context(module.path, site.scope))
    if name is not None:
        return _environment(made, name, site)
    if made.kind != "call":
        return None
    callee = made.callee
    if callee.kind == "name" and callee.value in _PRINTS:
        to_file = made.keyword("file") is not None
        return None if to_file else Command(CodeKind.CONSOLE_LOG, name=callee)
    if callee.kind == "member":
        command = _redis(spread_out(module, site), callee.value.lower())
        if command is not None and command.kind is CodeKind.XADD:
            return replace(command, receiver=callee.parts[0])
        return command
    return None


def _environment(made: Expression, name: Expression, site: Site) -> Command:
    options: dict[str, Expression] = {}
    default = made.argument(1, "default") if made.kind == "call" else None
    if default is not None:
        options["default"] = default
    elif site.fallback is not None:
        options["default"] = Expression("number", site.fallback, made.line, made.line, site.fallback)
    if made.kind != "call":
        options["strict"] = Expression("number", "KeyError", made.line, made.line, "KeyError")
    if site.tested:
        options["tested"] = Expression("number", "tested", made.line, made.line, "tested")
    return Command(CodeKind.ENV_READ, name=name, options=options)


def _redis(made: Expression, method: str) -> Command | None:
    if method in {"execute_command", "call"} and made.arguments and made.arguments[0].kind == "text":
        words = made.arguments[0].value.split()
        return raw(" ".join(words), made.arguments[1:]) if words else None
    kind = CodeKind.XGROUP_CREATE if method == "xgroup_create" else KINDS.get(method)
    if kind is CodeKind.KEYS:
        pattern = made.argument(0, "pattern")
        receiver = made.callee.parts[0]
        return Command(kind, name=pattern, receiver=receiver) if pattern is not None else None
    if kind is CodeKind.XADD:
        return _add(made)
    if kind in {CodeKind.XREAD, CodeKind.XREADGROUP}:
        return _read(made, kind)
    return _on_one_stream(made, kind) if kind is not None else None


def _on_one_stream(made: Expression, kind: CodeKind) -> Command | None:
    stream = made.argument(0, *_STREAM_NAMES)
    if stream is None:
        return None
    if kind is CodeKind.XTRIM:
        return Command(kind, (stream,), options=_present(made, {"maxlen": 1, "minid": 3}))
    group = made.argument(1, *_GROUP_NAMES)
    return Command(kind, (stream,), group=group) if group is not None else None


def _add(made: Expression) -> Command | None:
    stream = made.argument(0, *_STREAM_NAMES)
    if stream is None:
        return None
    options = _present(made, {"maxlen": 3, "minid": 6})
    trim = made.keyword("trim_strategy")
    if trim is not None:
        options["maxlen"] = made.keyword("threshold") or trim
    return Command(
        CodeKind.XADD, (stream,), options=options, payload=made.argument(1, "fields", "field_values")
    )


def _read(made: Expression, kind: CodeKind) -> Command | None:
    if kind is CodeKind.XREAD:
        streams = made.argument(0, "streams")
        options = _present(made, {"count": 1, "block": 2}) | _from(streams)
        return Command(kind, stream_set=streams, options=options) if streams is not None else None
    streams = made.argument(2, "streams")
    if streams is None:
        return None
    group = made.argument(0, *_GROUP_NAMES)
    options = _present(made, {"count": 3, "block": 4, "noack": 5}) | _from(streams)
    return Command(kind, stream_set=streams, group=group, options=options)


def _from(streams: Expression | None) -> dict[str, Expression]:
    """The id that a read begins behind, of the first stream."""
    return {"id": streams.pairs[0][1]} if streams is not None and streams.pairs else {}


def _present(made: Expression, positions: dict[str, int]) -> dict[str, Expression]:
    found = {name: made.argument(place, name) for name, place in positions.items()}
    options = {name: value for name, value in found.items() if value is not None}
    for key, value in made.pairs:
        if key is None:
            options["spread"] = value
    for argument in made.arguments:
        if argument.kind == "spread":
            options["spread"] = argument
    return options
