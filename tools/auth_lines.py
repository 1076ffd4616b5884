"""The arguments of an AUTH command that is printed over several lines, as ioredis and node print an error's `command`.

Only lines behind one that ends in `name: 'auth',` or `'AUTH',` are asked about: their strings stand alone.
"""

from __future__ import annotations

from typing import NamedTuple

import re2

WAITED_MAX = 4
"""Lines from the name to its arguments; lines of others may stand between."""
LINES_MAX = 12
"""Lines of arguments; behind more, they were cut off."""
_CHARACTERS_MIN = 3
_MARK = r"\\{0,7}['\"`]"
_END = r",\s*(?:\\{1,7}[nr]|\n|$)"
_BEGINS = re2.compile(
    rf"(?i)\bname{_MARK}?\s{{0,2}}:\s{{0,2}}{_MARK}(?:auth|hello){_MARK}{_END}|(?:^|[\s\[|\"]){_MARK}auth{_MARK}{_END}"
)
_OPENS = re2.compile(rf"(?i)\bargs{_MARK}?\s{{0,2}}:\s{{0,2}}\[")
_STRING = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|`[^`]*`)"
_ONLY_STRINGS = re2.compile(
    rf"^(?:\S{{1,80}}\s{{0,2}}\|\s?|.{{0,80}}\"log\":\")?\s*({_STRING}(?:,\s*{_STRING})*)\s*,?\s*(\]?)[\s,}}\])]*(?:\\n\".*)?$"
)
_EACH = re2.compile(_STRING)
_HARMLESS = frozenset(("auth", "default", "setname", "hello"))


class AuthLine(NamedTuple):
    """What a line behind a command's name has of its arguments: character spans, and how it goes on.

    `step` is -1 to -4 while they are waited for, below that among them, 0 at their end.
    """

    spans: tuple[tuple[int, int], ...] = ()
    step: int = 0


def first_step(line: str) -> int:
    """Where a line leads: the arguments of an AUTH command may follow on the next lines; 0 where none can."""
    low = line.lower()
    if "auth" not in low and "hello" not in low:
        return 0
    match = _BEGINS.search(line.encode("utf-8", "replace").decode())
    if match is None:
        return 0
    return -1 if "name" in match.group().lower() else -1 - WAITED_MAX


def look(plain: str, step: int) -> AuthLine:
    """The strings among the arguments in this line that may be a password, and the step behind it."""
    opened = _OPENS.search(plain)
    if opened is not None:
        end = plain.find("]", opened.end())
        part = plain[opened.end() : end if end >= 0 else len(plain)]
        return AuthLine(_strings(part, opened.end()), 0 if end >= 0 else -1 - WAITED_MAX)
    if step >= -WAITED_MAX:
        return AuthLine((), step - 1 if step > -WAITED_MAX else 0)
    alone = _ONLY_STRINGS.search(plain)
    ends = plain.strip().startswith("]") or (alone is not None and alone.group(2) != "")
    after = 0 if ends or step <= -WAITED_MAX - LINES_MAX else step - 1
    return AuthLine(() if alone is None else _strings(alone.group(1), alone.start(1)), after)


def _strings(part: str, at: int) -> tuple[tuple[int, int], ...]:
    found = []
    for match in _EACH.finditer(part):
        start, end = match.span()
        said = part[start + 1 : end - 1]
        if len(said) >= _CHARACTERS_MIN and said.lower() not in _HARMLESS and not said.startswith("[masked:"):
            found.append((at + start + 1, at + end - 1))
    return tuple(found)
