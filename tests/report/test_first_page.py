"""What the first page says first."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from tests.detectors.streams.crafted import group, stream
from tests.report.made_session import SESSION_ID, make, record
from tests.synthesis.made import START_MS, log_finding, shop, stream_finding
from tools.findings.model import AgentId, EvidenceKind, Finding, Locator, LogCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.report import markdown, project_paths
from tools.report.context import prepare
from tools.report.model import Report
from tools.report.sections import harm, verdict
from tools.report.write import Builder, build, write_report
from tools.sources.records import Poll, ServerState
from tools.sources.session_facts import SessionFacts
from tools.synthesis.log_survey import LogSurvey, ServiceLog
from tools.synthesis.session_data import SessionData

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
    assert len(after.why) + len(after.others) == len(before.why) + len(before.others) + 1
    assert after.first[0] == before.first[0]
    assert any(reason.text == "Rotate the key of s0." for reason in after.first)
    assert len(after.first) <= verdict.FIRST_MAX
    assert after.first[1].seen == "logs/s0.log:1: s0 key=[masked:stripe-key]"
    text = made.workspace.report(SESSION_ID).read_text(encoding="utf-8")
    assert "Rotate the key of s0. The line: `logs/s0.log:1: s0 key=[masked:stripe-key]` ([" in text


def test_without_secrets_the_roadmap_is_followed(tmp_path: Path) -> None:
    made = make(tmp_path)
    report = write_report(made.workspace, made.project, made.clock)
    assert [reason.text for reason in report.verdict.first] == [
        item.action for item in report.roadmap[: verdict.FIRST_MAX]
    ]
    soon = [item for item in report.roadmap if item.priority.value < "P2"]
    assert report.verdict.first_more == max(0, len(soon) - verdict.FIRST_MAX)


def test_what_first_says_how_much_more_should_not_wait(tmp_path: Path) -> None:
    made = make(tmp_path)
    record(made.workspace, AgentId.LOG_WATCHER, [leaked(f"s{number}") for number in range(9)])
    report = write_report(made.workspace, made.project, made.clock)
    assert report.verdict.first_more > 4
    said = f"and {report.verdict.first_more} more that should not wait long, in [the roadmap](#6-roadmap)"
    assert said in made.workspace.report(report.session_id).read_text(encoding="utf-8")


def test_every_trouble_is_named_with_its_level_the_first_ones_with_what_they_explain(tmp_path: Path) -> None:
    made = make(tmp_path)
    record(made.workspace, AgentId.LOG_WATCHER, [failing(number) for number in range(30)])
    report = write_report(made.workspace, made.project, made.clock)
    said = report.verdict
    assert (len(said.why), len(said.others)) == (verdict.WHY_MAX, verdict.OTHERS_MAX)
    assert said.more > 0
    assert all(reason.severity is not None for reason in (*said.why, *said.others))
    page = made.workspace.report(report.session_id).read_text().partition("\n## ")[0]
    assert page.count("\n- HIGH: s") > verdict.OTHERS_MAX - 5
    assert f"- and {said.more} more, in " in page


def failing(number: int) -> Symptom:
    text = f"s{number} failed"
    return Symptom(
        rule=Rule("log.error", AgentId.LOG_WATCHER, LogCategory.BUG, "an error", severity=Severity.HIGH),
        title=text,
        entity=(f"s{number}",),
        evidence=(Quote(EvidenceKind.LOG, f"logs/s{number}.log", text, Locator(line=1)),),
        recommendation="Mend it.",
        service=f"s{number}",
    )


def test_the_harm_is_told_in_figures(tmp_path: Path) -> None:
    made = make(tmp_path)
    said = write_report(made.workspace, made.project, made.clock).verdict.harm
    assert said.startswith(
        "1,040 messages not read yet (in 2 groups, 1,000 of them on orders for billing); 804 "
    )


def test_a_system_without_trouble_has_no_harm() -> None:
    assert harm.told(prepare(SessionData(session_id="s"), 0), ()) == ""


@pytest.mark.parametrize(
    ("root", "shown"),
    [
        pytest.param("/srv/shop", "Mend a/b.py:3.", id="in the project"),
        pytest.param("/srv/shop/", "Mend a/b.py:3.", id="named with its slash"),
        pytest.param("/srv/sho", "Mend /srv/shop/a/b.py:3.", id="beside it"),
        pytest.param("/", "Mend /srv/shop/a/b.py:3.", id="the whole machine"),
        pytest.param(".", "Mend /srv/shop/a/b.py:3.", id="where it was is not known"),
    ],
)
def test_files_of_the_project_stand_by_their_path_in_it(tmp_path: Path, root: str, shown: str) -> None:
    made = make(tmp_path)
    told = write_report(made.workspace, made.project, made.clock)
    first, *others = told.findings
    text = "Mend /srv/shop/a/b.py:3."
    told = structs.replace(
        told,
        findings=({**first, "recommendation": text, "evidence": text}, *others),
        roadmap=(structs.replace(told.roadmap[0], action=text), *told.roadmap[1:]),
    )
    report = project_paths.relative(told, root)
    assert (report.findings[0]["recommendation"], report.findings[0]["evidence"]) == (shown, text)
    assert report.roadmap[0].action == shown


LAG = stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL")
STUCK = stream_finding(2, "STUCK_MESSAGE", consumer_group="billing")
MILD = [
    stream_finding(at, "STREAM_GROWING", "audit", consumer_group="auditors", severity="MEDIUM")
    for at in (3, 4)
]
SECRETS = [log_finding(at, "SECURITY", f"s{at}", severity="CRITICAL") for at in (1, 2)]
ALONE = [log_finding(at, "BUG", f"s{at}") for at in (5, 6)]


@pytest.mark.parametrize(
    ("findings", "headline", "counted"),
    [
        pytest.param([LAG, STUCK], "come down to 1 trouble.", "The trouble is 1 root cause.", id="one"),
        pytest.param([LAG, STUCK, *MILD, *SECRETS, *ALONE], "come down to 4 troubles.", "The 4 troubles are 1 root cause, 2 secrets in logs (told as one) and 2 findings that nothing else explains. 1 more root cause is MEDIUM or milder.", id="of each kind"),
        pytest.param([*SECRETS[:1]], "1 critical finding and 0 high ones.", "The trouble is 1 secret in logs.", id="a secret"),
        pytest.param(MILD, "No. ", "1 root cause is MEDIUM or milder.", id="nothing serious"),
        pytest.param([], "No. ", "", id="nothing"),
    ],
)  # fmt: skip
def test_the_figures_of_troubles_and_root_causes_agree(
    findings: list[Finding], headline: str, counted: str
) -> None:
    made = build(
        prepare(SessionData(session_id="s", index=shop(), findings=tuple(findings)), 0), Builder(), "0"
    )
    assert headline in made.verdict.headline
    assert made.verdict.counted == counted


ENDED = stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL", last_s=300)
ENDED_WITH_IT = stream_finding(2, "STUCK_MESSAGE", consumer_group="billing", last_s=200)
LATER = stream_finding(3, "DEAD_CONSUMER", "invoices", consumer_group="mailers", severity="CRITICAL")
WITH_LATER = stream_finding(4, "STUCK_MESSAGE", "invoices", consumer_group="mailers")


def at_the_end(*findings: Finding, lines: tuple[str, ...] = ()) -> Report:
    """The report of ten minutes that were polled to the end; the services of `lines` logged to the end."""
    facts = SessionFacts(
        session_id="s", version="0", mode="attach", project_root="/srv/shop", redis=None, started_ms=START_MS,
        deadline_ms=START_MS + 600_000, ended_ms=START_MS + 600_000,
    )  # fmt: skip
    behind = group("billing", lag=3)
    final = Poll(
        number=40, at_ms=START_MS + 600_000, server=ServerState(flavour="valkey", version="9"), streams=(stream("orders", 9, behind),)
    )  # fmt: skip
    logs = tuple(
        ServiceLog(
            service=name, lines=9, json_lines=0, correlated_lines=0, keys=(), events=(), sources=(), last_arrived_ms=START_MS + 599_000
        )
        for name in lines
    )  # fmt: skip
    data = SessionData(
        "s", facts=facts, findings=findings, index=shop(), baseline=final, logs=LogSurvey(services=logs)
    )
    return build(prepare(data, 0), Builder(), "0")


def test_a_trouble_that_was_over_says_so_and_stands_behind_what_goes_on() -> None:
    report = at_the_end(ENDED, ENDED_WITH_IT, LATER, WITH_LATER)
    why, said = report.verdict.why, "last seen 15:11:40 UTC, 5m before the end; at the end 3 waited"
    assert [(reason.finding_ids[0], reason.over) for reason in why] == [("RSA-003", None), ("RSA-001", said)]
    assert report.verdict.headline.endswith("which come down to 2 troubles, 1 of them over by the end.")
    text = markdown.render(report)
    assert f"- **C-02** CRITICAL: **over by the end** ({said}): CONSUMER\\_LAG on orders; it " in text
    assert f"### RSA-001 CONSUMER\\_LAG on orders — over by the end, {said}\n" in text
    assert "2. **C-02** (over by the end) Mend RSA-001." in text


def test_of_a_trouble_that_was_over_no_harm_is_to_be_limited() -> None:
    report = at_the_end(ENDED, ENDED_WITH_IT)
    assert [item.now for item in report.roadmap] == [None]
    assert [item.now for item in at_the_end(LAG, STUCK).roadmap] != [None]


def test_a_lone_finding_that_was_over_says_so_too() -> None:
    report = at_the_end(ENDED, LATER)
    assert [reason.finding_ids for reason in report.verdict.why] == [("RSA-003",), ("RSA-001",)]
    assert report.verdict.why[1].over is not None
    assert [item.finding_ids for item in report.roadmap] == [("RSA-003",), ("RSA-001",)]
    assert [row.finding_id for row in report.critical] == ["RSA-003", "RSA-001"]


LEFT = {"type": "shutdown", "leftovers": 0}


@pytest.mark.parametrize(
    ("mode", "events", "headline", "about"),
    [
        pytest.param("managed", ({"type": "shutdown", "leftovers": 2}, LEFT), "On fire until this audit stopped it: 1 critical", "started for this audit and stopped again: nothing of it runs now", id="it was started and stopped"),
        pytest.param("managed", ({"type": "shutdown", "leftovers": 2},), "Yes, on fire: 1 critical", "that all of it was stopped again was not seen", id="something was left"),
        pytest.param("managed", (), "Yes, on fire: 1 critical", "that all of it was stopped again was not seen", id="nobody saw it stop"),
        pytest.param("attach", (LEFT,), "Yes, on fire: 1 critical", "found running, only looked at, and left running", id="it ran before and runs on"),
    ],
)  # fmt: skip
def test_what_kind_of_system_it_was_is_said_and_what_was_stopped_burns_no_more(
    mode: str, events: tuple[dict[str, object], ...], headline: str, about: str
) -> None:
    facts = SessionFacts(
        session_id="s", version="0", mode=mode, project_root="/srv/shop", redis=None, started_ms=START_MS, deadline_ms=START_MS
    )  # fmt: skip
    data = SessionData("s", facts=facts, findings=(LAG, STUCK), index=shop(), events=events)
    report = build(prepare(data, 0), Builder(), "0")
    assert report.verdict.headline.startswith(headline)
    assert about in report.verdict.about
    assert report.verdict.stopped == headline.startswith("On fire until")
    assert ("wherever else this system runs" in markdown.render(report)) == report.verdict.stopped


def test_a_system_that_was_stopped_was_not_well() -> None:
    facts = SessionFacts(
        session_id="s", version="0", mode="managed", project_root="/srv/shop", redis=None, started_ms=START_MS, deadline_ms=START_MS
    )  # fmt: skip
    data = SessionData("s", facts=facts, findings=(STUCK,), index=shop(), events=(LEFT,))
    headline = build(prepare(data, 0), Builder(), "0").verdict.headline
    assert headline == "It was not on fire, but not well: 1 high finding."


def test_every_secret_of_a_log_says_what_to_do_now() -> None:
    secrets = [
        log_finding(at, "SECURITY", "web", severity="CRITICAL", title=f"web logs: k{at}") for at in (1, 2)
    ]
    text = markdown.render(at_the_end(*secrets))
    section = text.partition("## 2. ")[2].partition("## 3. ")[0]
    assert section.count("**Now:** See who can read logs/a.log") == 2


def test_where_all_troubles_were_over_it_is_not_said_to_burn() -> None:
    crash = log_finding(
        1, "CRASH", "web", rule_id="log.restart-loop", severity="CRITICAL", seen_s=60, last_s=100, occurrences=5
    )  # fmt: skip
    report = at_the_end(crash, lines=("web",))
    assert report.verdict.headline == (
        "It was on fire, and nothing of that was seen any more at the end: 1 critical finding and 0 high ones."
    )
    assert at_the_end(crash).verdict.headline.startswith("Yes, on fire: 1")
    mild = stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", last_s=300)
    assert at_the_end(mild).verdict.headline == (
        "Not on fire, but not well: 1 high finding, all of it over by the end."
    )
