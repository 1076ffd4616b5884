"""The orchestrator's rounds: what may be decided, and what may not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agents.investigation.fence import Fence
from agents.model.settings import Role
from orchestrator.session import model_rounds
from orchestrator.session.model_rounds import QUESTION_CHARS_MAX, TASKS_MAX, Board, Decisions
from tests.agents.model_scene import client_scene
from tests.agents.recorded import Recorded
from tests.fakes.messages_api import MessagesApi, cut, refuses, says

NOW = 1_000_000


def task(**more: Any) -> dict[str, Any]:
    return {
        "agent": "REDIS_STREAM_ANALYST",
        "entity": "orders",
        "question": "Which consumer holds the oldest entry?",
        "minutes": 3.0,
    } | more


def decisions(*tasks: dict[str, Any]) -> dict[str, Any]:
    return {"tasks": list(tasks), "why": "The lag and the errors may have one cause."}


@pytest.fixture
def seen(tmp_path: Path) -> Board:
    health = {"agents": [{"agent": "LOG_WATCHER", "status": "running"}]}
    return model_rounds.board(health, Recorded(tmp_path).findings, ["logs of mail"], [])


def test_the_board_says_what_was_found_and_what_cannot_be_seen(seen: Board) -> None:
    assert seen.entities == ("orders", "payments")
    assert seen.by_severity == {"HIGH": 1, "MEDIUM": 1}
    assert seen.gaps == ("logs of mail",)


async def test_a_round_is_asked_for_and_its_tasks_are_typed(tmp_path: Path, seen: Board) -> None:
    recorded = Recorded(tmp_path / "more")
    with MessagesApi(lambda _: says(decisions(task()))) as api:
        async with client_scene(api, recorded.workspace) as scene:
            decided, model = await model_rounds.decide(seen, scene.client, Fence(), "round-1", 30)
        assert scene.calls(Role.ORCHESTRATOR)[0].prompt_version == "orchestrator@1"
    assert model == "claude-haiku-5-5"
    (made,), dropped = model_rounds.tasks_of(decided, seen, 4, NOW, NOW + 10**9)
    assert (made.task_id, made.agent, made.entity, made.until_ms) == (
        "F-04-1",
        "REDIS_STREAM_ANALYST",
        "orders",
        NOW + 180_000,
    )
    assert dropped == []


@pytest.mark.parametrize(
    ("tasks", "why"),
    [
        pytest.param([task(entity="../etc")], "is not on the board", id="an entity of its own"),
        pytest.param([task(question=" ")], "0 characters", id="no question"),
        pytest.param([task(question="x" * (QUESTION_CHARS_MAX + 1))], "characters", id="a long question"),
        pytest.param([task()] * (TASKS_MAX + 1), "more than", id="too many"),
    ],
)
def test_what_may_not_be_decided_is_dropped(seen: Board, tasks: list[dict[str, Any]], why: str) -> None:
    made, dropped = model_rounds.tasks_of(
        Decisions.model_validate(decisions(*tasks)), seen, 1, NOW, NOW + 10**9
    )
    assert len(made) == len(tasks) - 1
    assert len(dropped) == 1
    assert why in dropped[0]


def test_a_task_is_handed_out_once(tmp_path: Path, seen: Board) -> None:
    given = Decisions.model_validate(decisions(task()))
    (made,), _ = model_rounds.tasks_of(given, seen, 1, NOW, NOW + 10**9)
    later = model_rounds.board({}, Recorded(tmp_path / "later").findings, [], [made])
    assert model_rounds.tasks_of(given, later, 2, NOW, NOW + 10**9) == ([], ["a task of an earlier round"])


@pytest.mark.parametrize(("minutes", "until"), [(10**9, NOW + 5), (-3, NOW)])
def test_no_task_lasts_beyond_the_window(seen: Board, minutes: float, until: int) -> None:
    given = Decisions.model_validate(decisions(task(minutes=minutes)))
    (made,), _ = model_rounds.tasks_of(given, seen, 1, NOW, NOW + 5)
    assert made.until_ms == until


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(says("not JSON"), id="no JSON"),
        pytest.param(says({"tasks": [task(agent="EVERYBODY")], "why": ""}), id="an agent that is none"),
        pytest.param(says(decisions() | {"stop": True}), id="a wish that is not in the schema"),
        pytest.param(refuses(), id="refusal"),
        pytest.param(cut('{"tasks": ['), id="cut"),
    ],
)
async def test_an_answer_that_cannot_be_read_is_an_error_of_the_round(
    tmp_path: Path, seen: Board, reply: Any
) -> None:
    with MessagesApi(lambda _: reply) as api:
        async with client_scene(api, Recorded(tmp_path / "more").workspace) as scene:
            with pytest.raises(ValueError, match="without a readable answer"):
                await model_rounds.decide(seen, scene.client, Fence(), "round-1", 30)


def test_a_round_and_its_tasks_are_events(seen: Board) -> None:
    made, _ = model_rounds.tasks_of(Decisions.model_validate(decisions(task())), seen, 1, NOW, NOW + 10**9)
    told: list[dict[str, object]] = []
    model_rounds.tell(lambda kind, **more: told.append({"type": kind} | more), 1, made, ["x"], "why")
    assert [event["type"] for event in told] == ["model-round", "focus-task"]
    assert told[1]["until"] == "1970-01-01T00:19:40.000Z"
    assert json.dumps(told)
