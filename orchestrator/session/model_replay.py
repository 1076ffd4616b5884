"""The model's part of a recorded session once more, out of its transcripts: nothing is sent, and no key is needed.

What the model and its tools said is read from `agents/<agent>/llm.jsonl`. All that is done with it is done anew: each
answer is read, each claim held against the workspace by the evidence gate, and what passes is written there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from langsmith import tracing_context
from msgspec import Struct

from agents.evidence_gate import EvidenceGate
from agents.investigation import graph
from agents.investigation.fence import Fence
from agents.investigation.graph import Investigation, State
from agents.model.messages import ModelUnavailable, ToolSpec, ToolUse
from agents.model.settings import Role
from agents.model.transcript import Replay
from orchestrator.session import model_resume, model_wording
from tools.errors import StreamgaugeError
from tools.findings.model import AgentId
from tools.synthesis import wording
from tools.workspace import Workspace


class Replayed(Struct, frozen=True, kw_only=True):
    """What came of it. `rejected` claims failed the gate or could not be read; `undone` answers had nothing to be about."""

    investigations: int = 0
    readings: int = 0
    own_findings: int = 0
    rejected: int = 0
    clusters_worded: int = 0
    undone: tuple[str, ...] = ()


async def replay(recorded: Workspace, workspace: Workspace, project_root: Path, now_ms: int) -> Replayed:
    """Do it in `workspace`, which holds what rules found in the recording again, and nothing of a model.

    Claims are held against `workspace` and the files below `project_root` as they are now: what has changed since is
    rejected. `now_ms` is the time of the session's end. A session without a transcript gives nothing. Raises OSError.
    """
    answers = Replay(recorded)
    ended = model_resume.read(recorded).ended
    compiled = graph.build()
    states: list[State] = []
    for agent in AgentId:
        for conversation in answers.conversations(Role.of(agent)):
            if conversation not in ended:
                continue  # the session was killed in it, or it came to nothing
            context = Investigation(
                agent=agent,
                conversation=conversation,
                system="",
                model=answers,
                toolbox=_Told.of(answers, conversation),
                workspace=workspace,
                evidence=EvidenceGate(workspace, project_root),
                prompt=answers.calls(conversation)[0].prompt_version,
            )
            begin = State(messages=answers.calls(conversation)[0].asked)
            try:
                with tracing_context(enabled=False):
                    states.append(cast("State", await compiled.ainvoke(begin, context=context)))
            except ModelUnavailable:  # a line of the transcript is missing
                continue
    worded, undone = await _word(answers, workspace, now_ms)
    done = [state for state in states if "passed" in state]
    return Replayed(
        investigations=len(done),
        readings=sum(len(state["passed"].readings) for state in done),
        own_findings=sum(state["written"] for state in done),
        rejected=sum(len(state["passed"].rejected) + len(state["draft"].problems) for state in done),
        clusters_worded=worded,
        undone=undone,
    )


async def _word(answers: Replay, workspace: Workspace, now_ms: int) -> tuple[int, tuple[str, ...]]:
    if not answers.conversations(Role.SYNTHESIS):
        return 0, ()
    try:
        made, failed = await model_wording.word_session(workspace, now_ms, answers, Fence())
    except (StreamgaugeError, ValueError) as error:
        return 0, (str(error),)
    if made:
        wording.write(workspace, made)
    return len(made), tuple(failed)


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
