"""Versions that disagree: images with what is asked for, lock files with manifests, the server with its image.

A tag that names no whole version stands for the newest of its kind. Ranges and names that cannot be read are no
ground for anything.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from tools.detectors.config import ports, versions
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, ConfigFact, FactKind

RULE = Rule(
    id="config.version-mismatch",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.VERSION_MISMATCH,
    condition=(
        "an image or version file whose version `engines` or `requires-python` refuses, a lock file that was made for "
        "another range than its manifest asks for, a server older than the image declared for it: MEDIUM; a version "
        "file and an image of one folder with another Node or Python: LOW"
    ),
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)
_ALLOWS = {"node": versions.npm_allows, "python": versions.python_allows}
_ASKS = {"node": "engines", "python": "requires-python"}
_COMPARED = {"node": 1, "python": 2}
"""How many numbers of a version must agree: Node's majors, Python's minor versions."""
_FOR_OTHERS = ("test", "ci", "example", "dev", "e2e")


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each pair of places that disagree."""
    index = view.index
    pins = list(ports.of_form(index, FactKind.VERSION, "image", "version-file"))
    for pin in pins:
        asked = _asked(index, pin)
        allows = _ALLOWS.get(pin.name)
        if asked is not None and allows is not None and allows(asked.value or "", pin.value or "") is False:
            yield _refused(pin, asked)
        elif asked is None and pin.details.get("form") == "version-file":
            yield from _apart(pin, pins)
    yield from _locks(index)
    yield from _server(view)


def _asked(index: CodeIndex, pin: ConfigFact) -> ConfigFact | None:
    """What the nearest manifest at or above a file asks of its runtime."""
    found = [
        fact
        for fact in ports.of_form(index, FactKind.VERSION, _ASKS.get(pin.name, ""))
        if fact.name == pin.name and _is_above(posixpath.dirname(fact.path), posixpath.dirname(pin.path))
    ]
    return max(found, key=lambda fact: len(posixpath.dirname(fact.path)), default=None)


def _is_above(folder: str, other: str) -> bool:
    return not folder or other == folder or other.startswith(f"{folder}/")


def _apart(pin: ConfigFact, pins: list[ConfigFact]) -> Iterator[Symptom]:
    for image in pins:
        same_place = posixpath.dirname(image.path) == posixpath.dirname(pin.path)
        if image.details.get("form") == "image" and image.name == pin.name and same_place:
            count = _COMPARED[pin.name]
            mine, others = (
                versions.numbers(pin.value or "")[:count],
                versions.numbers(image.value or "")[:count],
            )
            if len(mine) == len(others) == count and mine != others:
                yield _differ(pin, image)
                return


def _locks(index: CodeIndex) -> Iterator[Symptom]:
    by_lock: dict[tuple[str, str], list[ConfigFact]] = {}
    for fact in ports.of_form(index, FactKind.VERSION, "lock"):
        by_lock.setdefault((fact.path, fact.details.get("lock", "")), []).append(fact)
    for (path, lock), facts in sorted(by_lock.items()):
        yield _stale(path, lock, facts)


def _server(view: ConfigView) -> Iterator[Symptom]:
    """A server that is older than every image of its kind that the project declares for use."""
    if view.now is None:
        return
    server = view.now.server
    declared = [
        fact
        for fact in ports.of_form(view.index, FactKind.VERSION, "compose-image")
        if fact.name == server.flavour.lower() and not any(word in fact.path.lower() for word in _FOR_OTHERS)
    ]
    running = versions.numbers(server.version)[:2]
    newer = [
        fact
        for fact in declared
        if versions.numbers(fact.value or "")[: len(running)] > running[: _length(fact)]
    ]
    if declared and running and len(newer) == len(declared):
        fact = newer[0]
        yield Symptom(
            rule=RULE,
            title=f"The server is {server.flavour} {server.version}, {fact.path} declares {fact.value}",
            entity=("server", fact.name),
            evidence=(fact.quote(),),
            recommendation=f"Upgrade the server, or declare at {fact.path}:{fact.line} what runs.",
            confidence=0.9,
            position=(view.now.source, view.now.number),
            service="cross-service",
            files=(f"{fact.path}:{fact.line}",),
            expected=f"{fact.name} {fact.value} ({fact.path}:{fact.line})",
            actual=f"{server.flavour} {server.version} answers (poll {view.now.number})",
        )


def _length(fact: ConfigFact) -> int:
    return len(versions.numbers(fact.value or ""))


def _refused(pin: ConfigFact, asked: ConfigFact) -> Symptom:
    return _pair(
        pin,
        asked,
        f"{pin.path} has {pin.name} {pin.value}, {asked.path} asks for {asked.value}",
        Severity.MEDIUM,
    )


def _differ(pin: ConfigFact, image: ConfigFact) -> Symptom:
    return _pair(
        image, pin, f"{image.path} has {pin.name} {image.value}, {pin.path} has {pin.value}", Severity.LOW
    )


def _pair(actual: ConfigFact, expected: ConfigFact, title: str, severity: Severity) -> Symptom:
    places = (f"{actual.path}:{actual.line}", f"{expected.path}:{expected.line}")
    return Symptom(
        rule=RULE,
        severity=severity,
        title=title,
        entity=(actual.name, actual.path, expected.path),
        evidence=(actual.quote(), expected.quote()),
        recommendation=f"Bring {places[0]} and {places[1]} in line.",
        position=(actual.path, 0),
        service=actual.service or expected.service or "cross-service",
        files=places,
        expected=f"{actual.name} {expected.value} ({places[1]})",
        actual=f"{actual.name} {actual.value} ({places[0]})",
    )


def _stale(path: str, lock: str, facts: list[ConfigFact]) -> Symptom:
    first = facts[0]
    shown = ", ".join(
        f"{fact.name} {fact.details.get('asked')} (locked for {fact.value})" for fact in facts[:5]
    )
    return Symptom(
        rule=RULE,
        title=f"{lock} was made for other ranges than {path} asks for: {', '.join(fact.name for fact in facts[:5])}",
        entity=(path, lock),
        evidence=tuple(fact.quote() for fact in facts[:5]),
        recommendation=f"Make {lock} anew from {path} and commit it: a clean install refuses it, or installs other versions.",
        position=(path, 0),
        service=first.service,
        files=(*(f"{fact.path}:{fact.line}" for fact in facts[:5]), lock),
        expected=f"{lock} was made from {path}",
        actual=shown,
    )
