"""Which ports a service takes: what compose publishes, env files set and the code listens on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import re2
from msgspec.structs import replace

from tools.detectors.config.environment import holds
from tools.sources.records import CodeIndex, ConfigFact, FactKind

_OWN_PREFIXES = frozenset({"", "APP", "HTTP", "HTTPS", "SERVER", "LISTEN", "API", "WEB", "SERVICE", "GRPC"})
"""Before `_PORT`: the port of the service itself. Anything else (`REDIS_PORT`, `DB_PORT`) is where another listens."""
_NUMBER = re2.compile(r"\d{2,5}")


@dataclass(frozen=True, slots=True)
class Listens:
    """The ports that a service may listen on. `whole` is False where it may listen on one that is not known.

    `named` are numbers that its code or its commands name elsewhere: it may listen there by other means.
    """

    ports: frozenset[str]
    named: frozenset[str]
    facts: tuple[ConfigFact, ...]
    whole: bool
    nowhere: bool = False
    """It starts no server at all."""


def of_form(index: CodeIndex, kind: FactKind, *forms: str) -> Iterator[ConfigFact]:
    """The facts of a kind that files of these forms declare."""
    return (fact for fact in index.facts if fact.kind is kind and fact.details.get("form") in forms)


def plain(name: str) -> str:
    """A name of a service without case and marks: `ORDER_DESK` is `order-desk`."""
    return name.lower().replace("_", "").replace("-", "")


def binder(fact: ConfigFact, services: frozenset[str]) -> str | None:
    """The service that binds the port of an env file: the one that its name begins with, or the file's own."""
    prefix = (fact.value or "").removesuffix("PORT").removesuffix("_")
    by_name = {plain(service): service for service in services}
    if plain(prefix) in by_name and prefix:
        return by_name[plain(prefix)]
    return fact.service if prefix in _OWN_PREFIXES and fact.service in services else None


def as_of(fact: ConfigFact, service: str | None) -> ConfigFact:
    """The same declaration, of the service that it is about."""
    return replace(fact, service=service)


def listens(index: CodeIndex, service: str) -> Listens:
    """Where the code of a service listens, with everything that may set it."""
    facts = tuple(fact for fact in index.facts if fact.kind is FactKind.LISTENS)
    own = tuple(fact for fact in facts if fact.service == service)
    # A server that shared code starts may be this service's.
    whole = bool(own) and all(fact.service is not None for fact in facts)
    ports: set[str] = set()
    named: set[str] = set()
    nowhere = whole and all(fact.details.get("none") for fact in own)
    for fact in () if nowhere else own:
        given, is_open = _given(index, service, fact)
        ports |= given
        whole = whole and not is_open
        named |= set(filter(None, fact.details.get("also", "").split(",")))
    if nowhere:
        named |= {part for fact in own for part in fact.details.get("also", "").split(",") if part}
    return Listens(frozenset(ports), frozenset(named | _in_commands(index, service)), own, whole, nowhere)


def _given(index: CodeIndex, service: str, fact: ConfigFact) -> tuple[set[str], bool]:
    """The ports of one server, and whether there may be others."""
    is_open = bool(fact.details.get("open"))
    variables = set(filter(None, fact.details.get("variables", "").split(",")))
    found = {fact.name} - {""}
    deployed: set[str] = set()
    for setting in index.facts:
        if setting.kind is FactKind.ENV_SET and setting.name in variables:
            by_compose = setting.details.get("form") == "compose" and setting.service == service
            if not by_compose and not holds(setting, service, index.services):
                continue
            value = (setting.value or "").strip()
            if not _NUMBER.fullmatch(value):
                is_open = True
            (deployed if by_compose else found).add(value)
        elif setting.kind is FactKind.ENV_DECLARED and setting.name in variables:
            # Handed through by compose, or named by a manifest: whoever deploys sets it.
            is_open = is_open or setting.details.get("form") in {"compose", "mention"}
    found = deployed or found
    return found, is_open or not found


def _in_commands(index: CodeIndex, service: str) -> set[str]:
    found: set[str] = set()
    for fact in index.facts:
        if fact.kind is FactKind.SERVICE and fact.name == service:
            found |= set(_NUMBER.findall(fact.details.get("command", "")))
        elif fact.kind is FactKind.COMMAND and fact.service in {service, None}:
            found |= set(_NUMBER.findall(fact.text))
    return found
