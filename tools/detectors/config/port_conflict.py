"""The same host port and protocol twice in what is deployed together: the second service cannot bind it.

Two services of one compose file (profiles that never run together, and different host addresses, are no conflict),
or two services that run on the host and take their port from an env file.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, ConfigFact, FactKind

RULE = Rule(
    id="config.port-conflict",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.PORT_CONFLICT,
    condition="two services that are deployed together declare the same host port and protocol",
    severity=Severity.HIGH,
)
RULES: tuple[Rule, ...] = (RULE,)
_ANY_HOST = {"", "0.0.0.0", "::"}  # noqa: S104 - the address a compose file may name


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each pair of services and port."""
    by_port: dict[str, list[ConfigFact]] = defaultdict(list)
    services = set(view.index.services)
    for fact in view.index.facts:
        form = fact.details.get("form")
        if fact.kind is FactKind.PORT and (form == "compose" or (form == "env" and fact.service in services)):
            by_port[fact.name].append(fact)
    on_host = _on_host(view.index)
    for port, facts in sorted(by_port.items()):
        reported: set[tuple[str | None, str | None]] = set()
        for first, second in combinations(facts, 2):
            pair = (first.service, second.service)
            if pair not in reported and _clash(first, second, on_host):
                reported.add(pair)
                yield _symptom(port, first, second)


def _clash(first: ConfigFact, second: ConfigFact, on_host: frozenset[str]) -> bool:
    if first.service == second.service:
        return False
    forms = {first.details.get("form"), second.details.get("form")}
    if forms == {"compose"}:
        return first.path == second.path and _same_host(first, second) and _together(first, second)
    # A port in an env file is bound on the host only by a service that runs there.
    return all(
        fact.details.get("form") == "compose" or fact.service in on_host for fact in (first, second)
    ) and _deployed_alike(first, second)


def _on_host(index: CodeIndex) -> frozenset[str]:
    """Services that bind ports of the host: not in a compose file, or with the host's network."""
    composed = {fact.service for fact in index.facts if fact.kind is FactKind.SERVICE}
    networked = {
        fact.name
        for fact in index.facts
        if fact.kind is FactKind.SERVICE and fact.details.get("network") == "host"
    }
    return frozenset(name for name in index.services if name not in composed or name in networked)


def _deployed_alike(first: ConfigFact, second: ConfigFact) -> bool:
    """Env files of different stages (`.env`, `.env.production`) are not deployed together."""
    names = {fact.path.rpartition("/")[2] for fact in (first, second) if fact.details.get("form") == "env"}
    return len(names) == 1


def _same_host(first: ConfigFact, second: ConfigFact) -> bool:
    hosts = {first.details.get("host", ""), second.details.get("host", "")}
    return len(hosts) == 1 or bool(hosts & _ANY_HOST)


def _together(first: ConfigFact, second: ConfigFact) -> bool:
    profiles = [set(filter(None, fact.details.get("profiles", "").split(","))) for fact in (first, second)]
    return not all(profiles) or bool(profiles[0] & profiles[1])


def _symptom(port: str, first: ConfigFact, second: ConfigFact) -> Symptom:
    places = (f"{first.path}:{first.line}", f"{second.path}:{second.line}")
    return Symptom(
        rule=RULE,
        title=f"{first.service} and {second.service} both declare host port {port}",
        entity=(port, *sorted((first.service or "", second.service or ""))),
        evidence=(first.quote(), second.quote()),
        recommendation=f"Give {second.service} another host port at {places[1]}.",
        position=(second.path, 0),
        service="cross-service",
        files=places,
        expected=f"host port {port} belongs to one service",
        actual=f"declared for {first.service} at {places[0]} and for {second.service} at {places[1]}",
    )
