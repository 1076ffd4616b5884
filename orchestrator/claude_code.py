"""What Claude Code is given: subagents, the orchestrator's instructions, commands and the MCP server's entry.

The same templates make what `init --claude` writes into a project and the plugin (`session_templates/plugin`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from orchestrator import bundled
from tools.findings.model import AgentId
from tools.functions.table import for_agent

SERVER = "streamgauge"
"""The MCP server's name; a plugin's server has the plugin's name before it."""
PLUGIN = "streamgauge"
RECORD = "findings_record"
_ALWAYS = ("session_coverage", "findings_list", "findings_get")
_REPOSITORY = "https://github.com/streamgauge/streamgauge"
_SCHEMA = "https://anthropic.com/claude-code/plugin.schema.json"
_AUTHOR = {"name": "The streamgauge maintainers"}
_ABOUT = "Audits systems of services that talk over Redis Streams: a deterministic session, four investigating subagents, evidence for every claim."


@dataclass(frozen=True, slots=True)
class Dialect:
    """How names are said: of MCP tools, of a subagent's file, and of a subagent where it is started."""

    tools: str
    file: str
    started: str


IN_PROJECT = Dialect(f"mcp__{SERVER}__", "streamgauge-{slug}", "streamgauge-{slug}")
IN_PLUGIN = Dialect(f"mcp__plugin_{PLUGIN}_{SERVER}__", "{slug}", PLUGIN + ":{slug}")


@dataclass(frozen=True, slots=True)
class Call:
    """What follows the commands: `place` those that ask about a session, `extra` the one that begins it."""

    place: str = ""
    extra: str = ""


def subagent(agent: AgentId, dialect: Dialect) -> str:
    """A subagent's file."""
    head, role = _role(agent)
    names = dict.fromkeys([*_ALWAYS, *(function.name for function in for_agent(agent)), RECORD])
    return _render(
        "claude/subagent.md.j2",
        name=dialect.file.format(slug=agent.slug),
        agent=agent.value,
        tools=[dialect.tools + name for name in names],
        role=role,
        **head,
    )


def orchestrate(call: Call, dialect: Dialect) -> str:
    """The orchestrator's instructions."""
    return _render("claude/orchestrate.md.j2", **orchestration(call, dialect))


def orchestration(call: Call, dialect: Dialect) -> dict[str, Any]:
    """What the orchestrator's template needs to know."""
    return {
        "place": call.place,
        "extra": call.extra,
        "agents": [
            {"id": agent.value, "subagent": dialect.started.format(slug=agent.slug)} for agent in AgentId
        ],
    }


def render(template: str, values: dict[str, Any]) -> str:
    """One of the other templates of `session_templates/claude`."""
    return _render(f"claude/{template}", **values)


def mcp_entry(arguments: Sequence[str] = ()) -> dict[str, Any]:
    """How the MCP server is started."""
    return {"command": "streamgauge", "args": ["mcp", *arguments]}


def plugin(version: str) -> Iterator[tuple[str, str]]:
    """The generated files of the plugin and of its marketplace, by path in the repository."""
    folder = "session_templates/plugin"
    manifest = {
        "$schema": _SCHEMA,
        "name": PLUGIN,
        "version": version,
        "description": _ABOUT,
        "author": _AUTHOR,
        "homepage": _REPOSITORY,
        "repository": _REPOSITORY,
        "license": "MIT",
        "keywords": ["redis", "redis-streams", "valkey", "audit", "observability"],
    }
    yield f"{folder}/.claude-plugin/plugin.json", _json(manifest)
    yield f"{folder}/.mcp.json", _json({"mcpServers": {SERVER: mcp_entry()}})
    for agent in AgentId:
        yield f"{folder}/agents/{agent.slug}.md", subagent(agent, IN_PLUGIN)
    head = _render("claude/skill_head.md.j2")
    body = orchestrate(Call(extra=" $ARGUMENTS"), IN_PLUGIN)
    yield f"{folder}/skills/audit/SKILL.md", f"{head}{body}"
    marketplace = {
        "name": "streamgauge",
        "owner": _AUTHOR,
        "metadata": {"description": "Audits of services that talk over Redis Streams."},
        "plugins": [
            {
                "name": PLUGIN,
                "source": f"./{folder}",
                "description": _ABOUT,
                "version": version,
                "license": "MIT",
            }
        ],
    }
    yield ".claude-plugin/marketplace.json", _json(marketplace)


def _role(agent: AgentId) -> tuple[dict[str, str], str]:
    path = bundled.folder("session_templates") / "claude" / "roles" / f"{agent.slug}.md"
    _, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(head), body.strip()


def _render(template: str, /, **values: Any) -> str:
    # Markdown for a model and for people, never HTML; what a project says is escaped before it comes here.
    environment = Environment(
        loader=FileSystemLoader(bundled.folder("session_templates")),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(template).render(values)


def _json(data: object) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def has_server(path: Path) -> bool:
    """Whether a project's `.mcp.json` names our server. Raises ValueError where it is no object of servers, OSError."""
    return path.exists() and SERVER in _servers(_read(path))


def with_server(path: Path, arguments: Sequence[str]) -> str:
    """The text of a project's `.mcp.json` with our server in it. Raises ValueError where it is no object of servers, OSError."""
    data = _read(path) if path.exists() else {}
    _servers(data)[SERVER] = mcp_entry(arguments)
    return _json(data)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _servers(data: Any) -> dict[str, Any]:
    """The servers of a `.mcp.json`, to be changed in place."""
    servers = data.setdefault("mcpServers", {}) if isinstance(data, dict) else None
    if not isinstance(servers, dict):
        raise ValueError("it is no object with mcpServers")  # noqa: TRY004 - as JSON that cannot be read
    return servers
