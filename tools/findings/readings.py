"""What a model made of findings: readings beside them, never in them. `agents/<agent>/readings.jsonl`.

A reading explains a finding of a rule, or says that several findings are one thing. It changes nothing of a finding,
and counts for nothing: neither severity nor health nor exit code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from tools.findings import journal
from tools.findings.model import AgentId
from tools.workspace import Workspace

FILE = "readings.jsonl"


class Reading(Struct, frozen=True, kw_only=True, rename="camel"):
    """One reading. `finding_ids` begins with the finding that it is about; `quotes` were found where they say."""

    kind: Literal["explanation", "same"]
    finding_ids: tuple[str, ...]
    hypothesis: str
    recommendation: str = ""
    quotes: tuple[QuotedText, ...] = ()
    related_findings: tuple[str, ...] = ()
    confidence: float = 1.0
    model: str
    prompt_version: str
    at: str


class QuotedText(Struct, frozen=True, kw_only=True, rename="camel"):
    """A verbatim piece and where it was found."""

    source: str
    text: str


_DECODER = msgspec.json.Decoder(Reading)


def write(workspace: Workspace, agent: AgentId, readings: tuple[Reading, ...]) -> None:
    """Append readings of an agent's model, masked. Raises OSError."""
    if readings:
        with journal.Journal(workspace.agent_dir(agent) / FILE) as opened:
            for reading in readings:
                opened.append(reading)


def read(workspace: Workspace, agent: AgentId) -> Iterator[Reading]:
    """The readings of one agent's model, oldest first; a line that is none is passed over."""
    for _, line in journal.read(workspace.agent_dir(agent) / FILE):
        try:
            yield _DECODER.decode(line)
        except msgspec.MsgspecError:
            continue
