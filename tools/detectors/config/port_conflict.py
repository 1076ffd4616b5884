"""The same host port and protocol twice in what is deployed together: the second service cannot bind it.

Two services of one compose deployment, one service that publishes two of its ports at one, two services that run on
the host and listen where an env file says, or two that write the same port out in their code and are started by one script. No conflict are:
different addresses, IPv4 beside IPv6, ranges of which the server picks a free port, profiles that never run together,
compose files that are not read at once, a port by which a service finds another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import combinations, islice

import re2

from tools.detectors.config import ports
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, ConfigFact, FactKind

RULE = Rule(
    id="config.port-conflict",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.PORT_CONFLICT,
    condition=(
        "two services that are deployed together declare the same host port and protocol: HIGH; where only one of "
        "them needs a compose profile: LOW"
    ),
    severity=Severity.HIGH,
)
RULES: tuple[Rule, ...] = (RULE,)
Clash = Callable[[ConfigFact, ConfigFact], bool]
SYMPTOMS_MAX = 200
"""Of compose files, of env files and of code each: who has more sees the cause in the first ones."""
COMPARED_MAX = 500_000
"""Pairs that are looked at: about a second."""
_FOR_TESTS = re2.compile(r"(?i)\.env\.(?:.*[.-])?(?:test|tests|testing|ci|e2e)(?:[.-].*)?")
_WORD = re2.compile(r"[\w-]+")
_ANY = {"": {4, 6}, "0.0.0.0": {4}, "::": {6}}  # noqa: S104 - the addresses that a compose file may name


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each pair of services and port."""
    index = view.index
    replaced: dict[tuple[str | None, str | None], str] = {
        (fact.details.get("project"), fact.name): fact.path
        for fact in ports.of_form(index, FactKind.SERVICE, "compose")
        if fact.details.get("ports") == "override"
    }
    by_port: dict[str, list[ConfigFact]] = defaultdict(list)
    for fact in ports.of_form(index, FactKind.PORT, "compose"):
        kept = replaced.get((fact.details.get("project"), fact.service), fact.path)
        if not fact.name.startswith("any/") and kept == fact.path:
            by_port[fact.name].append(fact)
    yield from _pairs(by_port, _composed_clash)
    yield from _pairs(_of_env_files(index), _deployed_alike)
    together = _started_together(index)
    yield from _pairs(
        _of_code(index), lambda first, second: frozenset({first.service, second.service}) in together
    )


def _pairs(by_port: dict[str, list[ConfigFact]], clash: Clash) -> Iterator[Symptom]:
    """The symptoms of one kind, within both limits."""
    told = islice(_clashes(by_port, clash), SYMPTOMS_MAX)
    yield from (_symptom(port, first, second) for port, first, second in told)


def _clashes(
    by_port: dict[str, list[ConfigFact]], clash: Clash
) -> Iterator[tuple[str, ConfigFact, ConfigFact]]:
    pairs = ((port, pair) for port, facts in sorted(by_port.items()) for pair in combinations(facts, 2))
    reported: set[tuple[str, str | None, str | None]] = set()
    for port, (first, second) in islice(pairs, COMPARED_MAX):
        key = (port, first.service, second.service)
        if key not in reported and clash(first, second):
            reported.add(key)
            yield port, first, second


def _composed_clash(first: ConfigFact, second: ConfigFact) -> bool:
    if first.details.get("project") != second.details.get("project") or not _same_host(first, second):
        return False
    if first.service == second.service:
        return first.value != second.value and first.path == second.path
    return _may_meet(first, second)


def _of_env_files(index: CodeIndex) -> dict[str, list[ConfigFact]]:
    """Ports that env files give to services which run on the host and listen by that variable, each with its service."""
    found: dict[str, list[ConfigFact]] = defaultdict(list)
    on_host, listening = _on_host(index), _listening_by(index)
    for fact in ports.of_form(index, FactKind.PORT, "env"):
        service = ports.binder(fact, frozenset(index.services))
        for_tests = _FOR_TESTS.fullmatch(fact.path.rpartition("/")[2]) is not None
        if service in on_host and not for_tests and (service, fact.value) in listening:
            _add(found[fact.name], ports.as_of(fact, service))
    return found


def _listening_by(index: CodeIndex) -> set[tuple[str | None, str]]:
    """Services, each with a variable that sets the port of a server it starts; a copied env file starts none."""
    return {
        (fact.service, variable)
        for fact in index.facts
        if fact.kind is FactKind.LISTENS
        for variable in fact.details.get("variables", "").split(",")
    }


def _of_code(index: CodeIndex) -> dict[str, list[ConfigFact]]:
    """Ports that code writes out, no variable may change them, and nothing of the project speaks of containers."""
    found: dict[str, list[ConfigFact]] = defaultdict(list)
    if _has_containers(index):
        return found
    for fact in ports.of_form(index, FactKind.LISTENS, "code"):
        if fact.name and fact.service and not fact.details.get("variables"):
            _add(found[f"{fact.name}/tcp"], fact)
    return found


def _started_together(index: CodeIndex) -> set[frozenset[str | None]]:
    """Pairs of services that one script or Procfile of the project names."""
    texts: dict[tuple[str, int], str] = defaultdict(str)
    for fact in index.facts:
        if fact.kind is FactKind.COMMAND and fact.details.get("form") in {"script", "procfile"}:
            line = 0 if fact.details.get("form") == "procfile" else fact.line
            texts[fact.path, line] += f" {fact.name} {fact.text}"
    found: set[frozenset[str | None]] = set()
    for text in texts.values():
        words = set(_WORD.findall(text))
        named = [service for service in index.services if service in words]
        found |= {frozenset(pair) for pair in combinations(named, 2)}
    return found


def _add(facts: list[ConfigFact], fact: ConfigFact) -> None:
    """One fact a service and file name suffices: a service does not conflict with itself."""
    if not any((known.service, known.path) == (fact.service, fact.path) for known in facts):
        facts.append(fact)


def _has_containers(index: CodeIndex) -> bool:
    return any(fact.details.get("form") in {"compose", "dockerfile"} for fact in index.facts)


def _on_host(index: CodeIndex) -> frozenset[str]:
    """Services that bind ports of the host: in no container, or in one with the host's network."""
    contained = {fact.service for fact in index.facts if fact.details.get("form") == "dockerfile"}
    networked: set[str] = set()
    for fact in ports.of_form(index, FactKind.SERVICE, "compose"):
        (networked if fact.details.get("network") == "host" else contained).add(fact.name)
    return frozenset(name for name in index.services if name in networked or name not in contained)


def _deployed_alike(first: ConfigFact, second: ConfigFact) -> bool:
    """Env files of different stages (`.env`, `.env.production`) are not deployed together."""
    names = {fact.path.rpartition("/")[2] for fact in (first, second)}
    return first.service != second.service and len(names) == 1


def _same_host(first: ConfigFact, second: ConfigFact) -> bool:
    hosts = [fact.details.get("host", "") for fact in (first, second)]
    if hosts[0] == hosts[1]:
        return True
    families = [_ANY.get(host, {6 if ":" in host else 4}) for host in hosts]
    return any(host in _ANY for host in hosts) and bool(families[0] & families[1])


def _profiles(*facts: ConfigFact) -> list[set[str]]:
    return [set(filter(None, fact.details.get("profiles", "").split(","))) for fact in facts]


def _may_meet(first: ConfigFact, second: ConfigFact) -> bool:
    mine, others = _profiles(first, second)
    return not (mine and others) or bool(mine & others)


def _symptom(port: str, first: ConfigFact, second: ConfigFact) -> Symptom:
    places = (f"{first.path}:{first.line}", f"{second.path}:{second.line}")
    mine, others = _profiles(first, second)
    alone = sorted(mine ^ others) if not (mine and others) else []
    when = f" when the profile {alone[0]!r} is on" if alone else ""
    both = (
        f"{first.service} publishes two of its ports at host port {port}"
        if first.service == second.service
        else f"{first.service} and {second.service} both declare host port {port}{when}"
    )
    return Symptom(
        rule=RULE,
        severity=Severity.LOW if alone else RULE.severity,
        title=both,
        entity=(port, *sorted((first.service or "", second.service or ""))),
        evidence=(first.quote(), second.quote()),
        recommendation=f"Give {second.service} another host port at {places[1]}.",
        position=(second.path, 0),
        service="cross-service",
        files=places,
        expected=f"host port {port} belongs to one service",
        actual=f"declared for {first.service} at {places[0]} and for {second.service} at {places[1]}",
    )
