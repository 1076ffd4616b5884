"""What the first page says first."""

from __future__ import annotations

from pathlib import Path

from tests.report.made_session import make, record
from tools.findings.model import AgentId, EvidenceKind, Locator, LogCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.report.sections import verdict
from tools.report.write import write_report

SECRET = Rule("log.secret", AgentId.LOG_WATCHER, LogCategory.SECURITY, "a secret", severity=Severity.CRITICAL)


def leaked(service: str) -> Symptom:
    text = f"{service} key=[masked:stripe-key]"
    return Symptom(
        rule=SECRET,
        title=f"{service} logs a secret in plain text: stripe-key",
        entity=(service, "stripe-key"),
        evidence=(Quote(EvidenceKind.LOG, f"logs/{service}.log", text, Locator(line=1)),),
        recommendation=f"Rotate the key of {service}.",
        service=service,
    )


def test_secrets_that_lie_open_are_one_trouble_and_stand_behind_the_gravest(tmp_path: Path) -> None:
    made = make(tmp_path)
    before = write_report(made.workspace, made.project, made.clock).verdict
    record(made.workspace, AgentId.LOG_WATCHER, [leaked(f"s{number}") for number in range(5)])
    after = write_report(made.workspace, made.project, made.clock).verdict
    assert after.why[0].text == before.why[0].text
    assert after.why[1].text.startswith("s0 logs a secret in plain text: stripe-key; s1 logs")
    assert after.why[1].text.endswith("; and 2 more")
    assert len(after.why[1].finding_ids) == 5
    assert len(after.why) + after.more == len(before.why) + before.more + 1
    assert after.first[0] == before.first[0]
    assert any(reason.text == "Rotate the key of s0." for reason in after.first)
    assert len(after.first) <= verdict.FIRST_MAX


def test_without_secrets_the_roadmap_is_followed(tmp_path: Path) -> None:
    made = make(tmp_path)
    report = write_report(made.workspace, made.project, made.clock)
    assert [reason.text for reason in report.verdict.first] == [
        item.action for item in report.roadmap[: verdict.FIRST_MAX]
    ]
