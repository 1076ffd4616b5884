"""Which variables a service reads, and what the configuration says of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import dirname

import re2

from tools.detectors.code import known
from tools.sources.records import CodeIndex, CodeKind, CodeUse, ConfigFact, FactKind

_NAME = re2.compile(r"[A-Za-z_][A-Za-z0-9_]*")
INJECTED = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "PWD", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "HOSTNAME", "TMPDIR",
        "TEMP", "TMP", "EDITOR", "DISPLAY", "CI", "PORT", "NODE_ENV", "DEBUG", "NO_COLOR", "FORCE_COLOR", "COLUMNS",
        "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "VIRTUAL_ENV", "DYNO", "APPDATA", "LOCALAPPDATA", "USERPROFILE",
        "NODE_OPTIONS", "BASE_URL", "MODE", "DEV", "PROD", "SSR", "POD_NAME", "POD_IP", "NAMESPACE", "CONTAINER_NAME", "NOTIFY_SOCKET", "PYTEST_CURRENT_TEST",
    }
)  # fmt: skip
"""Set by shells, runtimes, bundlers (`import.meta.env.MODE`) and platforms: nobody declares them."""
INJECTED_PREFIXES = (
    "AWS_", "GITHUB_", "KUBERNETES_", "XDG_", "LC_", "PYTHON", "npm_", "VERCEL", "RAILWAY_", "FLY_", "HEROKU_", "OTEL_",
    "K_", "ECS_", "GOOGLE_", "CI_", "DD_",
)  # fmt: skip
BUNDLED_PREFIXES = ("VITE_", "NEXT_PUBLIC_", "NUXT_", "EXPO_PUBLIC_", "REACT_APP_", "VUE_")
"""Put into what a browser gets, by whoever builds it: declared in files of the project, or not at all."""


_MAY_BE_EMPTY = re2.compile(r"(?:.*_)?(?:REDIS|VALKEY|KEYDB|CACHE)_(?:.*_)?(?:PASSWORD|PASS|USERNAME|USER)")
"""A server without a password is reached without one: to read nothing is what is meant there."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable as one service reads it. `facts` are the declarations that hold for that service."""

    name: str
    service: str | None
    reads: tuple[CodeUse, ...]
    facts: tuple[ConfigFact, ...]

    @property
    def needs(self) -> tuple[CodeUse, ...]:
        """The reads that have no default and do more than test it, or hand on that there is none."""
        may_be_empty = _MAY_BE_EMPTY.fullmatch(self.name) is not None
        return tuple(
            read
            for read in self.reads
            if not {"default", "tested"} & read.options.keys()
            and not (may_be_empty and "strict" not in read.options)
        )

    @property
    def required(self) -> bool:
        """Whether some read needs it."""
        return bool(self.needs)

    @property
    def is_set(self) -> bool:
        """Whether a file that is deployed gives it a value, or hands it through."""
        return any(
            fact.kind is FactKind.ENV_SET or fact.details.get("form") == "compose" for fact in self.facts
        )


def variables(index: CodeIndex, rule_id: str) -> Iterator[Variable]:
    """Every variable of every service, in order; injected and silenced ones left out."""
    reads: dict[tuple[str, str], list[CodeUse]] = defaultdict(list)
    no_names = {
        (use.path, use.line)
        for use in known.of_kind(index, CodeKind.ENV_READ)
        if use.name and not _NAME.fullmatch(use.name)
    }
    for use in known.of_kind(index, CodeKind.ENV_READ):
        # Where one of the names that a read may have cannot be one, the others were guessed from the same place.
        if (use.path, use.line) in no_names:
            continue
        if use.name and not injected(use.name) and not known.silenced(index, rule_id, use):
            service = None if use.service in index.libraries else use.service
            reads[service or "", use.name].append(use)
    declared: dict[str, list[ConfigFact]] = defaultdict(list)
    for fact in index.facts:
        if fact.kind in {FactKind.ENV_SET, FactKind.ENV_DECLARED}:
            declared[fact.name].append(fact)
    for (service, name), uses in sorted(reads.items()):
        facts = tuple(fact for fact in declared[name] if holds(fact, service, index.services))
        if not facts and not _declares_others(declared, name, service, index.services):
            continue
        yield Variable(name, service or None, tuple(uses), facts)


def _declares_others(
    declared: Mapping[str, Sequence[ConfigFact]], name: str, service: str, services: Collection[str]
) -> bool:
    """Whether a name that a bundler gives is one of a kind that the service declares, as any other name is."""
    prefix = next((prefix for prefix in BUNDLED_PREFIXES if name.startswith(prefix)), None)
    return prefix is None or any(
        other.startswith(prefix) and any(holds(fact, service, services) for fact in facts)
        for other, facts in declared.items()
    )


def injected(name: str) -> bool:
    """Whether the platform sets it."""
    return name.upper() in INJECTED or name.startswith(INJECTED_PREFIXES)


def declares_environment(index: CodeIndex) -> bool:
    """Whether the project says anything of its environment; if not, it is set elsewhere and nothing is missing."""
    forms = {"env", "example", "compose"}
    return any(
        fact.kind in {FactKind.ENV_SET, FactKind.ENV_DECLARED} and fact.details.get("form") in forms
        for fact in index.facts
    )


def folder_of(path: str) -> str:
    """The folder of a file."""
    return dirname(path)


def holds(fact: ConfigFact, service: str, services: Collection[str]) -> bool:
    """Whether a declaration is one for this service.

    One for all holds for every service; one of a service holds for it, and for shared code.

    A compose service that no folder of the code matches may run any of it.
    """
    return fact.service is None or not service or fact.service == service or fact.service not in services
