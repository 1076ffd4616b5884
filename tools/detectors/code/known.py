"""What the index knows of a name: resolved wholly, as a pattern, or not at all; and what a comment silences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import TypeGuard

from tools.findings.model import EvidenceKind, Locator
from tools.findings.rule import Quote
from tools.sources.records import ChainStep, CodeIndex, CodeKind, CodeUse, Resolved

RUN_TIME = "{}"
"""The part of a resolved name that is known only at run time."""

SCRIPT = "script"
"""The language of a use that stands in a script or a document, as the index writes it."""
_FOR_PEOPLE = frozenset(
    {"scripts", "script", "bin", "cli", "examples", "example", "tools", "demo", "dev", "notebooks"}
)

STREAM_KINDS = frozenset(
    {
        CodeKind.XADD,
        CodeKind.XREAD,
        CodeKind.XREADGROUP,
        CodeKind.XGROUP_CREATE,
        CodeKind.XACK,
        CodeKind.XCLAIM,
        CodeKind.XTRIM,
    }
)
"""Uses that name a stream."""


def known(name: Resolved | None) -> TypeGuard[Resolved]:
    """Whether a name is resolved to its last character."""
    return name is not None and name.value is not None and RUN_TIME not in name.value


def value(name: Resolved | None) -> str | None:
    """The resolved value; None where there is none."""
    return None if name is None else name.value


def may_be(name: Resolved | None, actual: str) -> bool:
    """Whether a name in the code can be this actual name; an unresolved one can be any."""
    return name is None or name.value is None or fits(name.value, actual)


def fits(pattern: str, actual: str) -> bool:
    """Whether an actual name has the shape of a resolved one (`orders:{}` fits `orders:7`)."""
    if RUN_TIME not in pattern:
        return pattern == actual
    escaped = "".join(f"[{char}]" if char in "*?[" else char for char in pattern.replace(RUN_TIME, "\0"))
    return fnmatchcase(actual, escaped.replace("\0", "?*"))


def run_time_parts(pattern: str, actual: str) -> tuple[str, ...]:
    """What stands in an actual name for the run-time parts, cut greedily from the left; () where it does not fit."""
    if not fits(pattern, actual):
        return ()
    pieces = pattern.split(RUN_TIME)
    rest, found = actual.removeprefix(pieces[0]), []
    for piece in pieces[1:]:
        cut = rest.find(piece, 1) if piece else len(rest)
        found.append(rest[:cut])
        rest = rest[cut + len(piece) :]
    return tuple(found)


def of_kind(index: CodeIndex, *kinds: CodeKind) -> Iterator[CodeUse]:
    """The uses of these kinds, in order of path and line."""
    return (use for use in index.uses if use.kind in kinds)


def for_people(use: CodeUse) -> bool:
    """Whether a use stands in a command line tool, script or example: not in a service."""
    return bool(_FOR_PEOPLE & set(use.path.split("/")[:-1]))


def silenced(index: CodeIndex, rule_id: str, use: CodeUse) -> bool:
    """Whether a `streamgauge-ignore RULE REASON` comment stands on the use, or on the line above it.

    For a use through a wrapper the comment may stand at the Redis call inside the wrapper.
    """
    places = [(use.path, use.line - 1, use.end_line)]
    if use.stream is not None and use.stream.chain:
        first = use.stream.chain[0]
        places.append((first.path, first.line - 1, first.line))
    return any(
        ignore.path == path and start <= ignore.line <= end and ignore.text.split(" ", 1)[0] == rule_id
        for ignore in index.ignores
        for path, start, end in places
    )


def call_of(use: CodeUse) -> ChainStep:
    """The Redis call itself: the use, or the first step of its chain where a wrapper is in between."""
    if use.call and use.stream is not None and use.stream.chain:
        return use.stream.chain[0]
    return ChainStep(path=use.path, line=use.line, text=use.text)


def number(text: str) -> int | None:
    """A whole number as code writes it; None for anything else."""
    bare = text.replace("_", "")
    return int(bare) if bare.isascii() and bare.isdecimal() and len(bare) < 16 else None


def loop_quotes(use: CodeUse) -> tuple[Quote, ...]:
    """The loop around a use: its first line."""
    loop = use.around.loop
    if loop is None:
        return ()
    return (Quote(EvidenceKind.FILE, loop.path, loop.header, Locator(line=loop.line)),)


def streams_of(uses: Iterable[CodeUse]) -> tuple[str, ...]:
    """The resolved streams of these uses, each once."""
    return tuple(dict.fromkeys(name for use in uses if (name := value(use.stream)) is not None))


def acked(index: CodeIndex, read: CodeUse, stream: str, group: str | None) -> bool:
    """Whether an XACK names the pair, or one whose names are open could: of this service, or of code that is shared.

    A group of None is one that only a run knows: any XACK of the stream may be its.
    """
    for ack in of_kind(index, CodeKind.XACK):
        if (value(ack.stream), value(ack.group)) == (stream, group):
            return True
        is_open = not (known(ack.stream) and known(ack.group))
        near = ack.service in {None, read.service} or ack.service in index.libraries
        is_of_group = group is None or may_be(ack.group, group)
        if (is_open or group is None) and near and may_be(ack.stream, stream) and is_of_group:
            return True
    return False


def chain_quotes(use: CodeUse, *names: Resolved | None) -> tuple[Quote, ...]:
    """The use, and the lines by which its names were resolved, each once."""
    steps: dict[tuple[str, int], ChainStep] = {}
    for name in names:
        for step in name.chain if name is not None else ():
            if not (step.path == use.path and use.line <= step.line <= use.end_line):
                steps.setdefault((step.path, step.line), step)
    return (use.quote(), *(quote_of(step) for step in steps.values()))


def quote_of(step: ChainStep) -> Quote:
    """One step of a chain as evidence."""
    return Quote(EvidenceKind.FILE, step.path, step.text, Locator(line=step.line))


def places_of(uses: Iterable[CodeUse]) -> tuple[str, ...]:
    """The Redis calls of these uses, then the uses, as `path:line`, each once."""
    every = list(uses)
    calls = (f"{call.path}:{call.line}" for call in map(call_of, every))
    return tuple(dict.fromkeys((*calls, *files_of(every))))


def files_of(uses: Iterable[CodeUse]) -> tuple[str, ...]:
    """The places of these uses as `path:line`, each once."""
    return tuple(dict.fromkeys(f"{use.path}:{use.line}" for use in uses))


def services_of(uses: Iterable[CodeUse]) -> tuple[str, ...]:
    """The services of these uses, sorted."""
    return tuple(sorted({use.service for use in uses if use.service is not None}))


def confidence_of(*names: Resolved | None) -> float:
    """How sure a resolved name is: a constant or literal is certain, an environment value could be set otherwise."""
    weakest = {name.confidence for name in names if name is not None}
    return 0.9 if "environment" in weakest else 1.0
