"""What the types cannot say: addresses, patterns, folders, and what this version does not do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import re2

from orchestrator.config.model import Config, ServicesSection
from orchestrator.config.origin import KeyPath, Origin, nearest
from tools.errors import ConfigError

SCHEMES = ("redis", "rediss", "unix")


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
        yield from (
            ("redis.url", problem, fix) for problem, fix in _address(config.redis.url.get_secret_value())
        )
    yield from _services(config.services)
    if config.services.ready_pattern is not None:
        yield from _pattern(config.services.ready_pattern)
    if config.llm.enabled is True:
        yield "llm.enabled", "this version works with rules only", 'Use "auto" or false (--no-llm)'
    if config.fail_on.startswith("new:"):
        problem = "new: needs the comparison with an earlier session, which is not in this version"
        yield "fail_on", problem, f"Use {config.fail_on.removeprefix('new:')!r}"


def _services(services: ServicesSection) -> Iterator[tuple[str, str, str]]:
    first: dict[str, int] = {}
    for at, entry in enumerate(services.list):
        same = first.setdefault(entry.name, at)
        if same != at:
            yield f"services.list[{at}].name", f"is the name of services.list[{same}] too", "Rename one"


def _address(url: str) -> Iterator[tuple[str, str]]:
    """Problems of a server's url; its text is never repeated, for it may hold a password."""
    example = "Write it like redis://127.0.0.1:6379/0"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        yield "is not a valid url (check the port, and percent-encode special characters)", example
        return
    if parts.scheme not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        if "sentinel" in parts.scheme or "cluster" in parts.scheme:
            yield f"{parts.scheme}:// is not in this version", f"Use {known}"
        else:
            yield "does not begin with a scheme that is known", f"Use {known}; for example {example[14:]}"
        return
    if parts.scheme == "unix":
        if not parts.path:
            yield "names no socket", "Write it like unix:///run/redis.sock"
        return
    if port == 0:
        yield "the port is 0", example
    database = parts.path.strip("/")
    if database and not database.isdecimal():
        yield "the path after the port is not a database number", example


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
