"""A container port that compose publishes, a Dockerfile exposes or a document names, and nothing listens on.

It speaks only of services whose own code starts the server and whose every port is known: literals, defaults and what
env files and compose set; and of services that run a program which nothing lets serve. What the container starts must
be known too, and be that code: not a script, nor what an image brings with it. A number that the service's code or commands name in any other way may be its port too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from tools.detectors.config import ports, starts
from tools.detectors.config.ports import Listens
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, ConfigFact, FactKind

RULE = Rule(
    id="config.port-mismatch",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.CONFIG_DRIFT,
    condition=(
        "compose publishes a container port that the service's code, all of whose ports are known, or which starts no "
        "server, does not listen on: "
        "MEDIUM; a port that only EXPOSE or a document's table names: LOW, DOC_DRIFT"
    ),
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each service and file whose ports nothing listens on."""
    index = view.index
    for service in index.services:
        listens = ports.listens(index, service)
        if not listens.whole:
            continue
        known = listens.ports | listens.named
        started = starts.own_program(index, service)
        if started is False:
            continue
        for facts in _by_file(_published(index, service)) if started else ():
            targets = {fact.value or "" for fact in facts}
            if not targets & known:
                yield _published_symptom(service, facts[0], listens)
        exposed = [
            fact
            for fact in ports.of_form(index, FactKind.EXPOSED, "dockerfile")
            if fact.service == service and fact.name.endswith("/tcp")
        ]
        for facts in _by_file(exposed):
            if not {_number(fact) for fact in facts} & known:
                yield _documented_symptom(service, facts[0], listens)
        outside = {_number(fact) for fact in index.facts if _is_outside(fact, service)}
        for fact in ports.of_form(index, FactKind.PORT, "table"):
            if fact.service == service and _number(fact) not in known | outside:
                yield _documented_symptom(service, fact, listens)


def _published(index: CodeIndex, service: str) -> list[ConfigFact]:
    """The ports of a compose service that runs the project's own code of this name."""
    built = {
        fact.path
        for fact in ports.of_form(index, FactKind.SERVICE, "compose")
        if fact.name == service and fact.details.get("built")
    }
    return [
        fact
        for fact in ports.of_form(index, FactKind.PORT, "compose")
        if fact.service == service and fact.path in built and fact.name.endswith("/tcp")
    ]


def _is_outside(fact: ConfigFact, service: str) -> bool:
    """Whether a declaration says by which port of the host a service is reached."""
    if fact.kind is not FactKind.PORT or fact.details.get("form") == "table":
        return False
    return fact.service in {service, None} or fact.details.get("form") == "env"


def _by_file(facts: list[ConfigFact]) -> Iterator[list[ConfigFact]]:
    for path in dict.fromkeys(fact.path for fact in facts):
        yield [fact for fact in facts if fact.path == path]


def _number(fact: ConfigFact) -> str:
    return fact.name.partition("/")[0]


def _shown(listens: Listens) -> str:
    if listens.nowhere:
        return "no port"
    return " or ".join(sorted(listens.ports, key=int))


def _published_symptom(service: str, fact: ConfigFact, listens: Listens) -> Symptom:
    code = listens.facts[0]
    symptom = _symptom(service, fact, listens)
    return replace(
        symptom,
        title=f"{fact.path} publishes port {fact.value} of {service}, which listens on {_shown(listens)}",
        recommendation=_not_published(fact, code)
        if listens.nowhere
        else (
            f"Publish {_shown(listens)} at {fact.path}:{fact.line}, or listen on {fact.value} at {code.path}:{code.line}."
        ),
    )


def _not_published(fact: ConfigFact, code: ConfigFact) -> str:
    return f"Take the port out at {fact.path}:{fact.line}: what {code.path}:{code.line} starts opens none."


def _documented_symptom(service: str, fact: ConfigFact, listens: Listens) -> Symptom:
    symptom = _symptom(service, fact, listens)
    return replace(symptom, category=ConfigCategory.DOC_DRIFT, severity=Severity.LOW)


def _symptom(service: str, fact: ConfigFact, listens: Listens) -> Symptom:
    code = listens.facts
    said = fact.value or _number(fact)
    return Symptom(
        rule=RULE,
        title=f"{fact.path} says port {said} of {service}, which listens on {_shown(listens)}",
        entity=(service, said),
        location=fact.path,
        evidence=(fact.quote(), *(found.quote() for found in code[:3])),
        recommendation=_not_published(fact, code[0])
        if listens.nowhere
        else f"Correct the port at {fact.path}:{fact.line}.",
        confidence=0.9,
        position=(fact.path, 0),
        service=service,
        files=(f"{fact.path}:{fact.line}", *(f"{found.path}:{found.line}" for found in code[:3])),
        expected=f"a port that {service} listens on: {_shown(listens)} ({code[0].path}:{code[0].line})",
        actual=f"{fact.path}:{fact.line} names {said}",
    )
