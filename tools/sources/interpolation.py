"""Variables in compose files: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?error}`, `${NAME:+other}`, `$$`, nested."""

from __future__ import annotations

from collections.abc import Mapping

import re2

DEPTH_MAX = 8
_NAME = re2.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def filled(text: str, environment: Mapping[str, str]) -> str | None:
    """The text with its variables filled in; None where one has neither a value nor a default, or is malformed."""
    return _filled(text, environment, 0)


def _filled(text: str, environment: Mapping[str, str], depth: int) -> str | None:
    if depth > DEPTH_MAX:
        return None
    parts: list[str] = []
    at = 0
    while (dollar := text.find("$", at)) >= 0:
        parts.append(text[at:dollar])
        following = text[dollar + 1 : dollar + 2]
        if following == "$":
            value, at = "$", dollar + 2
        elif following == "{":
            end = _closing(text, dollar + 2)
            if end is None:
                return None
            given, at = _braced(text[dollar + 2 : end], environment, depth + 1), end + 1
            if given is None:
                return None
            value = given
        else:
            found = _NAME.match(text, dollar + 1)
            if found is None or found.group() not in environment:
                return None
            value, at = environment[found.group()], found.end()
        parts.append(value)
    return "".join([*parts, text[at:]])


def _closing(text: str, start: int) -> int | None:
    """Where the brace that was opened before `start` is closed."""
    depth = 1
    for place in range(start, len(text)):
        depth += (text[place] == "{") - (text[place] == "}")
        if depth == 0:
            return place
    return None


def _braced(inner: str, environment: Mapping[str, str], depth: int) -> str | None:
    found = _NAME.match(inner)
    if found is None:
        return None
    value, rest = environment.get(found.group()), inner[found.end() :]
    if not rest:
        return value
    only_set = rest[0] != ":"
    mark, other = (rest[0], rest[1:]) if only_set else (rest[1:2], rest[2:])
    is_there = value is not None and (only_set or value != "")
    if mark == "+":
        return _filled(other, environment, depth) if is_there else ""
    if mark not in {"-", "?"}:
        return None
    if is_there:
        return value
    return _filled(other, environment, depth) if mark == "-" else None
