"""Whole sessions with a scripted model, as processes: it adds, and whatever it does the session is the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.agents.investigation.answers import answer, explanation, own
from tests.conftest import Server
from tests.fakes.messages_api import Asked, Fails, MessagesApi, Never, Reply, says
from tests.injection.judge import of_markdown, of_requests, of_tools
from tests.injection.obeying import Obeying
from tests.injection.planting import Attempt, attempts
from tests.orchestrator.session.runs import Run
from tools.findings.journal import read_data
from tools.findings.model import AgentId

WORDS: dict[str, list[str]] = {"root_cause": [], "chain": [], "blast_radius": [], "fix": []}
EVIDENCE = "orders died"


def helpful(asked: Asked) -> Reply:
    """Explains what it is given, by its evidence, and finds one thing of its own."""
    if "Orchestrator" in asked.system.split("\n", 1)[0]:
        return says({"tasks": [], "why": "nothing is open"})
    if "Wording" in asked.system.split("\n", 1)[0]:
        return says(WORDS)
    if "finding LW-001" not in asked.all_text:
        return says(answer())
    quotes = [{"source": "LW-001", "text": EVIDENCE}]
    return says(answer([explanation(quotes=quotes)], findings=[own(severity="CRITICAL", quotes=quotes)]))


@contextmanager
def asked_model(run: Run, script: Callable[[Asked], Reply], **llm: Any) -> Iterator[MessagesApi]:
    with MessagesApi(script) as api:
        run.environment |= {
            "ANTHROPIC_API_KEY": api.key, "ANTHROPIC_BASE_URL": api.url, "SIMPLE_WATCHER": "critical",
        }  # fmt: skip
        run.config["llm"] = {"enabled": True} | llm
        yield api


def always(reply: Reply) -> Callable[[Asked], Reply]:
    return lambda _asked: reply


def measured(run: Run) -> list[dict[str, Any]]:
    """The rules' findings, without what the clock says."""
    found = [dict(line) for agent in AgentId for line in read_data(run.workspace.findings(agent))]
    when = ("timestamp", "lastSeen", "evidenceRefs")
    return [
        {key: line[key] for key in line if key not in when} for line in found if line["origin"] == "measured"
    ]


def test_a_model_adds_and_changes_nothing_of_what_was_measured(run: Run) -> None:
    """What it is asked after the window it is asked before services and server are stopped."""
    run.manage("orders=good")
    with asked_model(run, helpful, investigate_every="6000s") as api:
        run.environment["SIMPLE_WATCHER"] = "high"
        code, _ = run("managed")
        assert api.violations == []
    assert code == 1
    (investigated,) = run.events("investigated")
    began = {event["phase"]: event["at"] for event in run.events("phase") if event["status"] == "started"}
    assert began["stop"] <= investigated["at"] <= began["shutdown"]
    found = [
        line for line in read_data(run.workspace.findings(AgentId.LOG_WATCHER)) if line["origin"] == "model"
    ]
    assert [(line["findingId"], line["severity"], line["ruleId"]) for line in found] == [
        ("LW-90001", "MEDIUM", "llm")
    ]
    assert found[0]["promptVersion"] == "investigation@2"
    assert run.events("critical") == []
    use = run.facts.model_use
    assert use is not None
    assert (use.readings, use.own_findings, use.lowered, use.undone) == (1, 1, 1, 0)
    assert float(use.spent_usd) <= 2
    text = run.workspace.report(run.facts.session_id).read_text(encoding="utf-8")
    assert "The stock service answers too late." in text
    assert "limit 2.00 USD" in text
    board = json.loads(run.workspace.path("report.json").read_bytes())["dashboard"]
    assert board["languageModelCostUsd"] > 0
    assert run.facts.ended_by == "deadline"


@pytest.mark.parametrize(
    "attempt", [one for one in attempts() if (one.place, one.kind) == ("log", "fences")][:1], ids=str
)
def test_a_model_that_obeys_what_it_reads_moves_nothing(
    run: Run, own_server: Server, attempt: Attempt
) -> None:
    """Its orders stand in what a rule quotes; its own finding quotes them, and that is all that it can do."""
    run.attach_to(own_server)
    run.environment["SIMPLE_WATCHER_SAYS"] = attempt.said
    model = Obeying(attempt, AgentId.LOG_WATCHER, ("findings_get", {"id": "LW-001"}))
    with asked_model(run, model) as api:
        ends = [run("attach")]
        told, alerts = measured(run), [event["findingId"] for event in run.events("critical")]
        report = run.workspace.report(run.facts.session_id).read_text(encoding="utf-8")
        assert api.violations == []
        assert model.arrived
        assert list(of_requests(api.requests, attempt.canary)) == []
        assert list(of_tools(api.requests)) == []
    run.config["llm"] = {"enabled": False}
    ends.append(run("attach"))
    assert ends[0] == ends[1] == (1, "None\n")
    assert measured(run) == told
    assert [event["findingId"] for event in run.events("critical")] == alerts == ["LW-001"]
    plain = run.workspace.report(run.facts.session_id).read_text(encoding="utf-8")
    assert list(of_markdown(plain, report)) == []


def test_a_model_that_fails_leaves_the_session_as_it_is_without_one(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    run.environment["SIMPLE_WATCHER"] = "critical"
    assert run("attach") == (1, "None\n")
    without = measured(run)
    for reply in (Never(), Fails(529)):
        with asked_model(run, always(reply), call_timeout="1s", after_window="8s") as api:
            assert run("attach") == (1, "None\n")
            assert api.requests
        assert measured(run) == without
        assert run.facts.model_use is not None
        assert run.facts.model_use.undone == 1
        assert run.facts.ended_by == "deadline"
        assert {agent.finished for agent in run.facts.agents} == {True}
        assert any(gap["source"] == "model" and not gap["blind"] for gap in run.gaps())


def test_with_the_key_unset_nothing_is_sent_and_nothing_waits(run: Run, own_server: Server) -> None:
    run.attach_to(own_server)
    with asked_model(run, lambda _: Never()) as api:
        del run.environment["ANTHROPIC_API_KEY"]
        run.config["llm"] = {"enabled": "auto"}
        run.environment["SESSION_SAYS_IMPORTS"] = "anthropic numpy"
        code, output = run("attach")
        assert api.requests == []
    assert (code, output) == (1, "imported: []\nNone\n")
    assert run.facts.model_use is None
    assert run.facts.language_model == "off: rules only (ANTHROPIC_API_KEY is not set)"
    assert not list(run.workspace.root.rglob("llm.jsonl"))
