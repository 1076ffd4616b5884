"""Where a trouble shows, and where messages lead from there: nearest first, each once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.synthesis.made import code_finding, index, log_finding, stream_finding, use
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
        pytest.param(CIRCLE, "3 services, 3 streams. It shows at services `billing`, `web`; streams `orders`. Messages lead on from there, nearest first: services `mail`; streams `invoices`, `bounces`, of which nothing serious is known.", id="downstream of it"),
        pytest.param(index(use(CodeKind.XADD, "web", "orders"), use(CodeKind.XREADGROUP, "billing", "orders", "billing")), "2 services, 1 stream. It shows at services `billing`, `web`; streams `orders`.", id="nothing downstream"),
    ],
)  # fmt: skip
def test_the_markdown_says_both(code: CodeIndex, says: str) -> None:
    data = SessionData(session_id="s", index=code, findings=(LAG, WAITS))
    report = build(prepare(data, 0), Builder(), "0")
    assert f"**Blast radius:** {says}\n" in markdown_findings.critical(report) + "\n"


FAILS = log_finding(7, "BUG", "mail", seen_s=300, evidence="no template", severity="HIGH")
MILD = log_finding(8, "BUG", "mail", seen_s=300, evidence="no template", severity="MEDIUM")
WAITING = stream_finding(9, "ORPHANED_STREAM", "bounces", seen_s=300, severity="HIGH")
CODE = code_finding(7, "code.xreadgroup-no-ack", "invoices", priority="P1_HIGH", affected_services=["mail"])


def first_reach(*findings: Finding) -> Reach:
    found = reach.build(prepare(SessionData(session_id="s", index=CIRCLE, findings=findings), 0))
    return next(one for one in found if one.services_shown[0].name == "billing")


@pytest.mark.parametrize(
    ("finding", "services", "streams"),
    [
        pytest.param(FAILS, ["mail"], [], id="a service with an error of its own"),
        pytest.param(WAITING, [], ["bounces"], id="a stream"),
        pytest.param(CODE, ["mail"], ["invoices"], id="code that should not wait"),
        pytest.param(MILD, [], [], id="nothing serious"),
    ],
)
def test_what_has_troubles_of_its_own_is_not_called_quiet(
    finding: Finding, services: list[str], streams: list[str]
) -> None:
    found = first_reach(LAG, WAITS, finding)
    assert [one.name for one in found.services_elsewhere] == services
    assert [one.name for one in found.streams_elsewhere] == streams
    assert all(
        finding.finding_id in one.findings for one in (*found.services_elsewhere, *found.streams_elsewhere)
    )
    quiet = [one.name for one in (*found.services_quiet, *found.streams_quiet)]
    assert quiet == [name for name in ("mail", "invoices", "bounces") if name not in {*services, *streams}]


def test_the_markdown_tells_them_apart() -> None:
    data = SessionData(session_id="s", index=CIRCLE, findings=(LAG, WAITS, FAILS))
    text = markdown_findings.critical(build(prepare(data, 0), Builder(), "0"))
    assert (
        "nearest first: services `mail`, which have troubles of their own; and streams `invoices`, `bounces`, of which "
        "nothing serious is known."
    ) in text
