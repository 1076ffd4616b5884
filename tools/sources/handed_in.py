"""What agents outside of the session's own processes handed in: `recording/handed-in.jsonl`, and until when it is taken.

Each call is one record: who, what passed the evidence gate, what did not and why, and the claims as they were handed in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from tools.findings import journal
from tools.findings.turn import WAIT_S, turn
from tools.sources import session_facts
from tools.sources.session_facts import HandedInUse, SessionFacts
from tools.workspace import Workspace

_REPORTED = frozenset({"synthesize", "report", "complete"})
_NAMED_MAX = 5


class HandIn(Struct, frozen=True, kw_only=True, rename="camel"):
    """One call. `client` is what the caller says of itself; `claims` are masked, and no evidence of anything."""

    at: str
    agent: str
    client: str
    readings: int
    finding_ids: tuple[str, ...]
    repeated: int
    """Own findings that were there already; they were counted on."""
    rejected: tuple[str, ...]
    lowered: int
    claims: Mapping[str, Any]


_DECODER = msgspec.json.Decoder(HandIn)


def write(workspace: Workspace, record: HandIn) -> None:
    """Append a record, masked. Raises OSError."""
    with journal.Journal(workspace.handed_in) as opened:
        opened.append(record)


def size(workspace: Workspace) -> int:
    """Bytes of all records. Raises OSError."""
    path = workspace.handed_in
    return path.stat().st_size if path.exists() else 0


def read(workspace: Workspace) -> Iterator[HandIn]:
    """Every record, oldest first; a line that is none is passed over."""
    for _, line in journal.read(workspace.handed_in):
        try:
            yield _DECODER.decode(line)
        except msgspec.MsgspecError:
            continue


def is_open(workspace: Workspace, facts: SessionFacts | None = None) -> bool:
    """Whether the session still takes findings: until its report is begun, and never one of an older version."""
    if workspace.findings_closed.exists():
        return False
    try:
        known = session_facts.read(workspace) if facts is None else facts
    except (OSError, msgspec.MsgspecError):
        return False
    return not any(phase.name in _REPORTED for phase in known.phases)


def close(workspace: Workspace, wait_s: float = WAIT_S) -> None:
    """From now on nothing is taken: whoever is in the middle of handing in ends first. Raises OSError."""
    if workspace.findings_closed.exists():
        return
    # One that stands still in its turn must not keep the report from being made.
    with suppress(TimeoutError), turn(workspace, wait_s):
        _close(workspace)
    _close(workspace)


def _close(workspace: Workspace) -> None:
    if not workspace.findings_closed.exists():
        workspace.write_text(workspace.findings_closed, "the report is made of what was there\n")


def use(workspace: Workspace) -> HandedInUse | None:
    """What came of it all; None where nothing was handed in."""
    records = list(read(workspace))
    if not records:
        return None
    return HandedInUse(
        clients=tuple(dict.fromkeys(record.client for record in records))[:_NAMED_MAX],
        agents=tuple(sorted({record.agent for record in records})),
        calls=len(records),
        readings=sum(record.readings for record in records),
        own_findings=sum(len(record.finding_ids) for record in records),
        rejected=sum(len(record.rejected) for record in records),
        lowered=sum(record.lowered for record in records),
    )
