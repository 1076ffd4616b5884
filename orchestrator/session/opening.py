"""How a session begins: a fresh workspace, or the one that a killed session left (resume)."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from orchestrator.config.mode import address_of
from orchestrator.config.model import Config, Mode
from orchestrator.session.previous import Previous, put_away
from tools.clock import Clock, iso
from tools.errors import UsageError
from tools.masking import mask
from tools.sources import session_facts
from tools.sources.records import Gap
from tools.sources.session_facts import SessionFacts
from tools.workspace import Workspace

_SIGNS_OF_LIFE = (
    "session.json",
    "events.jsonl",
    "recording/checkpoints.sqlite*",
    "streams/polls.jsonl",
    "agents/*/state.json",
    "agents/*/heartbeat.jsonl",
)


def new_session_id(clock: Clock) -> str:
    """`%Y%m%d_%H%M%S`, UTC."""
    return datetime.fromtimestamp(clock.now_ms() / 1000, tz=UTC).strftime("%Y%m%d_%H%M%S")


def existing_session_id(workspace: Workspace) -> str | None:
    """The id of the session that a workspace holds; None where it holds none."""
    try:
        return workspace.session_id_file.read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def create_workspace(workspace: Workspace, session_id: str, clock: Clock) -> Previous | None:
    """Make a fresh workspace; an old session's is archived in `.archive` beside it first.

    Returns where the old one went. Raises UsageError where the folder holds something else or the disk refuses.
    """
    try:
        previous = _put_away(workspace, clock)
        # First of all: a folder with files and without it would be somebody else's.
        workspace.write_text(workspace.session_id_file, f"{session_id}\n")
        workspace.create()
    except OSError as error:
        raise unwritable(workspace, error) from error
    return previous


def unwritable(workspace: Workspace, error: OSError) -> UsageError:
    """What is said where the workspace's disk or folder refuses."""
    why = error.strerror or str(error)
    return UsageError(
        f"The workspace {workspace.root} cannot be written: {why}. Choose another with --workspace."
    )


def first_facts(config: Config, mode: Mode, session_id: str, version: str, clock: Clock) -> SessionFacts:
    """What is known before the pre-flight; the window's moments follow later."""
    now_ms = clock.now_ms()
    return SessionFacts(
        session_id=session_id,
        version=version,
        mode=mode.value,
        project_root=str(config.project.root),
        include=config.project.include,
        exclude=config.project.exclude,
        redis=_server(config, mode),
        started_ms=now_ms,
        deadline_ms=now_ms + round(config.session.duration * 1000),
        services=config.services.expected,
    )


def facts_to_resume(workspace: Workspace, config: Config, mode: Mode) -> SessionFacts:
    """The facts of the killed session. Raises UsageError where there is nothing that could go on; changes nothing."""
    if existing_session_id(workspace) is None:
        raise UsageError(f"{workspace.root} holds no session. Run without --resume.")
    try:
        facts = session_facts.read(workspace)
    except (OSError, msgspec.MsgspecError) as error:
        raise UsageError(
            f"{workspace.root} holds a session that cannot be resumed ({error}). Run without --resume."
        ) from error
    if facts.mode != mode.value:
        raise UsageError(f"The session was {facts.mode}, not {mode.value}. Use --mode {facts.mode}.")
    for known, given in (
        (facts.redis, _server(config, mode)),
        (facts.project_root, mask(str(config.project.root))),
    ):
        if known != given:
            raise UsageError(f"The session audited {known}, not {given}. Resume it with its own settings.")
    if any(run.name == "complete" and run.status == "done" for run in facts.phases):
        raise UsageError(f"Session {facts.session_id} is complete. Run without --resume.")
    return facts


def dead_time(facts: SessionFacts, died_ms: int, clock: Clock) -> Gap:
    """The time in which the killed session did not run: from its last sign of life to now."""
    now_ms = clock.now_ms()
    from_ms = min(now_ms, max(facts.started_ms, died_ms))
    return Gap(
        what=f"the time in which the session did not run ({iso(from_ms)} to {iso(now_ms)})",
        why="the session was killed and resumed",
        fix="Run the session again for an unbroken window.",
        source="resume",
        at_ms=from_ms,
        until_ms=now_ms,
    )


def last_sign_ms(workspace: Workspace) -> int:
    """When the session or one of its watchers last wrote something, ms since the epoch; 0 without any sign.

    Ask before anything is written by a resume. The keeper's files do not count: it outlives the session.
    """
    times = [0]
    for pattern in _SIGNS_OF_LIFE:
        for path in workspace.root.glob(pattern):
            with suppress(OSError):
                times.append(path.stat().st_mtime_ns // 1_000_000)
    return max(times)


def _server(config: Config, mode: Mode) -> str | None:
    url = None if mode is Mode.STATIC else config.redis.url
    return None if url is None else mask(str(address_of(url.get_secret_value())))


def _put_away(workspace: Workspace, clock: Clock) -> Previous | None:
    root = workspace.root
    half = f".{workspace.session_id_file.name}.tmp."
    if not root.exists() or all(path.name.startswith(half) for path in root.iterdir()):
        return None
    session_id = existing_session_id(workspace)
    if session_id is None:
        raise UsageError(f"{root} is not empty and holds no session. Choose another folder with --workspace.")
    return put_away(workspace, session_id, clock)
