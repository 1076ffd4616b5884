"""What a call says to Redis, the same for every client library; and the raw form `XADD key * field value`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile

from tools.sources.code.program import Expression
from tools.sources.records import CodeKind

STREAM_KINDS = frozenset(
    {
        CodeKind.XADD,
        CodeKind.XREAD,
        CodeKind.XREADGROUP,
        CodeKind.XACK,
        CodeKind.XGROUP_CREATE,
        CodeKind.XCLAIM,
        CodeKind.XTRIM,
    }
)


@dataclass(frozen=True, slots=True)
class Command:
    """One call as written. `streams` are one expression each; `stream_set` is a map or list of streams."""

    kind: CodeKind
    streams: tuple[Expression, ...] = ()
    stream_set: Expression | None = None
    group: Expression | None = None
    name: Expression | None = None
    options: Mapping[str, Expression] = field(default_factory=dict)
    payload: Expression | None = None
    receiver: Expression | None = None
    """Of KEYS and XADD: what it is called on; None for a raw KEYS, which only Redis has."""


KINDS = {
    "xadd": CodeKind.XADD,
    "xread": CodeKind.XREAD,
    "xreadgroup": CodeKind.XREADGROUP,
    "xack": CodeKind.XACK,
    "xackdel": CodeKind.XACK,
    "xclaim": CodeKind.XCLAIM,
    "xautoclaim": CodeKind.XCLAIM,
    "xtrim": CodeKind.XTRIM,
    "keys": CodeKind.KEYS,
}
_VALUED = {"MAXLEN", "MINID", "COUNT", "BLOCK", "LIMIT"}


def raw(name: str, arguments: Sequence[Expression]) -> Command | None:
    """The command of a raw call: its name, and its arguments in the order of the protocol."""
    lowered = name.lower()
    if lowered == "xgroup" and arguments:
        lowered, arguments = f"xgroup {arguments[0].value.lower()}", arguments[1:]
    if lowered == "xgroup create":
        return Command(CodeKind.XGROUP_CREATE, (arguments[0],), group=arguments[1]) if arguments[1:] else None
    kind = KINDS.get(lowered)
    if kind is None or not arguments:
        return None
    if kind is CodeKind.KEYS:
        return Command(kind, name=arguments[0])
    if kind is CodeKind.XADD:
        return _raw_add(arguments)
    if kind in {CodeKind.XREAD, CodeKind.XREADGROUP}:
        return _raw_read(kind, arguments)
    has_group = kind in {CodeKind.XACK, CodeKind.XCLAIM} and len(arguments) > 1
    return Command(
        kind, (arguments[0],), group=arguments[1] if has_group else None, options=_options(arguments[1:])
    )


def _raw_add(arguments: Sequence[Expression]) -> Command:
    """Options stand before the id: what is behind `*` are fields, whatever they are called or spread from."""
    before_id = list(
        takewhile(lambda argument: (argument.kind, argument.value) != ("text", "*"), arguments[1:])
    )
    options = _options(before_id)
    spread = next((argument for argument in before_id if argument.kind == "spread"), None)
    if spread is not None:
        options["spread"] = spread
    behind = arguments[len(before_id) + 2 :]
    return Command(CodeKind.XADD, (arguments[0],), options=options, payload=flat(behind))


def flat(arguments: Sequence[Expression]) -> Expression | None:
    """Fields and values in turns as one map; what is spread or uneven is a spread of the map."""
    if not arguments:
        return None
    first, last = arguments[0], arguments[-1]
    pairs: tuple[tuple[Expression | None, Expression], ...]
    if len(arguments) % 2 or any(argument.kind == "spread" for argument in arguments):
        pairs = ((None, first),)
    else:
        pairs = tuple(zip(arguments[::2], arguments[1::2], strict=True))
    return Expression("map", first.text, first.line, last.end_line, pairs=pairs)


def _raw_read(kind: CodeKind, arguments: Sequence[Expression]) -> Command | None:
    words = [argument.value.upper() if argument.kind == "text" else "" for argument in arguments]
    if "STREAMS" not in words:
        return None
    at = words.index("STREAMS")
    rest = [_each(argument) for argument in arguments[at + 1 :]]
    streams = tuple(rest[: (len(rest) + 1) // 2])
    group = arguments[words.index("GROUP") + 1] if "GROUP" in words[:at] else None
    options = _options(arguments[:at])
    ids = rest[len(streams) :]
    if ids:
        options["id"] = ids[0]
    spread = next((argument for argument in arguments[:at] if argument.kind == "spread"), None)
    if spread is not None:
        options["spread"] = spread
    return Command(kind, streams, group=group, options=options)


def _each(argument: Expression) -> Expression:
    """Of `...streams` its items, whatever they are."""
    return replace(argument, kind="element") if argument.kind == "spread" else argument


def _options(arguments: Sequence[Expression]) -> dict[str, Expression]:
    """Options by lower-case name: `MAXLEN ~ 100` gives maxlen, `NOACK` itself."""
    found: dict[str, Expression] = {}
    for position, argument in enumerate(arguments):
        word = argument.value.upper() if argument.kind == "text" else ""
        if word in _VALUED:
            behind = [a for a in arguments[position + 1 : position + 3] if a.value not in {"~", "="}]
            if behind:
                found[word.lower()] = behind[0]
        elif word == "NOACK":
            found["noack"] = argument
    return found
