"""The survey of log lines, health, drift and wiring."""

from __future__ import annotations

import pytest

from tests.detectors.streams.crafted import entry, group, stream
from tests.synthesis.made import (
    START_MS,
    code_finding,
    config_finding,
    index,
    line,
    log_finding,
    shop,
    stream_finding,
    use,
)
from tools.findings.model import Finding, Severity
from tools.sources.records import CodeKind, Gap
from tools.synthesis import drift, wiring
from tools.synthesis.about import findings_about
from tools.synthesis.drift import DriftRow
from tools.synthesis.health import by_stream, health
from tools.synthesis.log_survey import survey


def test_the_survey_keeps_a_bounded_number_of_lines_and_counts_all() -> None:
    lines = [line('{"level":"INFO","msg":"x"}', "web", 0, n, f"c-{n}") for n in range(1, 6)]
    found = survey([*lines, line("plain", "mail")], flow_lines_max=3)
    assert (found.lines, len(found.flow_lines), found.flow_lines_left_out) == (6, 3, 2)
    assert found.flow_lines_until_ms == START_MS
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
        pytest.param([log_finding(1, "BUG", severity="MEDIUM", origin="model")], [], "HEALTHY", id="the model's own"),
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
    states = [stream(name, 1) for name in ("orders", "invoices", "mail", "idle")]
    statuses = by_stream(findings_about(findings, states), LAST_MS)
    assert statuses == {"invoices": "DEGRADED", "mail": "HEALTHY", "orders": "CRITICAL"}


FAMILY = [
    stream("jobs:1", 9, group("g", lag=5000)),
    stream("jobs:2", 9, group("g", lag=100, pending=[entry(1)])),
    stream("jobs:3", 9, group("other", lag=5000)),
    stream("jobs", 9, group("g", lag=5000)),
]
"""Of three streams of one family the first is above the limit of lag, the second has a pending entry."""


@pytest.mark.parametrize(
    ("finding", "expected"),
    [
        pytest.param(stream_finding(1, "CONSUMER_LAG", "jobs:{}", consumer_group="g"), ["jobs:1"], id="lag above its limit"),
        pytest.param(stream_finding(1, "CONSUMER_LAG", "jobs:{}", consumer_group="g", rule_id="stream.time-lag"), ["jobs:1", "jobs:2"], id="any lag, of another rule"),
        pytest.param(stream_finding(1, "STUCK_MESSAGE", "jobs:{}", consumer_group="g"), ["jobs:2"], id="pending entries"),
        pytest.param(stream_finding(1, "DELIVERY_FAILURE", "jobs:{}", consumer_group="other"), ["jobs:1", "jobs:2", "jobs:3"], id="shown by none at the last poll: about each"),
        pytest.param(stream_finding(1, "STREAM_GROWING", "jobs:{}"), ["jobs:1", "jobs:2", "jobs:3"], id="no figure tells"),
        pytest.param(stream_finding(1, "CONSUMER_LAG", "jobs:3", consumer_group="g"), ["jobs:3"], id="named itself"),
        pytest.param(stream_finding(1, "CONSUMER_LAG", "jobs:{}", consumer_group="g", members=["jobs:3", "jobs:2"]), ["jobs:3", "jobs:2"], id="the members it lists, whatever the last poll shows"),
        pytest.param(stream_finding(1, "CONSUMER_LAG", "jobs:{}", consumer_group="g", members=["jobs:8"]), [], id="members that are gone"),
        pytest.param(stream_finding(1, "STUCK_MESSAGE", "jobs:{}", consumer_group="g", members=["jobs:1"], more_members=7), ["jobs:1", "jobs:2"], id="those it counts only, by the last poll"),
        pytest.param(stream_finding(1, "STUCK_MESSAGE", "jobs:{}", consumer_group="other", members=["jobs:1"], more_members=7), ["jobs:1"], id="those it counts only, shown by none"),
        pytest.param(code_finding(1, "code.no-maxlen", "jobs:{}", "elsewhere"), ["jobs:1", "jobs:2", "jobs:3"], id="a template of code"),
        pytest.param(log_finding(1, "BUG"), [], id="of no stream"),
    ],
)  # fmt: skip
def test_a_finding_of_a_family_is_about_the_streams_that_show_it(
    finding: Finding, expected: list[str]
) -> None:
    assert list(findings_about([finding], FAMILY)) == expected


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
        pytest.param("{}s", set(), id="an ending says nothing"),
        pytest.param("{}{}:eu", {"orders:eu"}, id="two unknown parts in a row are one"),
        pytest.param("shard{}", {"shard1", "shard22"}, id="beside letters it is a number"),
    ],
)
def test_names_known_in_part_are_matched_with_live_streams(name: str, expected: set[str]) -> None:
    live = ["orders:eu", "orders:us", "mail", "shard1", "shard22", "shards"]
    built = wiring.build(index(use(CodeKind.XADD, "a", name)), (), live)
    assert set(built.producers) == expected


def test_a_group_without_code_belongs_to_the_service_it_is_named_after() -> None:
    built = wiring.build(shop(), ())
    assert built.owners_of("elsewhere", "billing-workers") == ("billing",)
    assert built.owners_of("elsewhere", "billingworkers") == ()
