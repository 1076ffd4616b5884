"""The code reads a variable without a default, and nothing in the project declares it for that service.

The service fails at its start, or runs with None where a value was meant. Variables with a default are listed once
a service, LOW, where the project keeps an example file that leaves them out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from tools.detectors.config.environment import Variable, declares_environment, variables
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex

RULE = Rule(
    id="config.missing-env-var",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.MISSING_ENV_VAR,
    condition=(
        "a variable read without a default that no env file, compose file, manifest or document of its service names: "
        "HIGH where reading it fails (`os.environ[…]`), MEDIUM where it gives None; variables with a default that the example file leaves out: LOW, once a service"
    ),
    severity=Severity.HIGH,
)
RULES: tuple[Rule, ...] = (RULE,)
QUOTES_MAX = 10


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each missing variable, and one a service for undeclared ones with a default."""
    index = view.index
    if not declares_environment(index):
        return
    with_default: dict[str | None, list[Variable]] = defaultdict(list)
    for variable in variables(index, RULE.id):
        if variable.facts:
            continue
        if variable.required:
            yield _missing(index, variable)
        elif any("default" in read.options for read in variable.reads):
            with_default[variable.service].append(variable)
    example = _example(index)
    if example is not None:
        for service, undeclared in with_default.items():
            yield _undocumented(service, undeclared, example)


def _missing(index: CodeIndex, variable: Variable) -> Symptom:
    needs = variable.needs
    read = needs[0]
    where = _example(index) or next(
        (fact.path for fact in index.facts if fact.details.get("form") == "env"), ".env"
    )
    return Symptom(
        rule=RULE,
        severity=Severity.HIGH if any("strict" in need.options for need in needs) else Severity.MEDIUM,
        title=f"{variable.name} is read by {variable.service or 'shared code'} and declared nowhere",
        entity=(variable.service or "", variable.name),
        evidence=tuple(need.quote() for need in needs[:QUOTES_MAX]),
        recommendation=(
            f"Declare {variable.name} in {where} and set it where {variable.service or 'the project'} is deployed, or "
            f"give it a default at {read.path}:{read.line}."
        ),
        position=(read.path, 0),
        service=variable.service,
        files=tuple(f"{need.path}:{need.line}" for need in needs),
        expected=f"{variable.name} is set or declared for {variable.service or 'the project'}",
        actual="no env file, compose file, manifest or document of the project names it",
    )


def _undocumented(service: str | None, undeclared: list[Variable], example: str) -> Symptom:
    names = [variable.name for variable in undeclared]
    shown = ", ".join(names[:QUOTES_MAX]) + (" and others" if len(names) > QUOTES_MAX else "")
    reads = [variable.reads[0] for variable in undeclared]
    return Symptom(
        rule=RULE,
        severity=Severity.LOW,
        title=f"{example} leaves out {len(names)} variables with a default of {service or 'shared code'}",
        entity=(service or "", "with a default"),
        evidence=tuple(read.quote() for read in reads[:QUOTES_MAX]),
        recommendation=f"Add {shown} to {example}, so that who deploys knows what can be set.",
        position=(example, 0),
        service=service,
        files=(example, *(f"{read.path}:{read.line}" for read in reads[:QUOTES_MAX])),
        expected=f"{example} lists what can be set",
        actual=f"not listed: {shown}",
    )


def _example(index: CodeIndex) -> str | None:
    paths = {fact.path for fact in index.facts if fact.details.get("form") == "example"}
    return min(paths, key=lambda path: (path.count("/"), path), default=None)
