"""The index: everything that the project's files say, in one record, written and read whole."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tools import masking
from tools.errors import SourceUnavailable
from tools.sources import project
from tools.sources.code import environment_writes, named_in_code, other_sources
from tools.sources.code.commands import STREAM_KINDS
from tools.sources.code.env_schemas import EnvSchemas
from tools.sources.code.program import Module
from tools.sources.code.program_index import Program
from tools.sources.code.resolve import Resolver
from tools.sources.code.scan import Scan
from tools.sources.code.source_files import Holds, SourceFiles
from tools.sources.code.uses import UseFinder
from tools.sources.code.walk import FILES_MAX, ProjectFile, read_source, walk
from tools.sources.listening import Listening
from tools.sources.log_settings import LogSettings
from tools.sources.records import ChainStep, CodeIndex, CodeKind, CodeUse, FactKind, Gap
from tools.sources.source_lines import lines_of
from tools.workspace import write_atomically

SOURCE = "code"
_ENVIRONMENT = {FactKind.ENV_SET, FactKind.ENV_DECLARED}
_IGNORE_WORD = b"streamgauge-ignore"
_IGNORE = re.compile(r"streamgauge-ignore[: ]\s*([a-z]+\.[a-z-]+)\s+(\S[^\n*]{2,200})")
_NAMED = {
    CodeKind.XADD,
    CodeKind.XREADGROUP,
    CodeKind.XACK,
    CodeKind.XGROUP_CREATE,
    CodeKind.XREAD,
    CodeKind.XTRIM,
}


def build_index(root: Path, include: Sequence[str], exclude: Sequence[str], now_ms: int) -> CodeIndex:
    """Read the project. `now_ms` dates the gaps. Raises NotADirectoryError; content never raises."""
    files = list(walk(root, include, exclude))
    gaps: list[Gap] = []
    if len(files) >= FILES_MAX:
        why, fix = f"the project has more than {FILES_MAX} files", "narrow it with project.include or exclude"
        gaps.append(_gap("files of the project", why, fix, now_ms, blind=True))
    begun = _begin(files, root, now_ms)
    facts, sources, scan = begun.facts, begun.sources, begun.scan
    uses = scan.rest(sources, facts.services)
    declared = {fact.name for fact in facts.facts if fact.kind in _ENVIRONMENT}
    by_schema = EnvSchemas(begun.program, facts.services.of, declared).uses()
    unread: set[str] = set()
    unparsed = other_sources.uses(files, begun.program, facts.services.of, unread)
    uses = tuple(sorted((*uses, *by_schema, *unparsed), key=lambda use: (use.path, use.line, use.kind.value)))
    gaps += [*sources.gaps, *scan.gaps, *_unresolved(uses, now_ms)]
    read = {use.name for use in uses if use.kind is CodeKind.ENV_READ and use.name}
    mentioned = tuple(project.mentions(files, read - declared))
    said = named_in_code.marked(facts.facts, begun.program, files)
    written = tuple(environment_writes.facts(begun.program, facts.services.of))
    listening = Listening(begun.program, facts.services.of, uses, facts.facts).facts()
    logs = LogSettings(begun.program, facts.services.of, uses, facts.facts).facts()
    return CodeIndex(
        uses=uses,
        facts=(*said, *mentioned, *written, *listening, *logs),
        schemas=facts.schemas,
        services=facts.services.names,
        libraries=facts.libraries,
        files_read=len(sources.paths) + len(facts.read),
        languages=dict(sorted(Counter(map(sources.language, sources.paths)).items())),
        gaps=(*facts.gaps, *gaps),
        ignores=(
            *_ignores(begun.program.modules[path] for path in sources.holding(Holds.IGNORES)),
            *_ignores_beside(files, set(facts.read) - set(sources.paths)),
        ),
        unread=tuple(sorted(map(masking.mask, unread | sources.unread | scan.unread | facts.unread))),
        ignore_rules=_ignore_rules(files),
    )


def path_of_messages(root: Path) -> tuple[CodeUse, ...]:
    """The first half of `build_index`: what names a stream, and what stands beside it."""
    return tuple(_begin(list(walk(root)), root, 0).scan.found)


@dataclass(frozen=True, slots=True)
class _Begun:
    """A project whose path of messages is known."""

    facts: project.ProjectFacts
    sources: SourceFiles
    program: Program
    scan: Scan


def _begin(files: list[ProjectFile], root: Path, now_ms: int) -> _Begun:
    def gap(what: str, why: str, fix: str, blind: bool) -> Gap:
        return _gap(what, why, fix, now_ms, blind=blind)

    facts = project.read_project(files, root.resolve().name, now_ms)
    sources = SourceFiles(files, gap)
    program = Program(sources, facts.packages)
    scan = Scan(program, UseFinder(program, Resolver(program, facts.environment), facts.services.of), gap)
    scan.messages(sources)
    return _Begun(facts, sources, program, scan)


def write_index(path: Path, index: CodeIndex) -> None:
    """Write the index by rename, so that readers see all of it or nothing. Raises OSError."""
    data = masking.mask_data(msgspec.to_builtins(index))
    write_atomically(path, gzip.compress(msgspec.json.encode(data), compresslevel=5, mtime=0))


def read_index(path: Path) -> CodeIndex:
    """Read an index.

    Raises FileNotFoundError while it is not there yet, SourceUnavailable where it is damaged.
    """
    data = path.read_bytes()
    try:
        return msgspec.json.decode(gzip.decompress(data), type=CodeIndex)
    except (msgspec.DecodeError, OSError, EOFError) as error:
        raise SourceUnavailable("the code index", f"{path.name} is damaged ({error})", "run again") from error


def failed_index(why: str, now_ms: int) -> CodeIndex:
    """The index of a project that could not be read: nothing but a blind gap."""
    fix = "check project.root and the rights of its files"
    gap = _gap("code and configuration of the project", masking.mask(why), fix, now_ms, blind=True)
    return CodeIndex(uses=(), facts=(), services=(), files_read=0, languages={}, gaps=(gap,))


def unnamed(uses: Iterable[CodeUse]) -> dict[str, list[int]]:
    """The lines of each file with names of streams or groups that only running it would tell."""
    lines: dict[str, list[int]] = {}
    for use in uses:
        if use.language == other_sources.SCRIPT or use.language in other_sources.OTHER_LANGUAGES.values():
            continue
        names = [name for name in (use.stream, use.group) if name is not None]
        open_name = use.kind in STREAM_KINDS and use.stream is None
        if use.kind in _NAMED and (open_name or any(name.value is None for name in names)):
            at = lines.setdefault(use.path, [])
            if use.line not in at:
                at.append(use.line)
    return lines


def _unresolved(uses: Sequence[CodeUse], now_ms: int) -> list[Gap]:
    """One gap per file that holds names which only running it would tell, or that no reader knows."""
    unparsed = {use.path for use in uses if use.language in other_sources.OTHER_LANGUAGES.values()}
    gaps: list[Gap] = []
    for path, at in sorted(unnamed(uses).items()):
        shown = ", ".join(map(str, at[:10]))
        what = f"stream or group names in {path} (line {shown})"
        why = "the name is known only at run time"
        fix = "name it by a constant, or describe it with [[expect]]"
        gaps.append(_gap(what, why, fix, now_ms))
    for path in sorted(unparsed):
        why = "code of this language is not read: which streams and groups it names is not known"
        gaps.append(_gap(f"stream commands in {path}", why, "describe them with [[expect]]", now_ms))
    return gaps


def _ignore_rules(files: Iterable[ProjectFile]) -> str:
    digest = hashlib.sha256()
    for file in files:
        if file.name == ".gitignore":
            with suppress(OSError):
                digest.update(
                    f"{file.path}\n".encode("utf-8", "backslashreplace") + (read_source(file) or b"")
                )
    return digest.hexdigest()[:16]


def _ignores(modules: Iterable[Module]) -> Iterator[ChainStep]:
    for module in modules:
        for line, text in module.comments:
            yield from _ignore(module.path, line, text)


def _ignores_beside(files: Iterable[ProjectFile], read: Collection[str]) -> Iterator[ChainStep]:
    """Those in the files of configuration and the documents that were read."""
    for file in files:
        if file.path in read:
            with suppress(OSError):  # the reader has told of a file that cannot be read
                data = read_source(file) or b""
                if _IGNORE_WORD in data:
                    for number, line in enumerate(lines_of(data.decode("utf-8", "replace")), 1):
                        yield from _ignore(file.path, number, line)


def _ignore(path: str, line: int, text: str) -> Iterator[ChainStep]:
    found = _IGNORE.search(text)
    if found is not None:
        reason = masking.mask(found.group(2).strip().removesuffix("-->").strip())
        yield ChainStep(path=path, line=line, text=f"{found.group(1)} {reason}")


def _gap(what: str, why: str, fix: str, now_ms: int, *, blind: bool = False) -> Gap:
    return Gap(what=masking.mask(what), why=why, fix=fix, source=SOURCE, at_ms=now_ms, blind=blind)
