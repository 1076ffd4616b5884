"""Prompts: strict both ways, and one for every agent."""

from __future__ import annotations

from pathlib import Path

import pytest

import prompts
from agents import instructions
from agents.job import LogSource, RedisTarget, ServiceSpec, WatcherJob, Window
from tools.findings.model import AgentId
from tools.workspace import Workspace


def job(agent: AgentId, workspace: Path) -> WatcherJob:
    return WatcherJob(
        agent=agent,
        attempt=1,
        session_id="20260101_000000",
        mode="attach",
        workspace=workspace,
        project_root=Path("/srv/shop"),
        redis=RedisTarget(url="redis://:verysecretpassword@10.0.0.1:6379/0"),
        logs=(LogSource(service="orders", path="logs/orders.log"),),
        services=(ServiceSpec(name="orders"),),
        window=Window(started_ms=0, deadline_ms=600_000, middle_ms=300_000),
    )


@pytest.mark.parametrize("agent", AgentId)
def test_every_agent_gets_its_instructions_once_and_without_secrets(agent: AgentId, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    workspace.create()
    instructions.write(job(agent, workspace.root))
    path = workspace.agent_dir(agent) / "instructions.md"
    first = path.read_text(encoding="utf-8")
    assert first.startswith("# ")
    assert "verysecretpassword" not in first
    path.write_text("kept", encoding="utf-8")
    instructions.write(job(agent, workspace.root))
    assert path.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"project": "x"}, "missing", id="one is missing"),
        pytest.param({"project": "x", "cross_agent_interval": "1m", "more": 1}, "unknown", id="one too many"),
    ],
)
def test_a_prompt_takes_exactly_its_inputs(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        prompts.render("enhancement_scout", **values)


def test_every_prompt_file_has_its_front_matter() -> None:
    names = [path.stem for path in Path(prompts.__file__).parent.glob("*.md")]
    loaded = {name: prompts.load(name) for name in names}
    assert all(prompt.name == name and prompt.version >= 1 for name, prompt in loaded.items())
    roles = [prompt.role for prompt in loaded.values()]
    assert [roles.count(agent.value) for agent in AgentId] == [1, 1, 1, 1]
    assert set(roles) - set(AgentId) == {"INVESTIGATOR", "ORCHESTRATOR", "SYNTHESIS"}


def test_what_asks_for_an_answer_names_its_schema() -> None:
    from agents.investigation.answer import Answer
    from orchestrator.session.model_rounds import Decisions
    from orchestrator.session.model_wording import ClusterWords

    named = {name: prompts.load(name).output for name in ("investigation", "orchestrator", "synthesis")}
    assert set(named.values()) == {model.__name__ for model in (Answer, Decisions, ClusterWords)}
