"""The model's part of a recorded session once more, out of its transcripts: nothing is sent, and no key is needed.

What the model and its tools said is read from `agents/<agent>/llm.jsonl`, and what agents beside the session handed in
from `recording/handed-in.jsonl`. All that is done with it is done anew: each answer is read, each claim held against
the recording by the evidence gate, and what passes is written to the new workspace.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, cast

from langsmith import tracing_context
from msgspec import Struct

from agents import hand_in
from agents.investigation import accept, graph
from agents.investigation.accept import Author
from agents.investigation.answer import parse
from agents.investigation.fence import Fence
from agents.investigation.graph import Investigation, State
from agents.model.messages import ModelUnavailable, ToolSpec, ToolUse
from agents.model.settings import Role
from agents.model.transcript import FILE, Replay
from agents.replay_gate import Record, RecordedGate
from orchestrator.session import model_resume, model_wording
from orchestrator.session.model_resume import Rejected
from tools.clock import from_iso
from tools.errors import StreamgaugeError
from tools.findings.model import AgentId
from tools.masking import mask
from tools.sources import handed_in
from tools.sources.handed_in import HandIn
from tools.synthesis import wording
from tools.synthesis.wording import ClusterWording
from tools.workspace import Workspace

_UNREADABLE = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError, StreamgaugeError)
"""What a transcript that was edited makes of being gone through; JSON keeps its shape and loses its sense."""


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of it. `rejected` claims failed the gate or could not be read; `undone` answers had nothing to be about."""

    investigations: int = 0
    hand_ins: int = 0
    readings: int = 0
    own_findings: int = 0
    rejected: int = 0
    clusters_worded: int = 0
    undone: tuple[str, ...] = ()
    rejected_now: tuple[str, ...] = ()
    """Why claims fail the gate that passed it in the session."""
    copies_only: tuple[str, ...] = ()
    """Files of the project that do not hold any more what was quoted of them; the session's copies do."""
    missing: tuple[str, ...] = ()
    """What of the record is not there or cannot be read, a sentence each."""


class _Deed(NamedTuple):
    """One thing that was said, and when: ids count in this order."""

    at_ms: int
    do: Callable[[], Coroutine[Any, Any, None]]


async def replay(recorded: Workspace, workspace: Workspace, project_root: Path, now_ms: int) -> Replayed:
    """Do it in `workspace`, which holds what rules found in the recording again, and nothing of a model.

    Claims are held against the findings of `workspace`, the recording of `recorded` and the files below `project_root`.
    `now_ms` is the time of the session's end. A session without a transcript gives nothing. Raises OSError.
    """
    work = _Work(recorded, workspace, project_root)
    for deed in sorted(work.deeds(), key=lambda deed: deed.at_ms):
        await deed.do()
    worded = await work.word(now_ms)
    return work.told(worded)


@dataclass
class _Work:
    """One replay, and what has come of it so far."""

    recorded: Workspace
    workspace: Workspace
    project_root: Path
    answers: Replay = field(init=False)
    record: Record = field(init=False)
    before: model_resume.Before = field(init=False)
    compiled: graph.InvestigationGraph = field(init=False)
    investigations: int = 0
    hand_ins: int = 0
    readings: int = 0
    own_findings: int = 0
    rejected: int = 0
    undone: list[str] = field(default_factory=list)
    rejected_now: list[str] = field(default_factory=list)
    copies_only: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.answers = Replay(self.recorded)
        self.record = Record.of(self.recorded)
        self.before = model_resume.read(self.recorded)
        self.compiled = graph.build()
        self.missing += [f"{place} is no line of a transcript" for place in self.answers.damaged]

    def deeds(self) -> Iterator[_Deed]:
        """Whatever was said of findings. Those that cannot be done are told as missing."""
        there = {name for role in Role for name in self.answers.conversations(role)}
        for conversation in self.before.ended:
            if conversation not in there:
                self.missing.append(f"no transcript ({FILE}) holds the answers of {conversation}")
        for agent in AgentId:
            for conversation in self.answers.conversations(Role.of(agent)):
                if (
                    conversation in self.before.ended
                ):  # else the session was killed in it, or it came to nothing
                    yield from self._investigation(agent, conversation)
        try:
            handed = list(handed_in.read(self.recorded))
        except _UNREADABLE as error:
            self.missing.append(f"recording/{self.recorded.handed_in.name} cannot be read ({_reason(error)})")
            return
        for one in handed:
            yield from self._handed_in(one)

    def _investigation(self, agent: AgentId, conversation: str) -> Iterator[_Deed]:
        async def do() -> None:
            try:
                await self._investigate(agent, conversation, last_ms)
            except (ModelUnavailable, *_UNREADABLE) as error:
                self.missing.append(
                    f"the answers of {conversation} cannot be gone through again ({_reason(error)})"
                )

        try:
            last_ms = from_iso(self.answers.calls(conversation)[-1].at)
        except ValueError as error:
            self.missing.append(f"the answers of {conversation} have no time ({_reason(error)})")
            return
        yield _Deed(last_ms, do)

    async def _investigate(self, agent: AgentId, conversation: str, at_ms: int) -> None:
        calls, gate = self.answers.calls(conversation), self._gate(at_ms)
        context = Investigation(
            agent=agent,
            conversation=conversation,
            system="",
            model=self.answers,
            toolbox=_Told.of(self.answers, conversation),
            workspace=self.workspace,
            evidence=gate,
            prompt=calls[0].prompt_version,
        )
        begin = State(messages=calls[0].asked)
        with tracing_context(enabled=False):
            state = cast("State", await self.compiled.ainvoke(begin, context=context))
        if "passed" not in state:
            self.missing.append(f"the answers of {conversation} come to no end")
            return
        passed, problems = state["passed"], state["draft"].problems
        self.investigations += 1
        self._count(passed.readings, state["written"], (*passed.rejected, *problems), gate)
        self._tell_rejected(conversation, (*passed.rejected, *problems), self.before.ended[conversation])

    def _handed_in(self, record: HandIn) -> Iterator[_Deed]:
        async def do() -> None:
            try:
                self._hand_in(record, at_ms)
            except _UNREADABLE as error:
                self.missing.append(f"what was handed in at {record.at} cannot be read ({_reason(error)})")

        try:
            at_ms = from_iso(record.at)
        except ValueError as error:
            self.missing.append(f"something that was handed in has no time ({_reason(error)})")
            return
        yield _Deed(at_ms, do)

    def _hand_in(self, record: HandIn, at_ms: int) -> None:
        agent, gate = AgentId(record.agent), self._gate(at_ms)
        draft = parse(json.dumps(record.claims), agent)
        author = Author(agent, record.client, hand_in.PROMPT)
        passed = accept.gate(draft, gate, author, at_ms)
        written = accept.write(self.workspace, author, passed, at_ms)
        self.hand_ins += 1
        then = Rejected(len(record.rejected), record.rejected)
        self._count(passed.readings, written, (*passed.rejected, *draft.problems), gate)
        self._tell_rejected(f"handed in by {agent}", (*passed.rejected, *draft.problems), then)

    def _gate(self, at_ms: int) -> RecordedGate:
        return RecordedGate(self.workspace, self.project_root, record=self.record, at_ms=at_ms)

    def _count(self, said: list[Any], written: int, rejected: tuple[str, ...], gate: RecordedGate) -> None:
        self.readings += len(said)
        self.own_findings += written
        self.rejected += len(rejected)
        self.copies_only += gate.copies_only

    def _tell_rejected(self, of: str, now: Sequence[str], then: Rejected) -> None:
        """Reasons that were none in the session; where it kept only the first, those of as many claims as are more."""
        new = [reason for reason in map(mask, now) if reason not in then.reasons]
        more = len(now) - then.claims
        if more > 0 or then.claims <= len(then.reasons):
            self.rejected_now += [f"{of}: {reason}" for reason in new]

    async def word(self, now_ms: int) -> list[ClusterWording]:
        """The words for clusters that are what they were."""
        if not self.answers.conversations(Role.SYNTHESIS):
            return []
        try:
            then = {(one.root_fingerprint, one.members) for one in wording.read(self.recorded)}
            made, failed = await model_wording.word_session(self.workspace, now_ms, self.answers, Fence())
        except _UNREADABLE as error:
            self.missing.append(f"clusters cannot be worded again ({_reason(error)})")
            return []
        # Clusters are numbered: the words for a number may be about other findings.
        same = [one for one in made if (one.root_fingerprint, one.members) in then]
        self.undone = [
            *failed,
            *(["a cluster has other members than it had"] if len(same) < len(made) else []),
        ]
        if same:
            wording.write(self.workspace, same)
        return same

    def told(self, worded: list[ClusterWording]) -> Replayed:
        """What came of it all."""
        return Replayed(
            investigations=self.investigations,
            hand_ins=self.hand_ins,
            readings=self.readings,
            own_findings=self.own_findings,
            rejected=self.rejected,
            clusters_worded=len(worded),
            undone=tuple(self.undone),
            rejected_now=tuple(self.rejected_now),
            copies_only=tuple(dict.fromkeys(self.copies_only)),
            missing=tuple(self.missing),
        )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


@dataclass(frozen=True, slots=True)
class _Told:
    """A toolbox whose answers are those of the transcript, by the ids of the calls."""

    results: dict[str, tuple[str, bool]]

    @classmethod
    def of(cls, answers: Replay, conversation: str) -> _Told:
        return cls(
            {
                block["tool_use_id"]: (block["content"], bool(block.get("is_error")))
                for block in answers.said_to(conversation)
            }
        )

    def specs(self) -> tuple[ToolSpec, ...]:
        return ()

    async def run(self, use: ToolUse) -> tuple[str, bool]:
        return self.results.get(use.id, ("The transcript does not hold this answer.", True))
