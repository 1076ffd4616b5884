"""Versions that a project asks for or pins: engines, version files, images, and what lock files say of manifests."""

from __future__ import annotations

import json
import posixpath
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping

import re2

from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.interpolation import filled
from tools.sources.project_place import Place
from tools.sources.project_yaml import composed, entries, mapping_of, merged, scalar
from tools.sources.source_lines import lines_of

_FROM = re2.compile(r"(?i)\s*FROM\s+(?:--\S+\s+)*(\S+)(?:\s+AS\s+\S+)?\s*")
_ARG = re2.compile(r"(?i)\s*ARG\s+(\w+)=(\S+)\s*")
_IMAGE = re2.compile(r"(?:.*/)?([a-z0-9._-]+):v?(\d+(?:\.\d+){0,2})(?:-[\w.-]+)?(?:@.*)?")
_VERSION = re2.compile(r"v?(\d+(?:\.\d+){0,2})")
_FILES = {".nvmrc": "node", ".node-version": "node", ".python-version": "python", "runtime.txt": "python"}
_TOOLS = {"nodejs": "node", "node": "node", "python": "python"}
_RUNTIMES = {
    "node": "node",
    "python": "python",
    "redis": "redis",
    "valkey": "valkey",
    "redis-stack": "",
    "keydb": "",
}
_LOCKS = ("package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "yarn.lock", "bun.lock")
_OF_MANAGER = {
    "npm": _LOCKS[:2],
    "pnpm": ("pnpm-lock.yaml",),
    "yarn": ("yarn.lock",),
    "bun": ("bun.lock",),
}
_MANAGER = re2.compile(r'"packageManager"\s*:\s*"(\w+)@')
_LOCAL = ("workspace:", "file:", "link:", "portal:", "git", "http", "catalog:", "npm:", "patch:")
_SECTIONS = ("dependencies", "devDependencies", "optionalDependencies")
_TRAILING = re2.compile(r",(\s*[}\]])")
_YARN_KEYS = re2.compile(r'"?((?:@[^@"/]+/)?[^@"/]+)@(?:npm:)?([^"]+?)"?')

Text = Callable[[str], str | None]
"""Reads a file of the project by its path; None where it has none."""


def is_version_file(name: str) -> bool:
    """Whether a file of this name pins a runtime."""
    return name in _FILES or name == ".tool-versions"


def of_version_file(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """The runtime that a version file pins; names such as `lts/iron` are left out."""
    name = posixpath.basename(path)
    place = Place.of(path, service, text, "version-file")
    for number, line in enumerate(place.lines, 1):
        words = line.split("#")[0].split()
        tool = _FILES.get(name) or (_TOOLS.get(words[0]) if len(words) > 1 else None)
        said = words[-1].removeprefix("python-") if words else ""
        found = _VERSION.fullmatch(said)
        if tool and found is not None:
            yield place.fact(FactKind.VERSION, number, tool, found.group(1))


def of_dockerfile(
    path: str, service: str | None, text: str, given_to_builds: Collection[str] = ()
) -> Iterator[ConfigFact]:
    """The images that a Dockerfile builds upon; not those by an argument that compose gives another value."""
    place = Place.of(path, service, text, "image")
    given: dict[str, str] = {}
    for number, line in enumerate(place.lines, 1):
        argument, image = _ARG.fullmatch(line), _FROM.fullmatch(line)
        if argument is not None and argument.group(1) not in given_to_builds:
            given[argument.group(1)] = argument.group(2).strip("\"'")
        elif image is not None:
            yield from _image(place, number, filled(image.group(1), given))


def of_compose(path: str, text: str, environment: Mapping[str, str]) -> Iterator[ConfigFact]:
    """The images of a compose file's services. Raises yaml.YAMLError."""
    place = Place.of(path, None, text, "compose-image")
    for key, node in entries(mapping_of(composed(text), "services")):
        image = merged(node).get("image")
        if image is not None:
            named = place.owned_by(scalar(key))
            yield from _image(named, image.start_mark.line + 1, filled(scalar(image) or "", environment))


def _image(place: Place, line: int, image: str | None) -> Iterator[ConfigFact]:
    found = _IMAGE.fullmatch(image) if image else None
    runtime = _RUNTIMES.get(found.group(1)) if found is not None else None
    if found is not None and runtime:
        yield place.fact(FactKind.VERSION, line, runtime, found.group(2))


def of_package(path: str, service: str | None, text: str, read: Text) -> Iterator[ConfigFact]:
    """The engines of a package.json, and each dependency of which the lock file beside or above it knows another range.

    `read` gives the text of a file. Of a text that is no JSON nothing is said: who reads its name tells the gap.
    """
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    if not isinstance(data, dict):
        return
    place = Place.of(path, service, text, "engines")
    engines = data.get("engines")
    node = engines.get("node") if isinstance(engines, dict) else None
    if isinstance(node, str):
        yield place.fact(FactKind.VERSION, _line_of(place.lines, "node", "engines"), "node", node)
    wanted = {
        name: asked
        for section in _SECTIONS
        if isinstance(data.get(section), dict)
        for name, asked in data[section].items()
        if isinstance(asked, str) and not asked.startswith(_LOCAL)
    }
    if wanted:
        yield from _locked(place, wanted, read)


def _locked(place: Place, wanted: Mapping[str, str], read: Text) -> Iterator[ConfigFact]:
    folder = posixpath.dirname(place.path)
    locks = _locks_used(folder, read)
    for lock_folder in _upwards(folder):
        for name in locks:
            lock = posixpath.join(lock_folder, name)
            text = read(lock)
            if text is None:
                continue
            if name == "yarn.lock" and '"resolutions"' in (
                read(posixpath.join(lock_folder, "package.json")) or ""
            ):
                return  # yarn writes what they say in the place of what is asked
            inside = posixpath.relpath(folder or ".", lock_folder or ".")
            locked = _READERS[name](text, inside, wanted.keys())
            for package, asked in wanted.items():
                known = locked.get(package) if locked is not None else [asked]
                if known is not None and asked not in known and known:
                    details = {"form": "lock", "lock": lock, "asked": asked}
                    line = _line_of(place.lines, package)
                    yield place.fact(FactKind.VERSION, line, package, ", ".join(sorted(known)), details)
            return


def _locks_used(folder: str, read: Text) -> tuple[str, ...]:
    """The lock files of the package manager that a manifest here or above names; those of another are left over."""
    for above in _upwards(folder):
        found = _MANAGER.search(read(posixpath.join(above, "package.json")) or "")
        if found is not None:
            return _OF_MANAGER.get(found.group(1), _LOCKS)
    return _LOCKS


def _upwards(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _npm(text: str, inside: str, names: Collection[str]) -> dict[str, list[str]] | None:
    """What an npm lock (version 2 or 3) says that the package asked for; None where it does not tell."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    packages = data.get("packages") if isinstance(data, dict) else None
    own = packages.get("" if inside == "." else inside) if isinstance(packages, dict) else None
    if not isinstance(own, dict):
        return None
    return {
        name: [asked]
        for section in _SECTIONS
        if isinstance(own.get(section), dict)
        for name, asked in own[section].items()
        if name in names and isinstance(asked, str)
    }


def _pnpm(text: str, inside: str, names: Collection[str]) -> dict[str, list[str]] | None:
    """The same of pnpm: its importers stand at the top, one indentation a level."""
    found: dict[str, list[str]] = {}
    changed: set[str] = set()
    importer, package, section = ".", "", ""
    seen = False
    for line in lines_of(text):
        depth = len(line) - len(line.lstrip())
        word = line.strip().rstrip(":").strip("'\"")
        if depth == 0 and word:
            section = word
        elif section == "overrides" and depth == 2:
            changed.add(_overridden(line.strip()))
        elif section == "importers" and depth == 2:
            importer = word
            seen = seen or importer == inside
        elif section == "importers" and importer == inside and depth == 6:
            package = word
        elif section == "importers" and importer == inside and depth == 8 and word.startswith("specifier:"):
            found[package] = [word.removeprefix("specifier:").strip().strip("'\"")]
    found = {name: asked for name, asked in found.items() if name in names and name not in changed}
    return found if seen else None


def _overridden(line: str) -> str:
    """The package of an override of pnpm: `lodash@<4.17.21: 4.17.21`, `"@scope/a@1": …`, `parent>lodash: …`."""
    key = line.partition(": ")[0].rstrip(":").strip("'\"")
    at = key.rfind("@")
    # An `@` at the beginning, or behind the `>` of a parent, is that of a scope.
    bare = key[:at] if at > 0 and key[at - 1] != ">" else key
    return bare.rpartition(">")[2]


def _yarn(text: str, _inside: str, names: Collection[str]) -> dict[str, list[str]] | None:
    """The same of yarn, which knows no folders: every range of each package."""
    found: dict[str, list[str]] = {}
    for line in lines_of(text):
        if line[:1] in {"", " ", "#"} or not line.endswith(":"):
            continue
        for part in line[:-1].strip('"').split(", "):
            key = _YARN_KEYS.fullmatch(part.strip('"'))
            if key is not None and key.group(1) in names:
                found.setdefault(key.group(1), []).append(key.group(2))
    return found or None


def _bun(text: str, inside: str, names: Collection[str]) -> dict[str, list[str]] | None:
    """The same of bun's text lock: JSON with commas at the ends, one entry a workspace."""
    try:
        data = json.loads(_TRAILING.sub(r"\1", text))
    except (ValueError, RecursionError):
        return None
    workspaces = data.get("workspaces") if isinstance(data, dict) else None
    own = workspaces.get("" if inside == "." else inside) if isinstance(workspaces, dict) else None
    if not isinstance(own, dict):
        return None
    overridden = data.get("overrides")
    changed = set(overridden) if isinstance(overridden, dict) else set()
    return {
        name: [asked]
        for section in _SECTIONS
        if isinstance(own.get(section), dict)
        for name, asked in own[section].items()
        if name in names and name not in changed and isinstance(asked, str)
    }


_READERS = {
    "bun.lock": _bun,
    "package-lock.json": _npm,
    "npm-shrinkwrap.json": _npm,
    "pnpm-lock.yaml": _pnpm,
    "yarn.lock": _yarn,
}


def of_pyproject(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """What a pyproject.toml requires of Python; nothing of a text that is no TOML, as above."""
    try:
        project = tomllib.loads(text).get("project")
    except (ValueError, RecursionError):
        return
    asked = project.get("requires-python") if isinstance(project, dict) else None
    if isinstance(asked, str):
        place = Place.of(path, service, text, "requires-python")
        yield place.fact(FactKind.VERSION, _line_of(place.lines, "requires-python"), "python", asked)


def _line_of(lines: Collection[str], key: str, section: str = "") -> int:
    """The line of a key of JSON or TOML, behind that of its section; 1 where it is not on a line of its own."""
    behind = not section
    for number, line in enumerate(lines, 1):
        bare = line.strip()
        behind = behind or f'"{section}"' in bare
        if behind and (f'"{key}"' in bare or bare.startswith((f"{key} ", f"{key}="))):
            return number
    return 1
