"""On which line each key of a TOML text stands, for errors that name it.

The text must have parsed already: this reader finds keys, it does not check syntax. Paths are tuples of keys
and, for arrays, indexes: `("services", "list", 0, "port")`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field

Path = tuple[str | int, ...]

_ENDS_BARE = frozenset(",]}\n#")


def find(text: str) -> dict[Path, int]:
    """Line number, from 1, of every table header, key and array element in a valid TOML text."""
    reader = _Reader(text.replace("\r\n", "\n"))
    reader.document()
    return reader.lines


@dataclass
class _Reader:
    text: str
    at: int = 0
    line: int = 1
    table: Path = ()
    lines: dict[Path, int] = field(default_factory=dict)
    arrays: dict[Path, int] = field(default_factory=dict)
    """Arrays of tables by path: the index of their newest element."""

    def document(self) -> None:
        self.blank(newlines=True)
        while self.at < len(self.text):
            if self.peek() == "[":
                self.header()
            else:
                self.pair(self.table)
            self.blank(newlines=True)

    def peek(self, width: int = 1) -> str:
        return self.text[self.at : self.at + width]

    def step(self, width: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + width)
        self.at += width

    def blank(self, *, newlines: bool) -> None:
        """Skip white space and comments, and line ends where `newlines`."""
        while self.at < len(self.text):
            char = self.peek()
            if char == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            elif char in " \t" or (newlines and char == "\n"):
                self.step()
            else:
                return

    def header(self) -> None:
        width = 2 if self.peek(2) == "[[" else 1
        line = self.line
        self.step(width)
        path = self.inside_arrays(self.key("]"))
        self.step(width)
        if width == 2:
            self.lines.setdefault(path, line)
            self.arrays[path] = self.arrays.get(path, -1) + 1
            path = (*path, self.arrays[path])
        self.table = path
        self.lines[path] = line

    def inside_arrays(self, keys: Path) -> Path:
        """The path of a header, with the index of the newest element after each array of tables but the last."""
        path: Path = ()
        for number, key in enumerate(keys, 1):
            path = (*path, key)
            if number < len(keys) and path in self.arrays:
                path = (*path, self.arrays[path])
        return path

    def pair(self, table: Path) -> None:
        line = self.line
        path = (*table, *self.key("="))
        for length in range(len(table) + 1, len(path) + 1):
            self.lines.setdefault(path[:length], line)
        self.step()
        self.blank(newlines=False)
        self.value(path)

    def key(self, end: str) -> Path:
        """A dotted key, up to the character `end`."""
        parts: list[str] = []
        while self.at < len(self.text) and self.peek() != end:
            if self.peek() in "\"'":
                start = self.at
                self.string()
                parts.append(_unquoted(self.text[start : self.at]))
            elif self.peek() in " \t.":
                self.step()
            else:
                start = self.at
                while self.at < len(self.text) and self.peek() not in " \t." + end:
                    self.step()
                parts.append(self.text[start : self.at])
        return tuple(parts)

    def value(self, path: Path) -> None:
        char = self.peek()
        if char and char in "\"'":
            self.string()
        elif char == "[":
            self.array(path)
        elif char == "{":
            self.inline_table(path)
        else:
            while self.at < len(self.text) and self.peek() not in _ENDS_BARE:
                self.step()

    def string(self) -> None:
        quote = self.peek()
        mark = quote * 3 if self.peek(3) == quote * 3 else quote
        self.step(len(mark))
        while self.at < len(self.text) and self.peek(len(mark)) != mark:
            self.step(2 if quote == '"' and self.peek() == "\\" else 1)
        self.step(len(mark))
        # Up to two quotes may stand right before the closing mark: """a""""" ends after five.
        while len(mark) == 3 and self.peek() == quote:
            self.step()

    def array(self, path: Path) -> None:
        self.step()
        index = 0
        self.blank(newlines=True)
        while self.at < len(self.text) and self.peek() != "]":
            self.lines[*path, index] = self.line
            self.value((*path, index))
            index += 1
            self.after_item()
        self.step()

    def inline_table(self, path: Path) -> None:
        self.step()
        self.blank(newlines=True)
        while self.at < len(self.text) and self.peek() != "}":
            self.pair(path)
            self.after_item()
        self.step()

    def after_item(self) -> None:
        self.blank(newlines=True)
        if self.peek() == ",":
            self.step()
            self.blank(newlines=True)


def _unquoted(key: str) -> str:
    return next(iter(tomllib.loads(f"{key} = 0")))
