"""Whether a service that ended or fell silent ran at the end of the window, by what was seen of it last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.report.made_session import make, record
from tests.synthesis.made import START_MS, log_finding, shop
from tools.clock import iso
from tools.findings.journal import Journal
from tools.findings.model import AgentId, EvidenceKind, Finding, Locator, LogCategory, Severity
from tools.findings.rule import Quote, Rule, Symptom
from tools.report.context import prepare
from tools.report.model import ServiceState
from tools.report.sections import service_states
from tools.report.write import write_report
from tools.sources.records import (
    ConsumerInfo,
    GroupInfo,
    GroupState,
    Poll,
    PollCost,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.session_facts import SessionFacts
from tools.synthesis.log_survey import LogSurvey, ServiceLog
from tools.synthesis.session_data import SessionData

END_S = 600
RESTARTS = log_finding(1, "CRASH", rule_id="log.restart-loop", seen_s=10, last_s=60, occurrences=4)
TRACE = log_finding(2, "CRASH", rule_id="log.stack-trace", seen_s=300, last_s=300, severity="CRITICAL")
SILENT = log_finding(3, "ANOMALY", rule_id="log.silence", severity="MEDIUM", seen_s=500, last_s=500)


def event(kind: str, at_s: float, service: str = "billing") -> dict[str, object]:
    return {"type": kind, "at": iso(START_MS + round(at_s * 1000)), "service": service}


def polled(idle_ms: int) -> Poll:
    reader = ConsumerInfo(name="b-1", pending=0, idle=idle_ms)
    info = GroupInfo(name="billing", consumers=1, pending=0, last_delivered_id="1-0")
    stream = StreamState(
        name="orders",
        info=StreamInfo(length=1, groups=1, last_generated_id="1-0"),
        groups=(GroupState(info=info, lag=None, consumers=(reader,)),),
    )
    cost = PollCost(server_us=1, round_trips=1, wall_ms=1.0)
    server = ServerState(flavour="valkey", version="9.1.0")
    return Poll(number=1, at_ms=START_MS + END_S * 1000, server=server, cost=cost, streams=(stream,))


def states(
    *findings: Finding,
    events: tuple[dict[str, object], ...] = (),
    line_s: float | None = None,
    idle_ms: int | None = None,
) -> dict[str, ServiceState]:
    line = None if line_s is None else START_MS + round(line_s * 1000)
    log = ServiceLog(
        service="billing",
        lines=1,
        json_lines=0,
        correlated_lines=0,
        keys=(),
        events=(),
        sources=(),
        last_arrived_ms=line,
    )
    facts = SessionFacts(
        session_id="s", version="0", mode="managed", project_root="/srv/shop", redis=None, started_ms=START_MS,
        deadline_ms=START_MS + END_S * 1000, ended_ms=START_MS + END_S * 1000,
    )  # fmt: skip
    data = SessionData(
        session_id="s", facts=facts, findings=findings, index=shop(), logs=LogSurvey(services=(log,)), events=events,
        baseline=None if idle_ms is None else polled(idle_ms),
    )  # fmt: skip
    return {one.service: one for one in service_states.build(prepare(data, 0))}


GONE = (event("service-ready", 0), event("service-gone", 400))


@pytest.mark.parametrize(
    ("given", "state", "says"),
    [
        pytest.param({"events": GONE, "line_s": 399}, "down", "DOWN at the end of the window, its process gone from 15:13:20 UTC on", id="its process went and did not come back"),
        pytest.param({"events": GONE}, "down", "DOWN at the end of the window, its process gone from 15:13:20 UTC on", id="and it never logged"),
        pytest.param({"events": GONE, "line_s": 599}, "running", "it ran at the end of the window, and still logged", id="one that logs on ran, whatever its process id was"),
        pytest.param({"events": (*GONE, event("service-restarted", 420)), "line_s": 598}, "running", "started again once, last at 15:13:40 UTC; it ran at the end of the window, and still logged", id="it came back"),
        pytest.param({"events": (event("service-ready", 0),), "line_s": 400}, "running", "its process ran at the end of the window, but its last line came 3m20s before the end", id="alive and silent"),
        pytest.param({"events": (event("service-ready", 0),), "line_s": 599.5}, "running", "it ran at the end of the window, and still logged", id="alive"),
        pytest.param({"line_s": 400}, "unknown", "whether it ran at the end of the window is not known: its last line came 3m20s before the end", id="only its log is known"),
        pytest.param({"line_s": 400, "idle_ms": 900}, "running", "it ran at the end of the window, and still read orders", id="its group reads on"),
        pytest.param({"line_s": 400, "idle_ms": 90_000}, "unknown", "whether it ran at the end of the window is not known: its last line came 3m20s before the end", id="its group has stopped reading"),
        pytest.param({}, "unknown", "whether it ran at the end of the window is not known", id="nothing is known"),
    ],
)  # fmt: skip
def test_the_state_at_the_end_is_the_one_seen_last(given: dict[str, Any], state: str, says: str) -> None:
    found = states(TRACE, **given)["billing"]
    assert (found.state, found.says) == (state, says)


def test_a_crash_shortly_before_the_end_leaves_it_open_whether_the_process_outlived_it() -> None:
    crash = log_finding(2, "CRASH", rule_id="log.stack-trace", seen_s=580, last_s=598, severity="CRITICAL")
    found = states(crash, events=(event("service-ready", 0),), line_s=580)["billing"]
    assert found.state == "unknown"


@pytest.mark.parametrize(
    ("line_s", "idle_ms", "state"),
    [
        pytest.param(598, None, "unknown", id="its last line is that of its crash"),
        pytest.param(598.4, None, "unknown", id="what ran it tells of its end"),
        pytest.param(599.5, None, "running", id="it logged on"),
        pytest.param(598, 5_000, "unknown", id="it read before it crashed"),
    ],
)
def test_the_last_words_of_a_service_are_no_sign_that_it_ran_on(
    line_s: float, idle_ms: int | None, state: str
) -> None:
    crash = log_finding(2, "CRASH", rule_id="log.stack-trace", seen_s=598, last_s=598, severity="CRITICAL")
    found = states(crash, line_s=line_s, idle_ms=idle_ms)["billing"]
    assert found.state == state, found.says


def test_a_start_shortly_before_the_end_is_a_sign_that_it_ran() -> None:
    loop = log_finding(1, "CRASH", rule_id="log.restart-loop", seen_s=10, last_s=598, occurrences=4)
    assert states(loop, line_s=598)["billing"].state == "running"


def test_starts_are_counted_by_the_log_where_it_tells_of_more() -> None:
    found = states(RESTARTS, events=(event("service-ready", 0), event("service-restarted", 61)), line_s=599)[
        "billing"
    ]
    assert (found.restarts, found.last_start) == (4, iso(START_MS + 61_000))
    assert found.says.startswith("started again 4 times, last at 15:07:41 UTC; ")


@pytest.mark.parametrize(
    ("findings", "events", "told"),
    [
        pytest.param((), (event("service-ready", 0),), False, id="all went well"),
        pytest.param(
            (log_finding(1, "BUG"),), (event("service-ready", 0),), False, id="an error ends nothing"
        ),
        pytest.param((log_finding(1, "ANOMALY"),), (), False, id="an anomaly that is no silence"),
        pytest.param((log_finding(1, "CRASH", severity="MEDIUM"),), (), False, id="nothing serious"),
        pytest.param((SILENT,), (), True, id="silence"),
        pytest.param((), GONE, True, id="a process that went without a word"),
    ],
)
def test_only_services_that_ended_or_fell_silent_are_told(
    findings: tuple[Finding, ...], events: tuple[dict[str, object], ...], told: bool
) -> None:
    assert ("billing" in states(*findings, events=events)) == told


def test_odd_events_tell_nothing() -> None:
    odd: tuple[dict[str, object], ...] = (
        {"type": "service-gone", "at": "yesterday", "service": "billing"},
        {"type": "service-gone", "at": 3, "service": "billing"},
        {"type": "service-gone", "at": iso(START_MS)},
    )
    assert states(events=odd) == {}


def test_what_is_down_is_named_first_and_many_are_counted() -> None:
    one = ServiceState(
        service="a", state="running", restarts=0, last_start=None, last_line=None, says="it ran"
    )
    many = [structs.replace(one, service=f"s{number}") for number in range(8)]
    down = structs.replace(one, service="z", state="down", says="DOWN")
    assert (
        service_states.told([*many, down])
        == "z: DOWN; s0: it ran; s1: it ran; s2: it ran; s3: it ran; and 4 more."
    )
    assert service_states.told([]) == ""


def test_the_first_page_and_the_trouble_say_it(tmp_path: Path) -> None:
    made = make(tmp_path)
    rule = Rule(
        "log.stack-trace", AgentId.LOG_WATCHER, LogCategory.CRASH, "a trace", severity=Severity.CRITICAL
    )
    quote = Quote(EvidenceKind.LOG, "logs/mail.log", "Traceback: KeyError: 'to'", Locator(line=1))
    stopped = Rule(
        "log.silence", AgentId.LOG_WATCHER, LogCategory.ANOMALY, "silence", severity=Severity.MEDIUM
    )
    silent = Quote(EvidenceKind.LOG, "logs/mail.log", "the last line", Locator(line=2))
    symptoms = [
        Symptom(rule=one, title=f"mail: {quoted.text}", entity=("mail",), evidence=(quoted,), recommendation="Mend it.", service="mail", hypothesis="It ended.")
        for one, quoted in ((rule, quote), (stopped, silent))
    ]  # fmt: skip
    record(made.workspace, AgentId.LOG_WATCHER, symptoms)
    with Journal(made.workspace.events) as events:
        events.append({"type": "service-gone", "at": "2025-06-15T15:10:00.000Z", "service": "mail"})
    report = write_report(made.workspace, made.project, made.clock)
    text = made.workspace.report(report.session_id).read_text(encoding="utf-8")
    assert (
        "**Services:** mail: DOWN at the end of the window, its process gone from 15:10:00 UTC on."
        in text.partition("\n## ")[0]
    )
    assert "**At the end:** mail: DOWN at the end" in text.partition("## 2.")[2]
