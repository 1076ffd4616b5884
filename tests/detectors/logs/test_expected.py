"""Lines that the owners expect are counted and hidden, up to the last day that they name."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.detectors.logs.test_rules import stats, view
from tests.sources.logs.lines import AT_MS
from tools.detectors.contract import LogView
from tools.detectors.expected_lines import ExpectedLines
from tools.detectors.logs import DETECTORS, expected
from tools.detectors.thresholds import Judgement
from tools.findings.model import Severity

LAST_DAY = date(2025, 6, 15)
"""Of `AT_MS`."""


def entry(**fields: object) -> ExpectedLines:
    given_fields = {"template": "stock of <*> is low", "reason": "the feed comes at night", "until": LAST_DAY}
    return ExpectedLines.model_validate(given_fields | fields)


def seen(*entries: ExpectedLines, verdict: str = "error", text: str = "ERROR stock of 7 is low") -> LogView:
    lines = stats(verdict, text, template="stock of <*> is low", total=9, new=9, times_ms=(AT_MS,) * 9)
    return view(lines, judgement=Judgement(expected_lines=entries))


def rules_of(looked_at: LogView) -> set[str]:
    return {symptom.rule.id for detector in DETECTORS for symptom in detector.detect(looked_at)}


def test_without_an_entry_they_are_findings() -> None:
    assert rules_of(seen()) == {"log.error", "log.retry-storm"}


@pytest.mark.parametrize("verdict", ["error", "fatal", "warn", "retry", "expected", "quiet-error", "trace"])
def test_what_is_expected_is_no_other_finding_and_counted(verdict: str) -> None:
    looked_at = seen(entry(), verdict=verdict)
    assert rules_of(looked_at) == {"log.expected"}
    [symptom] = expected.detect(looked_at)
    assert (symptom.severity or symptom.rule.severity, symptom.count) == (Severity.INFO, 9)
    assert "the feed comes at night" in symptom.hypothesis


@pytest.mark.parametrize(
    ("fields", "hidden"),
    [
        ({"service": "orders"}, True),
        ({"service": "ord*"}, True),
        ({"service": "payments"}, False),
        ({"template": "stock of <*> is  low "}, True),
        ({"template": "stock of 7 is low"}, False),
        ({"template": None, "text": "stock of 7"}, True),
        ({"template": None, "text": "stock of 8"}, False),
        ({"until": date(2025, 6, 14)}, False),
        ({"until": date(2026, 1, 1)}, True),
    ],
)
def test_an_entry_hides_what_it_names_until_its_day(fields: dict[str, object], hidden: bool) -> None:
    assert ("log.error" not in rules_of(seen(entry(**fields)))) is hidden


def test_an_entry_that_is_over_is_told_and_hides_nothing() -> None:
    looked_at = seen(entry(until=date(2025, 6, 14)))
    assert rules_of(looked_at) == {"log.error", "log.retry-storm", "log.expected-expired"}
    [symptom] = expected.detect(looked_at)
    assert symptom.rule.severity is Severity.LOW
    assert "2025-06-14" in symptom.title


def test_one_entry_in_force_is_enough() -> None:
    assert rules_of(seen(entry(until=date(2025, 6, 14)), entry(until=date(2025, 7, 1)))) == {"log.expected"}


@pytest.mark.parametrize(
    "fields",
    [
        {"text": "both"},
        {"template": None},
        {"reason": ""},
        {"template": None, "text": "abc"},
        {"until": None},
    ],
)
def test_an_entry_says_what_why_and_until_when(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        entry(**fields)


def test_an_entry_survives_the_way_to_the_watcher() -> None:
    judgement = Judgement(expected_lines=(entry(),))
    assert Judgement.model_validate_json(judgement.model_dump_json()) == judgement


@given(st.text(max_size=60), st.text(max_size=60))
def test_a_template_names_only_itself(template: str, other: str) -> None:
    if " ".join(template.split()):
        assert entry(template=template).matches("orders", other, other) is (
            " ".join(template.split()) == other
        )
