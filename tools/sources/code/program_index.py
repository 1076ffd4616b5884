"""The modules of a project together: which file an import means, and who calls a function."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tools.sources.code.program import Import, Module, Scope, Site

ScopeKey = tuple[str, int]
"""Path of a module and index of a scope in it."""

_SCRIPT_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", "/index.ts", "/index.js", "")


@dataclass(frozen=True, slots=True)
class CallSite:
    """A call, and the module it stands in."""

    module: Module
    site: Site


class Program:
    """Every module by path. `packages` are workspace packages: name → folder or entry file."""

    def __init__(self, modules: Iterable[Module], packages: Mapping[str, str] | None = None) -> None:
        self.modules = {module.path: module for module in modules}
        self._packages = dict(packages or {})
        self._by_tail: dict[str, list[str]] = defaultdict(list)
        self._calls: dict[str, list[CallSite]] = defaultdict(list)
        self._methods: dict[str, list[ScopeKey]] = defaultdict(list)
        self._folders: dict[str, list[str]] = defaultdict(list)
        """Go files by folder."""
        self._imported: dict[tuple[str, str], str | None] = {}
        for module in self.modules.values():
            if module.language == "go":
                self._folders[posixpath.dirname(module.path)].append(module.path)
            self._by_tail[_stem(module.path).rsplit("/", 1)[-1]].append(module.path)
            for site in module.sites:
                if site.expression.kind == "call":
                    callee = site.expression.callee
                    self._calls[callee.value].append(CallSite(module, site))
            for scope in module.scopes:
                if scope.kind == "class":
                    for name, index in scope.definitions.items():
                        self._methods[name].append((module.path, index))

    def scope(self, key: ScopeKey) -> Scope:
        """A scope by its key."""
        return self.modules[key[0]].scopes[key[1]]

    def calls_named(self, name: str) -> list[CallSite]:
        """Every call whose callee ends in this name."""
        return self._calls.get(name, [])

    def only_method(self, name: str) -> ScopeKey | None:
        """The method of that name, where one class of the project alone has one."""
        found = self._methods.get(name, [])
        return found[0] if len(found) == 1 else None

    def methods(self, name: str) -> tuple[ScopeKey, ...]:
        """The methods of that name, of any class."""
        return tuple(self._methods.get(name, ()))

    def module_of(self, importer: str, name: str) -> str | None:
        """Path of the module that `name` means in the file `importer`; None where it is not the project's."""
        language = self.modules[importer].language
        key = (posixpath.dirname(importer), name)
        if key not in self._imported:
            finder = {"python": self._python, "go": self._go}.get(language, self._script)
            self._imported[key] = finder(importer, name)
        return self._imported[key]

    def siblings(self, path: str) -> tuple[str, ...]:
        """The other files of a Go package; () for other languages."""
        if self.modules[path].language != "go":
            return ()
        return tuple(other for other in self._folders[posixpath.dirname(path)] if other != path)

    def _go(self, importer: str, name: str) -> str | None:
        """A file of the package that an import path means: below a module of the project, or by its folder."""
        for package, folder in self._packages.items():
            if name == package or name.startswith(package + "/"):
                inside = posixpath.normpath(posixpath.join(folder, name.removeprefix(package).lstrip("/")))
                found = self._folders.get("" if inside == "." else inside)
                if found:
                    return found[0]
        return next((path for path in self._folders.get(name, ()) if path != importer), None)

    def submodule(self, importer: str, target: Import) -> str | None:
        """`from package import module`: the path of that module."""
        if target.name is None or self.modules[importer].language != "python":
            return None
        joined = target.module + ("" if target.module.endswith(".") else ".") + target.name
        return self.module_of(importer, joined)

    def _python(self, importer: str, name: str) -> str | None:
        folder = posixpath.dirname(importer)
        bare = name.lstrip(".")
        tail = bare.replace(".", "/")
        dots = len(name) - len(bare)
        if dots:
            for _ in range(dots - 1):
                folder = posixpath.dirname(folder)
            return self._python_file(folder, tail)
        while True:
            for base in (folder, posixpath.join(folder, "src")):
                found = self._python_file(base, tail)
                if found is not None and found != importer:
                    return found
            if not folder:
                break
            folder = posixpath.dirname(folder)
        return self._by_ending(tail)

    def _python_file(self, folder: str, tail: str) -> str | None:
        stem = posixpath.join(folder, tail) if tail else folder
        return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in self.modules), None)

    def _by_ending(self, tail: str) -> str | None:
        """A file elsewhere whose path ends so, where there is exactly one (another source root)."""
        last = tail.rsplit("/", 1)[-1]
        if "/" not in tail:
            return None
        found = [path for path in self._by_tail.get(last, []) if ("/" + _stem(path)).endswith("/" + tail)]
        return found[0] if len(found) == 1 else None

    def _script(self, importer: str, name: str) -> str | None:
        if name.startswith("."):
            return self._script_file(posixpath.normpath(posixpath.join(posixpath.dirname(importer), name)))
        if name in self._packages:
            folder = self._packages[name]
            return self._script_file(folder) or self._script_file(f"{folder}/src/index")
        for package, folder in self._packages.items():
            if name.startswith(package + "/"):
                rest = name.removeprefix(package + "/")
                return self._script_file(f"{folder}/{rest}") or self._script_file(f"{folder}/src/{rest}")
        if name.startswith(("@/", "~/")):
            return self._script_file(f"src/{name[2:]}") or self._script_file(name[2:])
        return None

    def _script_file(self, stem: str) -> str | None:
        bare = stem
        for ending in (".js", ".mjs", ".cjs", ".jsx"):
            bare = bare.removesuffix(ending)
        stems = (stem, bare)
        return next((s + end for s in stems for end in _SCRIPT_ENDINGS if s + end in self.modules), None)


def _stem(path: str) -> str:
    root, _ = posixpath.splitext(path)
    return root.removesuffix("/__init__")
