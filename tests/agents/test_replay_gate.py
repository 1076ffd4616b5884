"""The gate of a replay refuses what the gate of a session refuses, and ends by nothing that was said."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.evidence_gate import NotThere
from agents.investigation.answer import ModelQuote
from agents.replay_gate import Record, RecordedGate
from tests.agents.recorded import CODE, Recorded


@pytest.fixture
def gate(tmp_path: Path) -> RecordedGate:
    made = Recorded(tmp_path)
    return RecordedGate(
        made.workspace, made.project, record=Record.of(made.workspace), at_ms=1_900_000_000_000
    )


@pytest.mark.parametrize(
    "source",
    ["", "/etc/passwd", "../project/orders.py", "logs/../../x", "x" * 5000, "é" * 300, "a\0b", "logs"],
)
def test_a_place_that_cannot_be_is_refused(gate: RecordedGate, source: str) -> None:
    with pytest.raises(NotThere):
        gate.check_quotes((ModelQuote(source=source, text="a quote that is long enough"),))


def test_a_file_of_the_project_is_found(gate: RecordedGate) -> None:
    (quote,) = gate.check_quotes((ModelQuote(source="orders.py", text=CODE),))
    assert quote.locator.line == 3
