"""A document says another default of a variable than the code has.

Who deploys trusts the document and leaves the variable unset. Compared are plain values only, of tables and of lists that
say "`NAME` (default `value`)": a default that is worked out, and a cell in prose, are not.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.detectors.config import ports
from tools.detectors.config.environment import Variable, variables
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeUse, ConfigFact, FactKind

RULE = Rule(
    id="config.doc-default",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.DOC_DRIFT,
    condition="a document's table or list says another default of a variable than every read of it in the code",
    severity=Severity.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
_TEXT = re2.compile(r"([\"'`])([^\"'`]*)[\"'`]")
_NUMBER = re2.compile(r"-?\d+(?:_\d+)*(?:\.\d+)?")
_TRUTHS = {"true": "true", "false": "false", "yes": "true", "no": "false", "on": "true", "off": "false"}


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each default that differs."""
    documented = list(ports.of_form(view.index, FactKind.ENV_DECLARED, "table", "default"))
    for variable in variables(view.index, RULE.id):
        for fact in documented:
            if fact.name == variable.name and fact in variable.facts and fact.value is not None:
                read = _differs(variable, fact.value)
                if read is not None:
                    yield _symptom(variable, fact, read)
                break


def _differs(variable: Variable, said: str) -> CodeUse | None:
    """A read with another default, where every read has one that is written out, and all differ."""
    wanted = _plain(said, is_code=False)
    defaults = [_plain(read.options.get("default", ""), is_code=True) for read in variable.reads]
    if wanted is None or None in defaults or wanted in defaults:
        return None
    # `5s` for 5000 is a matter of units, and a masked value one that nobody can compare.
    if "[masked:" in said or {_NUMBER.fullmatch(str(d)) is None for d in defaults} != {
        _NUMBER.fullmatch(wanted) is None
    }:
        return None
    return variable.reads[0]


def _plain(written: str, *, is_code: bool) -> str | None:
    """A value without quotes and in one spelling; None for what is no plain value."""
    found = _TEXT.fullmatch(written.strip())
    bare = found.group(2) if found is not None else written.strip()
    if bare.lower() in _TRUTHS:
        return _TRUTHS[bare.lower()]
    if _NUMBER.fullmatch(bare):
        number = float(bare.replace("_", ""))
        return f"{number:g}" if abs(number) < 1e15 else bare
    if is_code and found is None:
        return None
    return bare or None


def _symptom(variable: Variable, fact: ConfigFact, read: CodeUse) -> Symptom:
    has = read.options.get("default", "")
    places = (f"{fact.path}:{fact.line}", f"{read.path}:{read.line}")
    return Symptom(
        rule=RULE,
        title=f"{fact.path} says that {variable.name} is {fact.value} by default, the code says {has}",
        entity=(variable.service or "", variable.name),
        location=fact.path,
        evidence=(fact.quote(), read.quote()),
        recommendation=f"Correct the default at {places[0]}, or at {places[1]}.",
        position=(fact.path, 0),
        service=variable.service,
        files=places,
        expected=f"{fact.value} ({places[0]})",
        actual=f"{has} ({places[1]})",
    )
