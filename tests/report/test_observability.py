"""Observability gaps: listed only where the system has them."""

from __future__ import annotations

import pytest

from tests.synthesis.made import START_MS, index, line, use
from tools.report.context import prepare
from tools.report.sections import observability
from tools.report.sections.change_snippets import change
from tools.report.sections.observability import ENVELOPE, LOG_FIELDS, lacking
from tools.sources.records import CodeKind, EntryShape, LogLine, Poll, ServerState, StreamInfo, StreamState
from tools.synthesis.log_survey import LIFE_CYCLE, survey
from tools.synthesis.session_data import SessionData

WHOLE_LINE = (
    '{"level":"INFO","time":"2025-06-15T15:06:40.000Z","service":"web","correlation_id":"c-1","trace_id":"t",'
    '"event":"EVENT","msg":"done"}'
)
ALL_EVENTS = [
    line(WHOLE_LINE.replace("EVENT", name), "web", 0, n, "c-1") for n, name in enumerate(LIFE_CYCLE, 1)
]


def letters(lines: list[LogLine], *fields: tuple[str, str]) -> str:
    shape = EntryShape(id="1-0", fields=fields)
    stream = StreamState(name="orders", info=StreamInfo(length=1), sample=(shape,) if fields else ())
    poll = Poll(
        number=0, at_ms=START_MS, server=ServerState(flavour="valkey", version="9"), streams=(stream,)
    )
    data = SessionData(
        "s", baseline=poll, index=index(use(CodeKind.XADD, "web", "orders")), logs=survey(lines)
    )
    return "".join(gap.letter for gap in observability.build(prepare(data, START_MS)))


@pytest.mark.parametrize(
    ("lines", "fields", "expected"),
    [
        pytest.param([], [], "", id="nothing to look at, nothing claimed"),
        pytest.param(
            ALL_EVENTS, [(name, "text") for name in ENVELOPE], "", id="a system that tells everything"
        ),
        pytest.param([], [("correlation_id", "text")], "A", id="an envelope in part"),
        pytest.param([], [("payload", "json")], "", id="an envelope that may be inside a JSON field"),
        pytest.param([line("plain", "web")], [], "BCDEF", id="plain lines"),
        pytest.param(ALL_EVENTS[:4], [], "DE", id="life-cycle events without health and start"),
        pytest.param([*ALL_EVENTS, line(WHOLE_LINE, "mail")], [], "F", id="a service that drops the id"),
    ],
)
def test_only_gaps_that_were_seen_are_listed(
    lines: list[LogLine], fields: list[tuple[str, str]], expected: str
) -> None:
    assert letters(lines, *fields) == expected


@pytest.mark.parametrize(
    ("names", "missing"),
    [
        pytest.param({"correlation_id", "TRACE-ID", "spanId", "origin_service", "publishedAt", "schemaVersion"}, (), id="any case and separator"),
        pytest.param(set(ENVELOPE) - {"spanId"}, ("spanId",), id="one is missing"),
    ],
)  # fmt: skip
def test_names_are_compared_without_case_and_separators(names: set[str], missing: tuple[str, ...]) -> None:
    assert lacking(ENVELOPE, names) == missing


def test_common_names_of_log_fields_count() -> None:
    assert lacking(LOG_FIELDS, {"severity", "ts", "app", "requestId", "traceId", "event", "msg"}) == ()


@pytest.mark.parametrize("letter", "ABCDE")
def test_every_change_is_valid_python(letter: str) -> None:
    made = change(letter, {"python": 3, "typescript": 1})
    assert made is not None
    compile(made.code, made.file, "exec")


def test_a_change_speaks_the_language_of_the_project() -> None:
    made = change("A", {"python": 3, "typescript": 4})
    assert made is not None
    assert made.language == "typescript"
    assert change("F", {}) is None
