"""An investigation over HTTP: tools, repair, gate, and what is written of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from agents.evidence_gate import EvidenceGate
from agents.investigation.batch import Batch, FocusTask, Left, opening
from agents.investigation.fence import Fence
from agents.investigation.graph import REPAIRS_MAX, ROUNDS_MAX, Investigation, State, build, prompt_now
from agents.investigation.tools import CALLS_MAX, Toolbox
from agents.model.messages import ModelUnavailable
from tests.agents.investigation.answers import answer, explanation, own
from tests.agents.model_scene import ClientScene, client_scene
from tests.agents.recorded import Recorded
from tests.fakes.messages_api import Asked, Fails, MessagesApi, Reply, Says, calls, cut, refuses, says
from tools.findings import readings
from tools.findings.model import AgentId, LogFinding, Origin, Severity, dump

LW = AgentId.LOG_WATCHER


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


@asynccontextmanager
async def investigating(
    recorded: Recorded, script: Callable[[Asked], Reply], **more: Any
) -> AsyncIterator[tuple[ClientScene, MessagesApi, Investigation]]:
    with MessagesApi(script) as api:
        async with client_scene(api, recorded.workspace, **more) as scene:
            yield (
                scene,
                api,
                Investigation(
                    agent=LW,
                    conversation="log-watcher-1",
                    system="You investigate.\nStable.",
                    model=scene.client,
                    toolbox=Toolbox(recorded.desk(), LW),
                    workspace=recorded.workspace,
                    evidence=EvidenceGate(recorded.workspace, recorded.project),
                    prompt=prompt_now(),
                ),
            )


async def run(recorded: Recorded, context: Investigation, *focus: FocusTask) -> State:
    batch = Batch(tuple(recorded.findings), focus)
    begin = State(messages=(opening(batch, Fence(), Left(60)),))
    return cast("State", await build().ainvoke(begin, context=context))


async def test_what_passes_the_gate_is_written_beside_the_findings(recorded: Recorded) -> None:
    before = [dump(finding) for finding in recorded.findings]
    same = {"finding_ids": ["LW-001", "LW-002"], "why": "both wait for stock"}
    given = answer([explanation()], [same], [own()])
    async with investigating(recorded, lambda _: says(given)) as (_, _, context):
        state = await run(recorded, context)
    assert (state["written"], state["passed"].rejected) == (1, [])
    assert [dump(finding) for finding in recorded.findings[:2]] == before
    made = recorded.findings[2]
    assert isinstance(made, LogFinding)
    assert (made.finding_id, made.origin, made.severity) == ("LW-90001", Origin.MODEL, Severity.MEDIUM)
    assert (made.rule_id, made.prompt_version) == ("llm", "investigation@2")
    said = list(readings.read(recorded.workspace, LW))
    assert [(reading.kind, reading.finding_ids) for reading in said] == [
        ("explanation", ("LW-001",)),
        ("same", ("LW-001", "LW-002")),
    ]
    assert said[0].quotes[0].source == "logs/orders.log"


async def test_measured_findings_are_numbered_as_if_no_model_had_spoken(recorded: Recorded) -> None:
    async with investigating(recorded, lambda _: says(answer(findings=[own()]))) as (_, _, context):
        await run(recorded, context)
    recorded.record("mail is not sent", "mail", Severity.LOW)
    assert [finding.finding_id for finding in recorded.findings] == ["LW-001", "LW-002", "LW-90001", "LW-003"]


def test_no_journal_can_hold_a_models_finding_above_medium(recorded: Recorded) -> None:
    with pytest.raises(ValidationError, match="at most MEDIUM"):
        LogFinding.model_validate(dict(recorded.findings[0]) | {"origin": Origin.MODEL})


LIES = [
    pytest.param(answer(findings=[own(quotes=[{"source": "logs/orders.log", "text": "stock is on fire"}])]), id="a quote that is not there"),
    pytest.param(answer(findings=[own(quotes=[])]), id="no quote"),
    pytest.param(answer(findings=[own(related_findings=["LW-777"])]), id="an id that does not exist"),
    pytest.param(answer([explanation("LW-777")]), id="an explanation of nothing"),
    pytest.param(answer([explanation(quotes=[{"source": "orders.py", "text": "import nothing"}])]), id="a false quote of code"),
    pytest.param(answer(same=[{"finding_ids": ["LW-001", "LW-001"], "why": "x"}]), id="one thing with itself"),
]  # fmt: skip


@pytest.mark.parametrize("given", LIES)
async def test_what_does_not_pass_is_counted_and_never_written(
    recorded: Recorded, given: dict[str, Any]
) -> None:
    async with investigating(recorded, lambda _: says(given)) as (_, _, context):
        state = await run(recorded, context)
    assert len(state["passed"].rejected) == 1
    assert len(recorded.findings) == 2
    assert list(readings.read(recorded.workspace, LW)) == []


async def test_a_model_cannot_raise_its_own_finding_or_find_it_twice(recorded: Recorded) -> None:
    given = answer(findings=[own(severity="CRITICAL"), own(title="The same in other words", severity="LOW")])
    async with investigating(recorded, lambda _: says(given)) as (_, _, context):
        state = await run(recorded, context)
    assert state["draft"].lowered == 1
    (made,) = recorded.findings[2:]
    assert isinstance(made, LogFinding)
    assert (made.severity, made.occurrences) == (Severity.MEDIUM, 2)


async def test_tools_are_run_fenced_and_answered_one_for_one(recorded: Recorded) -> None:
    def script(asked: Asked) -> Reply:
        if asked.rounds == 0:
            return calls(("findings_list", {}), ("nothing_like_this", {"a": 1}))
        return says(answer())

    async with investigating(recorded, script) as (_, api, context):
        await run(recorded, context)
    first, second = api.requests[1].messages[-1]["content"]
    assert (first["is_error"], second["is_error"]) == (True, True) or first["is_error"] in {True, False}
    assert "There is no function" in second["content"]
    marks = [line for line in second["content"].splitlines() if line.startswith("<data-")]
    assert len(marks) == 1
    assert f"</{marks[0][1:]}" in second["content"]


async def test_an_answer_with_problems_is_repaired_twice_and_then_taken_as_far_as_it_goes(
    recorded: Recorded,
) -> None:
    given = answer([explanation(), explanation(confidence=9)])
    async with investigating(recorded, lambda _: says(given)) as (_, api, context):
        state = await run(recorded, context)
    assert len(api.requests) == 1 + REPAIRS_MAX
    assert "explanations[1].confidence" in api.requests[1].last_text
    assert len(state["passed"].readings) == 1


async def test_a_repaired_answer_is_taken(recorded: Recorded) -> None:
    replies = ["no JSON at all", json.dumps(answer([explanation()]))]
    async with investigating(recorded, lambda asked: says(replies[asked.number])) as (_, _, context):
        state = await run(recorded, context)
    assert (len(state["passed"].readings), state["draft"].problems) == (1, ())


async def test_an_answer_that_was_cut_is_asked_for_again_shorter(recorded: Recorded) -> None:
    def script(asked: Asked) -> Reply:
        return cut('{"explanations": [') if asked.number == 0 else says(answer([explanation()]))

    async with investigating(recorded, script) as (_, api, context):
        state = await run(recorded, context)
    assert "ran into its limit" in api.requests[1].last_text
    assert len(state["passed"].readings) == 1


async def test_a_turn_that_was_paused_goes_on(recorded: Recorded) -> None:
    paused = Says(
        ({"type": "text", "text": "thinking about it", "citations": None},), stop_reason="pause_turn"
    )
    async with investigating(recorded, lambda asked: says(answer()) if asked.rounds else paused) as (
        _,
        _,
        context,
    ):
        assert "passed" in await run(recorded, context)


@pytest.mark.parametrize(
    ("reply", "asked"),
    [
        pytest.param(refuses(), 1, id="refusal"),
        pytest.param(Says((), stop_reason="model_context_window_exceeded"), 1, id="too long"),
        pytest.param(Says((), stop_reason="something_new"), 1, id="unknown"),
        pytest.param(cut("{"), 1 + REPAIRS_MAX, id="cut for ever"),
        pytest.param(calls(("findings_list", {})), 1 + ROUNDS_MAX, id="tools for ever"),
    ],
)
async def test_what_comes_to_nothing_ends_and_says_why(recorded: Recorded, reply: Reply, asked: int) -> None:
    async with investigating(recorded, lambda _: reply) as (_, api, context):
        state = await run(recorded, context)
    assert state["stopped"].endswith(str(getattr(reply, "stop_reason", "")))
    assert len(api.requests) == asked
    assert len(recorded.findings) == 2


async def test_more_calls_than_allowed_are_refused_and_still_answered(recorded: Recorded) -> None:
    many = calls(*[("findings_list", {})] * (CALLS_MAX + 2))
    async with investigating(recorded, lambda asked: says(answer()) if asked.rounds else many) as (
        _,
        api,
        context,
    ):
        await run(recorded, context)
    results = api.requests[1].messages[-1]["content"]
    assert len(results) == CALLS_MAX + 2
    assert all("calls were made" in result["content"] for result in results[-2:])


async def test_without_an_api_it_is_unavailable_and_nothing_is_written(recorded: Recorded) -> None:
    async with investigating(recorded, lambda _: Fails(500)) as (_, _, context):
        with pytest.raises(ModelUnavailable):
            await run(recorded, context)
    assert len(recorded.findings) == 2


async def test_focus_tasks_come_first_and_findings_are_fenced(recorded: Recorded) -> None:
    task = FocusTask(
        task_id="F-01-1", agent="LOG_WATCHER", entity="orders", question="Why at 12:00?", until_ms=10**15
    )
    async with investigating(recorded, lambda _: says(answer())) as (_, api, context):
        await run(recorded, context, task)
    text = api.requests[0].all_text
    assert text.index("Why at 12:00?") < text.index("finding LW-001") < text.index("finding LW-002")
    assert text.count("<data-") == 3
    assert text.index("<data-") < text.index("Why at 12:00?") < text.index("</data-")
