"""Stream commands where nothing is parsed: Lua in texts and files, languages that are not indexed, lines of scripts.

Each is a use whose names are open: it may be what a rule misses elsewhere, and says nothing by itself. A group that a
script or a document creates by name is that group.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import re2
from msgspec.structs import replace

from tools import masking
from tools.sources.code.program_index import Program
from tools.sources.code.source_files import Holds
from tools.sources.code.walk import ProjectFile, in_scope, read_text
from tools.sources.project_env import shown_line
from tools.sources.records import ChainStep, CodeKind, CodeUse, Resolved
from tools.sources.source_lines import lines_of

ServiceOf = Callable[[str], str | None]
OTHER_LANGUAGES = {
    ".java": "java", ".kt": "kotlin", ".kts": "kotlin", ".scala": "scala", ".groovy": "groovy", ".rb": "ruby",
    ".rs": "rust", ".php": "php", ".cs": "csharp", ".fs": "fsharp", ".ex": "elixir", ".exs": "elixir", ".erl": "erlang",
    ".clj": "clojure", ".cpp": "cpp", ".cc": "cpp", ".c": "c", ".swift": "swift", ".dart": "dart", ".lua": "lua",
}  # fmt: skip
"""File extension → language that no parser here reads."""
SCRIPT = "script"
"""The language of a use in a script or document."""
_SCRIPTS = re2.compile(
    r"(?i).*\.(?:sh|bash|zsh|ya?ml|json|md|mdx|txt|redis|toml|tf)|Makefile|justfile|Procfile|.*Dockerfile.*"
)
_ANY = re2.compile(r"(?i)x_?(?:add|read|ack|group|auto|claim|trim)|stream")
_KINDS = {
    CodeKind.XADD: re2.compile(r"(?i)\bx_?add|opsForStream\(\)\s*\.add|StreamRecords|\bstreamAdd"),
    CodeKind.XREADGROUP: re2.compile(
        r"(?i)\bx_?read_?(?:group|options)|Consumer\.from\(|StreamReadGroup|StreamMessageListener|\breadGroup"
    ),
    CodeKind.XREAD: re2.compile(r"(?i)\bx_?read\b|\bStreamRead(?:Async)?\("),
    CodeKind.XGROUP_CREATE: re2.compile(
        r"(?i)\bx_?group_?create|XGROUP\W+CREATE|createGroup|StreamCreateConsumerGroup"
    ),
    CodeKind.XACK: re2.compile(r"(?i)\bx_?ack|StreamAcknowledge|\.acknowledge\("),
    CodeKind.XCLAIM: re2.compile(r"(?i)\bx_?(?:auto_?)?claim|Stream(?:Auto)?Claim"),
    CodeKind.XTRIM: re2.compile(r"(?i)\bx_?trim|StreamTrim"),
}
_IN_TEXT = {
    "ADD": CodeKind.XADD, "ACK": CodeKind.XACK, "TRIM": CodeKind.XTRIM, "CLAIM": CodeKind.XCLAIM,
    "AUTOCLAIM": CodeKind.XCLAIM, "READGROUP": CodeKind.XREADGROUP, "READ": CodeKind.XREAD,
}  # fmt: skip
_LUA_CALL = re2.compile(
    r"(?i)\bredis\.p?call\(\s*\\*[\"']\s*X(ADD|ACK|TRIM|CLAIM|AUTOCLAIM|READGROUP|READ)\b"
)
_CREATES = re2.compile(r"(?i)\bXGROUP[\"',\s]+CREATE[\"',\s]+(\S+?)[\"',]*\s+[\"']?([^\s\"']+)")
_PLAIN = re2.compile(r"[A-Za-z0-9_.:-]+")


def uses(
    files: Iterable[ProjectFile], program: Program, service_of: ServiceOf, unread: set[str]
) -> Iterator[CodeUse]:
    """The uses, in no order. Files that cannot be read are left out: who reads them for more tells the gap.

    `unread` grows by them, and by those that are too big, binary, minified or generated.
    """
    for module in program.holding(Holds.MESSAGES):
        yield from _of_lua_in(module.path, module.lines, service_of(module.path))
    for file in files:
        language = OTHER_LANGUAGES.get(file.ending)
        if language is None and _SCRIPTS.fullmatch(file.name) is None:
            continue
        try:
            text = read_text(file)
        except OSError:
            text = None
        if text is None:
            unread.add(file.path)
            continue
        if _ANY.search(text) is None:
            continue
        if language is None:
            yield from _of_script(file.path, lines_of(text), service_of(file.path))
        elif in_scope(file.path, text[:1000].encode()):
            yield from _of_language(file.path, language, lines_of(text), service_of(file.path))
        elif in_scope(file.path, b""):
            unread.add(file.path)


def _of_lua_in(path: str, lines: list[str], service: str | None) -> Iterator[CodeUse]:
    seen: set[CodeKind] = set()
    for number, line in enumerate(lines, 1):
        for found in _LUA_CALL.finditer(line) if "call" in line else ():
            kind = _IN_TEXT[found.group(1).upper()]
            if kind not in seen:
                seen.add(kind)
                yield _use(kind, (path, number, line), service, "lua")


def _of_language(path: str, language: str, lines: list[str], service: str | None) -> Iterator[CodeUse]:
    seen: set[CodeKind] = set()
    for number, line in enumerate(lines, 1):
        for kind, pattern in _KINDS.items() if _ANY.search(line) is not None or "." in line else ():
            if kind not in seen and pattern.search(line) is not None:
                seen.add(kind)
                yield _use(kind, (path, number, line), service, language)


def _of_script(path: str, lines: list[str], service: str | None) -> Iterator[CodeUse]:
    for number, line in enumerate(lines, 1):
        for found in _CREATES.finditer(line):
            made = _use(CodeKind.XGROUP_CREATE, (path, number, line), service, SCRIPT)
            yield _named(made, found.group(1), found.group(2))


def _named(use: CodeUse, stream: str, group: str) -> CodeUse:
    step = ChainStep(path=use.path, line=use.line, text=use.text)
    return replace(use, stream=_plain(stream, step), group=_plain(group, step))


def _plain(written: str, step: ChainStep) -> Resolved | None:
    """A name as a script writes it; None where it is a variable or a placeholder."""
    bare = written.strip("\"'`")
    if _PLAIN.fullmatch(bare) is None:
        return None
    return Resolved(value=masking.mask(bare), confidence="literal", chain=(step,))


def _use(kind: CodeKind, place: tuple[str, int, str], service: str | None, language: str) -> CodeUse:
    path, number, line = place
    return CodeUse(
        kind=kind,
        service=service,
        path=path,
        line=number,
        end_line=number,
        text=shown_line(line),
        language=language,
        options={"spread": ""},  # it may have any
    )
