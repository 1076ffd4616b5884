"""The modules of a project together: read when they are asked for, and who calls a function."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tools.sources.code.module_finder import ModuleFinder
from tools.sources.code.program import Import, Module, Scope, Site
from tools.sources.code.source_files import NAMED_FILES_MAX, Holds, SourceFiles

ScopeKey = tuple[str, int]
"""Path of a module and index of a scope in it."""


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call, and the module it stands in."""

    module: Module
    site: Site


class _Loaded(dict[str, Module]):
    """Modules by path; one that is not there yet is read."""

    def __init__(self, read: Callable[[str], Module]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, path: str) -> Module:
        return self._read(path)


class Program:
    """Every module by path. `packages` are workspace packages and Go modules: name → folder or entry file."""

    def __init__(self, sources: SourceFiles, packages: Mapping[str, str] | None = None) -> None:
        self.modules: dict[str, Module] = _Loaded(self._load)
        self._sources = sources
        self._finder = ModuleFinder(sources.paths, packages or {})
        self._calls: dict[str, list[CallSite]] = defaultdict(list)
        self._methods: dict[str, list[ScopeKey]] = defaultdict(list)
        self._asked: set[str] = set()

    def _load(self, path: str) -> Module:
        module = self._sources.module(path)
        self.modules[path] = module
        self._sources.offer(scope.name for scope in module.scopes if scope.kind != "module")
        for site in module.sites:
            if site.expression.kind == "call":
                self._calls[site.expression.callee.value].append(CallSite(module, site))
        for scope in module.scopes:
            if scope.kind == "class":
                for name, index in scope.definitions.items():
                    self._methods[name].append((path, index))
        return module

    def holding(self, wanted: Holds) -> Iterator[Module]:
        """The modules with words of any of these kinds, in the order of paths."""
        for path in self._sources.holding(wanted):
            yield self.modules[path]

    def texts(self) -> Iterator[tuple[str, str]]:
        """The path and text of every file, none of them parsed for it."""
        return self._sources.texts()

    def scope(self, key: ScopeKey) -> Scope:
        """A scope by its key."""
        return self.modules[key[0]].scopes[key[1]]

    def load_imports(self, module: Module) -> None:
        """Read what a module imports, so that methods of what is handed to it are known."""
        names = {target.module for scope in module.scopes for target in scope.imports.values()}
        for name in sorted(names | set(module.stars)):
            path = self.module_of(module.path, name)
            if path is not None:
                _ = self.modules[path]

    def calls_named(self, name: str) -> list[CallSite]:
        """Every call whose callee ends in this name, in the order of files."""
        self._load_naming(name)
        return sorted(
            self._calls.get(name, []), key=lambda call: (call.module.path, call.site.expression.line)
        )

    def only_method(self, name: str) -> ScopeKey | None:
        """The method of that name, where one class of the project alone has one."""
        if not self._load_naming(name):
            return None
        found = self._methods.get(name, [])
        return found[0] if len(found) == 1 else None

    def methods(self, name: str) -> tuple[ScopeKey, ...]:
        """The methods of that name, of any class that was read so far."""
        return tuple(self._methods.get(name, ()))

    def _load_naming(self, name: str) -> bool:
        """Read every file that holds a name; False where it is in too many to mean one thing."""
        paths = self._sources.naming(name)
        if len(paths) > NAMED_FILES_MAX:
            return False
        if name not in self._asked:
            self._asked.add(name)
            for path in paths:
                _ = self.modules[path]
        return True

    def module_of(self, importer: str, name: str) -> str | None:
        """Path of the module that `name` means in the file `importer`; None where it is not the project's."""
        return self._finder.find(importer, name)

    def siblings(self, path: str) -> tuple[str, ...]:
        """The other files of a Go package; () for other languages."""
        return self._finder.siblings(path)

    def submodule(self, importer: str, target: Import) -> str | None:
        """`from package import module`: the path of that module."""
        if target.name is None or not importer.endswith(".py"):
            return None
        joined = target.module + ("" if target.module.endswith(".") else ".") + target.name
        return self.module_of(importer, joined)
