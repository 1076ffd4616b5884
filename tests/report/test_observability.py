"""Observability gaps: listed only where the system has them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.synthesis.made import START_MS, index, line, log_finding, stream_finding, use
from tools.findings.model import Finding
from tools.report.context import prepare
from tools.report.model import ObservabilityGap
from tools.report.sections import observability
from tools.report.sections.change_snippets import change
from tools.report.sections.observability import ENVELOPE, LOG_FIELDS, lacking
from tools.sources.records import CodeKind, EntryShape, LogLine, Poll, ServerState, StreamInfo, StreamState
from tools.sources.session_facts import SessionFacts
from tools.synthesis.log_survey import LIFE_CYCLE, survey
from tools.synthesis.session_data import SessionData

WHOLE_LINE = (
    '{"level":"INFO","time":"2025-06-15T15:06:40.000Z","service":"web","correlation_id":"c-1","trace_id":"t",'
    '"event":"EVENT","msg":"done"}'
)
ALL_EVENTS = [
    line(WHOLE_LINE.replace("EVENT", name), "web", 0, n, "c-1") for n, name in enumerate(LIFE_CYCLE, 1)
]


FACTS = SessionFacts(
    session_id="s", version="0", mode="managed", project_root=".", redis=None, started_ms=START_MS, deadline_ms=START_MS
)  # fmt: skip


def gaps(
    lines: list[LogLine],
    *fields: tuple[str, str],
    findings: tuple[Finding, ...] = (),
    facts: SessionFacts | None = None,
) -> tuple[ObservabilityGap, ...]:
    shape = EntryShape(id="1-0", fields=fields)
    stream = StreamState(name="orders", info=StreamInfo(length=1), sample=(shape,) if fields else ())
    poll = Poll(
        number=0, at_ms=START_MS, server=ServerState(flavour="valkey", version="9"), streams=(stream,)
    )
    code = index(
        use(CodeKind.XADD, "web", "orders"), use(CodeKind.XREADGROUP, "billing", "orders", "billing")
    )
    data = SessionData("s", baseline=poll, index=code, logs=survey(lines), findings=findings, facts=facts)
    return observability.build(prepare(data, START_MS))


@pytest.mark.parametrize(
    ("lines", "fields", "expected"),
    [
        pytest.param([], [], "", id="nothing to look at, nothing claimed"),
        pytest.param(
            ALL_EVENTS, [(name, "text") for name in ENVELOPE], "", id="a system that tells everything"
        ),
        pytest.param([], [("correlation_id", "text")], "A", id="an envelope in part"),
        pytest.param([], [("payload", "json")], "", id="an envelope that may be inside a JSON field"),
        pytest.param([line("plain", "web")], [], "BCDF", id="plain lines"),
        pytest.param(ALL_EVENTS[:4], [], "D", id="life-cycle events without health"),
        pytest.param([*ALL_EVENTS, line(WHOLE_LINE, "mail")], [], "F", id="a service that drops the id"),
    ],
)
def test_only_gaps_that_were_seen_are_listed(
    lines: list[LogLine], fields: list[tuple[str, str]], expected: str
) -> None:
    assert "".join(gap.letter for gap in gaps(lines, *fields)) == expected


OCCASIONAL = ("redis.failed", "service.started", "service.shutdown")
QUIET = [found for found, name in zip(ALL_EVENTS, LIFE_CYCLE, strict=True) if name not in OCCASIONAL]


@pytest.mark.parametrize(
    ("findings", "facts", "missed"),
    [
        pytest.param([], None, (), id="nothing failed, nobody started or stopped"),
        pytest.param([stream_finding(1, "CONSUMER_LAG"), log_finding(1, "BUG", "web")], None, (), id="a failure that is no message's"),
        pytest.param([stream_finding(1, "DELIVERY_FAILURE")], None, ("redis.failed",), id="delivered again and again"),
        pytest.param([log_finding(1, "BUG", "billing")], None, ("redis.failed",), id="a reader that fails"),
        pytest.param([log_finding(1, "BUG", "billing", severity="MEDIUM", origin="model")], None, (), id="a model says that it fails"),
        pytest.param([], FACTS, ("service.started",), id="started by the session"),
        pytest.param([log_finding(1, "CRASH", "web", rule_id="log.restart-loop")], None, ("service.started", "service.shutdown"), id="seen to start again"),
    ],
)  # fmt: skip
def test_an_event_is_missed_only_where_there_was_an_occasion(
    findings: list[Finding], facts: SessionFacts | None, missed: tuple[str, ...]
) -> None:
    found = gaps(QUIET, findings=tuple(findings), facts=facts)
    assert [text for gap in found for text in gap.missing] == [
        f"no line has the event {name}" for name in missed
    ]


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


def test_what_code_names_in_part_is_no_stream_beside_those_that_fit_it() -> None:
    live = [StreamState(name=name, info=StreamInfo(length=1)) for name in ("loyalty.pilot", "orders")]
    poll = Poll(
        number=0, at_ms=START_MS, server=ServerState(flavour="valkey", version="9"), streams=tuple(live)
    )
    code = index(
        *(replace(use(CodeKind.XADD, "web", name), fields=("id",)) for name in ("loyalty.{}", "gone.{}"))
    )
    (gap,) = observability.build(prepare(SessionData("s", baseline=poll, index=code), START_MS))
    assert [text.partition(":")[0] for text in gap.missing] == ["gone.{}", "loyalty.pilot"]
