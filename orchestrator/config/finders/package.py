"""`package.json` of a project and of its workspaces, and the program that runs their scripts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path

import re2
import yaml

from orchestrator.config.finders.starts import plain_name, read_text
from tools.sources.project_yaml import mapping_of, scalar, sequence_of

FILE = "package.json"
_PACKAGES_MAX = 200
_PATTERNS_MAX = 50
_FOLDERS_MAX = 5000
# As the registry wants them, and capitals of old; a name that begins like an option is none.
_NAME = re2.compile(r"(?:@[A-Za-z0-9~][\w.~-]*/)?[A-Za-z0-9~][\w.~-]*")
_FOLDER = re2.compile(r"[\w.@][\w.@-]*(?:/[\w.@-]+)*")
_WORD = re2.compile(r"[\w:.*-]+")
_SCRIPTS_MAX = 50
_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
)


@dataclass(frozen=True, slots=True)
class Package:
    """A package.json: scripts that are text, by name; `workspaces` are globs. `folder` is relative to the project."""

    folder: str = ""
    name: str | None = None
    scripts: Mapping[str, str] = field(default_factory=dict)
    workspaces: tuple[str, ...] = ()
    problem: str | None = None

    @property
    def service(self) -> str | None:
        """The name of the service in it: the package's without its scope, else the folder's."""
        name = (self.name or "").rpartition("/")[2] or self.folder.rpartition("/")[2]
        return plain_name(name)


def read(root: Path, folder: str = "") -> Package | None:
    """The package.json in `folder`; None where there is none. What is wrong with it is its `problem`."""
    file = root / folder / FILE
    try:
        if not file.is_file():
            return None
    except (OSError, ValueError):
        return None
    text = read_text(file)
    if text is None:
        return Package(folder, problem=f"{FILE} is not readable text")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        return Package(folder, problem=f"{FILE} is not valid JSON{line}")
    if not isinstance(data, dict):
        return Package(folder, problem=f"{FILE} holds no object")
    name, scripts, workspaces = data.get("name"), data.get("scripts"), data.get("workspaces")
    if isinstance(workspaces, dict):
        workspaces = workspaces.get("packages")
    return Package(
        folder,
        name=name if isinstance(name, str) and len(name) <= 214 and _NAME.fullmatch(name) else None,
        scripts=_texts(scripts),
        workspaces=tuple(item for item in workspaces if isinstance(item, str))
        if isinstance(workspaces, list)
        else (),
    )


def reached(script: str, scripts: Mapping[str, str]) -> tuple[str, ...]:
    """The text of a script and of the scripts that it names, and they name in turn."""
    found: dict[str, str] = {}
    wanted = [script]
    while wanted and len(found) < _SCRIPTS_MAX:
        name = wanted.pop()
        if name in found or name not in scripts:
            continue
        found[name] = scripts[name]
        words = {word.rpartition("npm:")[2] for word in _WORD.findall(scripts[name])}
        wanted += [other for other in scripts if any(fnmatch(other, word) for word in words if len(word) > 1)]
    return tuple(found.values())


def manager(root: Path) -> str:
    """npm, pnpm, yarn or bun, by the lock file."""
    if (root / "pnpm-workspace.yaml").is_file():
        return "pnpm"
    return next((name for lock, name in _LOCKS if (root / lock).is_file()), "npm")


def yarn_is_classic(root: Path) -> bool:
    """Whether yarn is version 1: its lock file says so."""
    return not (root / ".yarnrc.yml").is_file() and "__metadata:" not in (read_text(root / "yarn.lock") or "")


def members(root: Path, package: Package) -> tuple[Package, ...]:
    """The packages of the project's workspaces that can be read, sorted by folder."""
    patterns = (*package.workspaces, *_pnpm_patterns(root))[:_PATTERNS_MAX]
    wanted = {
        folder for pattern in patterns if not pattern.startswith("!") for folder in _folders(root, pattern)
    }
    for pattern in patterns:
        if pattern.startswith("!"):
            wanted -= set(_folders(root, pattern[1:]))
    found = (read(root, folder) for folder in sorted(wanted)[:_PACKAGES_MAX])
    return tuple(package for package in found if package is not None and package.problem is None)


def _pnpm_patterns(root: Path) -> tuple[str, ...]:
    text = read_text(root / "pnpm-workspace.yaml")
    if text is None:
        return ()
    try:
        items = sequence_of(mapping_of(yaml.compose(text), "packages"))
    except (yaml.YAMLError, RecursionError):
        return ()
    return tuple(pattern for item in items if (pattern := scalar(item)))


def _folders(root: Path, pattern: str) -> Iterator[str]:
    """Folders below the project that a workspace glob names and that hold a package.json."""
    plain = pattern.strip().removeprefix("./").rstrip("/")
    if not plain or plain.startswith(("/", "~")) or ".." in plain.split("/") or "\0" in plain:
        return
    try:
        found = (
            _below(root, plain) if "**" in plain else (file.parent for file in root.glob(f"{plain}/{FILE}"))
        )
        for path in islice(found, _PACKAGES_MAX):
            folder = path.relative_to(root).as_posix()
            if "node_modules" not in folder.split("/") and folder != "." and _FOLDER.fullmatch(folder):
                yield folder
    except (OSError, ValueError, NotImplementedError):
        return


def _below(root: Path, pattern: str) -> Iterator[Path]:
    """Folders of packages that a glob with `**` names; what is installed is not walked through."""
    before, _, after = pattern.partition("**")
    last = after.rpartition("/")[2] or "*"
    if set(before) & set("*?["):
        return
    for walked, (folder, folders, files) in enumerate(os.walk(root / before)):
        folders[:] = sorted(name for name in folders if name != "node_modules" and not name.startswith("."))
        if walked >= _FOLDERS_MAX:
            return
        if FILE in files and fnmatch(Path(folder).name, last):
            yield Path(folder)


def _texts(scripts: object) -> Mapping[str, str]:
    if not isinstance(scripts, dict):
        return {}
    return {name: text for name, text in scripts.items() if isinstance(text, str) and "\0" not in text}
