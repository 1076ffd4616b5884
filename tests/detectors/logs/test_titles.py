"""A title is about every line of its kind, whichever of them is its example."""

from __future__ import annotations

import pytest

from tests.detectors.logs.test_rules import stats, told, view
from tests.sources.logs.lines import line
from tools.detectors.contract import LogDetector
from tools.detectors.logs import error, severity_mismatch

ID = "1748771234567-0"


@pytest.mark.parametrize(
    ("rule", "text", "title"),
    [
        pytest.param(error, f'{{"level":50,"msg":"gave up {ID}: no carrier"}}', "orders: gave up <*>: no carrier", id="a message"),
        pytest.param(error, '{"level":50,"msg":"gave up c-7f3a","correlationId":"c-7f3a"}', "orders: gave up <*>", id="a flow"),
        pytest.param(error, '{"level":50,"msg":"attempt 1 of 12","correlationId":"1"}', "orders: attempt 1 of 12", id="a flow whose id may mean anything"),
        pytest.param(error, '{"level":50,"msg":"orders are late","correlationId":"orders"}', "orders: orders are late", id="a flow whose id is a word"),
        pytest.param(severity_mismatch, f"INFO gave up {ID}", "orders logs a failure at INFO: gave up <*>", id="another rule about lines"),
    ],
)  # fmt: skip
def test_it_names_no_message_and_no_flow(rule: LogDetector, text: str, title: str) -> None:
    (symptom,) = told(rule, view(stats("error", text, example=line(text))))
    assert symptom.title == title
