"""Level, time and message of a hundred formats, against what their loggers were given."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.logs.labelled import Labelled, formats
from tools.clock import from_iso
from tools.sources.logs.parse import parse

ARRIVED_MS = from_iso("2026-11-28T12:00:00.000Z")
"""Times without a year are from before it."""
LINES = tuple(formats())
BY_FORMAT: dict[str, list[Labelled]] = defaultdict(list)
for labelled in LINES:
    BY_FORMAT[labelled.format].append(labelled)
LEVELS = frozenset({None, "FATAL", "ERROR", "WARN", "INFO", "DEBUG", "TRACE"})


def test_the_set_is_broad() -> None:
    assert len(BY_FORMAT) >= 100
    assert sum(len(lines) >= 8 for lines in BY_FORMAT.values()) >= 70
    assert len(LINES) >= 1000


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
def test_a_format_is_read_as_its_logger_was_told(name: str) -> None:
    for text, level, event_ms, message in (labelled[1:] for labelled in BY_FORMAT[name]):
        parsed = parse(text, ARRIVED_MS)
        assert (parsed.level, parsed.event_ms, parsed.message) == (level, event_ms, message), text


@pytest.mark.parametrize("name", sorted(BY_FORMAT))
def test_no_line_of_another_level_is_called_severe(name: str) -> None:
    severe = {
        line.text for line in BY_FORMAT[name] if parse(line.text, ARRIVED_MS).level in {"ERROR", "FATAL"}
    }
    assert severe <= {line.text for line in BY_FORMAT[name] if line.level in {"ERROR", "FATAL"}}


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(LINES), st.integers(0, 200), st.text(max_size=6), st.integers(0, 200))
def test_a_line_that_was_cut_or_changed_never_makes_it_fail(
    labelled: Labelled, at: int, put: str, until: int
) -> None:
    text = labelled.text[:at] + put + labelled.text[min(at, until) :]
    parsed = parse(text.replace("\n", " "), ARRIVED_MS)
    assert parsed.level in LEVELS
    assert parsed.message is None or isinstance(parsed.message, str)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([line for line in LINES if line.message and line.message.startswith("order 12")]),
    st.text(
        alphabet=st.characters(categories=("L", "N", "Zs"), max_codepoint=0x24F), min_size=1, max_size=40
    ),
)
def test_what_a_message_says_changes_no_level(labelled: Labelled, said: str) -> None:
    text = labelled.text.replace("order 12 stored", f"order 12 {said}")
    assert parse(text, ARRIVED_MS).level == labelled.level
