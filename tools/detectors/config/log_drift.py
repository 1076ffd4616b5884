"""A log level or format that is declared and not what the code does: nobody reads it, or it is no level at all.

It speaks of services that set up their loggers in code of their own, with values written out, and of variables that
no line of that code names.
"""

from __future__ import annotations

from collections.abc import Iterator

import re2

from tools.detectors.code import known
from tools.detectors.config import ports
from tools.detectors.contract import ConfigView
from tools.findings.model import AgentId, ConfigCategory, Severity
from tools.findings.rule import Rule, Symptom
from tools.sources.records import CodeIndex, CodeKind, ConfigFact, FactKind

RULE = Rule(
    id="config.log-drift",
    agent=AgentId.CONFIG_AUDITOR,
    category=ConfigCategory.CONFIG_DRIFT,
    condition=(
        "a log level or format that is set for a service whose code writes another one out and never names the "
        "variable: LOW; a level that no logger knows, in a variable that the code reads: MEDIUM"
    ),
    severity=Severity.LOW,
)
RULES: tuple[Rule, ...] = (RULE,)
_VARIABLE = re2.compile(r"(?:([A-Z0-9_]+)_)?LOG(?:GING|GER)?_(LEVEL|FORMAT)")
_LEVELS = frozenset(
    {
        "trace", "debug", "info", "notice", "notset", "warn", "warning", "error", "err", "critical", "crit", "fatal",
        "alert", "emerg", "emergency", "panic", "silent", "off", "none", "all", "verbose", "silly", "http", "success",
        "log", "data", "input", "information", "default",
    }
)  # fmt: skip
"""Of the loggers of Python, Node.js, Go and Java; winston's, npm's and syslog's sets among them."""
_WORD = re2.compile(r"[A-Za-z]{2,12}")


def detect(view: ConfigView) -> Iterator[Symptom]:
    """A symptom for each setting without effect, and for each level that is none."""
    index = view.index
    read = {use.name for use in known.of_kind(index, CodeKind.ENV_READ)}
    told: set[tuple[str, str]] = set()
    for fact in ports.of_form(index, FactKind.ENV_SET, "env", "compose"):
        found = _VARIABLE.fullmatch(fact.name)
        value = (fact.value or "").strip().strip("\"'")
        if found is None or not _WORD.fullmatch(value):
            continue
        what = found.group(2).lower()
        if what == "level" and fact.name in read and value.lower() not in _LEVELS:
            yield _no_level(index, fact, value)
        if fact.name in read:
            continue
        for service in _services(index, fact, found.group(1) or ""):
            code = _written_out(index, service, what, fact.name)
            if code is not None and code.value != value.lower() and (service, fact.name) not in told:
                told.add((service, fact.name))
                yield _without_effect(service, what, fact, code)


def _services(index: CodeIndex, fact: ConfigFact, prefix: str) -> list[str]:
    """The services that a variable is for: by its prefix, by its file, else all."""
    by_name = {ports.plain(service): service for service in index.services}
    if prefix:
        service = by_name.get(ports.plain(prefix))
        return [service] if service is not None else []
    if fact.service is not None:
        return [fact.service] if fact.service in index.services else []
    return list(index.services)


def _written_out(index: CodeIndex, service: str, what: str, variable: str) -> ConfigFact | None:
    """The one value that the code of a service gives all its loggers; None where that is not sure."""
    facts = [fact for fact in index.facts if fact.kind is FactKind.LOGS and fact.name == what]
    own = [fact for fact in facts if fact.service == service]
    # A logger that shared code sets up may be this service's.
    if not own or any(fact.service is None for fact in facts) or len({fact.value for fact in own}) > 1:
        return None
    named = set(own[0].details.get("also", "").split(","))
    return own[0] if own[0].value and variable.lower() not in named else None


def _without_effect(service: str, what: str, fact: ConfigFact, code: ConfigFact) -> Symptom:
    places = (f"{fact.path}:{fact.line}", f"{code.path}:{code.line}")
    return Symptom(
        rule=RULE,
        title=f"{fact.name}={fact.value} has no effect on {service}: {places[1]} sets the {what} {code.value!r}",
        entity=(service, fact.name),
        evidence=(fact.quote(), code.quote()),
        recommendation=f"Read {fact.name} at {places[1]}, or take it out of {fact.path}.",
        confidence=0.9,
        position=(fact.path, 0),
        service=service,
        files=places,
        expected=f"log {what} {fact.value} ({places[0]})",
        actual=f"{code.value} ({places[1]}); no line of the service's code names {fact.name}",
    )


def _no_level(index: CodeIndex, fact: ConfigFact, value: str) -> Symptom:
    read = next(use for use in known.of_kind(index, CodeKind.ENV_READ) if use.name == fact.name)
    return Symptom(
        rule=RULE,
        severity=Severity.MEDIUM,
        title=f"{fact.name} is {value!r} in {fact.path}, which is no log level",
        entity=(fact.service or "", fact.name, "no level"),
        evidence=(fact.quote(), read.quote()),
        recommendation=f"Set {fact.name} at {fact.path}:{fact.line} to a level that the logger at {read.path}:{read.line} knows.",
        confidence=0.9,
        position=(fact.path, 0),
        service=read.service or fact.service,
        files=(f"{fact.path}:{fact.line}", f"{read.path}:{read.line}"),
        expected="a level such as debug, info, warn or error",
        actual=f"{value!r} ({fact.path}:{fact.line})",
    )
