"""How services are drawn in the graph: by the worst that is known of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace
from playwright.sync_api import expect

from tests.report.html.made_pages import html_of
from tests.report.html.opened import Opener
from tools.report.model import Report
from tools.report.streams_model import TopologyEdge

READS = TopologyEdge(service="billing", stream="orders", direction="reads", group="billing")
CODE: dict[str, Any] = {"category": "STREAM_ANTI_PATTERN", "affectedServices": ["billing"]}


def advice(priority: str, **more: Any) -> dict[str, Any]:
    return {**CODE, "findingId": "ES-900", "title": "its code", "priority": priority, **more}


def lag(severity: str, group: str = "billing") -> dict[str, Any]:
    return {"category": "CONSUMER_LAG", "findingId": "RSA-900", "title": "late", "stream": "orders", "consumerGroup": group, "severity": severity}  # fmt: skip


@pytest.mark.parametrize(
    ("finding", "status"),
    [
        pytest.param(advice("P0_CRITICAL"), "degraded", id="its code must be mended now"),
        pytest.param(advice("P1_HIGH"), "degraded", id="its code should be mended soon"),
        pytest.param(advice("P2_MEDIUM"), "healthy", id="its code may be better"),
        pytest.param(advice("P0_CRITICAL", category="CROSS_AGENT_SYNTHESIS"), "healthy", id="what a trouble reaches"),
        pytest.param(lag("CRITICAL"), "critical", id="a group with which it reads"),
        pytest.param(lag("CRITICAL", "others"), "healthy", id="a group of somebody else"),
    ],
)  # fmt: skip
def test_a_service_is_as_well_as_the_worst_that_is_known_of_it(
    report: Report, show: Opener, finding: dict[str, Any], status: str
) -> None:
    base = next(one for one in report.findings if one["agentId"] == "REDIS_STREAM_ANALYST")
    kept = {key: base[key] for key in base if key not in {"stream", "consumerGroup", "severity", "service"}}
    made = replace(report, findings=({**kept, **finding},), critical=(), topology=(READS,))
    page = show(html_of(made))
    node = page.page.locator("#topology g.node.service", has_text="billing")
    expect(node).to_have_class(re.compile(rf"\b{status}\b"))


def test_a_service_of_a_trouble_that_was_over_is_not_critical(report: Report, show: Opener) -> None:
    base = next(one for one in report.findings if one["agentId"] == "LOG_WATCHER")
    crash = {**base, "findingId": "LW-900", "service": "billing", "severity": "CRITICAL"}
    made = replace(report, findings=(crash,), critical=(), clusters=(), topology=(READS,))
    for over, status in (({}, "critical"), ({"LW-900": "last seen"}, "degraded")):
        page = show(html_of(replace(made, over=over)))
        node = page.page.locator("#topology g.node.service", has_text="billing")
        expect(node).to_have_class(re.compile(rf"\b{status}\b"))
