"""`plan`: what a run would do, told without doing it. No server is asked and no process is started."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from orchestrator import llm_told
from orchestrator.alerts import told as alerts_told
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import ModeDecision, address_of
from orchestrator.config.model import Config, LogSourceSection, Mode
from tools.masking import mask
from tools.quantities import format_duration
from tools.sources.code.walk import FILE_BYTES_MAX, walk
from tools.sources.logs import commands
from tools.sources.redis.samples import ENTRIES_PER_STREAM, SAMPLE_BYTES
from tools.sources.redis.sweep import CLIENTS_EVERY_MS, QUIET_POLLS_MAX

_ENDINGS_SHOWN = 8


def plan(
    loaded: LoadedConfig,
    decision: ModeDecision,
    environ: Mapping[str, str],
    diff_base: str | None = None,
) -> Iterator[tuple[str, str]]:
    """Pairs of a heading and a line; a heading is repeated for each of its lines.

    `environ` tells whether there is a model's key; `diff_base` is the revision that a change would be compared
    with. Raises NotADirectoryError, ConfigError.
    """
    config = loaded.config
    yield "mode", f"{decision.mode.value}: {'; '.join(decision.reasons)}"
    yield "configured by", str(loaded.file or "nothing but what follows")
    for text in loaded.detected:
        yield "detected", text
    yield "window", _window(config, decision.mode)
    for line in _processes(config, decision.mode):
        yield "processes", line
    if decision.mode is not Mode.STATIC:
        for line in _server(config, decision.mode):
            yield "Redis", line
        for line in _logs(config, decision.mode):
            yield "logs", line
    yield "files read", _files(config)
    if diff_base is not None:
        yield "compared with", f"the common history with {mask(diff_base)}, and only what changed is reported"
        where = "into a private temporary folder that is removed at the end"
        yield (
            "compared with",
            f"starts git, which copies the files of that revision {where}; no hook or filter runs",
        )
    state, database = config.output.state_folder, config.output.state_db
    beside = "" if not config.store.enabled or database.is_relative_to(state) else f", {database}"
    yield "writes", f"{config.output.workspace}, .archive beside it, and {state}{beside}; nothing else"
    for line in (*llm_told.plan(config, decision.mode, environ), *alerts_told.plan(config, environ)):
        yield "leaves the machine", line


def _window(config: Config, mode: Mode) -> str:
    section = config.session
    held = f"; then up to {format_duration(section.hold)} for investigators beside it" if section.hold else ""
    if mode is Mode.STATIC:
        return f"none: it ends when every file has been looked at{held}"
    every = format_duration(section.poll_interval)
    return f"{format_duration(section.duration)}, streams are looked at every {every}{held}"


def _processes(config: Config, mode: Mode) -> Iterator[str]:
    if mode is Mode.MANAGED:
        yield f"starts the server: {mask(config.redis.start or '')}"
        yield from _starts(config)
        yield f"stops the services: {mask(config.services.stop or 'by ending their process groups')}"
        own = "by SIGTERM" if config.redis.start == "embedded" else "by ending its process group"
        yield f"stops the server: {mask(config.redis.stop or own)}"
    else:
        yield "starts and stops nothing of the audited system"
    watchers = 2 if mode is Mode.STATIC else 4
    yield f"starts {watchers} watcher processes and an indexer of its own, which end with the session"


def _starts(config: Config) -> Iterator[str]:
    """Every start command of services, as it would run; of variables the names alone."""
    if config.services.start is not None:
        yield f"starts the services: {mask(config.services.start)}"
    for entry in config.services.list:
        if entry.start is not None:
            where = "" if entry.folder is None else f" (in {entry.folder})"
            names = f" with {', '.join(sorted(entry.env))} set" if entry.env else ""
            yield f"starts {entry.name}: {mask(entry.start)}{where}{names}"
    if config.services.env_file is not None:
        yield f"reads variables for these commands from {config.services.env_file}"


def _server(config: Config, mode: Mode) -> Iterator[str]:
    assert config.redis.url is not None
    address = address_of(config.redis.url.get_secret_value())
    yield f"{address}, with read commands only"
    if address.many:
        yield "every primary behind that address, one after another; each of the following for each of them"
    else:
        yield "if it is a node of a cluster: every primary of it, one after another"
    numbers = config.redis.databases
    if numbers is not None:
        named = "all that hold keys" if numbers == "all" else ", ".join(map(str, numbers))
        yield f"databases: {named}; each by a connection of its own"
    if mode is Mode.MANAGED:
        yield "on the server that it started itself also BGSAVE, at the end"
    every = format_duration(config.session.poll_interval)
    yield f"every {every}, nothing moved: two round trips (INFO by sections, CONFIG GET save), no stream is touched"
    yield (
        f"every {every}, something moved (and after {QUIET_POLLS_MAX} quiet looks): SCAN TYPE stream, then for each "
        "stream XINFO STREAM and XINFO GROUPS; XINFO CONSUMERS, XPENDING and a bounded XRANGE only where a group "
        "has pending entries or a lag that must be counted; in batches of at most 200 µs of the server"
    )
    if config.redis.samples:
        yield (
            f"of streams that moved a bounded XRANGE of their new entries (at most {ENTRIES_PER_STREAM}, "
            f"{SAMPLE_BYTES // 1024} KB each): ids, field names and the correlation id are kept, values are not"
        )
    else:
        yield "no stream entry is sampled (redis.samples is off)"
    yield f"every {format_duration(CLIENTS_EVERY_MS // 1000)}: CLIENT LIST"


def _logs(config: Config, mode: Mode) -> Iterator[str]:
    if mode is Mode.MANAGED:
        yield "the output of the services that it starts"
    for source in config.logs.sources:
        yield f"{source.service}: {_where(source)}"
    if mode is Mode.ATTACH and not config.logs.sources:
        yield "none: no log source is configured; the report will name this gap"


def _where(source: LogSourceSection) -> str:
    log = commands.named(source)
    if log is None:
        return str(source.path)
    return f"{log.kind} {mask(log.name)}, by the command {mask(commands.command_line(log))}"


def _files(config: Config) -> str:
    endings: Counter[str] = Counter()
    size = 0
    for file in walk(config.project.root, config.project.include, config.project.exclude):
        if file.size <= FILE_BYTES_MAX:
            endings[PurePosixPath(file.path).suffix or file.name] += 1
            size += file.size
    total = sum(endings.values())
    shown = [f"{number} {ending}" for ending, number in endings.most_common(_ENDINGS_SHOWN)]
    if len(endings) > _ENDINGS_SHOWN:
        shown.append("others")
    listed = f" ({', '.join(shown)})" if shown else ""
    return f"at most {total} files, {size / 1_000_000:.1f} MB, below {config.project.root}{listed}"
