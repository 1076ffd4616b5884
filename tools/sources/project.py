"""Configuration facts of a project: env files, compose, Dockerfiles, documents, AsyncAPI, package files.

A file that cannot be parsed becomes a gap, never an error. Values are masked before they leave here.
"""

from __future__ import annotations

import json
import posixpath
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import re2
import yaml

from tools import masking
from tools.sources import (
    json_schema,
    project_asyncapi,
    project_commands,
    project_compose,
    project_docs,
    project_env,
    project_exports,
    project_versions,
    python_locks,
)
from tools.sources.code.services import ServiceMap
from tools.sources.code.syntax import LANGUAGES
from tools.sources.code.walk import ProjectFile, is_env_file, read_text
from tools.sources.file_limits import within_limits
from tools.sources.project_yaml import limited_visits
from tools.sources.records import ChainStep, ConfigFact, FactKind, Gap, MessageSchema
from tools.sources.source_lines import lines_of

SOURCE = "config/files"
_MENTION = re2.compile(r"[A-Z][A-Z0-9_]{2,}")
_GO_MODULE = re2.compile(r"(?m)^module\s+(\S+)")
_MENTION_FILES = re2.compile(
    r"(?i).*\.(?:ya?ml|toml|json|sh|bash|cfg|ini|tf|tfvars|conf|service|properties|nix|hcl)|Procfile|Makefile|justfile"
    r"|ecosystem\.config\.[cm]?js|.*\.env\.?.*"
)
_CODE = tuple(LANGUAGES)
_FILES = ("dockerfile", "procfile")
_BESIDE = frozenset({"go.mod", "yarn.lock", "bun.lock", "uv.lock", "poetry.lock"})
"""Read for the sake of another file."""

_Record = TypeVar("_Record", ConfigFact, MessageSchema)


@dataclass(frozen=True, slots=True)
class ProjectFacts:
    """What the configuration of a project says. `texts` are the files read as configuration."""

    facts: tuple[ConfigFact, ...]
    services: ServiceMap
    packages: Mapping[str, str]
    """JavaScript workspace packages and Go modules: name → folder or entry file."""
    environment: Mapping[str, tuple[str, ChainStep]]
    """Variables whose deployed value is the same wherever it is set, and where."""
    gaps: tuple[Gap, ...]
    read: tuple[str, ...]
    schemas: tuple[MessageSchema, ...] = ()
    libraries: tuple[str, ...] = ()
    """Services that others depend on as packages and nothing starts."""
    unread: frozenset[str] = frozenset()
    """Files that could not be read, or not parsed to their end."""


class _Reader:
    """Reads files once, turning what fails into gaps."""

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self.gaps: list[Gap] = []
        self.read: list[str] = []
        self.unread: set[str] = set()

    def text(self, file: ProjectFile) -> str | None:
        try:
            text = read_text(file)
        except OSError as error:
            self.gap(file.path, f"cannot be read ({error.strerror})", "make it readable")
            return None
        if text is None:
            self.unread.add(file.path)
        return text

    def gap(self, path: str, why: str, fix: str) -> None:
        self.unread.add(path)
        shown = masking.mask(path)
        gap = Gap(what=shown, why=why, fix=f"{fix}: {shown}", source=SOURCE, at_ms=self._now_ms, blind=False)
        self.gaps.append(gap)

    def facts(self, file: ProjectFile, found: Iterable[_Record]) -> list[_Record]:
        """The facts or schemas of one file; what cannot be parsed is a gap."""
        self.read.append(file.path)
        try:
            return within_limits(found, lambda why: self.gap(file.path, why, "split"))
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f" at line {mark.line + 1}" if mark is not None else ""
            self.gap(file.path, f"not valid YAML{where}", "repair the syntax of")
        except (RecursionError, ValueError):
            self.gap(
                file.path,
                "nested too deeply, multiplied by aliases or not text that can be parsed",
                "simplify",
            )
        return []


def read_project(files: Collection[ProjectFile], root_name: str, now_ms: int) -> ProjectFacts:
    """Everything that the configuration files among `files` say. Raises nothing for any content."""
    reader = _Reader(now_ms)
    composes, included_by = _composes(files, reader)
    packages, whole = _packages(files, reader)
    folders = _service_folders(composes)
    services = ServiceMap([file.path for file in files], folders, whole or root_name)
    owners = _env_owners(composes)
    facts: list[ConfigFact] = []
    schemas: list[MessageSchema] = []
    later: list[tuple[ProjectFile, str]] = []
    for file in files:
        if is_env_file(file.name) and (text := reader.text(file)) is not None:
            for service in owners.get(file.path) or (services.of(file.path) if "/" in file.path else None,):
                facts += reader.facts(file, project_env.facts(file.path, file.name, service, text))
        elif _is_other(file.name) and (text := reader.text(file)) is not None:
            later.append((file, text))
    env_files, by_path = list(facts), {file.path: file for file in files}

    def read(path: str) -> str | None:
        return reader.text(by_path[path]) if path in by_path else None

    arguments = frozenset(name for service in composes for name in service.arguments)
    for file, text in later:
        service = services.of(file.path) if "/" in file.path else None
        if project_compose.is_compose(file.name):
            deployment = project_compose.deployment_of(file.path, included_by)
            values = _beside(env_files, posixpath.dirname(deployment))
            facts += reader.facts(file, project_compose.facts(file.path, text, values, deployment))
            facts += reader.facts(file, project_versions.of_compose(file.path, text, values))
        else:
            facts += reader.facts(file, _facts_of(file, service, text))
            facts += reader.facts(file, _versions_of(file, service, text, read, arguments))
            schemas += reader.facts(file, _schemas_of(file, service, text))
    return ProjectFacts(
        facts=tuple(facts),
        services=services,
        packages=packages,
        environment=_environment(facts),
        gaps=tuple(dict.fromkeys(reader.gaps)),
        read=tuple(sorted(set(reader.read))),
        schemas=tuple(schemas),
        libraries=_libraries(files, services, reader),
        unread=frozenset(reader.unread),
    )


def mentions(files: Iterable[ProjectFile], names: Collection[str]) -> Iterator[ConfigFact]:
    """Where configuration of any other kind (manifests, scripts, pipelines) names one of these variables."""
    wanted = set(names)
    for file in files:
        if not wanted or not _MENTION_FILES.fullmatch(file.name):
            continue
        try:
            text = read_text(file)
        except OSError:
            continue
        lines = lines_of(text or "")
        seen: set[str] = set()
        for number, line in enumerate(lines, 1):
            for name in wanted.intersection(_MENTION.findall(line)) - seen:
                seen.add(name)
                yield ConfigFact(
                    kind=FactKind.ENV_DECLARED,
                    service=None,
                    path=file.path,
                    line=number,
                    text=project_env.shown_line(line),
                    name=name,
                    details={"form": "mention"},
                )


def may_say(name: str) -> bool:
    """Whether a file of this name is read for what it says, or for the variables that it mentions."""
    return (
        is_env_file(name) or _is_other(name) or name in _BESIDE or _MENTION_FILES.fullmatch(name) is not None
    )


def _is_other(name: str) -> bool:
    if name.endswith(_CODE) and not name.lower().startswith(
        _FILES
    ):  # most files, told by less than the patterns below
        return False
    return (
        project_compose.is_compose(name)
        or project_compose.is_dockerfile(name)
        or project_docs.is_document(name)
        or project_commands.is_procfile(name)
        or project_versions.is_version_file(name)
        or name == "pyproject.toml"
        or (name.endswith((".yaml", ".yml", ".json")) and name != "package-lock.json")
    )


def _beside(facts: Iterable[ConfigFact], folder: str) -> dict[str, str]:
    """What compose knows when it reads a file of this folder: the `.env` beside it, else the project's own."""
    found: dict[str, dict[str, str]] = {".env": {}, posixpath.join(folder, ".env"): {}}
    for fact in facts:
        if fact.kind is FactKind.ENV_SET and fact.path in found and fact.value is not None:
            found[fact.path][fact.name] = fact.value
    return found[posixpath.join(folder, ".env")] or found[".env"]


def _facts_of(file: ProjectFile, service: str | None, text: str) -> Iterator[ConfigFact]:
    if project_compose.is_dockerfile(file.name):
        yield from project_compose.dockerfile_facts(file.path, service, text)
        yield from project_commands.of_dockerfile(file.path, service, text)
    elif project_commands.is_procfile(file.name):
        yield from project_commands.of_procfile(file.path, service, text)
    elif file.name == "package.json":
        yield from project_commands.of_package(file.path, service, text)
    elif project_docs.is_document(file.name):
        yield from project_docs.markdown_facts(file.path, service, text)
    elif project_asyncapi.is_asyncapi(text):
        yield from project_asyncapi.facts(file.path, service, text)


def _versions_of(
    file: ProjectFile, service: str | None, text: str, read: project_versions.Text, given: Collection[str]
) -> Iterator[ConfigFact]:
    if project_compose.is_dockerfile(file.name):
        yield from project_versions.of_dockerfile(file.path, service, text, given)
    elif project_versions.is_version_file(file.name):
        yield from project_versions.of_version_file(file.path, service, text)
    elif file.name == "package.json":
        yield from project_versions.of_package(file.path, service, text, read)
    elif file.name == "pyproject.toml":
        yield from project_versions.of_pyproject(file.path, service, text)
        yield from python_locks.of_pyproject(file.path, service, text, read)


def _schemas_of(file: ProjectFile, service: str | None, text: str) -> Iterator[MessageSchema]:
    if not file.name.endswith((".json", ".yaml", ".yml")):
        return
    if project_asyncapi.is_asyncapi(text):
        yield from project_asyncapi.schemas(file.path, service, text)
    elif json_schema.is_json_schema(text):
        yield from json_schema.schemas(file.path, service, text)


def _composes(
    files: Iterable[ProjectFile], reader: _Reader
) -> tuple[list[project_compose.ComposeService], dict[str, str]]:
    """The services of all compose files, and which file includes which."""
    found: list[project_compose.ComposeService] = []
    included_by: dict[str, str] = {}
    for file in files:
        if project_compose.is_compose(file.name) and (text := reader.text(file)) is not None:
            try:
                with limited_visits():
                    found += project_compose.services(file.path, text)
                    included_by |= dict.fromkeys(project_compose.included(file.path, text), file.path)
            except (yaml.YAMLError, RecursionError, ValueError):
                continue  # the second reading of the same file writes the gap
    return found, included_by


def _service_folders(composes: Iterable[project_compose.ComposeService]) -> dict[str, str]:
    """Folder → service for build contexts below the root.

    Several services of one folder share its name; so does one whose name another folder's has too.
    """
    names: dict[str, set[str]] = defaultdict(set)
    folders: dict[str, set[str]] = defaultdict(set)
    for service in composes:
        if service.context:
            names[service.context].add(service.name)
            folders[service.name].add(service.context)
    return {
        folder: name
        if len(found) == 1 and len(folders[name := next(iter(found))]) == 1
        else posixpath.basename(folder)
        for folder, found in names.items()
    }


def _env_owners(composes: Collection[project_compose.ComposeService]) -> dict[str, tuple[str | None, ...]]:
    """Env file → the services that load it, where that is not all of them."""
    owners: dict[str, set[str]] = defaultdict(set)
    for service in composes:
        for path in service.env_files:
            owners[path].add(service.name)
    return {
        path: tuple(sorted(names))
        for path, names in owners.items()
        if posixpath.basename(path) != ".env" and len(names) < len(composes)
    }


def _packages(files: Iterable[ProjectFile], reader: _Reader) -> tuple[dict[str, str], str | None]:
    """Workspace packages of JavaScript, and the name of the project itself."""
    packages: dict[str, str] = {}
    whole: str | None = None
    for file in files:
        if file.name == "go.mod" and (text := reader.text(file)) is not None:
            declared = _GO_MODULE.search(text)
            if declared is not None:
                packages[declared.group(1)] = posixpath.dirname(file.path)
            continue
        if file.name not in {"package.json", "pyproject.toml"} or (text := reader.text(file)) is None:
            continue
        data = _data(file, text, reader)
        name = data.get("name") if file.name == "package.json" else _table(data, "project").get("name")
        if not isinstance(name, str) or not name:
            continue
        folder = posixpath.dirname(file.path)
        if not folder:
            whole = whole or name.rpartition("/")[2]
        if file.name == "package.json":
            exported = dict(project_exports.exports(data.get("exports")))
            entry = data.get("source") or data.get("main") or exported.pop("", None)
            packages[name] = project_exports.entry(folder, entry)
            packages |= {
                f"{name}/{part}": project_exports.entry(folder, path)
                for part, path in exported.items()
                if part
            }
    return packages, whole


def _libraries(files: Collection[ProjectFile], services: ServiceMap, reader: _Reader) -> tuple[str, ...]:
    """Services that are JavaScript packages which others of the project depend on, and that nothing starts."""
    built = {posixpath.dirname(file.path) for file in files if project_compose.is_dockerfile(file.name)}
    manifests = {
        posixpath.dirname(file.path): _data(file, text, reader)
        for file in files
        if file.name == "package.json" and (text := reader.text(file)) is not None
    }
    wanted = {
        name
        for data in manifests.values()
        for section in ("dependencies", "devDependencies", "peerDependencies")
        for name in _table(data, section)
    }
    found = {
        services.of(f"{folder}/package.json")
        for folder, data in manifests.items()
        if folder not in built
        and data.get("name") in wanted
        and not {"start", "serve"} & _table(data, "scripts").keys()
    }
    return tuple(sorted(filter(None, found)))


def _data(file: ProjectFile, text: str, reader: _Reader) -> dict[str, object]:
    try:
        data = json.loads(text) if file.name.endswith(".json") else tomllib.loads(text)
    except (ValueError, RecursionError):
        reader.gap(file.path, "not valid", "repair the syntax of")
        return {}
    return data if isinstance(data, dict) else {}


def _table(data: Mapping[str, object], key: str) -> Mapping[str, object]:
    table = data.get(key)
    return table if isinstance(table, dict) else {}


def _environment(facts: Iterable[ConfigFact]) -> dict[str, tuple[str, ChainStep]]:
    found: dict[str, dict[str, ChainStep]] = defaultdict(dict)
    for fact in facts:
        deployed = (
            posixpath.basename(fact.path) in {".env", ".env.local"} or fact.details["form"] == "compose"
        )
        if fact.kind is FactKind.ENV_SET and deployed and fact.value and "[masked:" not in fact.value:
            step = ChainStep(path=fact.path, line=fact.line, text=fact.text)
            found[fact.name].setdefault(fact.value, step)
    return {name: next(iter(values.items())) for name, values in found.items() if len(values) == 1}
