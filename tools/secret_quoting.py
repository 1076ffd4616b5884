"""Where a value begins and ends: bare, in quotes at any depth of escaping, URL-encoded, in HTML entities or a tag."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

JUDGED_BYTES = 512
"""So much of a value is judged; what is a secret by then is masked to its end."""

# Runs of one class of characters, matched where they begin: linear in any engine, and this one starts faster.
_OPEN = re.compile(
    rb"\s{0,3}(\[\s{0,3})?(?:[bu]?(\\{0,15})([\"'`])|(&quot;|\\{1,3}u002[27]|%(?:25){0,2}22))?"
)
_OPEN_ENCODED = re.compile(rb"(?:\+|%(?:25)?20){0,3}()()()(%(?:25){0,2}22)?")
_BARE = re.compile(rb"[^\s\"'`\\,;&<>(){}\[\]|]+")
_LINE = re.compile(rb"[^\r\n\"'`\\]+")
_ENCODED = re.compile(rb"[A-Za-z0-9._~+/!*$@^%:()=-]+")
_ENCODED_END = re.compile(rb"(?i)%(?:25){0,2}(?:26|22|27|2C|0A|0D|20|7D|3B|5D)|\+")
_MORE = re.compile(rb"[,;&|][^\s\"'`\\,;&<>(){}\[\]|]+")
_PAIR = re.compile(rb"[,;&|][\w.%-]{1,64}(?:[=:]|%3[AaDd])")
_PIECES_MAX = 8
_BREAK = rb"(?:\s|\\{1,3}[nrt]){0,24}"
_NEXT = re.compile(rb"(?:\\{0,15}[\"'`]|&quot;|\\{1,3}u002[27]|%(?:25){0,2}22)?" + _BREAK + rb"(,?)" + _BREAK)
"""From one member of a list to the next."""


class Value(NamedTuple):
    """Bytes `start` to `end` of a text. `quoted` where something closes it, else it ends where it seems to end.

    `run` is set where it goes on behind `end` (`whole`): a bare value is read no further than it is judged, else a
    text of many names would be read once for each.
    """

    start: int
    end: int
    quoted: bool
    run: re.Pattern[bytes] | None = None
    listed: bool = False
    """Whether it is the first of a list."""


def value_at(piece: bytes, position: int, *, encoded: bool = False, line: bool = False) -> Value | None:
    """The value that begins behind a separator; `encoded` where that was URL-encoded, `line` to read to the line's end."""
    opened = (_OPEN_ENCODED if encoded else _OPEN).match(piece, position)
    if opened is None:
        return None
    start = opened.end()
    bracket, slashes, quote, entity = opened.groups()
    listed = bool(bracket)
    if quote:
        return Value(start, _closing(piece, start, len(slashes), quote), quoted=True, listed=listed)
    if entity and not entity.startswith(b"%"):
        end = piece.find(entity, start)
        return Value(start, end if end >= 0 else len(piece), quoted=True, listed=listed)
    if encoded or entity:
        return _encoded(piece, start)
    bare = _bare(piece, start, _LINE if line and not listed else _BARE)
    return bare if bare is None or not listed else bare._replace(listed=True)


def rest_of_list(piece: bytes, first: Value) -> Iterator[Value]:
    """The members of a list behind its first; between bare ones there may be nothing but white space."""
    at = first.end
    while (gap := _NEXT.match(piece, at)) is not None:
        if not gap.group(1) and (first.quoted or not gap.group().isspace()):
            return
        value = value_at(piece, gap.end())
        if value is None or value.quoted != first.quoted or value.end <= value.start:
            return
        yield value._replace(listed=True)
        at = value.end


def tagged(piece: bytes, position: int) -> Value | None:
    """The text between `<name>` and the next tag."""
    end = piece.find(b"<", position, position + 8 * JUDGED_BYTES)
    return Value(position, end, quoted=True) if end > position else None


def whole(piece: bytes, value: Value, *, loose: bool) -> int:
    """Where a bare value really ends. A `loose` one may hold commas and the like, but not before `, ` or `&name=`."""
    end = value.end
    if value.run is not None:
        rest = value.run.match(piece, end)
        end = end if rest is None else rest.end()
        if value.run is _ENCODED:
            cut = _ENCODED_END.search(piece, value.end - 6, end)
            return end if cut is None else cut.start()
    for _ in range(_PIECES_MAX if loose else 0):
        more = _MORE.match(piece, end)
        if more is None or _PAIR.match(piece, end) is not None:
            break
        end = more.end()
    return end


def _bare(piece: bytes, start: int, run: re.Pattern[bytes]) -> Value | None:
    limit = start + JUDGED_BYTES
    found = run.match(piece, start, limit)
    if found is None:
        return None
    return Value(start, found.end(), quoted=False, run=run if found.end() == limit else None)


def _encoded(piece: bytes, start: int) -> Value | None:
    value = _bare(piece, start, _ENCODED)
    cut = None if value is None else _ENCODED_END.search(piece, start, value.end)
    return value if value is None or cut is None else Value(start, cut.start(), quoted=False)


def _closing(piece: bytes, start: int, depth: int, quote: bytes) -> int:
    """Where a text that was opened by `depth` backslashes and a quote is closed: by as many, not by an escaped one."""
    unit = depth + 1
    at = start
    while (at := piece.find(quote, at)) >= 0:
        run = _backslashes_before(piece, start, at)
        if run < depth:
            return at - run  # the text around it ends here
        if (run - depth) // unit % 2 == 0:
            return at - depth
        at += 1
    return len(piece)


def _backslashes_before(piece: bytes, start: int, at: int) -> int:
    near = piece[max(start, at - 64) : at]
    return len(near) - len(near.rstrip(b"\\"))
