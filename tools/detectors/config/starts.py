"""Whether what a container starts is known, and is the service's own program: else its code tells nothing of its ports."""

from __future__ import annotations

import posixpath

import re2

from tools.detectors.config import ports
from tools.sources.records import CodeIndex, ConfigFact, FactKind

_WORD = re2.compile(r"[^\s\"',\[\]]+")
_RUNS = re2.compile(
    r"(?:python|node|bun|deno|tsx|ts-node|nodemon|go|uvicorn|hypercorn|gunicorn|fastapi|flask|next|nuxt|vite|manage\.py)[\d.]*"
)
"""Interpreters, and commands of frameworks that serve what a project has."""
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun", "npx", "bunx", "turbo"})
_SHELL = re2.compile(
    r".*\.(?:sh|bash)|(?:docker-)?entrypoint.*|supervisord|pm2.*|nginx|caddy|foreman|honcho|s6.*|make"
)
"""What starts something that stands elsewhere."""
_BEFORE = frozenset(
    {"exec", "env", "tini", "dumb-init", "--", "/bin/sh", "sh", "bash", "/bin/bash", "-c", "-lc", "-g"}
)
_KEYWORDS = frozenset({"CMD", "ENTRYPOINT"})
FROM = "FROM"
"""The name of a command that only an image knows."""


def own_program(index: CodeIndex, service: str) -> bool | None:
    """Whether a container of the service starts its own program; None where nothing says what it starts."""
    composed = [
        fact
        for fact in ports.of_form(index, FactKind.SERVICE, "compose")
        if fact.name == service and fact.details.get("built")
    ]
    if any(fact.details.get("target") for fact in composed):
        return False
    commands = {fact.details.get("command", "") for fact in composed} - {""}
    if not commands:
        commands = set(_of_dockerfiles(index, service))
    if not commands:
        return None
    compiled = any(use.language == "go" and use.service in {service, None} for use in index.uses) or any(
        fact.kind is FactKind.LISTENS and fact.path.endswith(".go") and fact.service == service
        for fact in index.facts
    )
    return all(_is_own(index, service, command, compiled=compiled) for command in commands)


def _of_dockerfiles(index: CodeIndex, service: str) -> list[str]:
    every = list(ports.of_form(index, FactKind.COMMAND, "dockerfile"))
    found: dict[str, list[ConfigFact]] = {}
    for fact in [fact for fact in every if fact.service == service] or [
        f for f in every if f.service is None
    ]:
        found.setdefault(fact.path, []).append(fact)
    return [
        FROM if facts[0].name == FROM else " ".join(fact.text for fact in facts) for facts in found.values()
    ]


def _is_own(index: CodeIndex, service: str, command: str, *, compiled: bool) -> bool:
    words = [word for word in _WORD.findall(command) if word.upper() not in _KEYWORDS]
    names = [posixpath.basename(word) for word in words if word not in _BEFORE]
    if not names or names[0] == FROM or any(_SHELL.fullmatch(name) for name in names):
        return False
    if any(_RUNS.fullmatch(name) for name in names):
        return True
    if _MANAGERS & set(names):
        scripts = [
            fact
            for fact in ports.of_form(index, FactKind.COMMAND, "script")
            if fact.service in {service, None} and fact.name in {*names, "start"}
        ]
        own = [fact.text.partition(":")[2] for fact in scripts if fact.name in names] or [
            fact.text.partition(":")[2] for fact in scripts
        ]
        return bool(own) and all(not _leads_on(text) for text in own)
    return compiled


def _leads_on(script: str) -> bool:
    names = [posixpath.basename(word) for word in _WORD.findall(script)]
    return any(_SHELL.fullmatch(name) for name in names) or not any(_RUNS.fullmatch(name) for name in names)
