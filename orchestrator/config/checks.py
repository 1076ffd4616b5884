"""What the types cannot say: addresses, patterns, folders, and what this version does not do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import re2

from agents.model.prices import price_of
from agents.model.settings import Role
from orchestrator.config.llm import LlmSection
from orchestrator.config.model import Config, ServicesSection
from orchestrator.config.origin import KeyPath, Origin, nearest
from tools.errors import ConfigError
from tools.sources.redis import target


def check(config: Config, origins: Mapping[KeyPath, Origin]) -> Iterator[ConfigError]:
    """Everything that is wrong with a configuration whose types are right."""
    for key, problem, remedy in _problems(config):
        _, origin = nearest(origins, _path(key))
        yield origin.error(key, problem, remedy)


def _path(key: str) -> KeyPath:
    """`("services", "list", 0, "name")` for `services.list[0].name`."""
    parts = key.replace("[", ".").replace("]", "").split(".")
    return tuple(int(part) if part.isdecimal() else part for part in parts)


def _problems(config: Config) -> Iterator[tuple[str, str, str]]:
    root, workspace = config.project.root, config.output.workspace
    if not root.is_dir():
        yield "project.root", f"{root} is not a folder", "Name the folder of the audited project"
    if root == workspace or root.is_relative_to(workspace):
        yield "output.workspace", "is the audited project or holds it", "Name a folder of its own"
    if config.redis.url is not None:
        found = target.problems(config.redis.url.get_secret_value())
        yield from (("redis.url", problem, fix) for problem, fix in found)
    if config.alerts.file is not None and not config.store.enabled:
        yield (
            "store.enabled",
            "is false, and alerts remember in it what was told",
            "Remove it, or alerts.file",
        )
    yield from _services(config.services)
    if config.services.ready_pattern is not None:
        yield from _pattern(config.services.ready_pattern)
    if config.llm.enabled is not False:
        yield from _prices(config.llm)


def _prices(llm: LlmSection) -> Iterator[tuple[str, str, str]]:
    for role in llm.models:
        model = llm.model_of(Role(role))
        if price_of(model, llm.own_prices()) is None:
            problem = f"{role} asks {model}, and what that costs is not known, so no budget could be kept"
            yield "llm.models", problem, f"Add a [[llm.prices]] entry for {model}, or name another model"


def _services(services: ServicesSection) -> Iterator[tuple[str, str, str]]:
    first: dict[str, int] = {}
    for at, entry in enumerate(services.list):
        same = first.setdefault(entry.name, at)
        if same != at:
            yield f"services.list[{at}].name", f"is the name of services.list[{same}] too", "Rename one"


def _pattern(pattern: str) -> Iterator[tuple[str, str, str]]:
    try:
        re2.compile(pattern)
    except re2.error as error:
        reason = (
            error.args[0].decode(errors="replace")
            if error.args and isinstance(error.args[0], bytes)
            else str(error)
        )
        yield "services.ready_pattern", f"not a regular expression: {reason}", "Correct it (re2 syntax)"
