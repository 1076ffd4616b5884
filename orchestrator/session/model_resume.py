"""What the model's part of a killed session had come to, out of the journals that it left.

What was written counts from the findings and the readings; what was asked, handed out and rejected from the events.
A focus task is open until an investigation that took it up has come to its end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
from msgspec import Struct

from agents.investigation.batch import FocusTask
from agents.investigator import Earlier, Tally
from tools.clock import from_iso
from tools.errors import JournalCorrupt, StreamgaugeError
from tools.findings import journal, readings
from tools.findings.model import AgentId, Origin
from tools.findings.recorder import load
from tools.workspace import Workspace


class _Round(Struct, frozen=True, tag="model-round", tag_field="type"):
    number: int


class _Task(Struct, frozen=True, rename="camel", tag="focus-task", tag_field="type"):
    task_id: str
    agent: str
    entity: str
    question: str
    until: str


class _Begun(Struct, frozen=True, tag="investigation", tag_field="type"):
    agent: AgentId
    conversation: str
    findings: tuple[str, ...] = ()
    focus: tuple[str, ...] = ()


class _Ended(Struct, frozen=True, tag="investigated", tag_field="type"):
    agent: AgentId
    conversation: str
    rejected: int = 0
    lowered: int = 0
    reasons: tuple[str, ...] = ()


class _Failed(Struct, frozen=True, tag="investigation-failed", tag_field="type"):
    agent: AgentId


_Event = _Round | _Task | _Begun | _Ended | _Failed
_DECODER = msgspec.json.Decoder(_Event)


class Rejected(NamedTuple):
    """How many claims of an investigation were rejected, and the first reasons."""

    claims: int
    reasons: tuple[str, ...]


class Before(Struct, frozen=True):
    """Rounds that were made, focus tasks that they handed out, and each agent's investigations."""

    rounds: int = 0
    tasks: tuple[FocusTask, ...] = ()
    ended: Mapping[str, Rejected] = {}
    """The conversations of investigations that came to their end, so that what they said was taken up."""
    agents: Mapping[AgentId, Earlier] = {}

    def of(self, agent: AgentId) -> Earlier:
        """One agent's part of it."""
        return self.agents.get(agent) or Earlier()


def read(workspace: Workspace) -> Before:
    """What stands in the journals of a workspace; nothing in a fresh one."""
    events = list(_events(workspace))
    tasks = tuple(_task(event) for event in events if isinstance(event, _Task))
    ended = {
        event.conversation: Rejected(event.rejected, event.reasons)
        for event in events
        if isinstance(event, _Ended)
    }
    done = [event for event in events if isinstance(event, _Begun) and event.conversation in ended]
    taken = {name for event in done for name in event.focus}
    return Before(
        rounds=max((event.number for event in events if isinstance(event, _Round)), default=0),
        tasks=tasks,
        ended=ended,
        agents={
            agent: Earlier(
                tally=_tally(workspace, agent, events),
                done=frozenset(name for event in done if event.agent is agent for name in event.findings),
                focus=tuple(task for task in tasks if task.agent == agent and task.task_id not in taken),
            )
            for agent in AgentId
        },
    )


def _events(workspace: Workspace) -> Iterator[_Event]:
    try:
        for _, line in journal.read(workspace.events):
            try:
                yield _DECODER.decode(line)
            except msgspec.MsgspecError:  # an event that is not about this
                continue
    except JournalCorrupt:
        return


def _task(event: _Task) -> FocusTask:
    try:
        until_ms = from_iso(event.until)
    except ValueError:
        until_ms = 0
    return FocusTask(
        task_id=event.task_id,
        agent=event.agent,
        entity=event.entity,
        question=event.question,
        until_ms=until_ms,
    )


def _tally(workspace: Workspace, agent: AgentId, events: list[_Event]) -> Tally:
    kinds = Counter(type(event) for event in events if getattr(event, "agent", None) is agent)
    ends = [event for event in events if isinstance(event, _Ended) and event.agent is agent]
    return Tally(
        investigations=kinds[_Begun],
        failed=kinds[_Failed],
        readings=_readings(workspace, agent),
        own_findings=_own(workspace, agent),
        rejected=sum(event.rejected for event in ends),
        lowered=sum(event.lowered for event in ends),
    )


def _readings(workspace: Workspace, agent: AgentId) -> int:
    try:
        return sum(1 for _ in readings.read(workspace, agent))
    except (JournalCorrupt, OSError):
        return 0


def _own(workspace: Workspace, agent: AgentId) -> int:
    try:
        return sum(finding.origin is Origin.MODEL for finding in load(workspace.findings(agent)))
    except (StreamgaugeError, OSError):
        return 0
