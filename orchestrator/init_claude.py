"""`init --claude`: what a project needs so that a Claude Code session runs its audit, made from its configuration."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator import claude_code
from orchestrator.claude_code import IN_PROJECT, Call
from orchestrator.config.load import FILE_NAME
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import address_of
from orchestrator.config.model import Config, OutputSection
from tools.errors import UsageError
from tools.findings.model import AgentId
from tools.masking import mask
from tools.quantities import format_duration
from tools.report.markdown_text import cell, code
from tools.workspace import write_atomically

MONITORING, AGENTS, MCP = "MONITORING.md", "AGENTS.md", ".mcp.json"
_BESIDE = "AGENTS.streamgauge.md"
"""Where the project has an AGENTS.md of its own."""
_COMMAND = ".claude/commands/streamgauge.md"
_OURS = "## Auditing this project's Redis Streams"
_SOURCES_MAX, _SERVICES_MAX = 12, 60


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, and a sentence for each file that was left as it was."""

    files: tuple[Path, ...]
    notes: tuple[str, ...]


def initialise(folder: Path, loaded: LoadedConfig, *, force: bool = False) -> Written:
    """Write the files into a project's folder; those that are there stay, without `force`.

    `.mcp.json` gets our server beside those that are in it, and one that it has already counts as there. An AGENTS.md
    that holds more than our note is never changed. Raises UsageError where something cannot be read or written.
    """
    files: list[Path] = []
    notes: list[str] = []
    for name, text in list(_texts(folder, loaded)):  # all of them, or an error before the first is written
        path = folder / name
        is_there = claude_code.has_server(path) if name == MCP else path.exists()
        if is_there and not force:
            what = f"The entry {claude_code.SERVER!r} of {name}" if name == MCP else name
            notes.append(f"{what} is there already and stays; --force writes it again.")
            continue
        try:
            write_atomically(path, text.encode())
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
        files.append(path)
    return Written(tuple(files), tuple(notes))


def _texts(folder: Path, loaded: LoadedConfig) -> Iterator[tuple[str, str]]:
    config = loaded.config
    call = Call(place=_place(folder, config.output))
    yield MONITORING, monitoring(loaded, call)
    for agent in AgentId:
        yield f".claude/agents/streamgauge-{agent.slug}.md", claude_code.subagent(agent, IN_PROJECT)
    yield _COMMAND, claude_code.render("command.md.j2", {})
    yield (
        _agents_file(folder),
        claude_code.render(
            "AGENTS.md.j2",
            {
                "place": call.place,
                "workspace": _shown(folder, config.output.workspace),
            },
        ),
    )
    try:
        yield MCP, claude_code.with_server(folder / MCP, ())
    except (OSError, ValueError) as error:
        raise UsageError(f"{folder / MCP} cannot be read ({error}). Correct it, or move it away.") from error


def monitoring(loaded: LoadedConfig, call: Call) -> str:
    """The text of MONITORING.md."""
    config = loaded.config
    values = claude_code.orchestration(call, IN_PROJECT) | {
        "project": code(config.project.root.name),
        "source": code(FILE_NAME) if loaded.file is not None else "what the project's files tell",
        "facts": [(name, cell(value)) for name, value in _facts(config) if value],
        "services": [code(name) for name in _services(config)],
    }
    return claude_code.render("MONITORING.md.j2", values)


def _facts(config: Config) -> Iterator[tuple[str, str]]:
    """What is audited, how it is started, where the session lies, what is too much: rendered for a table."""
    redis, limits, session = config.redis, config.thresholds, config.session
    yield "project", code(str(config.project.root))
    if redis.url is not None:
        yield "Redis", code(mask(str(address_of(redis.url.get_secret_value()))))
    yield (
        "mode",
        session.mode.value if session.mode else "follows from the configuration (`streamgauge plan`)",
    )
    yield (
        "window",
        f"{format_duration(session.duration)}, polls every {format_duration(session.poll_interval)}",
    )
    for name, command in _commands(config):
        yield name, code(mask(command))
    sources = [_source(source) for source in config.logs.sources]
    more = f" and {len(sources) - _SOURCES_MAX} more" if len(sources) > _SOURCES_MAX else ""
    yield "logs", ", ".join(code(mask(source)) for source in sources[:_SOURCES_MAX]) + more
    yield "workspace", code(str(config.output.workspace))
    yield "state", code(str(config.output.state_db))
    too_much = (
        f"lag {limits.consumer_lag} messages, pending {format_duration(limits.pending_idle)}, "
        f"consumer idle {format_duration(limits.consumer_idle)}, {limits.delivery_count} deliveries"
    )
    yield "limits", too_much
    yield "exceptions", f"{len(config.expect)} `[[expect]]`" if config.expect else ""


def _commands(config: Config) -> Iterator[tuple[str, str]]:
    given = {
        "starts Redis": config.redis.start,
        "stops Redis": config.redis.stop,
        "starts the services": config.services.start,
        "stops the services": config.services.stop,
    }
    yield from ((name, command) for name, command in given.items() if command)


def _services(config: Config) -> tuple[str, ...]:
    named = [*(entry.name for entry in config.services.list), *config.services.expected]
    return tuple(dict.fromkeys(named))[:_SERVICES_MAX]


def _source(source: object) -> str:
    kinds = ("path", "docker", "journald", "kubectl")
    found = next(kind for kind in kinds if getattr(source, kind) is not None)
    return f"{getattr(source, 'service', '*')}: {found} {getattr(source, found)}"


def _place(folder: Path, output: OutputSection) -> str:
    """The option that names the workspace, where it is not the usual one."""
    shown = _shown(folder, output.workspace)
    return "" if shown == str(OutputSection().workspace) else f" --workspace {shlex.quote(shown)}"


def _shown(folder: Path, path: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _agents_file(folder: Path) -> str:
    """AGENTS.md where the project has none, or nothing but our note in it; else a file of its own beside it."""
    path = folder / AGENTS
    try:
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else _OURS
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    begins_ours, *headings = [line for line in text.lstrip().split("\n") if line.startswith("#")] or [""]
    return AGENTS if text.lstrip().startswith(_OURS) and begins_ours == _OURS and not headings else _BESIDE
