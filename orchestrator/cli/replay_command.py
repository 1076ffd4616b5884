"""`run --mode replay SESSION`: what it prints and its exit code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version as installed_version
from pathlib import Path

from orchestrator import replay
from orchestrator.cli import boundary
from orchestrator.cli.request import Request, read
from orchestrator.cli.session_place import session_at
from orchestrator.cli.terminal_text import clean
from orchestrator.config.model import Config, Mode, OutputSection
from orchestrator.replay import Outcome
from tools import masking
from tools.errors import UsageError
from tools.workspace import Workspace, safe_name, workspace_at

_OTHER_FLAGS = (
    "redis.url",
    "redis.samples",
    "session.duration",
    "session.hold",
    "session.poll_interval",
    "llm.max_cost_usd",
    "llm.enabled",
    "nightly.jitter",
    "fail_on",
)


def run(
    request: Request, session: str | None, environ: Mapping[str, str], cwd: Path, state: boundary.StateFolder
) -> tuple[list[str], int]:
    """Replay a session; the lines to print and the exit code.

    A configuration that is named by --config or --project says by what it is judged, and where sessions lie; one that
    only lies there says the latter. Raises UsageError, ConfigError.
    """
    if session is None:
        raise UsageError("Which session? Name one: streamgauge run --mode replay SESSION.")
    if request.demo or request.resume or request.diff_base or request.baseline or request.nightly:
        refused = "--demo, --resume, --diff-base, --baseline and --nightly"
        raise UsageError(f"A replay makes no session. Leave {refused} out.")
    given = [name for name in _OTHER_FLAGS if request.flags.get(name) not in {None, False}]
    if given:
        raise UsageError(
            f"A replay asks no server and no model, has no window, and ends as its findings differ. Leave {given[0]} out."
        )
    output, judgement = OutputSection(), None
    is_named = request.config_file is not None or request.project is not None
    is_asked = request.flags.get("session.mode") is not None
    if is_named or not is_asked:
        config = _config(request, environ, cwd, state)
        if not is_asked and config.session.mode is not Mode.REPLAY:
            raise UsageError("Only a replay takes a session: streamgauge run --mode replay SESSION.")
        output, judgement = config.output, config.judgement if is_named else None
    state_db = _path(request.flags.get("output.state_db"), output.state_db, cwd)
    folder = OutputSection(state_db=state_db).state_folder
    state.path = folder
    masking.use_key(_key(folder))
    with session_at(cwd / output.workspace, session) as place:
        source = workspace_at(place)
        default = folder / "replay" / safe_name(_id(source))
        target = Workspace(_path(request.flags.get("output.workspace"), default, cwd).resolve())
        outcome = replay.run(source, target, installed_version("streamgauge"), judgement)
    return list(_lines(outcome)), _code(outcome)


def _config(request: Request, environ: Mapping[str, str], cwd: Path, state: boundary.StateFolder) -> Config:
    # What is written is named by --workspace; where sessions lie the configuration says.
    flags = {name: value for name, value in request.flags.items() if name != "output.workspace"}
    return read(replace(request, flags=flags), environ, cwd, state).config


def _path(given: object, otherwise: Path, cwd: Path) -> Path:
    return cwd / (otherwise if given is None else Path(str(given)))


def _id(source: Workspace) -> str:
    try:
        return source.session_id_file.read_text(encoding="utf-8").strip() or "session"
    except (OSError, UnicodeDecodeError):
        return "session"


def _key(folder: Path) -> bytes | None:
    key = folder / "mask.key"
    try:
        return masking.load_key(key) if key.exists() else None
    except OSError as error:
        raise UsageError(
            f"The masking key {key} cannot be read: {error.strerror or error}. Name the state with --state-db."
        ) from error


def _code(outcome: Outcome) -> int:
    if outcome.partial:
        return boundary.BLIND
    return boundary.OK if outcome.identical else boundary.FINDINGS


def _lines(outcome: Outcome) -> Iterator[str]:
    yield f"replayed   session {clean(outcome.session_id)}: {outcome.looks} looks, {outcome.findings} findings"
    for other in outcome.other:
        yield f"other      {clean(other)}"
    for part in outcome.partial:
        yield f"partial    {clean(part)}"
    for told in outcome.model.told:
        yield f"model      {clean(told)}"
    if outcome.identical:
        yield "findings   identical, byte for byte"
    for line in outcome.differences:
        yield f"differs    {clean(line)}"
    yield f"report     {clean(str(outcome.target.report(outcome.session_id)))}"
