"""The example file says that a variable is needed, the code needs it, and the env file beside the example lacks it.

Narrow on purpose: only where the env file that is used lies beside the example, and nothing else sets the variable.
"""

from __future__ import annotations

from collections.abc import Iterator

from tools.detectors.config.environment import Variable, folder_of, variables
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import ConfigFact, FactKind

RULE = Rule(
    id="config.env-mismatch",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.ENV_MISMATCH,
    condition=(
        "a variable read without a default, in the example file but not in the env file beside it, set nowhere else; "
        "one that the example leaves empty and whose read does not fail: LOW"
    ),
    severity=Severity.MEDIUM,
)
RULES: tuple[Rule, ...] = (RULE,)


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each variable that the used env file lacks."""
    used = {
        folder_of(fact.path): fact.path
        for fact in view.index.facts
        if fact.kind is FactKind.ENV_SET and fact.details.get("form") == "env"
    }
    for variable in variables(view.index, RULE.id):
        if not variable.required or variable.is_set:
            continue
        # A manifest names it, or the program sets it itself.
        if any(fact.details.get("form") in {"mention", "code"} for fact in variable.facts):
            continue
        for fact in variable.facts:
            beside = used.get(folder_of(fact.path))
            if fact.details.get("form") == "example" and beside is not None:
                yield _symptom(variable, fact, beside)
                break


def _symptom(variable: Variable, fact: ConfigFact, env_file: str) -> Symptom:
    read = variable.needs[0]
    return Symptom(
        rule=RULE,
        # What an example leaves empty often can be left out, where the code does not fail without it.
        severity=Severity.MEDIUM if fact.value or "strict" in read.options else Severity.LOW,
        title=f"{variable.name} stands in {fact.path} but not in {env_file}",
        entity=(variable.service or "", variable.name),
        evidence=(fact.quote(), read.quote()),
        recommendation=f"Set {variable.name} in {env_file}, or give it a default at {read.path}:{read.line}.",
        position=(env_file, 0),
        service=variable.service,
        files=(f"{fact.path}:{fact.line}", f"{read.path}:{read.line}", env_file),
        expected=f"{env_file} sets {variable.name}, as {fact.path} says",
        actual=f"{env_file} does not set it, and {read.path}:{read.line} reads it without a default",
    )
