"""Compose files and Dockerfiles: services, ports, environment. Line numbers from the YAML marks."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import re2
import yaml
from msgspec.structs import replace

from tools.sources import project_ports
from tools.sources.project_env import line_of_value, masked_value, shown_line
from tools.sources.project_yaml import composed, entries, mapping_of, merged, scalar, sequence_of
from tools.sources.records import ConfigFact, FactKind
from tools.sources.source_lines import lines_of

COMMAND_MAX = 500
"""Characters of a service's command that are kept."""

_VARIABLE = re2.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)(?::?[-=]([^}]*))?\}?")
_FILE_NAME = re2.compile(r"(?:docker-)?compose(?:[.-][\w.-]+)?\.ya?ml")
_BASE_NAME = re2.compile(r"((?:docker-)?compose)(?:\.override)?\.ya?ml")
_DOCKERFILE = re2.compile(r"Dockerfile(?:\.[\w.-]+)?|[\w.-]+\.Dockerfile")
_DOCKER_ENV = re2.compile(r"(?i)\s*(?:ENV|ARG)\s+(.+)")
_DOCKER_PAIR = re2.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(\"[^\"]*\"|\S*)")


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service of a compose file. Paths are relative to the project."""

    name: str
    path: str
    context: str | None
    env_files: tuple[str, ...]
    arguments: tuple[str, ...] = ()
    """Names of what it gives to its build."""


def is_compose(name: str) -> bool:
    """Whether a file of this name is a compose file."""
    return name.endswith((".yml", ".yaml")) and _FILE_NAME.fullmatch(name) is not None


def is_dockerfile(name: str) -> bool:
    """Whether a file of this name is a Dockerfile."""
    return "Dockerfile" in name and _DOCKERFILE.fullmatch(name) is not None


def services(path: str, text: str) -> tuple[ComposeService, ...]:
    """The services of a compose file. Raises yaml.YAMLError."""
    folder = posixpath.dirname(path)
    found: list[ComposeService] = []
    for key, node in entries(mapping_of(composed(text), "services")):
        body = merged(node)
        build = body.get("build")
        context = scalar(build) if build is not None else None
        if context is None and build is not None:
            context = scalar(merged(build).get("context"))
        files = [
            scalar(item) or scalar(merged(item).get("path")) for item in sequence_of(body.get("env_file"))
        ]
        where = None if context is None else _inside(folder, context)
        inside = [inner for file in files if file and (inner := _inside(folder, file))]
        arguments = tuple(_names(merged(build).get("args")))
        found.append(ComposeService(scalar(key) or "", path, where or None, tuple(inside), arguments))
    return tuple(found)


def included(path: str, text: str) -> tuple[str, ...]:
    """The compose files that one includes, relative to the project. Raises yaml.YAMLError."""
    folder = posixpath.dirname(path)
    found: list[str] = []
    for item in sequence_of(mapping_of(composed(text), "include")):
        names = (
            [scalar(item)]
            if scalar(item)
            else [scalar(part) for part in sequence_of(merged(item).get("path"))]
        )
        found += [inner for name in names if name and (inner := _inside(folder, name))]
    return tuple(found)


def deployment_of(path: str, included_by: Mapping[str, str]) -> str:
    """What names the files that are deployed together with this one.

    A file and its override, and what they include: compose reads them at once; all others are given by name.
    """
    seen: set[str] = set()
    while path in included_by and path not in seen:
        seen.add(path)
        path = included_by[path]
    folder, name = posixpath.split(path)
    found = _BASE_NAME.fullmatch(name)
    return posixpath.join(folder, found.group(1) if found is not None else name)


def facts(path: str, text: str, environment: Mapping[str, str], deployment: str = "") -> Iterator[ConfigFact]:
    """Facts of one compose file; `environment` fills variables in ports. Raises yaml.YAMLError."""
    lines = lines_of(text)
    for key, node in entries(mapping_of(composed(text), "services")):
        name = scalar(key) or ""
        body = merged(node)
        here = _Place(path, lines, name)
        profiles = ",".join(filter(None, (scalar(item) for item in sequence_of(body.get("profiles")))))
        network = scalar(body.get("network_mode")) or ""
        shared = {"form": "compose", "profiles": profiles, "network": network, "project": deployment or path}
        ports = body.get("ports")
        details = {
            **shared,
            "built": "yes" if "build" in body else "",
            "target": scalar(merged(body.get("build")).get("target")) or "",
            "ports": "override" if ports is not None and ports.tag in {"!override", "!reset"} else "",
            "command": " ".join(_words(body.get("entrypoint")) + _words(body.get("command")))[:COMMAND_MAX],
        }
        yield here.fact(FactKind.SERVICE, key, name, None, details)
        # With the host's network compose ignores ports.
        for item in (
            sequence_of(ports) if network != "host" and (ports is None or ports.tag != "!reset") else ()
        ):
            yield from _ports(here, item, shared, environment)
        for item, port, protocol in project_ports.exposed_by_compose(body.get("expose"), environment):
            yield here.fact(FactKind.EXPOSED, item, f"{port}/{protocol}")
        yield from _environment(here, body.get("environment"))
    for number, line in enumerate(lines, 1):
        for found in _VARIABLE.finditer(line.split(" #")[0]):
            place = _Place(path, lines, None)
            yield place.at(FactKind.ENV_DECLARED, number, found.group(1), found.group(2))


def dockerfile_facts(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """ENV, ARG and EXPOSE of a Dockerfile."""
    lines = lines_of(text)
    given: dict[str, str] = {}
    place = _Place(path, lines, service)
    for number, line in enumerate(lines, 1):
        found = _DOCKER_ENV.fullmatch(line)
        if found is None:
            continue
        pairs = [(pair.group(1), pair.group(2)) for pair in _DOCKER_PAIR.finditer(found.group(1))]
        if not pairs:
            name, _, value = found.group(1).strip().partition(" ")
            pairs = [(name, value)] if name.isidentifier() else []
        for name, value in pairs:
            given[name] = value.strip('"')
            yield place.at(FactKind.ENV_SET, number, name, value.strip('"'), form="dockerfile")
    for number, port, protocol in project_ports.exposed_by_dockerfile(lines, given):
        yield place.at(FactKind.EXPOSED, number, f"{port}/{protocol}", None, form="dockerfile")


@dataclass(frozen=True, slots=True)
class _Place:
    path: str
    lines: list[str]
    service: str | None

    def fact(
        self,
        kind: FactKind,
        node: yaml.Node,
        name: str,
        value: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> ConfigFact:
        made = self.at(kind, node.start_mark.line + 1, name, value)
        return made if details is None else _with(made, details)

    def at(
        self, kind: FactKind, line: int, name: str, value: str | None, *, form: str = "compose"
    ) -> ConfigFact:
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        shown = masked_value(name, value) if kind in {FactKind.ENV_SET, FactKind.ENV_DECLARED} else value
        return ConfigFact(
            kind=kind,
            service=self.service,
            path=self.path,
            line=line,
            text=shown_line(text) if shown == value else line_of_value(text, name, value),
            name=name,
            value=shown,
            details={"form": form},
        )


def _with(fact: ConfigFact, details: Mapping[str, str]) -> ConfigFact:
    return replace(fact, details=details)


def _names(node: yaml.Node | None) -> Iterator[str]:
    """The names of a mapping, or of a list of `NAME=value`."""
    for key, _ in entries(node):
        yield scalar(key) or ""
    for item in sequence_of(node):
        yield (scalar(item) or "").partition("=")[0]


def _environment(here: _Place, node: yaml.Node | None) -> Iterator[ConfigFact]:
    for key, value in entries(node):
        name, given = scalar(key), scalar(value)
        if name:
            bare = given is None or (isinstance(value, yaml.ScalarNode) and value.tag.endswith(":null"))
            kind = FactKind.ENV_DECLARED if bare else FactKind.ENV_SET
            yield here.fact(kind, key, name, None if bare else given)
    for item in sequence_of(node):
        text = scalar(item)
        if text:
            name, equals, given = text.partition("=")
            kind = FactKind.ENV_SET if equals else FactKind.ENV_DECLARED
            yield here.fact(kind, item, name.strip(), given if equals else None)


def _ports(
    here: _Place, item: yaml.Node, details: Mapping[str, str], environment: Mapping[str, str]
) -> Iterator[ConfigFact]:
    """`name` is the port of the host, or "any" where it is any free one; `value` that of the container."""
    for found in project_ports.of_compose(item, environment):
        name = f"{found.host_port or 'any'}/{found.protocol}"
        yield here.fact(FactKind.PORT, item, name, str(found.target), {**details, "host": found.host})


def _words(node: yaml.Node | None) -> list[str]:
    return [word for item in sequence_of(node) if (word := scalar(item))]


def _inside(folder: str, path: str) -> str | None:
    """A path of a compose file relative to the project; None where it leaves it, "" for the root."""
    joined = posixpath.normpath(posixpath.join(folder, path))
    if joined.startswith("..") or posixpath.isabs(joined):
        return None
    return "" if joined == "." else joined
