"""The code files of a project: read once as bytes, looked through by a fast search, parsed only when asked for.

Most files of a large project name no stream, no variable and no client. What a rule may speak of must hold one of
the words below; a new kind of use adds its words here, or it is not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import Flag, auto
from functools import cached_property
from itertools import islice

import re2

from tools.sources.code import go_tree, javascript_tree, python_tree
from tools.sources.code.program import Module, Scope
from tools.sources.code.syntax import LANGUAGES
from tools.sources.code.walk import ProjectFile, in_scope, read_source
from tools.sources.records import Gap
from tools.sources.source_lines import lines_of

_READERS = {"python": python_tree.read, "go": go_tree.read}


class Holds(Flag):
    """What the words of a file promise."""

    NOTHING = 0
    MESSAGES = auto()
    ENVIRONMENT = auto()
    KEYS = auto()
    PRINTS = auto()
    IGNORES = auto()
    SCHEMAS = auto()
    """Schemas that read the environment."""
    SERVERS = auto()
    LOGGERS = auto()


_WORDS = {
    Holds.MESSAGES: re2.compile(rb"(?i)\bx(?:add|read|ack|group|autoclaim|claim|trim)"),
    Holds.ENVIRONMENT: re2.compile(
        rb'process|import\.meta|environ|[gG]etenv|[sS]etenv|putenv|LookupEnv|(?:Bun|Deno)\.env|\benv(?:config)?\s*:\s*"'
    ),
    Holds.KEYS: re2.compile(rb"\.\s*(?:keys|KEYS|Keys)\s*\(\s*[^)\s]|(?i)[\"']keys[\"']"),
    Holds.PRINTS: re2.compile(rb"\bconsole\b|\bprint(?:ln)?\s*\(|\bpprint\b|\bfmt\s*\.\s*Print"),
    Holds.IGNORES: re2.compile(rb"streamgauge-ignore"),
    Holds.SCHEMAS: re2.compile(rb"Settings|cleanEnv|createEnv|(?:process|Bun|import\.meta)\s*\.\s*env\b"),
    Holds.SERVERS: re2.compile(
        rb"\blisten\b|\bserve\b|\brun(?:_app)?\b|Server\b|WebSocket|\bbind\b|start_server|make_server|create_server|start_http_server"
        rb"|ListenAndServe|\bListen\b|\.(?:Run|Start)(?:TLS)?\("
    ),
    Holds.LOGGERS: re2.compile(rb"\bpino\b|\bbunyan\b|\bwinston\b|createLogger|basicConfig|setLevel"),
}

NAMED_FILES_MAX = 300
"""A name in more files than this leads to none of them: what is not loaded for another reason stays out."""

OFFERED_CHARS_MIN = 4
OFFERED_MAX = 500
SAMPLE_FILES = 200
SAMPLE_SHARE = 20
"""A name in more than one of so many files of the sample is looked for alone, and found soon."""

GapOf = Callable[[str, str, str, bool], Gap]


class SourceFiles:
    """Code files in scope by path. `gaps` grows where one cannot be read or parsed; content never raises.

    `unread` are those, and the ones that are too big, binary, minified or generated.
    """

    def __init__(self, files: Iterable[ProjectFile], gap: GapOf) -> None:
        self.gaps: list[Gap] = []
        self.unread: set[str] = set()
        self._gap = gap
        self._data: dict[str, bytes] = {}
        self._named: dict[str, tuple[str, ...]] = {}
        self._offered: set[str] = set()
        for file in files:
            if file.ending not in LANGUAGES:
                continue
            try:
                data = read_source(file)
            except OSError as error:
                self.gaps.append(
                    gap(file.path, f"cannot be read ({error.strerror})", "make it readable", True)
                )
                self.unread.add(file.path)
                continue
            if data is not None and in_scope(file.path, data):
                self._data[file.path] = data
            elif in_scope(file.path, b""):
                self.unread.add(file.path)

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file, in the order of paths."""
        return tuple(self._data)

    def language(self, path: str) -> str:
        """The language of a file."""
        return LANGUAGES["." + path.rsplit(".", 1)[-1]]

    def holding(self, wanted: Holds) -> list[str]:
        """The files with words of any of these kinds."""
        patterns = [pattern for kind, pattern in _WORDS.items() if kind in wanted]
        return [
            path for path, data in self._data.items() if any(pattern.search(data) for pattern in patterns)
        ]

    def texts(self) -> Iterator[tuple[str, str]]:
        """The path and text of every file, none of them parsed."""
        for path, data in self._data.items():
            yield path, data.decode("utf-8", "replace")

    def offer(self, names: Iterable[str]) -> None:
        """Names that may be asked for next: looking for many at once costs little more than for one."""
        self._offered.update(name for name in names if len(name) >= OFFERED_CHARS_MIN)

    def naming(self, name: str) -> tuple[str, ...]:
        """The files that hold a name anywhere; of a name in more than `NAMED_FILES_MAX`, one file more than that."""
        if name not in self._named:
            self._offered.add(name)
            batch = [word for word in sorted(self._offered) if word not in self._named and word]
            wanted = [word for word in batch if not self._is_common(word)][:OFFERED_MAX]
            self._offered.difference_update(batch)
            if name in wanted:
                self._look_for(wanted)
            else:
                self._named[name] = self._holding(name)
        return self._named[name]

    def _is_common(self, name: str) -> bool:
        wanted = name.encode()
        return sum(wanted in data for data in self._sample) * SAMPLE_SHARE > len(self._sample)

    @cached_property
    def _sample(self) -> list[bytes]:
        every = list(self._data.values())
        return every[:: max(1, len(every) // SAMPLE_FILES)]

    def _look_for(self, names: Sequence[str]) -> None:
        any_of = re2.compile(b"|".join(re2.escape(name).encode() for name in names))
        words = [(name, name.encode()) for name in names]
        found: dict[str, list[str]] = {name: [] for name in names}
        for path, data in self._data.items():
            if any_of.search(data):
                for name, word in words:
                    if len(found[name]) <= NAMED_FILES_MAX and word in data:
                        found[name].append(path)
        self._named |= {name: tuple(paths) for name, paths in found.items()}

    def _holding(self, name: str) -> tuple[str, ...]:
        word = name.encode()
        every = (path for path, data in self._data.items() if word and word in data)
        return tuple(islice(every, NAMED_FILES_MAX + 1))

    def module(self, path: str) -> Module:
        """A file, parsed; without anything in it where it cannot be."""
        language = self.language(path)
        text = self._data[path].decode("utf-8", "replace")
        try:
            return _READERS.get(language, javascript_tree.read)(path, text, language)
        except RecursionError:
            why = "its expressions are nested too deeply to be parsed"
            self.gaps.append(self._gap(path, why, "exclude it if it is generated", False))
            self.unread.add(path)
            return Module(path, language, lines_of(text), [Scope(0, "module", "", None, 1)])
