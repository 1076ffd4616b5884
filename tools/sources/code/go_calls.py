"""Redis commands, environment reads and prints in Go: go-redis from v6 on, redigo-like raw commands by `Do`."""

from __future__ import annotations

import re
from dataclasses import replace

from tools.sources.code.commands import Command, flat, raw
from tools.sources.code.environment import environment_read
from tools.sources.code.program import Expression, Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.resolution import Context
from tools.sources.code.spreads import listed
from tools.sources.records import CodeKind

_CONTEXT = re.compile(r"(?i)ctx|context")
_PRINTS = {"fmt.Print", "fmt.Println", "fmt.Printf", "print", "println"}
_KINDS = {
    "XAdd": CodeKind.XADD,
    "XRead": CodeKind.XREAD,
    "XReadGroup": CodeKind.XREADGROUP,
    "XClaim": CodeKind.XCLAIM,
    "XClaimJustID": CodeKind.XCLAIM,
    "XAutoClaim": CodeKind.XCLAIM,
    "XAutoClaimJustID": CodeKind.XCLAIM,
}
"""Commands whose arguments are a struct."""
_ON_ONE = {
    "XAck": CodeKind.XACK,
    "XGroupCreate": CodeKind.XGROUP_CREATE,
    "XGroupCreateMkStream": CodeKind.XGROUP_CREATE,
    "XTrim": CodeKind.XTRIM,
    "XTrimApprox": CodeKind.XTRIM,
    "XTrimMaxLen": CodeKind.XTRIM,
    "XTrimMaxLenApprox": CodeKind.XTRIM,
    "XTrimMinID": CodeKind.XTRIM,
    "XTrimMinIDApprox": CodeKind.XTRIM,
    "Keys": CodeKind.KEYS,
}
_CAPS = {"MaxLen": "maxlen", "MaxLenApprox": "maxlen", "MinID": "minid"}
_READS = {"Count": "count", "NoAck": "noack"}


def recognise(program: Program, module: Module, site: Site) -> Command | None:
    """What a site does, if it is anything that a rule may care about."""
    made = site.expression
    name = environment_read(program, made, Context(module.path, site.scope))
    if name is not None:
        options: dict[str, Expression] = {}
        if site.fallback is not None:
            options["default"] = Expression("number", site.fallback, made.line, made.line, site.fallback)
        if site.tested or made.callee.value == "LookupEnv":
            options["tested"] = Expression("number", "tested", made.line, made.line, "tested")
        return Command(CodeKind.ENV_READ, name=name, options=options)
    if made.kind != "call":
        return None
    callee = made.callee
    if callee.text in _PRINTS:
        return Command(
            CodeKind.CONSOLE_LOG, name=Expression("other", callee.text, made.line, made.line, callee.text)
        )
    if callee.kind != "member":
        return None
    command = _redis(module, site)
    if command is not None and command.kind is CodeKind.XADD:
        return replace(command, receiver=callee.parts[0])
    return command


def _redis(module: Module, site: Site) -> Command | None:
    made = site.expression
    method, arguments = made.callee.value, list(made.arguments)
    if arguments and _CONTEXT.search(arguments[0].text) and arguments[0].kind in {"name", "member", "call"}:
        del arguments[0]
    if method == "Do" and arguments and arguments[0].kind == "text":
        return raw(arguments[0].value, arguments[1:])
    if method in _ON_ONE and arguments:
        return _on_one(_ON_ONE[method], made, arguments)
    kind = _KINDS.get(method)
    given = (
        _struct(module, site, arguments[0], f"{method.removesuffix('JustID')}Args")
        if kind and arguments
        else None
    )
    if kind is None or given is None:
        return None
    if kind is CodeKind.XADD:
        return _add(given)
    if kind is CodeKind.XCLAIM:
        stream = given.keyword("Stream")
        return Command(kind, (stream,), group=given.keyword("Group")) if stream is not None else None
    return _read(module, site, kind, given)


def _on_one(kind: CodeKind, made: Expression, arguments: list[Expression]) -> Command | None:
    first, *rest = arguments
    if kind is CodeKind.KEYS:
        return Command(kind, name=first, receiver=made.callee.parts[0])
    if kind is CodeKind.XTRIM:
        return Command(kind, (first,), options={"maxlen": rest[0]} if rest else {})
    return Command(kind, (first,), group=rest[0]) if rest else None


def _struct(module: Module, site: Site, argument: Expression, name: str) -> Expression | None:
    """The literal of an argument struct, written there or bound to a name before."""
    if argument.kind == "name":
        for scope in module.scope_chain(site.scope):
            bound = scope.bindings.get(argument.value)
            if bound is not None:
                argument = bound[0] if len(bound) == 1 else argument
                break
    is_literal = argument.kind == "call" and argument.callee.value == name
    return argument if is_literal else None


def _add(given: Expression) -> Command | None:
    stream, values = given.keyword("Stream"), given.keyword("Values")
    if stream is None:
        return None
    options = {
        option: value
        for field, option in _CAPS.items()
        if (value := given.keyword(field)) is not None and value.text != "0"
    }
    payload = flat(values.parts) if values is not None and values.kind == "list" else values
    return Command(CodeKind.XADD, (stream,), options=options, payload=payload)


def _read(module: Module, site: Site, kind: CodeKind, given: Expression) -> Command | None:
    streams = given.keyword("Streams")
    if streams is None:
        return None
    options = {
        option: value for field, option in _READS.items() if (value := given.keyword(field)) is not None
    }
    # Where Block is not set it is 0: the client blocks for ever; only a negative one does not block.
    block = given.keyword("Block") or Expression("number", "0", given.line, given.line, "0")
    if not block.text.lstrip("(").startswith("-"):
        options["block"] = block
    parts = listed(module, site, streams)
    if parts is None:
        unknown = Expression("other", streams.text, streams.line, streams.end_line)
        return Command(kind, (unknown,), group=given.keyword("Group"), options=options)
    half = (len(parts) + 1) // 2
    if parts[half:]:
        options["id"] = parts[half]
    elif given.keyword("ID") is not None:
        options["id"] = given.keyword("ID") or streams
    return Command(kind, tuple(parts[:half]), group=given.keyword("Group"), options=options)
