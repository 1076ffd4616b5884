"""`trace`: the timeline of one id from a session's files, as a table, JSON or a Mermaid diagram."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from orchestrator.archive.form import form_of, name_of
from orchestrator.archive.shelf import Shelf
from orchestrator.cli.terminal_text import clean
from orchestrator.config.model import OutputSection
from tools import masking
from tools.clock import iso
from tools.errors import UsageError
from tools.report.markdown_flows import after, place
from tools.report.mermaid import sequence
from tools.synthesis.flows.model import Flow, Step
from tools.synthesis.flows.trace import STEPS_MAX, Trace, Unknown
from tools.synthesis.flows.trace import trace as trace_id
from tools.workspace import safe_name, workspace_at

_SESSIONS_NAMED = 5
_DIAGRAM_STEPS_MAX = 400
_WHO_WIDTH, _PLACE_WIDTH = 24, 60
_COLOURS = {
    "published": 36,
    "delivered": 34,
    "consumed": 34,
    "pending": 33,
    "failed": 31,
    "acked": 32,
    "unlisted": 33,
    "removed": 35,
    "trimmed": 35,
}
_FLAG_COLOUR = 31
_INFERRED = "a name with ?: no log line of it says so, only code or names tell it"
_NOBODY = "? alone: nothing tells who"


class Style(StrEnum):
    """How a trace is printed."""

    TABLE = "table"
    JSON = "json"
    MERMAID = "mermaid"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is printed, and what is said where the id is not known."""

    text: str
    unknown: str | None = None


def trace(folder: Path, wanted: str, style: Style, *, colours: bool = False) -> Answer:
    """The answer for an id of the session in `folder`. Raises UsageError where it holds none, or the id is empty or no text."""
    workspace = workspace_at(folder)
    if not workspace.session_id_file.exists():
        raise UsageError(f"{folder} holds no session. Name one with --workspace or --session.")
    if not wanted.isascii() and any("\ud800" <= char <= "\udfff" for char in wanted):
        raise UsageError(
            "The id is not UTF-8 text. Write it as the session's files do: a byte that is no text as \\xNN."
        )
    wanted = masking.mask(wanted.strip())
    if not wanted:
        raise UsageError("The id is empty. Give a correlation id, a message id, or STREAM:ID.")
    found = trace_id(workspace, wanted)
    if isinstance(found, Unknown):
        return Answer("", "".join(f"{line}\n" for line in _unknown(wanted, found)))
    if style is Style.JSON:
        return Answer(json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=True) + "\n")
    if style is Style.MERMAID:
        return Answer(_diagram(found))
    return Answer("".join(f"{line}\n" for line in _table(found, colours=colours)))


def folder_of(workspace: Path, session: str | None) -> Path:
    """Where a session lies: a path, the id of an archived one beside the workspace, or of the workspace's own.

    Raises UsageError for one that is not there.
    """
    if session is None:
        return workspace
    if _is_folder(Path(session)):
        return Path(session)
    at = workspace_at(workspace)
    archive = Shelf.beside(workspace).folder
    archived = archive / safe_name(session)
    if _is_folder(archived):
        return archived
    try:
        if at.session_id_file.read_text(encoding="utf-8").strip() == session:
            return workspace
    except (OSError, UnicodeDecodeError):
        pass
    known = sorted(
        {name_of(path) for path in archive.glob("*") if path.is_dir() or form_of(path) is not None}
    )
    there = ", ".join(clean(name) for name in known[-_SESSIONS_NAMED:])
    hint = f" The newest there: {there}." if there else ""
    raise UsageError(
        f"There is no session {clean(session, 80)!r}: no such folder, and {archive} does not hold it.{hint}"
    )


def _is_folder(path: Path) -> bool:
    """Whether there is such a folder; a name that is too long for any is of none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def use_key(state_db: Path) -> None:
    """Mask what is typed as the session's texts were, with the project's key where it is. Raises UsageError."""
    key = OutputSection(state_db=state_db.absolute()).state_folder / "mask.key"
    try:
        masking.use_key(masking.load_key(key) if key.exists() else None)
    except OSError as error:
        raise UsageError(
            f"The masking key {key} cannot be read: {error.strerror or error}. Name the project's state with --state-db."
        ) from error


def _unknown(wanted: str, found: Unknown) -> Iterator[str]:
    yield (
        f"No log line, sampled entry or poll of session {clean(found.session_id)} names {clean(wanted, 120)!r}."
    )
    if found.hints:
        yield "Ids that begin alike: " + ", ".join(clean(hint, 120) for hint in found.hints)
    else:
        yield "Section 4 of the report lists ids; lines of the window stand in logs/merged.log."
    for text in found.not_seen:
        yield f"not seen: {clean(text)}"


def _diagram(found: Trace) -> str:
    if len(found.flows) > 1:
        streams = ", ".join(clean(flow.stream or "an unknown stream", 80) for flow in found.flows)
        raise UsageError(f"The id is that of {len(found.flows)} messages ({streams}). Name one as STREAM:ID.")
    return "".join(
        f"{line}\n" for line in (sequence(found.flows[0], _DIAGRAM_STEPS_MAX), *_marks(found, "%% "))
    )


def _table(found: Trace, *, colours: bool) -> Iterator[str]:
    state = "running session" if found.running else "session"
    for number, flow in enumerate(found.flows):
        if number:
            yield ""
        yield from _flow(flow, f"{state} {clean(found.session_id)}", colours=colours)
    yield from _marks(found)
    if found.correlation_ids:
        yield f"part of: {', '.join(clean(key, 120) for key in found.correlation_ids[:10])}"
    for text in found.not_seen:
        yield f"not seen: {clean(text)}"


def _marks(found: Trace, begin: str = "") -> Iterator[str]:
    """What the question marks mean, in one line; none where none is printed."""
    steps = [step for flow in found.flows for step in flow.steps]
    said = [_INFERRED] if any(step.inferred for step in steps) else []
    said += [_NOBODY] if any(step.who == "?" for step in steps) else []
    if said:
        yield f"{begin}{'; '.join(said)}"


def _flow(flow: Flow, session: str, *, colours: bool) -> Iterator[str]:
    of = f" of {clean(flow.stream)}" if flow.stream else ""
    total = len(flow.steps) + flow.steps_left_out
    late = "" if flow.late_ms is None else f", publish to consume {flow.late_ms} ms by log lines"
    many = "" if not flow.messages else f", {_counted(len(flow.messages), 'message')}"
    begin = f" from {iso(flow.steps[0].at_ms)}" if flow.steps else ""
    yield (
        f"{flow.kind} {clean(flow.key, 200)}{of} in {session}{begin}: "
        f"{_counted(total, 'step')}{many}, {flow.duration_ms} ms{late}"
    )
    widths = _widths(flow.steps)
    for number, step in enumerate(flow.steps):
        if flow.steps_left_out and number == STEPS_MAX // 2:
            yield f"  … {flow.steps_left_out} more steps …"
        yield _row(step, flow.steps[0].at_ms, widths, colours=colours)
    if flow.flags:
        where = f" (pending in {', '.join(map(clean, flow.pending_in[:5]))})" if flow.pending_in else ""
        yield _coloured(f"flagged: {', '.join(flow.flags)}{where}", _FLAG_COLOUR, colours=colours)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _widths(steps: Sequence[Step]) -> tuple[int, int]:
    who = max((len(clean(step.who_marked, _WHO_WIDTH)) for step in steps), default=0)
    where = max((len(clean(place(step), _PLACE_WIDTH)) for step in steps), default=0)
    return who, where


def _row(step: Step, first_ms: int, widths: tuple[int, int], *, colours: bool) -> str:
    who, where = widths
    action = _coloured(f"{step.action:<9}", _COLOURS.get(step.action, 0), colours=colours)
    detail = f"  ({clean(step.detail, 80)})" if step.detail else ""
    sources = ", ".join(clean(source) for source in (step.source, *step.also))
    at = iso(step.at_ms)[11:-1]
    return (
        f"  {at}  {after(step, first_ms):>18}  {clean(step.who_marked, _WHO_WIDTH):<{who}}  {action}  "
        f"{clean(place(step), _PLACE_WIDTH):<{where}}  {sources}{detail}"
    )


def _coloured(text: str, colour: int, *, colours: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if colours and colour else text
