"""What uv's and Poetry's lock files say of a pyproject.toml: dependencies that were locked for something else.

uv keeps what was asked for and is compared with that; Poetry keeps versions, which must be ones that are asked for.
Dependencies from elsewhere (a path, git, the workspace) or for some platforms only are left out.
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import re2
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.project_place import Place

Text = Callable[[str], str | None]
"""Reads a file of the project by its path; None where it has none."""
_NUMBERS = re2.compile(r"(\^|~|)\s*v?(\d+)(?:\.(\d+))?(?:\.(\d+))?")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One dependency as the manifest asks for it."""

    name: str
    text: str
    allowed: SpecifierSet


def of_pyproject(path: str, service: str | None, text: str, read: Text) -> Iterator[ConfigFact]:
    """Each dependency of a manifest that the lock file beside it (uv's also above it) does not have as it is asked for.

    Of texts that are no TOML nothing is said: who reads the manifest's name tells the gap.
    """
    manifest = _toml(text)
    place = Place.of(path, service, text, "lock")
    own = posixpath.dirname(path)
    for folder in _upwards(own):
        # Poetry knows no workspaces: a lock above is that of another project.
        locks = (("uv.lock", _uv), ("poetry.lock", _poetry)) if folder == own else (("uv.lock", _uv),)
        for lock, compare in locks:
            at = posixpath.join(folder, lock)
            locked = read(at)
            if locked is not None:
                for asked, known in compare(manifest, _toml(locked)):
                    details = {"form": "lock", "lock": at, "asked": asked.text or "any"}
                    line = _line_of(place, asked.name)
                    yield place.fact(FactKind.VERSION, line, asked.name, known, details)
                return


def _uv(manifest: Mapping[str, Any], lock: Mapping[str, Any]) -> Iterator[tuple[_Asked, str]]:
    project = _table(manifest, "project")
    own = canonicalize_name(str(project.get("name", "")))
    package = next((found for found in _packages(lock) if found.get("name") == own), {})
    required = _table(package, "metadata").get("requires-dist")
    if not isinstance(required, list):
        return
    locked: dict[str, list[Mapping[str, Any]]] = {}
    for found in required:
        if isinstance(found, dict):
            locked.setdefault(canonicalize_name(str(found.get("name", ""))), []).append(found)
    elsewhere = {canonicalize_name(name) for name in _table(_table(manifest, "tool"), "uv", "sources")}
    for asked in _of_project(project):
        if canonicalize_name(asked.name) in elsewhere:
            continue
        mine = locked.get(canonicalize_name(asked.name), [])
        known = [str(found.get("specifier", "")) for found in mine if "marker" not in found]
        if not mine or (len(known) == len(mine) and asked.allowed not in map(_specifiers, known)):
            yield asked, ", ".join(filter(None, known)) or ("any" if mine else "nothing")


def _poetry(manifest: Mapping[str, Any], lock: Mapping[str, Any]) -> Iterator[tuple[_Asked, str]]:
    versions: dict[str, list[str]] = {}
    for found in _packages(lock):
        versions.setdefault(canonicalize_name(str(found.get("name", ""))), []).append(
            str(found.get("version", ""))
        )
    if not versions:
        return
    tool = _table(_table(manifest, "tool"), "poetry")
    for asked in (*_of_project(_table(manifest, "project")), *_of_poetry(_table(tool, "dependencies"))):
        known = versions.get(canonicalize_name(asked.name), [])
        if not any(_allows(asked.allowed, version) for version in known):
            yield asked, ", ".join(known) or "nothing"


def _of_project(project: Mapping[str, Any]) -> Iterator[_Asked]:
    for text in project.get("dependencies", ()) if isinstance(project.get("dependencies"), list) else ():
        try:
            found = Requirement(text)
        except (InvalidRequirement, TypeError):
            continue
        if found.url is None and found.marker is None:
            yield _Asked(found.name, str(found.specifier), found.specifier)


def _of_poetry(dependencies: Mapping[str, Any]) -> Iterator[_Asked]:
    for name, given in dependencies.items():
        plain = isinstance(given, dict) and given.keys() <= {"version", "extras"}
        text = given.get("version") if plain and isinstance(given, dict) else given
        allowed = _constraint(text) if isinstance(text, str) else None
        if allowed is not None and name != "python" and isinstance(text, str):
            yield _Asked(name, text, allowed)


def _constraint(text: str) -> SpecifierSet | None:
    """A constraint of Poetry as Python's specifiers; None for one that has no such form."""
    bare = text.strip()
    if bare == "*":
        return SpecifierSet()
    found = _NUMBERS.fullmatch(bare)
    if found is None:
        return _specifiers(bare)
    mark, numbers = found.group(1), [int(number) for number in found.groups()[1:] if number is not None]
    if not mark:
        return SpecifierSet(f"=={bare.removeprefix('v')}")
    raised = next((i for i, number in enumerate(numbers) if number), len(numbers) - 1) if mark == "^" else 1
    raised = min(raised, len(numbers) - 1)
    above = [*numbers[:raised], numbers[raised] + 1]
    return SpecifierSet(f">={'.'.join(map(str, numbers))},<{'.'.join(map(str, above))}")


def _specifiers(text: str) -> SpecifierSet | None:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return None


def _allows(allowed: SpecifierSet, version: str) -> bool:
    """Whether a locked version is one that is asked for; one that cannot be read may be."""
    try:
        return allowed.contains(Version(version), prereleases=True)
    except InvalidVersion:
        return True


def _packages(lock: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = lock.get("package")
    return [package for package in found if isinstance(package, dict)] if isinstance(found, list) else []


def _table(data: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    for key in keys:
        found = data.get(key)
        data = found if isinstance(found, dict) else {}
    return data


def _toml(text: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _upwards(folder: str) -> Iterator[str]:
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def _line_of(place: Place, name: str) -> int:
    """The line that asks for a dependency; 1 where none begins with its name."""
    for number, line in enumerate(place.lines, 1):
        bare = line.strip().lstrip("\"'[").lower()
        if bare.startswith(name.lower()) and not bare[len(name) : len(name) + 1].isalnum():
            return number
    return 1
