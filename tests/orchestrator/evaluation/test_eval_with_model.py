"""`eval --llm`: a real session of one scenario asks a scripted model over HTTP; what it said and cost is saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.cli import replay_command
from orchestrator.cli.boundary import StateFolder
from orchestrator.cli.request import Request
from orchestrator.evaluation.scenario_run import Order, evaluate
from tests.agents.investigation.answers import answer, explanation, own
from tests.e2e.audits import environment
from tests.fakes.messages_api import Asked, MessagesApi, Reply, says
from tools.clock import SystemClock
from tools.errors import UsageError

READS = 'os.environ["API_TOKEN"]'
SCENARIO = """
title = "A variable that nobody sets"
kind = "fault"
mode = "static"
[[expect]]
id = "missing"
category = "MISSING_ENV_VAR"
"""


def script(asked: Asked) -> Reply:
    """Explains the finding, and is sure of something that no label fits; one quote is not there."""
    if "Investigation" not in asked.system.split("\n", 1)[0]:
        return says({"root_cause": [], "chain": [], "blast_radius": [], "fix": [], "tasks": [], "why": ""})
    if "finding CA-001" not in asked.all_text:
        return says(answer())
    mine = {"category": "DOC_DRIFT", "confidence": 0.9, "related_findings": ["CA-001"]}
    there, false = ({"source": "shop/main.py", "text": text} for text in (READS, "os.environ['NEVER']"))
    findings = [own(**mine, quotes=[there], service="shop"), own(**mine, quotes=[false], service="variable")]
    return says(answer([explanation("CA-001", quotes=[there])], findings=findings))


def order(folder: Path, usd: float | None) -> Order:
    project = folder / "scenarios" / "variable" / "shop"
    project.mkdir(parents=True)
    (project / "main.py").write_text(f"import os\n\nTOKEN = {READS}\n", encoding="utf-8")
    (project.parent / ".env.example").write_text("LOG_LEVEL=info\n", encoding="ascii")
    (folder / "scenarios" / "variable.toml").write_text(SCENARIO, encoding="utf-8")
    return Order(folder / "scenarios", (), 1, 1, folder / "out", "0", usd)


def test_a_model_is_asked_judged_and_paid(tmp_path: Path) -> None:
    said: list[str] = []
    with MessagesApi(script) as api:
        given = environment() | {"ANTHROPIC_API_KEY": api.key, "ANTHROPIC_BASE_URL": api.url}
        totals = evaluate(order(tmp_path, 0.5), given, SystemClock(), said.append)
        assert api.violations == []
        assert totals.model is not None
        assert float(totals.model.usd) == float(api.billed) > 0
    assert totals.all.recall == 1
    assert (totals.model.own_unlabelled, totals.model.confidently_wrong) == (1, 1)
    assert (totals.model.verified, totals.model.rejected) == (2, 1)
    assert said[0] == "a language model takes part: 1 runs, at most 0.50 USD each, 0.50 in all"
    record = json.loads((tmp_path / "out" / "results.json").read_bytes())
    assert record["languageModel"] == f"asked at {api.url}"
    assert record["verdicts"][0]["model"]["confidentlyWrong"][0]["rule"] == "llm"
    assert "confidently wrong     1 " in (tmp_path / "out" / "table.txt").read_text(encoding="utf-8")
    _replays_alike(tmp_path / "out" / "variable-1")


def _replays_alike(folder: Path) -> None:
    """The session was a real one: its model's part comes out of the transcript without the API."""
    flags: dict[str, object] = {"output.state_db": ".state/orchestration.db", "session.mode": "replay"}
    session = str(folder / "monitor-session")
    told, code = replay_command.run(Request(flags=flags), session, {}, folder, StateFolder(folder / ".state"))
    assert (code, "findings   identical, byte for byte" in told) == (0, True), told
    assert "model      1 investigation, 1 reading, 1 own finding" in told


def test_without_a_key_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ANTHROPIC_API_KEY"):
        evaluate(order(tmp_path, 0.5), {}, SystemClock(), print)
    assert not (tmp_path / "out").exists()
