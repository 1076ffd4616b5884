"""Several services in one output: whose line is it? Prefixes of the tools that run several processes at once.

`orders   | text`, `orders-1  | text` (docker compose), `12:00:01 orders.1 | text` (foreman, honcho),
`[orders] text`, `[0] text` (concurrently, npm-run-all), `[orders]: text` (yarn), `orders:dev: text` (turbo),
`services/orders dev: text` (pnpm), `@acme/orders: text` (lerna, nx), `0|orders  | text` (pm2).

A prefix counts at once where its name is known (expected, or a key of `prefixes`) or the form leaves no doubt;
else when it comes again and, for forms that plain logs have too, most lines have it. What a tool says itself makes
no service. `tests/sources/logs/prefixes` holds the output of the real tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, Flag, auto
from functools import lru_cache

import re2

_TIME = r"(?:\d{4}-\d\d-\d\d[T ])?\d{1,2}:\d\d:\d\d(?:[.,]\d{1,6})?Z?(?: [AP]M)? "
_LABEL = r"@?[A-Za-z][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_.-]+)*"
_SCRIPT = r"[A-Za-z][A-Za-z0-9_:.-]*"
_USUAL = r"(?:dev|start|serve|watch)(?::[\w-]+)?"


class _Trust(Enum):
    """When a name that is not known counts."""

    AT_ONCE = auto()
    AGAIN = auto()
    MOSTLY = auto()
    NEVER = auto()


class _Trait(Flag):
    """LISTED: for keys of `prefixes` only. PADDED: names have one width, so that all bars stand in one column."""

    NONE = 0
    LISTED = auto()
    PADDED = auto()
    FOLDER = auto()
    BRACKET = auto()


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """How a line begins; groups 1 and 2 of the pattern are label and text.

    `begins` ("[", "0" for a digit, "" for anything) and `holds` are a quick look before the pattern.
    """

    pattern: re2._Regexp[str]
    trust: _Trust
    traits: _Trait
    begins: str
    holds: str
    listed: bool
    padded: bool


def _form(
    pattern: str, trust: _Trust, traits: _Trait = _Trait.NONE, *, begins: str = "", holds: str = ""
) -> _Form:
    # Told once: to ask a Flag costs more than most lines cost in all.
    listed, padded = _Trait.LISTED in traits, _Trait.PADDED in traits
    return _Form(re2.compile(f"(?s)^{pattern}$"), trust, traits, begins, holds, listed, padded)


_FORMS = (
    # foreman for Node.js; pm2; foreman and honcho; compose; compose and overmind
    _form(r"[\d:]+ [AP]M ([^\s|]+) *\|  ?(.*)", _Trust.AGAIN, _Trait.PADDED, begins="0", holds="|"),
    _form(rf"(?:{_TIME})?\d+\|([^|]+?) *\| ?(.*)", _Trust.AGAIN, _Trait.PADDED, begins="0", holds="|"),
    _form(rf"{_TIME}([^\s|]+) *\| ?(.*)", _Trust.AGAIN, _Trait.PADDED, begins="0", holds="|"),
    _form(r"([^\s|]+[._-]\d+) *\| ?(.*)", _Trust.AGAIN, _Trait.PADDED, holds="|"),
    _form(r"([^\s|]+) *\| ?(.*)", _Trust.MOSTLY, _Trait.PADDED, holds="|"),
    # concurrently with the time; concurrently, npm-run-all, yarn
    _form(rf"\[{_TIME}([^\[\]]+?)\s*\] ?(.*)", _Trust.NEVER, _Trait.LISTED, begins="["),
    _form(r"\[([^\[\]]+?)\s*\]:? ?(.*)", _Trust.MOSTLY, _Trait.BRACKET, begins="["),
    # pnpm: what it runs; what that prints; the same for other scripts
    _form(rf"({_LABEL}) +{_USUAL} ?\$ (.*)", _Trust.AT_ONCE, _Trait.FOLDER, holds="$ "),
    _form(rf"({_LABEL}) +{_USUAL}: ?(.*)", _Trust.AGAIN, _Trait.FOLDER, holds=":"),
    _form(rf"({_LABEL}) +{_SCRIPT}(?: ?\$|:) ?(.*)", _Trust.NEVER, _Trait.LISTED | _Trait.FOLDER),
    # turbo; the same for other scripts, and its errors
    _form(rf"({_LABEL}):(?:{_USUAL}|build): ?(.*)", _Trust.AGAIN, holds=":"),
    _form(rf"({_LABEL})[:#]{_SCRIPT}: ?(.*)", _Trust.NEVER, _Trait.LISTED, holds=":"),
    # lerna and nx: npm says what it runs; a package with a scope; any package
    _form(rf"({_LABEL}): (> \S+@\S+ \S+)", _Trust.AT_ONCE, holds=": > "),
    _form(r"((?:@[\w.-]+/|lerna-)[\w.-]+): ?(.*)", _Trust.AGAIN, holds=":"),
    _form(r"([^:]+): ?(.*)", _Trust.NEVER, _Trait.LISTED, holds=":"),
    # concurrently -p "{time} {name}" and -p "{index}-{pid}"
    _form(rf"{_TIME}(\S+) ?(.*)", _Trust.NEVER, _Trait.LISTED, begins="0"),
    _form(r"(\d+)-\d+ ?(.*)", _Trust.NEVER, _Trait.LISTED, begins="0"),
)
_ANSI = re2.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-Z\\-_]")
_PLAIN_LABEL = re2.compile(rf"{_LABEL}(?:[:#][A-Za-z0-9_.-]+)*")
_PLAIN_NAME = re2.compile(r"[A-Za-z][A-Za-z0-9_.-]*")
_INSTANCE = re2.compile(r"(.+)[._-]\d{1,4}")
_SCRIPTS = frozenset({"dev", "start", "serve", "watch", "build", "run", "develop"})
_NO_NAMES = frozenset(
    {"error", "err", "warn", "warning", "info", "debug", "trace", "fatal", "critical", "notice", "verbose"}
    | {"log", "http", "main", "master", "stdout", "stderr", "system", "silly"}
    # What runs, watches or bundles one service and puts its own name before its words.
    | {"pm2", "lerna", "turbo", "nx", "npm", "pnpm", "yarn", "bun", "concurrently", "foreman", "honcho"}
    | {"nodemon", "tsx", "tsc", "ts-node", "ts-node-dev", "nest", "next", "nuxt", "vite", "hmr", "webpack"}
    | {"esbuild", "rollup", "swc", "babel", "sass", "postcss", "tailwindcss", "browsersync", "dotenv", "node"}
)
_SEEN = 2
_NAMES_MAX = 1000
_NAME_CHARS_MAX = 64
_LABEL_END_MAX = 120
"""Characters from the start of a line within which a label ends."""


def without_ansi(text: str) -> str:
    """`text` without terminal escape sequences."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def service_name(label: str) -> str:
    """The service that a tool's label means: `api` for `dev:api`, `api:dev` and `@acme/api`; else the label."""
    if _PLAIN_LABEL.fullmatch(label) is None:
        return label
    parts = label.replace("#", ":").split(":")
    while len(parts) > 1 and parts[0] in _SCRIPTS:
        del parts[0]
    while len(parts) > 1 and parts[-1] in _SCRIPTS:
        del parts[-1]
    name = ":".join(parts)
    return (name.partition("/")[2] if name.startswith("@") else name).rstrip(".-/") or label


class Demultiplexer:
    """Tells a merged output apart by its prefixes; learns the names, or is told those to expect.

    `prefixes` says which service a prefix means (`{"0": "gateway"}`). Where it is given, other names in brackets
    are not learned: it lists what the tool runs, and other brackets are the services' own.
    """

    def __init__(self, expected: Iterable[str] = (), prefixes: Mapping[str, str] | None = None) -> None:
        self._expected = frozenset(expected)
        self._prefixes = dict(prefixes or {})
        self._learns_brackets = not self._prefixes
        self._seen: dict[tuple[int, str], int] = {}
        self._columns: dict[int, set[str]] = {}
        self._lines = 0
        self._lines_of: dict[int, int] = {}

    def feed(self, line: str) -> tuple[str | None, str]:
        """The service and its text; (None, line) where the line has no prefix that counts.

        The text is the end of the line without its terminal escapes. The first line of a name that is not known
        may come back without a service: one line with a bar or a bracket in it is not a service.
        """
        plain = without_ansi(line)
        if plain.strip() and not plain.startswith("> "):  # npm's own lines, before the tool says anything
            self._lines += 1
        begins = "0" if plain[:1].isdecimal() else plain[:1]
        for at, form in enumerate(_FORMS):
            if not self._looks_like(form, begins, plain):
                continue
            match = form.pattern.match(plain)
            if match is None or match.end(1) > _LABEL_END_MAX:
                continue
            label, text = match.groups()
            name = self._known(label, form)
            if name is None and form.trust is not _Trust.NEVER:
                column = plain.find("|", match.end(1)) if form.padded else 0
                name = self._learned(label, at, column)
            if name is not None:
                return name, text
        return None, line

    def _looks_like(self, form: _Form, begins: str, plain: str) -> bool:
        """A quick look, for most lines have few of the forms."""
        if form.listed and not self._prefixes:
            return False
        return (not form.begins or form.begins == begins) and form.holds in plain

    def _known(self, label: str, form: _Form) -> str | None:
        for candidate in _candidates(label, form):
            if candidate in self._prefixes:
                return self._prefixes[candidate]
            if not form.listed and candidate in self._expected:
                return candidate
        return None

    def _learned(self, label: str, at: int, column: int) -> str | None:
        form = _FORMS[at]
        name = _candidates(label, form)[-1]
        self._lines_of[at] = self._lines_of.get(at, 0) + 1
        if not self._may_be_a_name(label, name, form):
            return None
        key = (at, name)
        if key not in self._seen and len(self._seen) >= _NAMES_MAX:
            return None
        self._seen[key] = self._seen.get(key, 0) + 1
        names = self._columns.setdefault(column, set()) if column else {name}
        if len(names) < _NAMES_MAX:
            names.add(name)
        if form.trust is _Trust.AT_ONCE:
            self._prefixes.setdefault(label, name)
            return name
        if form.trust is _Trust.MOSTLY and self._lines_of[at] * 2 < self._lines:
            return None
        return name if self._seen[key] >= _SEEN or len(names) > 1 else None

    def _may_be_a_name(self, label: str, name: str, form: _Form) -> bool:
        if form.traits & _Trait.BRACKET and not self._learns_brackets:
            return False
        return (
            len(name) <= _NAME_CHARS_MAX
            and _PLAIN_NAME.fullmatch(name) is not None
            and ".." not in name  # concurrently cuts commands in the middle
            and not label.isupper()  # levels and the tools' own words: [DONE], [ELIFECYCLE]
            and name.lower() not in _NO_NAMES
        )


@lru_cache(maxsize=4096)
def _candidates(label: str, form: _Form) -> tuple[str, ...]:
    """What a label may stand for: first as it is, last the name that would be learned."""
    found = [label]
    name = service_name(label)
    if form.traits & _Trait.FOLDER:
        found.append(name)
        name = name.rpartition("/")[2]
    found.append(name)
    instance = _INSTANCE.fullmatch(name) if form.padded else None
    if instance is not None:
        found.append(instance.group(1))
    return tuple(found)
