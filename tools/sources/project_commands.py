"""What starts services: scripts of package.json, Procfiles, CMD and ENTRYPOINT of Dockerfiles."""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.sources.config_records import ConfigFact, FactKind
from tools.sources.project_place import Place
from tools.sources.source_lines import lines_of

_SCRIPTS = re2.compile(r'\s*"scripts"\s*:\s*\{\s*')
_SCRIPT = re2.compile(r'\s*"([\w:./-]+)"\s*:\s*"(.*)"\s*,?\s*\}?\s*,?')
_PROCESS = re2.compile(r"([\w-]+)\s*:\s*(\S.*)")
BASE = "FROM"
"""The name of a command that only the image knows on which a Dockerfile builds."""
_STAGE = re2.compile(r"(?i)\s*FROM\s+\S.*")
_STARTS = re2.compile(r"(?i)\s*(?:CMD|ENTRYPOINT)\s+(.+)")


def is_procfile(name: str) -> bool:
    """Whether a file of this name says which processes run together."""
    return name == "Procfile" or name.startswith("Procfile.")


def of_package(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """The scripts of a package.json that has one on each line, as npm writes it."""
    place, inside = Place.of(path, service, text, "script"), False
    for number, line in enumerate(lines_of(text), 1):
        if _SCRIPTS.fullmatch(line):
            inside = True
        elif inside:
            found = _SCRIPT.fullmatch(line)
            if found is not None:
                yield place.fact(FactKind.COMMAND, number, found.group(1))
            ends = line.rstrip().rstrip(",").endswith("}")
            inside = not ends or (found is not None and line.rstrip().endswith('"'))


def of_procfile(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """The processes of a Procfile."""
    place = Place.of(path, service, text, "procfile")
    for number, line in enumerate(lines_of(text), 1):
        found = _PROCESS.fullmatch(line.strip())
        if found is not None and not line.startswith("#"):
            yield place.fact(FactKind.COMMAND, number, found.group(1))


def of_dockerfile(path: str, service: str | None, text: str) -> Iterator[ConfigFact]:
    """CMD and ENTRYPOINT of the last stage, with the lines that go on; its FROM where it has neither."""
    place, going_on = Place.of(path, service, text, "dockerfile"), False
    base, found = 0, list[ConfigFact]()
    for number, line in enumerate(place.lines, 1):
        if _STAGE.fullmatch(line):
            base, going_on, found = number, False, []
        elif going_on or _STARTS.fullmatch(line):
            found.append(place.fact(FactKind.COMMAND, number, "CMD"))
            going_on = line.rstrip().endswith("\\")
    if not found and base:
        found.append(place.fact(FactKind.COMMAND, base, BASE))
    yield from found
