"""Flows, health, drift and wiring."""

from __future__ import annotations

import pytest

from tests.synthesis.made import (
    START_MS,
    config_finding,
    index,
    line,
    log_finding,
    shop,
    stream_finding,
    use,
)
from tools.findings.model import Finding, Severity
from tools.sources.records import (
    CodeKind,
    Gap,
    GroupInfo,
    GroupState,
    LogLine,
    PendingEntry,
    Poll,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.synthesis import drift, wiring
from tools.synthesis.drift import DriftRow
from tools.synthesis.flows import FLOWS_MAX, Flows, action_of, reconstruct
from tools.synthesis.health import by_stream, health
from tools.synthesis.log_survey import survey

MESSAGE = "1750000001000-0"
END_MS = START_MS + 600_000


def flows(lines: list[LogLine], final: Poll | None = None) -> Flows:
    return reconstruct(lines, final, END_MS, wiring.build(shop(), ()), services=["web", "billing"])


def poll(*pending: str, delivered: str = "1750000009999-0") -> Poll:
    entries = tuple(PendingEntry(id=name, consumer="b-1", idle=1, deliveries=1) for name in pending)
    info = GroupInfo(name="billing", consumers=1, pending=len(pending), last_delivered_id=delivered)
    stream = StreamState(
        name="orders",
        info=StreamInfo(length=9, first_entry_id="1750000000000-0", last_generated_id="1750000009999-0"),
        groups=(GroupState(info=info, lag=None, pending=entries),),
    )
    return Poll(number=3, at_ms=END_MS, server=ServerState(flavour="valkey", version="9"), streams=(stream,))


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("order published to orders", "published"),
        ('{"event":"redis.consume","message":"published long ago"}', "consumed"),
        ("XACK orders", "acked"),
        ("acknowledged", "acked"),
        ("processing order 7", "consumed"),
        ("processed order 7", "acked"),
        ("could not: failed", "failed"),
        ("cache warm", "seen"),
        ("backpack", "seen"),
    ],
)
def test_a_line_tells_what_happened(text: str, action: str) -> None:
    assert action_of(text) == action


def test_a_flow_tells_who_published_consumed_and_acked_and_how_late() -> None:
    found = flows([
        line("acked", "billing", 9, 3, "c-1"),
        line("published order", "web", 1, 1, "c-1"),
        line("consumed order", "billing", 4, 2, "c-1"),
    ])  # fmt: skip
    (flow,) = found.shown
    assert [(step.service, step.action) for step in flow.steps] == [
        ("web", "published"),
        ("billing", "consumed"),
        ("billing", "acked"),
    ]
    assert (flow.late_ms, flow.duration_ms, flow.flags) == (3000, 8000, ())
    assert (found.correlations, found.late_max_ms, found.flagged) == (1, 3000, {})


FULL = [
    line("published order", "web", 1, 1, "c-0"),
    line("consumed order", "billing", 2, 2, "c-0"),
    line("acked order", "billing", 3, 3, "c-0"),
]


@pytest.mark.parametrize(
    ("lines", "final", "flags"),
    [
        pytest.param([line("published", "web", 1, 4, "c-1")], None, {"producer-only": 1}, id="id seen at a producer only"),
        pytest.param([line("published", "web", 595, 4, "c-1")], None, {}, id="still on its way"),
        pytest.param([line("consumed", "billing", 1, 4, "c-1")], None, {"consumed-never-acked": 1}, id="a service that logs acks did not"),
        pytest.param([line("consumed", "mail", 1, 4, "c-1")], None, {}, id="a service that never logs acks is not told"),
        pytest.param([line(f"published {MESSAGE}", "web", 1, 4)], poll(delivered="1750000000000-0"), {"published-never-consumed": 1}, id="no group was given it"),
        pytest.param([line(f"published {MESSAGE}", "web", 1, 4)], poll(), {}, id="delivered, by the server's account"),
        pytest.param([line(f"published {MESSAGE}", "web", 1, 4)], poll(MESSAGE), {"consumed-never-acked": 1}, id="pending, by the server's account"),
        pytest.param([line(f"published {MESSAGE}", "mail", 1, 4)], poll(MESSAGE), {}, id="the same id in a stream of another service"),
    ],
)  # fmt: skip
def test_flags_are_raised_only_where_the_opposite_could_be_seen(
    lines: list[LogLine], final: Poll | None, flags: dict[str, int]
) -> None:
    assert flows([*FULL, *lines], final).flagged == flags


def test_flows_are_bounded_and_say_so() -> None:
    lines = [line("published", "web", 1, n, f"c-{n}") for n in range(1, FLOWS_MAX + 3)]
    found = flows(lines)
    assert (found.correlations, found.lines_left_out, len(found.shown)) == (FLOWS_MAX, 2, 0)
    assert found.services_without_ids == ("billing",)


def test_the_survey_keeps_a_bounded_number_of_lines_and_counts_all() -> None:
    lines = [line('{"level":"INFO","msg":"x"}', "web", 0, n, f"c-{n}") for n in range(1, 6)]
    found = survey([*lines, line("plain", "mail")], flow_lines_max=3)
    assert (found.lines, len(found.flow_lines), found.flow_lines_left_out) == (6, 3, 2)
    assert [(log.service, log.json_lines, log.keys) for log in found.services] == [
        ("mail", 0, ()),
        ("web", 5, ("level", "msg")),
    ]


BLIND = Gap(what="logs", why="no source", fix="add one", source="logs", at_ms=0)
LIMIT = Gap(what="name", why="unresolved", fix="none", source="code", at_ms=0, blind=False)
LAST_MS = START_MS + 600_000


@pytest.mark.parametrize(
    ("findings", "gaps", "expected"),
    [
        pytest.param([], [], "HEALTHY", id="nothing"),
        pytest.param([], [LIMIT], "HEALTHY", id="a limit of coverage"),
        pytest.param([], [BLIND], "DEGRADED", id="a blind gap"),
        pytest.param([log_finding(1, "BUG", severity="MEDIUM")], [], "HEALTHY", id="medium"),
        pytest.param([log_finding(1, "BUG")], [], "DEGRADED", id="high"),
        pytest.param([log_finding(1, "CRASH", severity="CRITICAL", last_s=1)], [], "CRITICAL", id="a log CRITICAL counts as open"),
        pytest.param([stream_finding(1, "CONSUMER_LAG", severity="CRITICAL", last_s=585)], [], "CRITICAL", id="seen one interval before the last poll"),
        pytest.param([stream_finding(1, "CONSUMER_LAG", severity="CRITICAL", last_s=584.9)], [], "DEGRADED", id="over before the end"),
        pytest.param([log_finding(1, "BUG", severity="CRITICAL", origin="model")], [], "HEALTHY", id="the model's own"),
    ],
)  # fmt: skip
def test_health_is_measured(findings: list[Finding], gaps: list[Gap], expected: str) -> None:
    assert health(findings, gaps, LAST_MS) == expected


def test_health_of_each_stream_is_over_its_own_findings() -> None:
    findings = [
        stream_finding(1, "CONSUMER_LAG", "orders", severity="CRITICAL"),
        stream_finding(2, "STREAM_GROWING", "invoices"),
        stream_finding(3, "COMPETING_CONSUMERS", "mail", severity="INFO"),
    ]
    assert by_stream(findings, LAST_MS) == {"invoices": "DEGRADED", "mail": "HEALTHY", "orders": "CRITICAL"}


def test_the_drift_registry_names_the_source_of_truth() -> None:
    finding = config_finding(1, "GROUP_NAME_MISMATCH", expected="billing", actual="biling")
    assert drift.registry([stream_finding(1, "CONSUMER_LAG"), finding]) == (
        DriftRow(
            type="CONFIG_DRIFT",
            service="billing",
            expected="billing",
            actual="biling",
            source_of_truth="logs/a.log:1",
            risk="messages are delivered to a group that nobody reads",
            severity=Severity.CRITICAL,
            finding_id="CA-001",
        ),
    )


def test_downstream_follows_messages_and_ends_in_a_circle() -> None:
    circle = index(
        use(CodeKind.XADD, "a", "s1"),
        use(CodeKind.XREADGROUP, "b", "s1", "g"),
        use(CodeKind.XADD, "b", "s2"),
        use(CodeKind.XREAD, "a", "s2"),
        use(CodeKind.XADD, "c", "s3"),
    )
    assert wiring.build(circle, ()).downstream(["b"], []) == (("a", "b"), ("s1", "s2"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param(
            "orders:{}", {"orders:eu", "orders:us"}, id="a template counts for the streams that fit it"
        ),
        pytest.param("jobs:{}", {"jobs:{}"}, id="a template that nothing fits stays as it is"),
        pytest.param("{}", set(), id="a name that is all unknown says nothing"),
        pytest.param("{}:{}", set(), id="separators alone say nothing"),
    ],
)
def test_names_known_in_part_are_matched_with_live_streams(name: str, expected: set[str]) -> None:
    built = wiring.build(index(use(CodeKind.XADD, "a", name)), (), ["orders:eu", "orders:us", "mail"])
    assert set(built.producers) == expected


def test_a_group_without_code_belongs_to_the_service_it_is_named_after() -> None:
    built = wiring.build(shop(), ())
    assert built.owners_of("elsewhere", "billing-workers") == ("billing",)
    assert built.owners_of("elsewhere", "billingworkers") == ()
