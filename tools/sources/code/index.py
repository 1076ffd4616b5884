"""The index: everything that the project's files say, in one record, written and read whole."""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tools import masking
from tools.errors import SourceUnavailable
from tools.sources import project
from tools.sources.code import go_calls, go_tree, javascript_calls, javascript_tree, python_calls, python_tree
from tools.sources.code.commands import STREAM_KINDS, Command
from tools.sources.code.env_schemas import EnvSchemas
from tools.sources.code.program import Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.resolve import Resolver
from tools.sources.code.syntax import LANGUAGES
from tools.sources.code.uses import UseFinder
from tools.sources.code.walk import FILES_MAX, ProjectFile, in_scope, read_text, walk
from tools.sources.listening import Listening
from tools.sources.log_settings import LogSettings
from tools.sources.records import ChainStep, CodeIndex, CodeKind, CodeUse, Gap
from tools.workspace import write_atomically

SOURCE = "code"
USES_MAX = 50_000
_READERS = {"python": python_tree.read, "go": go_tree.read}
_CALLS = {"python": python_calls.recognise, "go": go_calls.recognise}
_IGNORE = re.compile(r"streamgauge-ignore[: ]\s*([a-z]+\.[a-z-]+)\s+(\S[^\n*]{2,200})")
_NAMED = {CodeKind.XADD, CodeKind.XREADGROUP, CodeKind.XACK, CodeKind.XGROUP_CREATE, CodeKind.XREAD}


def build_index(root: Path, include: Sequence[str], exclude: Sequence[str], now_ms: int) -> CodeIndex:
    """Read the project. `now_ms` dates the gaps. Raises NotADirectoryError; content never raises."""
    files = list(walk(root, include, exclude))
    gaps: list[Gap] = []
    if len(files) >= FILES_MAX:
        why, fix = f"the project has more than {FILES_MAX} files", "narrow it with project.include or exclude"
        gaps.append(_gap("files of the project", why, fix, now_ms, blind=True))
    facts = project.read_project(files, root.resolve().name, now_ms)
    modules = _modules(files, gaps, now_ms)
    program = Program(modules, facts.packages)
    resolver = Resolver(program, facts.environment)
    finder = UseFinder(program, resolver, facts.services.of)
    uses = _uses(program, finder, gaps, now_ms)
    declared = {fact.name for fact in facts.facts}
    by_schema = EnvSchemas(program, facts.services.of, declared).uses()
    uses = tuple(sorted((*uses, *by_schema), key=_order))
    gaps += _unresolved(uses, now_ms)
    read = {use.name for use in uses if use.kind is CodeKind.ENV_READ and use.name}
    known = {fact.name for fact in facts.facts}
    mentioned = tuple(project.mentions(files, read - known))
    listening = Listening(program, facts.services.of, uses, facts.facts).facts()
    logs = LogSettings(program, facts.services.of, uses, facts.facts).facts()
    return CodeIndex(
        uses=uses,
        facts=(*facts.facts, *mentioned, *listening, *logs),
        schemas=facts.schemas,
        services=facts.services.names,
        files_read=len(modules) + len(facts.read),
        languages=dict(sorted(Counter(module.language for module in modules).items())),
        gaps=(*facts.gaps, *gaps),
        ignores=tuple(_ignores(modules)),
    )


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


def _modules(files: Iterable[ProjectFile], gaps: list[Gap], now_ms: int) -> list[Module]:
    modules: list[Module] = []
    for file in files:
        language = LANGUAGES.get(file.full.suffix)
        if language is None:
            continue
        try:
            text = read_text(file)
            if text is None or not in_scope(file.path, text):
                continue
            modules.append(_READERS.get(language, javascript_tree.read)(file.path, text, language))
        except OSError as error:
            why = f"cannot be read ({error.strerror})"
            gaps.append(_gap(file.path, why, "make it readable", now_ms, blind=True))
        except RecursionError:
            why = "its expressions are nested too deeply to be parsed"
            gaps.append(_gap(file.path, why, "exclude it if it is generated", now_ms))
    return modules


def _uses(program: Program, finder: UseFinder, gaps: list[Gap], now_ms: int) -> tuple[CodeUse, ...]:
    found: list[CodeUse] = []
    seen: set[tuple[object, ...]] = set()
    for module in program.modules.values():
        in_circles: list[int] = []
        for site in module.sites:
            try:
                command = _recognise(program, module, site)
                if command is None or finder.is_own(module, site, command):
                    continue
                for use in finder.uses(module, site, command):
                    names = (use.stream and use.stream.value, use.group and use.group.value, use.name)
                    key = (use.kind, use.path, use.line, *names, tuple(sorted(use.options.items())))
                    if key not in seen:
                        seen.add(key)
                        found.append(use)
            except RecursionError:
                in_circles.append(site.expression.line)
        found += finder.swallowed(module)
        if in_circles:
            what = f"names in {module.path} (line {', '.join(map(str, in_circles[:10]))})"
            gaps.append(
                _gap(what, "they lead in circles too deep to follow", "name streams by constants", now_ms)
            )
        if len(found) >= USES_MAX:
            gaps.append(
                _gap("code", f"more than {USES_MAX} uses", "narrow project.include", now_ms, blind=True)
            )
            break
    return tuple(sorted(found, key=_order))


def _order(use: CodeUse) -> tuple[str, int, str]:
    return use.path, use.line, use.kind.value


def _recognise(program: Program, module: Module, site: Site) -> Command | None:
    return _CALLS.get(module.language, javascript_calls.recognise)(program, module, site)


def _unresolved(uses: Iterable[CodeUse], now_ms: int) -> list[Gap]:
    """One gap per file that holds names which only running it would tell."""
    lines: dict[str, list[int]] = {}
    for use in uses:
        names = [name for name in (use.stream, use.group) if name is not None]
        open_name = use.kind in STREAM_KINDS and use.stream is None
        if use.kind in _NAMED and (open_name or any(name.value is None for name in names)):
            at = lines.setdefault(use.path, [])
            if use.line not in at:
                at.append(use.line)
    gaps: list[Gap] = []
    for path, at in sorted(lines.items()):
        shown = ", ".join(map(str, at[:10]))
        what = f"stream or group names in {path} (line {shown})"
        why = "the name is known only at run time"
        fix = "name it by a constant, or describe it with [[expect]]"
        gaps.append(_gap(what, why, fix, now_ms))
    return gaps


def _ignores(modules: Iterable[Module]) -> Iterable[ChainStep]:
    for module in modules:
        for line, text in module.comments:
            found = _IGNORE.search(text)
            if found is not None:
                reason = masking.mask(found.group(2).strip())
                yield ChainStep(path=module.path, line=line, text=f"{found.group(1)} {reason}")


def _gap(what: str, why: str, fix: str, now_ms: int, *, blind: bool = False) -> Gap:
    return Gap(what=masking.mask(what), why=why, fix=fix, source=SOURCE, at_ms=now_ms, blind=blind)
