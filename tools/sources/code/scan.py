"""Looks through the files that may hold a use; what they lead to is read on the way."""

from __future__ import annotations

from collections.abc import Iterable

from tools.sources.code import go_calls, javascript_calls, python_calls
from tools.sources.code.commands import Command
from tools.sources.code.program import Module, Site
from tools.sources.code.program_index import Program
from tools.sources.code.services import ServiceMap
from tools.sources.code.source_files import GapOf, Holds, SourceFiles
from tools.sources.code.uses import UseFinder
from tools.sources.records import CodeKind, CodeUse, Gap

USES_MAX = 50_000
_CALLS = {"python": python_calls.recognise, "go": go_calls.recognise}


class Scan:
    """Finds the uses of one program. `gaps` grows where names lead in circles or there are too many.

    `unread` are the files with such names.
    """

    def __init__(self, program: Program, finder: UseFinder, gap: GapOf) -> None:
        self._program, self._finder, self._gap = program, finder, gap
        self.found: list[CodeUse] = []
        self._seen: set[tuple[object, ...]] = set()
        self.gaps: list[Gap] = []
        self.unread: set[str] = set()

    def messages(self, sources: SourceFiles) -> None:
        """The path of messages: every call that names a stream, and what else stands in these files but prints."""
        self._look(sources.holding(Holds.MESSAGES), prints=False)

    def rest(self, sources: SourceFiles, services: ServiceMap) -> tuple[CodeUse, ...]:
        """Every use, in the order of paths and lines.

        Prints count in services that name streams, handlers of errors in files that do.
        """
        known = set(sources.holding(Holds.MESSAGES))
        others = sources.holding(Holds.ENVIRONMENT | Holds.KEYS)
        self._look([path for path in others if path not in known], prints=False)
        with_streams = [use for use in self.found if use.stream is not None]
        of_services = {use.service for use in with_streams if use.service is not None}
        self._look(
            [path for path in sources.holding(Holds.PRINTS) if services.of(path) in of_services], prints=True
        )
        paths = {use.path for use in with_streams} | {
            step.path for use in with_streams if use.call and use.stream for step in use.stream.chain[:1]
        }
        for path in sorted(paths):
            self.found += self._finder.swallowed(self._program.modules[path])
        return tuple(sorted(self.found, key=lambda use: (use.path, use.line, use.kind.value)))

    def _look(self, paths: Iterable[str], *, prints: bool) -> None:
        for path in paths:
            module = self._program.modules[path]
            in_circles: list[int] = []
            for site in module.sites:
                try:
                    self._add(module, site, prints=prints)
                except RecursionError:
                    in_circles.append(site.expression.line)
            if in_circles:
                what = f"names in {path} (line {', '.join(map(str, in_circles[:10]))})"
                why, fix = "they lead in circles too deep to follow", "name streams by constants"
                self.gaps.append(self._gap(what, why, fix, False))
                self.unread.add(path)
            if len(self.found) >= USES_MAX:
                why = f"more than {USES_MAX} uses"
                self.gaps.append(self._gap("code", why, "narrow project.include", True))
                return

    def _add(self, module: Module, site: Site, *, prints: bool) -> None:
        command = _recognise(self._program, module, site)
        if command is None or (command.kind is CodeKind.CONSOLE_LOG) is not prints:
            return
        if self._finder.is_own(module, site, command):
            return
        for use in self._finder.uses(module, site, command):
            names = (use.stream and use.stream.value, use.group and use.group.value, use.name)
            key = (use.kind, use.path, use.line, *names, tuple(sorted(use.options.items())))
            if key not in self._seen:
                self._seen.add(key)
                self.found.append(use)


def _recognise(program: Program, module: Module, site: Site) -> Command | None:
    return _CALLS.get(module.language, javascript_calls.recognise)(program, module, site)
