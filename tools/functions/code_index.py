"""What the code says, from the session's index: uses of Redis, who writes and reads a stream, environment variables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import Field

from tools.errors import FunctionRefused
from tools.functions.contract import (
    CONFIG,
    EVERYBODY,
    SCOUT,
    STREAMS,
    TEXT_MAX,
    Desk,
    Item,
    Page,
    PagedArguments,
    ToolFunction,
)
from tools.functions.masked import named_value
from tools.functions.patterns import named
from tools.sources.code.index import read_index
from tools.sources.records import CodeIndex, CodeKind, CodeUse, FactKind, Resolved

_USES, _STREAMS, _VARIABLES = 30, 25, 30
_PLACES = 20
_READS = frozenset({CodeKind.XREADGROUP, CodeKind.XREAD})
_ENV = frozenset({FactKind.ENV_SET, FactKind.ENV_DECLARED})


class UsesArguments(PagedArguments):
    """Which places."""

    kind: Literal[
        "", "xadd", "xread", "xreadgroup", "xack", "xgroup-create", "xclaim", "xtrim", "keys", "env-read", "console-log",
        "catch",
    ] = Field(default="", description="What the place does; empty: all.")  # fmt: skip
    service: str = Field(
        default="", max_length=TEXT_MAX, description="Of this service; * for any characters."
    )
    stream: str = Field(
        default="",
        max_length=TEXT_MAX,
        description="That name this stream, as it was resolved; * for any characters.",
    )
    path: str = Field(default="", max_length=TEXT_MAX, description="In this file; * for any characters.")


class StreamsArguments(PagedArguments):
    """Which streams."""

    stream: str = Field(
        default="", max_length=TEXT_MAX, description="This stream; * for any characters; empty: all."
    )


class EnvironmentArguments(PagedArguments):
    """Which variables."""

    name: str = Field(
        default="", max_length=TEXT_MAX, description="This variable; * for any characters; empty: all."
    )
    service: str = Field(
        default="",
        max_length=TEXT_MAX,
        description="Read, set or declared for this service; * for any characters.",
    )


def index_of(desk: Desk) -> CodeIndex:
    """The session's index. Raises FunctionRefused while there is none."""
    path = desk.workspace.code_index
    try:
        return desk.memory.of("code index", path, lambda: read_index(path))
    except FileNotFoundError as error:
        raise FunctionRefused(
            "The project is not indexed (yet): call again later, or read its files (code_search, code_file)."
        ) from error


def uses(desk: Desk, arguments: UsesArguments) -> Page:
    """Places in the code, by path and line."""
    index = index_of(desk)
    found = [
        use
        for use in index.uses
        if arguments.kind in {"", use.kind.value}
        and named(arguments.service, use.service)
        and named(arguments.stream, None if use.stream is None else use.stream.value)
        and named(arguments.path, use.path)
    ]
    facts = {"uses": len(found), "filesRead": index.files_read, "languages": dict(index.languages)}
    return numbered([_use(use) for use in found], arguments, _USES, facts)


def streams(desk: Desk, arguments: StreamsArguments) -> Page:
    """Producers and consumers of each stream, by its name."""
    index = index_of(desk)
    by_name: dict[str, list[CodeUse]] = defaultdict(list)
    open_names = 0
    for use in index.uses:
        if use.stream is not None and use.stream.value is None:
            open_names += 1
        elif (
            use.stream is not None
            and use.stream.value is not None
            and named(arguments.stream, use.stream.value)
        ):
            by_name[use.stream.value].append(use)
    rows = [_stream(name, by_name[name]) for name in sorted(by_name)]
    facts = {"streams": len(rows), "placesWithUnknownNames": open_names}
    return numbered(rows, arguments, _STREAMS, facts)


def environment(desk: Desk, arguments: EnvironmentArguments) -> Page:
    """Variables with where they are read, set and declared, by name."""
    index = index_of(desk)
    reads: dict[str, list[object]] = defaultdict(list)
    sets: dict[str, list[object]] = defaultdict(list)
    for use in index.uses:
        if use.kind is CodeKind.ENV_READ and use.name and _fits(arguments, use.name, use.service):
            default = use.options.get("default")
            reads[use.name].append({**_place(use), "service": use.service, "default": default})
    for fact in index.facts:
        if fact.kind in _ENV and _fits(arguments, fact.name, fact.service):
            place = f"{fact.path}:{fact.line}"
            said = {
                "at": place,
                "service": fact.service,
                "how": fact.kind.value,
                "form": fact.details.get("form"),
            }
            sets[fact.name].append({**said, "value": named_value(fact.name, fact.value)})
    rows: list[dict[str, object]] = [
        {"name": name, "read": reads[name][:_PLACES], "declared": sets[name][:_PLACES]}
        for name in sorted(reads.keys() | sets.keys())
    ]
    return numbered(rows, arguments, _VARIABLES, {"variables": len(rows)})


def numbered(
    rows: Sequence[Mapping[str, object]], arguments: PagedArguments, usual: int, facts: Mapping[str, object]
) -> Page:
    """A page of rows that stay in their order."""
    start, size = arguments.number(), arguments.size(usual)
    items = tuple(
        Item(row, str(start + number)) for number, row in enumerate(rows[start : start + size], start=1)
    )
    return Page(items, facts, items[-1].cursor if items and len(rows) > start + size else None)


def _fits(arguments: EnvironmentArguments, name: str, service: str | None) -> bool:
    return named(arguments.name, name) and named(arguments.service, service)


def _use(use: CodeUse) -> dict[str, object]:
    return {
        "kind": use.kind.value,
        "service": use.service,
        "path": use.path,
        "line": use.line,
        "function": use.function,
        "text": use.text,
        "stream": _resolved(use.stream),
        "group": _resolved(use.group),
        "name": use.name,
        "options": dict(use.options),
        "fields": list(use.fields),
    }


def _resolved(name: Resolved | None) -> dict[str, object] | None:
    """A name, how it is known, and by which steps."""
    if name is None:
        return None
    steps = [f"{step.path}:{step.line}: {step.text}" for step in name.chain]
    return {"value": name.value, "confidence": name.confidence, "chain": steps}


def _stream(name: str, found: Iterable[CodeUse]) -> dict[str, object]:
    of: dict[str, list[object]] = {"producers": [], "consumers": [], "acks": [], "others": []}
    for use in found:
        if use.kind is CodeKind.XADD:
            kind = "producers"
        elif use.kind in _READS:
            kind = "consumers"
        else:
            kind = "acks" if use.kind is CodeKind.XACK else "others"
        group = None if use.group is None else use.group.value
        of[kind].append({**_place(use), "service": use.service, "call": use.kind.value, "group": group})
    return {"stream": name, **{kind: places[:_PLACES] for kind, places in of.items()}}


def _place(use: CodeUse) -> dict[str, object]:
    return {"at": f"{use.path}:{use.line}"}


FUNCTIONS: tuple[ToolFunction, ...] = (
    ToolFunction(
        "code_uses",
        "Places in the project's code that use Redis, read the environment, print, or catch errors: file, line, text, "
        "resolved stream and group with the steps that led there. From the session's index; costs nothing on the audited "
        "system. Not told: files out of scope (tests, generated code) and names that only running tells (value null).",
        UsesArguments,
        EVERYBODY,
        uses,
    ),
    ToolFunction(
        "code_streams",
        "Who writes, reads and acknowledges each stream by the code: service, file and line, call, group. From the "
        "session's index. A name may hold {} for a part known only at run time. Not told: what runs (redis_streams).",
        StreamsArguments,
        frozenset({STREAMS, CONFIG, SCOUT}),
        streams,
    ),
    ToolFunction(
        "code_env",
        "Environment variables: where code reads each (and its default there), where files set or declare it, with its "
        "value, masked where it is a secret. From the session's index.",
        EnvironmentArguments,
        frozenset({CONFIG, SCOUT}),
        environment,
    ),
)
