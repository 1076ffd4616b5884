"""The orchestrator's rounds: the model sees the board and may hand agents focus tasks. It can do nothing else.

A round runs beside the supervision and never holds it up. What it decides is an event; what it may not decide is
dropped and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import prompts
from agents.investigation.batch import FocusTask
from agents.investigation.fence import Fence
from agents.model.messages import Ask, Model, user
from agents.model.settings import Role
from tools.clock import iso
from tools.findings.model import AgentId, Finding, Origin, rank_of, services_of, streams_of

TASKS_MAX = 3
"""Of one round."""
QUESTION_CHARS_MAX = 300
MINUTES_MAX = 10.0
_ENTITIES_MAX, _FINDINGS_MAX, _EARLIER_MAX = 60, 40, 12
PROMPT = "orchestrator"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TaskDraft(_Part):
    """A focus task as the model words it."""

    agent: Literal["LOG_WATCHER", "REDIS_STREAM_ANALYST", "CONFIG_AUDITOR", "ENHANCEMENT_SCOUT"]
    entity: str = Field(description="one of the board's entities, as it stands there")
    question: str = Field(description="one question that this agent's sources can answer")
    minutes: float = Field(description="how long an answer is of use, at most 10")


class Decisions(_Part):
    """What a round decides."""

    tasks: tuple[TaskDraft, ...]
    why: str = Field(description="one sentence")


class Board(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the model sees: the agents, the findings, what cannot be seen, and what is left of time and money."""

    agents: Sequence[Mapping[str, Any]]
    findings: Sequence[Mapping[str, Any]]
    by_severity: Mapping[str, int]
    entities: tuple[str, ...]
    gaps: tuple[str, ...]
    earlier_tasks: tuple[str, ...]
    seconds_left: int
    usd_left: str


def board(
    health: Mapping[str, Any], findings: Sequence[Finding], gaps: Sequence[str], earlier: Sequence[FocusTask]
) -> Board:
    """The board as of now. `health` is a supervision's account of the agents; time and money are set later."""
    measured = sorted(
        (finding for finding in findings if finding.origin is Origin.MEASURED),
        key=lambda finding: (rank_of(finding), finding.timestamp, finding.finding_id),
    )
    entities = dict.fromkeys(
        name for finding in measured for name in (*streams_of(finding), *services_of(finding)) if name
    )
    counts: dict[str, int] = {}
    for finding in measured:
        level = str(getattr(finding, "severity", None) or getattr(finding, "priority", ""))
        counts[level] = counts.get(level, 0) + 1
    return Board(
        agents=health.get("agents", ()),
        findings=[_row(finding) for finding in measured[:_FINDINGS_MAX]],
        by_severity=counts,
        entities=tuple(entities)[:_ENTITIES_MAX],
        gaps=tuple(gaps[-_EARLIER_MAX:]),
        earlier_tasks=tuple(
            _told(task.agent, task.entity, task.question) for task in earlier[-_EARLIER_MAX:]
        ),
        seconds_left=0,
        usd_left="0",
    )


async def decide(
    seen: Board, model: Model, fence: Fence, conversation: str, within_s: float
) -> tuple[Decisions, str]:
    """Ask for a round's decisions; returns them and the model. Raises ModelUnavailable, ValueError for no answer."""
    shown = msgspec.json.encode(seen).decode()
    reply = await model.ask(
        Ask(
            role=Role.ORCHESTRATOR,
            purpose="round",
            prompt=prompts.load(PROMPT).title,
            conversation=conversation,
            system=prompts.render(PROMPT),
            messages=(user(fence.around("the board", shown)),),
            answer_schema=Decisions.model_json_schema(),
        ),
        within_s,
    )
    try:
        return Decisions.model_validate_json(reply.text), reply.model
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(
            f"a round without a readable answer ({reply.stop_reason}; {first['msg']})"
        ) from error


def tasks_of(
    decisions: Decisions, seen: Board, number: int, now_ms: int, deadline_ms: int
) -> tuple[list[FocusTask], list[str]]:
    """The tasks that may be handed out, and why others may not."""
    tasks: list[FocusTask] = []
    dropped: list[str] = []
    for draft in decisions.tasks:
        question = " ".join(draft.question.split())
        if len(tasks) == TASKS_MAX:
            dropped.append(f"more than {TASKS_MAX} tasks")
        elif draft.entity not in seen.entities:
            dropped.append(f"{draft.entity[:60]!r} is not on the board")
        elif _told(draft.agent, draft.entity, question) in seen.earlier_tasks:
            dropped.append("a task of an earlier round")
        elif not question or len(question) > QUESTION_CHARS_MAX:
            dropped.append(f"a question of {len(question)} characters")
        else:
            minutes = min(max(draft.minutes, 0.0), MINUTES_MAX)
            tasks.append(
                FocusTask(
                    task_id=f"F-{number:02d}-{len(tasks) + 1}",
                    agent=draft.agent,
                    entity=draft.entity,
                    question=question,
                    until_ms=min(deadline_ms, now_ms + round(minutes * 60_000)),
                )
            )
    return tasks, dropped


def tell(
    event: Callable[..., None], number: int, tasks: Sequence[FocusTask], dropped: Sequence[str], why: str
) -> None:
    """Write a round and its tasks to the events."""
    event(
        "model-round",
        number=number,
        tasks=[task.task_id for task in tasks],
        dropped=list(dropped),
        why=why[:300],
    )
    for task in tasks:
        event(
            "focus-task",
            taskId=task.task_id,
            agent=task.agent,
            entity=task.entity,
            question=task.question,
            until=iso(task.until_ms),
        )


def agent_of(task: FocusTask) -> AgentId:
    """Who is asked."""
    return AgentId(task.agent)


def _told(agent: str, entity: str, question: str) -> str:
    """A task as the board lists it."""
    return f"{agent} {entity}: {question}"


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "id": finding.finding_id,
        "level": str(getattr(finding, "severity", None) or getattr(finding, "priority", "")),
        "category": finding.category.value,
        "title": finding.title[:160],
        "entities": [*streams_of(finding), *services_of(finding)][:4],
    }
