"""Several services in one output: whose line is it? Prefixes of docker compose, foreman, concurrently and the like.

`orders   | text`, `orders-1  | text`, `12:00:01 orders.1 | text`, `[orders] text`, `[0] text`, `orders:dev: text`
(turbo), `@acme/orders: text` (lerna), `0|orders  | text` (pm2). A prefix counts once it was seen twice, or is expected.
"""

from __future__ import annotations

from collections.abc import Iterable

import re2

_NAME = r"[A-Za-z@][A-Za-z0-9_./@-]{0,62}"
_PATTERNS = tuple(
    re2.compile(pattern)
    for pattern in (
        rf"^(?:\d\d:\d\d:\d\d(?:\.\d+)? )?({_NAME}?)(?:[.-]\d{{1,4}})?\s*\| ?(.*)$",  # compose, foreman, honcho
        rf"^\d{{1,4}}\|({_NAME}?)\s*\| ?(.*)$",  # pm2
        rf"^\[({_NAME})\] ?(.*)$",  # concurrently with names
        rf"^({_NAME}):(?:dev|start|serve|watch|build): ?(.*)$",  # turbo
        rf"^({_NAME})[: ](?:dev|start|serve|watch)\$? [:|] ?(.*)$",  # pnpm -r: `name dev: text`
        rf"^({_NAME}) (?:dev|start|serve|watch): ?(.*)$",
        r"^((?:@[\w.-]{1,40}/|lerna-)[\w.-]{1,40}): ?(.*)$",  # lerna
    )
)
_ANSI = re2.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_NO_NAMES = frozenset(
    {"error", "err", "warn", "warning", "info", "debug", "trace", "fatal", "critical", "notice", "verbose"}
    | {"log", "http", "main", "master", "stdout", "stderr"}
)
_SEEN = 2
_NAMES_MAX = 1000


def without_ansi(text: str) -> str:
    """`text` without terminal escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text


class Demultiplexer:
    """Tells a merged output apart by its prefixes; learns the names, or is told those to expect."""

    def __init__(self, expected: Iterable[str] = ()) -> None:
        self._expected = frozenset(expected)
        self._seen: dict[tuple[int, str], int] = {}
        self._columns: dict[int, set[str]] = {}

    def feed(self, line: str) -> tuple[str | None, str]:
        """The service and its text; (None, line) where the line has no prefix that counts.

        The first line of a name that is not expected comes back without a service: one line with a bar or a
        bracket in it is not a service.
        """
        plain = without_ansi(line)
        for at, pattern in enumerate(_PATTERNS):
            match = pattern.match(plain)
            if match is not None:
                column = plain.find("|") if at == 0 else 0
                name = self._name(match.group(1), at, column)
                return (None, line) if name is None else (name, match.group(2))
        return None, line

    def _name(self, raw: str, pattern: int, column: int) -> str | None:
        name = raw.rstrip(".-/")
        if name in self._expected:
            return name
        if not name or name.lower() in _NO_NAMES:
            return None
        key = (pattern, name)
        if key not in self._seen and len(self._seen) >= _NAMES_MAX:
            return None
        self._seen[key] = self._seen.get(key, 0) + 1
        # Names are padded to one width: a second name whose bar stands in the same column proves the form.
        names = self._columns.setdefault(column, set()) if pattern == 0 else {name}
        if len(names) < _NAMES_MAX:
            names.add(name)
        return name if self._seen[key] >= _SEEN or len(names) > 1 else None
