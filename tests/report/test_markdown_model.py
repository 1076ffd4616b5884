"""A model's words in the report: beside the rules' own, said to be the model's, and harmless."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from tests.agents.recorded import Recorded
from tools.clock import SystemClock
from tools.findings import readings
from tools.findings.model import AgentId
from tools.findings.readings import Reading
from tools.report.sections import language_model
from tools.report.write import write_report
from tools.sources import session_facts
from tools.sources.session_facts import ModelUse, SessionFacts

USE = ModelUse(
    models=("claude-sonnet-5-5",), limit_usd="2.00", spent_usd="0.1234567", kept_usd="0", calls=3, tokens=4000,
    seconds=9.5, investigations=2, readings=1, own_findings=1, rejected=2, lowered=0, clusters_worded=1,
    sentences_dropped=1, undone=4, rounds=1, focus_tasks=1, breaker="closed",
)  # fmt: skip
FACTS = SessionFacts(
    session_id="20260101_000000", version="0", mode="attach", project_root="/srv/shop", redis=None,
    started_ms=1_767_225_600_000, deadline_ms=1_767_226_200_000, ended_ms=1_767_226_200_000, ended_by="deadline",
)  # fmt: skip


def reading(hypothesis: str) -> Reading:
    return Reading(
        kind="explanation", finding_ids=("LW-001",), hypothesis=hypothesis, recommendation="Wait less.",
        model="claude-sonnet-5-5", prompt_version="investigation@1", at="2026-01-01T00:00:00.000Z",
    )  # fmt: skip


def report(folder: Path, *said: Reading, use: ModelUse | None = USE) -> str:
    recorded = Recorded(folder)
    readings.write(recorded.workspace, AgentId.LOG_WATCHER, said)
    session_facts.write(recorded.workspace, structs.replace(FACTS, model_use=use))
    write_report(recorded.workspace, recorded.project, SystemClock())
    return recorded.workspace.report("20260101_000000").read_text(encoding="utf-8")


def test_a_reading_stands_beside_its_finding_with_who_said_it(tmp_path: Path) -> None:
    text = report(tmp_path, reading("Stock answers late."))
    assert "## The language model's words" in text
    assert (
        "[LW-001](#lw-001) Stock answers late. Do: Wait less. (claude-sonnet-5-5, prompt `investigation@1`)"
        in text
    )


def test_where_no_model_spoke_the_report_says_nothing_of_it(tmp_path: Path) -> None:
    text = report(tmp_path, use=None)
    assert "language model's words" not in text
    assert "off: rules only" in text


@pytest.mark.parametrize(
    "hostile", ["<script>alert(1)</script>", "](http://evil) ![x](y)", "\x1b[2J\u202e", "| a | b"]
)
def test_a_models_words_are_text_and_nothing_else(tmp_path: Path, hostile: str) -> None:
    text = report(tmp_path, reading(hostile))
    assert hostile not in text
    assert "\x1b" not in text


def test_what_was_spent_and_left_undone_is_said() -> None:
    told = language_model.told(structs.replace(FACTS, model_use=USE))
    for part in (
        "3 calls",
        "4000 tokens",
        "limit 2.00 USD",
        "1 finding of its own",
        "2 claims",
        "4 findings left undone",
    ):
        assert part in told
    assert language_model.cost_usd(structs.replace(FACTS, model_use=USE)) == 0.1234567
