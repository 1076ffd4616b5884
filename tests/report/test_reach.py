"""Where a trouble shows, and where messages lead from there: nearest first, each once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.synthesis.made import index, log_finding, stream_finding, use
from tools.findings.model import Finding
from tools.report import markdown_findings
from tools.report.context import prepare
from tools.report.model import Reach, Reached
from tools.report.sections import reach
from tools.report.write import Builder, build
from tools.sources.records import CodeIndex, CodeKind
from tools.synthesis.session_data import SessionData

CIRCLE = index(
    use(CodeKind.XADD, "web", "orders"),
    use(CodeKind.XREADGROUP, "billing", "orders", "billing"),
    use(CodeKind.XADD, "billing", "invoices"),
    use(CodeKind.XREADGROUP, "mail", "invoices", "mailers"),
    use(CodeKind.XADD, "mail", "bounces"),
    use(CodeKind.XREADGROUP, "web", "bounces", "bouncers"),
)
LAG = stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL")
WAITS = log_finding(1, "TIMEOUT", "web", seen_s=5, evidence="no answer from billing")


def reached(code: CodeIndex, *findings: Finding) -> Reach:
    (found,) = reach.build(prepare(SessionData(session_id="s", index=code, findings=findings), 0))
    return found


def told(some: Sequence[Reached]) -> list[tuple[str, int | None, tuple[str, ...]]]:
    return [(one.name, one.steps, one.findings) for one in some]


def test_what_shows_a_symptom_is_told_from_what_messages_only_lead_to() -> None:
    found = reached(CIRCLE, LAG, WAITS)
    assert told(found.services_shown) == [("billing", 0, ("RSA-001",)), ("web", 2, ("LW-001",))]
    assert told(found.services_quiet) == [("mail", 1, ())]
    assert told(found.streams_shown) == [("orders", 3, ("RSA-001",))]
    assert told(found.streams_quiet) == [("invoices", 1, ()), ("bounces", 2, ())]
    assert (found.services_count, found.streams_count) == (3, 3)
    assert (found.services_shown_count, found.streams_shown_count) == (2, 1)


def test_the_nearest_of_many_are_named_and_all_are_counted() -> None:
    wide = index(
        use(CodeKind.XREADGROUP, "billing", "orders", "billing"),
        *(use(CodeKind.XADD, "billing", f"s{at:02}") for at in range(30)),
        *(use(CodeKind.XREADGROUP, f"reader-{at:02}", f"s{at:02}", "readers") for at in range(30)),
        use(CodeKind.XADD, "reader-00", "a-far-one"),
        use(CodeKind.XREADGROUP, "a-far-reader", "a-far-one", "far"),
    )
    found = reached(wide, LAG, stream_finding(2, "STUCK_MESSAGE", consumer_group="billing", seen_s=3))
    assert [one.name for one in found.services_quiet] == [f"reader-{at:02}" for at in range(reach.NAMED_MAX)]
    assert [one.name for one in found.streams_quiet] == [f"s{at:02}" for at in range(reach.NAMED_MAX)]
    assert (found.services_count, found.streams_count) == (32, 32)


def test_the_name_of_a_family_is_that_of_no_stream() -> None:
    code = index(
        use(CodeKind.XADD, "web", "jobs:{}"), use(CodeKind.XREADGROUP, "worker", "jobs:2", group="workers"),
        use(CodeKind.XADD, "worker", "done"),
    )  # fmt: skip
    findings = [
        stream_finding(at, category, "jobs:{}", consumer_group="workers", members=["jobs:2", "jobs:1"], more_members=4)
        for at, category in ((3, "CONSUMER_LAG"), (4, "STUCK_MESSAGE"))
    ]  # fmt: skip
    found = reached(code, *findings)
    assert [one.name for one in (*found.streams_shown, *found.streams_quiet)] == ["jobs:1", "jobs:2", "done"]
    assert found.streams_count == 7


@pytest.mark.parametrize(
    ("code", "says"),
    [
        pytest.param(CIRCLE, "3 services, 3 streams. It shows at services `billing`, `web`; streams `orders`. Messages lead on from there, nearest first, and no symptom of it was seen there: services `mail`; streams `invoices`, `bounces`.", id="downstream of it"),
        pytest.param(index(use(CodeKind.XADD, "web", "orders"), use(CodeKind.XREADGROUP, "billing", "orders", "billing")), "2 services, 1 stream. It shows at services `billing`, `web`; streams `orders`.", id="nothing downstream"),
    ],
)  # fmt: skip
def test_the_markdown_says_both(code: CodeIndex, says: str) -> None:
    data = SessionData(session_id="s", index=code, findings=(LAG, WAITS))
    report = build(prepare(data, 0), Builder(), "0")
    assert f"**Blast radius:** {says}\n" in markdown_findings.critical(report) + "\n"
