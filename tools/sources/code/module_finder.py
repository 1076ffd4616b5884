"""Which file of the project an import means, in every language. Knows paths, reads nothing."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Iterable, Mapping

_SCRIPT_ENDINGS = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs", ".mts", ".cts", "/index.ts", "/index.js", "")


class ModuleFinder:
    """`packages` are workspace packages and Go modules: name → folder or entry file."""

    def __init__(self, paths: Iterable[str], packages: Mapping[str, str]) -> None:
        self._paths = frozenset(paths)
        self._packages = dict(packages)
        self._by_tail: dict[str, list[str]] = defaultdict(list)
        self._folders: dict[str, list[str]] = defaultdict(list)
        """Go files by folder."""
        self._found: dict[tuple[str, str], str | None] = {}
        for path in sorted(self._paths):
            self._by_tail[_stem(path).rsplit("/", 1)[-1]].append(path)
            if path.endswith(".go"):
                self._folders[posixpath.dirname(path)].append(path)

    def find(self, importer: str, name: str) -> str | None:
        """Path of the module that `name` means in the file `importer`; None where it is not the project's."""
        key = (posixpath.dirname(importer), name)
        if key not in self._found:
            finder = {".py": self._python, ".go": self._go}.get(posixpath.splitext(importer)[1], self._script)
            self._found[key] = finder(importer, name)
        return self._found[key]

    def siblings(self, path: str) -> tuple[str, ...]:
        """The other files of a Go package; () for other languages."""
        if not path.endswith(".go"):
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
        return next((path for path in (f"{stem}.py", f"{stem}/__init__.py") if path in self._paths), None)

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
        return next((s + end for s in stems for end in _SCRIPT_ENDINGS if s + end in self._paths), None)


def _stem(path: str) -> str:
    root, _ = posixpath.splitext(path)
    return root.removesuffix("/__init__")
