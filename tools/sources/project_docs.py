"""Markdown documents: streams, groups and ports in tables, variables in env blocks and tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import re2
from msgspec.structs import replace

from tools import masking
from tools.sources.project_env import line_of_value, masked_value
from tools.sources.records import ConfigFact, FactKind
from tools.sources.source_lines import lines_of

_NAME = re2.compile(r"[A-Za-z][\w.:{}<>*/-]*[\w}>*]")
_CODE_SPAN = re2.compile(r"`([^`]{1,200})`")
_STREAM_HEADER = re2.compile(r"(?i)\W*(?:redis )?(?:streams?|stream (?:name|key))\W*")
_OTHER_HEADER = re2.compile(r"(?i)\W*(?:redis )?(?:channels?|topics?)\W*")
"""Of streams, or of Pub/Sub, of a socket, of another broker: a table with a real stream tells."""
_GROUP_HEADER = re2.compile(r"(?i).*\bgroups?\b.*")
_ENV_HEADER = re2.compile(r"(?i).*\b(?:variables?|env(?:ironment)?)\b.*")
_SERVICE_HEADER = re2.compile(r"(?i)\W*(?:service|app|application|component|server)s?(?: name)?\W*")
_PORT_HEADER = re2.compile(r"(?i)\W*(?:(?:default|http|local|host|listen(?:s on)?) )?ports?\W*")
_PORT_CELL = re2.compile(r"`?:?(\d{2,5})(?:/tcp)?`?")
_DEFAULT_HEADER = re2.compile(r"(?i)\W*defaults?(?: values?)?\W*")
_WRITER_HEADER = re2.compile(
    r"(?i)\W*(?:written by|writers?|producers?|published by|publishers?|produced by|sent by)\W*"
)
_READER_HEADER = re2.compile(
    r"(?i)\W*(?:read by|readers?|consumers?|consumed by|subscribers?|received by)\W*"
)
_NOTHING = frozenset(
    {"", "-", "\u2013", "\u2014", "none", "n/a", "required", "unset", "empty", "(none)", "null", "undefined"}
)
_PERSON = re2.compile(r"[\w-]+")
_ENV_NAME = re2.compile(r"[A-Z][A-Z0-9_]{2,}")
_SAID_DEFAULT = re2.compile(
    r"`([A-Z][A-Z0-9_]{2,})`:?\s*\((?:default|defaults to)[:=]?\s*`([^`\s]{1,100})`[^()]*\)"
)
"""`NAME` (default `value`), as lists in documents say it."""
_ENV_WORD = re2.compile(r"\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b")
_ASSIGNMENT = re2.compile(r"(?:export\s+)?([A-Z][A-Z0-9_]*)=(.*)")


def is_document(name: str) -> bool:
    """Whether a file of this name is a Markdown document."""
    return name.lower().endswith((".md", ".markdown", ".mdx"))


def markdown_facts(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """Facts of one Markdown document; nothing is raised for any text."""
    lines = lines_of(text)
    place = _Place(path, service, lines)
    fenced = False
    header: list[str] | None = None
    table = 0
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        if bare.startswith(("```", "~~~")):
            fenced, header = not fenced, None
        elif fenced:
            found = _ASSIGNMENT.fullmatch(bare)
            if found is not None:
                yield place.fact(FactKind.ENV_DECLARED, number, found.group(1), found.group(2), form="text")
        elif bare.startswith("|"):
            cells = _cells(bare)
            following = lines[number].strip() if number < len(lines) else ""
            if header is None and following and not set(following) - set("|-: "):
                header, table = cells, number
            elif header is not None and set(bare) - set("|-: "):
                yield from _row(place, (table, number), header, cells)
        else:
            header = None
            named = _CODE_SPAN.findall(bare) + (_ENV_WORD.findall(bare) if ".env" in bare else [])
            said = {found.group(1): found.group(2) for found in _SAID_DEFAULT.finditer(bare)}
            for name in dict.fromkeys((*said, *named)):
                if name in said:
                    yield place.fact(FactKind.ENV_DECLARED, number, name, said[name], form="default")
                elif _ENV_NAME.fullmatch(name) and "_" in name:
                    yield place.fact(FactKind.ENV_DECLARED, number, name, None, form="text")


def _row(place: _Place, lines: tuple[int, int], header: list[str], cells: list[str]) -> Iterator[ConfigFact]:
    """What a row says; `lines` are those of the table's header and of the row."""
    table, number = lines
    columns = dict(zip(header, cells, strict=False))
    streams: list[str] = []
    unsure = not any(_STREAM_HEADER.fullmatch(title) for title in columns)
    for title, cell in columns.items():
        if _STREAM_HEADER.fullmatch(title) or _OTHER_HEADER.fullmatch(title):
            streams += _names(cell)
    heading = {"table": str(table), "unsure": "yes" if unsure else ""}
    roles = {
        role: _people(columns, heading)
        for role, heading in (("writers", _WRITER_HEADER.fullmatch), ("readers", _READER_HEADER.fullmatch))
    }
    for name in streams:
        fact = place.fact(FactKind.STREAM, number, name, None, form="table")
        yield replace(fact, details={**fact.details, **roles, **heading})
    yield from _ports(place, number, columns)
    for title, cell in columns.items():
        if _GROUP_HEADER.fullmatch(title) and streams:
            for name in _CODE_SPAN.findall(cell) or (_names(cell) if " " not in cell else []):
                if _NAME.fullmatch(name):
                    yield place.fact(FactKind.GROUP, number, name, streams[0], form="table")
        elif _ENV_HEADER.fullmatch(title) or title == header[0]:
            for name in _CODE_SPAN.findall(cell) or [cell]:
                if _ENV_NAME.fullmatch(name):
                    yield place.fact(FactKind.ENV_DECLARED, number, name, _default(columns), form="table")


def _cells(row: str) -> list[str]:
    """The cells of a row; an escaped bar stands inside of one."""
    cells = row.strip("|").replace("\\|", "\0").split("|")
    return [cell.replace("\0", "|").strip() for cell in cells]


def _default(columns: Mapping[str, str]) -> str | None:
    """The default that a row says; None where it says none, or in prose."""
    cell = next((cell for title, cell in columns.items() if _DEFAULT_HEADER.fullmatch(title)), "")
    span = _CODE_SPAN.fullmatch(cell)
    said = span.group(1) if span is not None else cell
    return None if said.lower() in _NOTHING or (span is None and " " in said) else said


def _people(columns: Mapping[str, str], heading: Callable[[str], object]) -> str:
    """The names in a column, joined by commas; "" where there is none or it says more than names."""
    cell = next((cell for title, cell in columns.items() if heading(title)), "")
    names = [part.strip(" `*") for part in cell.replace(" and ", ",").split(",")]
    return ",".join(names) if names and all(_PERSON.fullmatch(name) for name in names) else ""


def _ports(place: _Place, number: int, columns: Mapping[str, str]) -> Iterator[ConfigFact]:
    """Ports in a table that has a column of services."""
    owner = next((cell for title, cell in columns.items() if _SERVICE_HEADER.fullmatch(title)), "")
    for title, cell in columns.items():
        port = _PORT_CELL.fullmatch(cell) if owner and _PORT_HEADER.fullmatch(title) else None
        if port is not None:
            named = _Place(place.path, owner.strip("`* "), place.lines)
            yield named.fact(FactKind.PORT, number, f"{port.group(1)}/tcp", None, form="table")


def _names(cell: str) -> list[str]:
    spans = _CODE_SPAN.findall(cell)
    found = spans or ([cell] if any(mark in cell for mark in ".:-_") else [])
    return [name for name in found if _NAME.fullmatch(name)]


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    service: str | None
    lines: list[str]

    def fact(self, kind: FactKind, line: int, name: str, value: str | None, *, form: str) -> ConfigFact:
        text = self.lines[line - 1].strip() if 0 < line <= len(self.lines) else ""
        shown = masked_value(name, value) if kind is FactKind.ENV_DECLARED else value
        return ConfigFact(
            kind=kind,
            service=self.service,
            path=self.path,
            line=line,
            text=line_of_value(text, name, value)
            if kind is FactKind.ENV_DECLARED
            else masking.beginning(text, 500),
            name=masking.mask(name),
            value=None if shown is None else masking.mask(shown),
            details={"form": form},
        )
