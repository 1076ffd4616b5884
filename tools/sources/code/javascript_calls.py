"""Redis commands, environment reads and console output in TypeScript and JavaScript: ioredis, node-redis."""

from __future__ import annotations

from dataclasses import replace

from tools.sources.code.commands import KINDS, Command, raw
from tools.sources.code.environment import environment_read
from tools.sources.code.javascript_expressions import FUNCTION
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context
from tools.sources.code.spreads import listed, spread_out
from tools.sources.records import CodeKind

_CONSOLE = {"log", "info", "warn", "error", "debug", "trace"}
_METHODS = {
    *KINDS,
    *(f"{name}buffer" for name in KINDS),
    "xgroup",
    "xgroupcreate",
    "call",
    "callbuffer",
    "sendcommand",
}


def recognise(program: Program, module: Module, site: Site) -> Command | None:
    """What a site does, if it is anything that a rule may care about."""
    made = site.expression
    name = environment_read(program, made, Context(module.path, site.scope))
    if name is not None:
        options: dict[str, Expression] = {}
        if site.fallback is not None:
            options["default"] = Expression("number", site.fallback, made.line, made.line, site.fallback)
        if site.tested:
            options["tested"] = Expression("number", "tested", made.line, made.line, "tested")
        return Command(CodeKind.ENV_READ, name=name, options=options)
    if made.kind != "call" or made.callee.kind != "member":
        return None
    callee = made.callee
    if callee.parts[0].text == "console" and callee.value in _CONSOLE:
        return Command(
            CodeKind.CONSOLE_LOG, name=Expression("other", callee.text, made.line, made.line, callee.text)
        )
    command = _redis(module, site)
    if command is not None and command.kind is CodeKind.XADD:
        return replace(command, receiver=callee.parts[0])
    return command


def _redis(module: Module, site: Site) -> Command | None:
    method = site.expression.callee.value
    if method.lower() not in _METHODS:
        return None
    made = spread_out(module, site)
    arguments = list(made.arguments)
    while arguments and (arguments[-1].kind, arguments[-1].value) == ("other", FUNCTION):
        arguments.pop()  # the callback of older clients
    if arguments and arguments[0].kind == "call" and arguments[0].callee.value == "commandOptions":
        del arguments[0]
    lowered = method.lower().removesuffix("buffer")
    if lowered in {"call", "sendcommand"} and arguments:
        words = list(listed(module, site, arguments[0]) or arguments)
        return raw(words[0].value, words[1:]) if words and words[0].kind == "text" else None
    kind = CodeKind.XGROUP_CREATE if method == "xGroupCreate" else KINDS.get(lowered)
    if kind is CodeKind.KEYS and arguments:
        return Command(kind, name=arguments[0], receiver=made.callee.parts[0])
    if lowered != "xgroup" and (kind is None or not arguments):
        return None
    is_node_redis = kind is not None and method[1:2].isupper()
    if is_node_redis and kind in {CodeKind.XREAD, CodeKind.XREADGROUP}:
        arguments = [_list_of(module, site, argument) for argument in arguments]
    return _node_redis(kind, arguments) if kind and is_node_redis else raw(lowered, arguments)


def _list_of(module: Module, site: Site, argument: Expression) -> Expression:
    """A list of streams that was put together before, as a list."""
    parts = listed(module, site, argument) if argument.kind == "name" else None
    return argument if parts is None else replace(argument, kind="list", value="", parts=tuple(parts))


def _node_redis(kind: CodeKind, arguments: list[Expression]) -> Command | None:
    options = _options(arguments)
    if kind is CodeKind.XADD:
        trim = next((found for a in arguments[2:] if (found := a.keyword("TRIM"))), None)
        if trim is not None:
            options["maxlen"] = trim.keyword("threshold") or trim
        elif len(arguments) > 3 and arguments[3].kind != "map":
            options["spread"] = arguments[3]
        return Command(
            kind, (arguments[0],), options=options, payload=arguments[2] if arguments[2:] else None
        )
    if kind is CodeKind.XREADGROUP:
        if len(arguments) < 3:
            return None
        options |= _from(arguments[2], arguments[3:])
        return Command(kind, _keys(arguments[2]), group=arguments[0], options=options)
    if kind is CodeKind.XREAD:
        return Command(kind, _keys(arguments[0]), options=options | _from(arguments[0], arguments[1:]))
    if kind is CodeKind.XTRIM:
        return Command(kind, (arguments[0],), options={"maxlen": arguments[2]} if arguments[2:] else {})
    return Command(kind, (arguments[0],), group=arguments[1]) if arguments[1:] else None


def _keys(argument: Expression) -> tuple[Expression, ...]:
    """The streams of `{key, id}` or a list of them; a name that holds one is read through its `key`."""
    items = argument.parts if argument.kind == "list" else (argument,)
    found: list[Expression] = []
    for item in items:
        key = item.keyword("key")
        if key is None and item.kind != "map":
            key = Expression("member", item.text, item.line, item.end_line, "key", (item,))
        if key is not None:
            found.append(key)
    return tuple(found)


def _from(streams: Expression, rest: list[Expression]) -> dict[str, Expression]:
    """The id that a read begins behind, and options that stand elsewhere."""
    first = streams.parts[0] if streams.kind == "list" and streams.parts else streams
    start = first.keyword("id")
    found = {} if start is None else {"id": start}
    elsewhere = next((argument for argument in rest if argument.kind != "map"), None)
    elsewhere = elsewhere or next((v for argument in rest for k, v in argument.pairs if k is None), None)
    return found if elsewhere is None else found | {"spread": elsewhere}


def _options(arguments: list[Expression]) -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    for argument in arguments:
        for name in ("COUNT", "BLOCK", "NOACK"):
            value = argument.keyword(name)
            if value is not None:
                found[name.lower()] = value
    return found
