"""`doctor`: can a session do its work here? Each check says what it saw and, where it is not well, what to do."""

from __future__ import annotations

import glob
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote

from orchestrator import doctor_starts, llm_told
from orchestrator.alerts import told as alerts_told
from orchestrator.check import Check, Verdict
from orchestrator.config.loaded import LoadedConfig
from orchestrator.config.mode import ModeDecision
from orchestrator.config.model import Config, LogSourceSection, Mode
from orchestrator.store import health as store_health
from orchestrator.watch import about as watch_about
from tools.clock import SystemClock
from tools.errors import SourceUnavailable, UsageError
from tools.masking import mask
from tools.sources.logs import commands
from tools.sources.redis import embedded, preflight, sentinel, target
from tools.sources.redis.cluster import Primary
from tools.sources.redis.deployment import Deployment
from tools.sources.redis.readonly import ReadOnlyClient

__all__ = ["Check", "Verdict", "acl", "examine"]

_ANSWER_S = 10.0
"""How long a program may take to say whether a log can be read."""


def examine(loaded: LoadedConfig, decision: ModeDecision, environ: Mapping[str, str]) -> Iterator[Check]:
    """Every check that matters for this configuration and mode."""
    config = loaded.config
    yield _python()
    yield Check("configuration", Verdict.OK, str(loaded.file or "; ".join(loaded.detected) or "from flags"))
    yield Check("mode", Verdict.OK, f"{decision.mode.value}: {'; '.join(decision.reasons)}")
    yield _project(config)
    yield _writable("workspace", config.output.workspace, "--workspace")
    yield _writable("state folder", config.output.state_folder, "--state-db")
    yield _store(config)
    if decision.mode is Mode.MANAGED and config.redis.start == "embedded":
        yield _embedded(environ)
    if decision.mode is Mode.MANAGED:
        yield Check("server", Verdict.OK, "will be started; its port is free")
        yield from doctor_starts.examine(config, environ)
    if decision.mode is Mode.ATTACH:
        yield from _server(config)
    if decision.mode is not Mode.STATIC:
        yield from _logs(config, decision.mode)
    yield from llm_told.examine(config, decision.mode, environ)
    yield from alerts_told.examine(config, environ)
    yield from watch_about.examine(config, SystemClock())


def acl(config: Config) -> str:
    """The ACL rules for the configured server, and for Sentinels. Raises UsageError, SourceUnavailable."""
    if config.redis.url is None:
        raise UsageError("No server is configured. Give --redis-url or set redis.url.")
    with _deployment(config) as deployment:
        lines = {preflight.acl_line(*_identity(client)): None for _, client in deployment.each()}
        sentinels = deployment.sentinels()
    if sentinels is None:
        return "\n".join(lines)
    on_servers, on_sentinels = "# on every server, the replicas too", "# on every Sentinel"
    return "\n".join([on_servers, *lines, on_sentinels, sentinel.ACL_LINE])


def _deployment(config: Config) -> Deployment:
    assert config.redis.url is not None
    return Deployment(config.redis.url.get_secret_value(), config.redis.databases)


def _identity(client: ReadOnlyClient) -> tuple[str, str]:
    server = preflight.require(client)
    return server.flavour, server.version


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("Python", Verdict.OK, f"{version} ({sys.executable}); our packages are our own")


def _project(config: Config) -> Check:
    root = config.project.root
    if not os.access(root, os.R_OK | os.X_OK):
        return Check("project", Verdict.FAIL, f"{root} cannot be read", "Give the user the right to read it.")
    return Check("project", Verdict.OK, f"{root} can be read")


def _writable(subject: str, folder: Path, flag: str) -> Check:
    nearest = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return Check(subject, Verdict.FAIL, f"{nearest} cannot be written", f"Name another with {flag}.")
    if subject == "workspace" and folder.is_dir() and any(folder.iterdir()):
        if not (folder / "SESSION_ID").exists():
            return Check(
                subject, Verdict.FAIL, f"{folder} holds something else", f"Name another with {flag}."
            )
        return Check(
            subject, Verdict.OK, f"{folder} holds a session; a run archives it in .archive beside it"
        )
    return Check(subject, Verdict.OK, f"{folder} can be written")


def _store(config: Config) -> Check:
    path = config.output.state_db
    if not config.store.enabled:
        return Check("store", Verdict.OK, "switched off (store.enabled)")
    if not path.exists():
        return Check("store", Verdict.OK, f"{path} is not there yet; a run makes it")
    found = store_health.examine(path)
    if found.problem:
        problem, _, remedy = found.problem.partition(". ")
        return Check("store", Verdict.WARN, problem, f"{remedy} Sessions run without it.".strip())
    saw = f"{path}: {found.runs} runs, {found.bytes / 1e6:.1f} MB"
    if found.unresolved_errors:
        saw += f", {found.unresolved_errors} errors not resolved"
    return Check("store", Verdict.OK, saw)


def _embedded(environ: Mapping[str, str]) -> Check:
    try:
        return Check("embedded server", Verdict.OK, str(embedded.find_server(environ)))
    except UsageError as error:
        problem, _, remedy = str(error).partition(". ")
        return Check("embedded server", Verdict.FAIL, problem, remedy)


def _server(config: Config) -> Iterator[Check]:
    assert config.redis.url is not None
    url = config.redis.url.get_secret_value()
    with _deployment(config) as deployment:
        yield from _sentinels(deployment)
        try:
            for primary, client in deployment.each():
                yield from _primary(deployment, primary, client, _named_user(url))
        except SourceUnavailable as error:
            yield Check("server", Verdict.FAIL, f"{error.what}: {error.why}", error.fix)
        if deployment.refused is not None:
            fix = "Allow the user +cluster|slots; without it one node is looked at."
            yield Check("cluster", Verdict.WARN, f"the other nodes are not known: {deployment.refused}", fix)


def _sentinels(deployment: Deployment) -> Iterator[Check]:
    found = deployment.sentinels()
    for host, said in () if found is None else found.each():
        subject = f"Sentinel {mask(str(host))}"
        if isinstance(said, SourceUnavailable):
            yield Check(subject, Verdict.WARN, f"{said.what}: {said.why}", said.fix)
        else:
            yield Check(subject, Verdict.OK, f"names {mask(str(said))} as the primary")


def _primary(deployment: Deployment, primary: Primary, client: ReadOnlyClient, named: str) -> Iterator[Check]:
    """One server, and its databases where they are named."""
    try:
        client.open()
        yield from _examine_server(client, named)
        for database in deployment.databases(primary):
            deployment.client(primary, database).open()
    except SourceUnavailable as error:
        yield Check("server", Verdict.FAIL, f"{error.what}: {error.why}", error.fix)


def _examine_server(client: ReadOnlyClient, named_user: str) -> Iterator[Check]:
    try:
        identity = preflight.require(client)
    except UsageError as error:
        problem, _, remedy = str(error).partition(". ")
        yield Check("server", Verdict.FAIL, problem, remedy)
        return
    yield Check("server", Verdict.OK, f"{identity} at {client.address} answers")
    commands = preflight.missing_commands(client)
    if commands.missing:
        lacking = ", ".join(commands.missing)
        yield Check("stream commands", Verdict.FAIL, f"missing: {lacking}", "Upgrade the server.")
    elif commands.unknown:
        fix = "Allow the user +command, or nothing: the audit works without."
        yield Check("stream commands", Verdict.WARN, commands.unknown, fix)
    else:
        yield Check("stream commands", Verdict.OK, "all there")
    yield _user(client, named_user)
    yield _rights(client)
    for warning in preflight.warnings(client):
        yield Check("side effects", Verdict.WARN, warning, "Use a server that has CLIENT NO-TOUCH.")


def _named_user(url: str) -> str:
    """The user that an address names; Redis calls the one without a name `default`."""
    return unquote(target.parse(url).credentials.partition(":")[0]) or "default"


def _user(client: ReadOnlyClient, named: str) -> Check:
    who = client.pipeline([("ACL", "WHOAMI")])[0]
    if isinstance(who, bytes):
        return Check("user", Verdict.OK, mask(who.decode("utf-8", "replace")))
    return Check("user", Verdict.OK, f"{mask(named)}, by its address (the server does not tell)")


def _rights(client: ReadOnlyClient) -> Check:
    may_write = preflight.may_write(client)
    if may_write is None:
        return Check(
            "rights",
            Verdict.UNKNOWN,
            "the server does not tell whether the user may write (we only read all the same)",
            "Allow the user +acl|whoami and +acl|dryrun (which Redis before 7.0 does not have), or compare its rule "
            "with `streamgauge doctor --acl`.",
        )
    if may_write:
        fix = "Use a user that may only read; `streamgauge doctor --acl` prints the rule for it."
        return Check("rights", Verdict.WARN, "the user may write (we only read all the same)", fix)
    return Check("rights", Verdict.OK, "the user may not write")


def _logs(config: Config, mode: Mode) -> Iterator[Check]:
    for source in config.logs.sources:
        yield _path(source) if source.path is not None else _program(source, mode)
    if mode is Mode.MANAGED:
        yield Check("logs", Verdict.OK, "the services' output is captured")
    elif not config.logs.sources:
        fix = "Name them under [[logs.sources]] to have them read."
        yield Check("logs", Verdict.WARN, "no log source is configured", fix)


def _path(source: LogSourceSection) -> Check:
    subject = f"logs of {source.service}"
    files = glob.glob(source.path or "", recursive=True)  # noqa: PTH207 - the pattern is absolute
    readable = [name for name in files if os.access(name, os.R_OK)]
    if not files:
        return Check(subject, Verdict.WARN, f"{source.path} matches no file yet", "Check the path.")
    if len(readable) < len(files):
        hidden = min(set(files) - set(readable))
        return Check(subject, Verdict.FAIL, f"{hidden} cannot be read", "Give the user the right to read it.")
    return Check(subject, Verdict.OK, f"{len(files)} file{'s' if len(files) > 1 else ''} at {source.path}")


def _program(source: LogSourceSection, mode: Mode) -> Check:
    log = commands.named(source)
    assert log is not None
    subject = f"logs of {source.service if source.service != '*' else mask(log.service)}"
    name = f"{log.kind} {mask(log.name)}"
    readable, note = commands.probe(log, SystemClock(), _ANSWER_S)
    if note is None:
        return Check(subject, Verdict.OK, f"{name} can be read")
    installed = shutil.which(commands.program(log)) is not None
    if readable or (installed and mode is Mode.MANAGED):
        # A quiet unit is no fault, and what the session starts is not there before it.
        return Check(subject, Verdict.WARN, f"{name}, so far: {note.why}", note.fix)
    return Check(subject, Verdict.FAIL, f"{name}: {note.why}", note.fix)
