"""An answer is read item by item: a bad one costs itself, and nothing the model says passes its limits."""

from __future__ import annotations

import json

import pytest

from agents.investigation.answer import CATEGORIES, ITEMS_MAX, TEXT_CHARS_MAX, parse, schema
from tests.agents.investigation.answers import answer, explanation, own
from tools.findings.model import AgentId

LW = AgentId.LOG_WATCHER


@pytest.mark.parametrize("text", ["", "no", "[]", "null", '{"explanations": [', '"x"', "{}" + "}"])
def test_what_is_no_object_is_one_problem(text: str) -> None:
    draft = parse(text, LW)
    assert len(draft.problems) == 1
    assert not draft.findings


def test_a_bad_item_costs_only_itself() -> None:
    bad = explanation(confidence=7)
    draft = parse(json.dumps(answer([bad, explanation()], findings=[{"title": "x"}, own()])), LW)
    assert [item.finding_id for item in draft.explanations] == ["LW-001"]
    assert len(draft.findings) == 1
    assert [problem.split(":")[0] for problem in draft.problems] == [
        "explanations[0].confidence",
        "findings[0].category",
    ]


@pytest.mark.parametrize("severity", ["CRITICAL", "HIGH"])
def test_a_severity_above_medium_is_brought_down_and_counted(severity: str) -> None:
    draft = parse(json.dumps(answer(findings=[own(severity=severity)])), LW)
    assert draft.findings[0].severity == "MEDIUM"
    assert draft.lowered == 1


def test_a_category_of_another_agent_is_a_problem() -> None:
    draft = parse(json.dumps(answer(findings=[own(category="CONSUMER_LAG")])), LW)
    assert draft.findings == ()
    assert "CONSUMER_LAG" in draft.problems[0]


def test_texts_and_lists_are_bounded() -> None:
    draft = parse(json.dumps(answer([explanation(hypothesis="x" * 10**6)] * (ITEMS_MAX + 1))), LW)
    assert len(draft.explanations) == ITEMS_MAX
    assert len(draft.explanations[0].hypothesis) == TEXT_CHARS_MAX


def test_words_that_say_nothing_are_a_problem() -> None:
    assert parse(json.dumps(answer([explanation(recommendation="  ")])), LW).problems


@pytest.mark.parametrize("agent", AgentId)
def test_the_schema_names_the_agents_own_categories(agent: AgentId) -> None:
    category = schema(agent)["$defs"]["OwnFinding"]["properties"]["category"]
    assert category["enum"] == [item.value for item in CATEGORIES[agent]]
    assert "CROSS_AGENT_SYNTHESIS" not in category["enum"]


def test_half_a_character_is_written_as_a_question_mark() -> None:
    draft = parse(json.dumps(answer([explanation(hypothesis="late \ud800 stock")])), LW)
    assert draft.explanations[0].hypothesis == "late ? stock"


def test_an_answer_nested_without_end_is_a_problem() -> None:
    assert parse("[" * 200_000, LW).problems


@pytest.mark.parametrize("depth", [100, 500, 900, 5000])
def test_an_answer_nested_deeply_is_a_problem(depth: int) -> None:
    given = answer() | {"explanations": "NESTED"}
    text = json.dumps(given).replace('"NESTED"', "[" * depth + "]" * depth)
    assert parse(text, LW).problems


def test_a_problem_is_bounded_whatever_the_model_calls_its_fields() -> None:
    (problem,) = parse(json.dumps(answer([explanation() | {"x" * 10**5: 1}])), LW).problems
    assert len(problem) < 200
