"""Every log rule: where it fires, where it holds its tongue, on and over each limit."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.sources.logs.lines import AT_MS, line
from tools.detectors.contract import LogDetector, LogView, ServiceActivity, StreamLife, TemplateStats
from tools.detectors.logs import (
    DETECTORS,
    clock,
    error,
    format_mixed,
    no_output,
    restart_loop,
    retry_storm,
    secret,
    severity_mismatch,
    silence,
    stack_trace,
)
from tools.detectors.logs.frequency import pattern_of
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.findings.model import LogCategory, Severity
from tools.findings.rule import Symptom
from tools.sources.records import ProcessState

S = 1000


def stats(verdict: str, text: str = "boom", **fields: Any) -> TemplateStats:
    record = line(text)
    given: dict[str, Any] = {
        "service": "orders", "template": text, "verdict": verdict, "total": 1, "new": 1, "times_ms": (AT_MS,),
        "first": record, "example": record,
    }  # fmt: skip
    return TemplateStats(**(given | fields))


def activity(service: str = "orders", **fields: Any) -> ServiceActivity:
    given: dict[str, Any] = {
        "service": service, "lines": 100, "last_arrived_ms": AT_MS, "gap_p99_ms": 1000, "watched_since_ms": AT_MS - 100 * S,
        "last_line": line("INFO last", service=service),
    }  # fmt: skip
    return ServiceActivity(**(given | fields))


def view(*templates: TemplateStats, **fields: Any) -> LogView:
    given: dict[str, Any] = {
        "at_ms": AT_MS, "templates": templates, "secrets": (), "services": (), "processes": {}, "judgement": Judgement(),
    }  # fmt: skip
    return LogView(**(given | fields))


def told(detector: LogDetector, seen: LogView) -> list[Symptom]:
    return list(detector.detect(seen))


@pytest.mark.parametrize(
    ("verdict", "text", "category", "severity"),
    [
        ("error", "cannot store order", LogCategory.BUG, Severity.HIGH),
        ("error", "connect ECONNREFUSED", LogCategory.BUG, Severity.HIGH),
        ("error", "request timed out", LogCategory.TIMEOUT, Severity.HIGH),
        ("error", "connect ETIMEDOUT 10.0.0.1", LogCategory.TIMEOUT, Severity.HIGH),
        ("error", "child exited on SIGKILL", LogCategory.CRASH, Severity.HIGH),
        ("fatal", "cannot go on", LogCategory.CRASH, Severity.CRITICAL),
        ("fatal", "Unhandled rejection", LogCategory.CRASH, Severity.CRITICAL),
        ("error", "ERROR heap at 91 %", LogCategory.MEMORY_LEAK, Severity.HIGH),
        ("fatal", "JavaScript heap out of memory", LogCategory.MEMORY_LEAK, Severity.CRITICAL),
    ],
)
def test_a_failure_has_the_category_of_its_words(
    verdict: str, text: str, category: LogCategory, severity: Severity
) -> None:
    [symptom] = told(error, view(stats(verdict, text)))
    assert (symptom.category, symptom.severity) == (category, severity)


@pytest.mark.parametrize("verdict", ["warn", "retry", "expected", "trace", "trace-fatal"])
def test_other_verdicts_are_no_error(verdict: str) -> None:
    assert told(error, view(stats(verdict))) == []


@pytest.mark.parametrize(
    ("text", "title"),
    [
        pytest.param(
            "ERROR [orders] gave it up", "orders: gave it up", id="the service's own name at its head"
        ),
        pytest.param("ERROR [mail] gave it up", "orders: [mail] gave it up", id="another name"),
        pytest.param("ERROR [orders]", "orders: [orders]", id="nothing else"),
        pytest.param(
            "(98)Address already in use: AH00072: make_sock: could not bind to address [::]:8081",
            "orders: (98)Address already in use: AH00072: make_sock: could not bind to address [::]:8081",
            id="a sign at its head",
        ),
        pytest.param(
            "29-Nov-2026 05:03:51.397 zone ex.test/IN: not loaded due to errors.",
            "orders: zone ex.test/IN: not loaded due to errors.",
            id="a time without a level",
        ),
        pytest.param(
            "2026-11-29 05:26:19: (gw_backend.c.960) all handlers for /api? on /api are down.",
            "orders: (gw_backend.c.960) all handlers for /api? on /api are down.",
            id="a bracket behind the time",
        ),
        pytest.param(
            "[29-Nov-2026 05:25:58 UTC] PHP Fatal error:  Uncaught DivisionByZeroError: Division by zero in /tmp/php/a.php:1",
            "orders: PHP Fatal error: Uncaught DivisionByZeroError: Division by zero in /tmp/php/a.php:1",
            id="a time with its zone",
        ),
        pytest.param(
            "2026/11/29 04:56:54 [error] 1680#1680: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1,"
            ' server: , request: "GET /api HTTP/1.1", upstream: "http://127.0.0.1:8999/api", host: "localhost:8080"',
            "orders: connect() failed (111: Connection refused) while connecting to upstream, upstream: http://127.0.0.1:8999",
            id="the request that failed",
        ),
    ],
)
def test_an_error_is_titled_by_what_the_line_says(text: str, title: str) -> None:
    (symptom,) = told(error, view(stats("error", text)))
    assert symptom.title == title


def test_a_request_that_failed_is_titled_by_its_answer() -> None:
    text = '10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /a HTTP/1.1" 502 1 "-" "x"'
    (symptom,) = told(error, view(stats("error", text, template="GET /a 502")))
    assert symptom.title == "orders answers 502 to GET /a"


def test_an_error_carries_its_ids_and_place() -> None:
    record = line('{"level":50,"msg":"stuck","correlationId":"c-1"}', 7)
    [symptom] = told(error, view(stats("error", example=record, streams_ids=("1748771234567-0",))))
    assert (symptom.stream_id, symptom.correlation_id) == ("1748771234567-0", "c-1")
    assert symptom.position == (record.source, record.position)


@pytest.mark.parametrize(
    ("verdict", "trace", "category", "severity"),
    [
        ("trace", "Error: x\n    at f (/app/a.js:1:2)", LogCategory.BUG, Severity.HIGH),
        ("trace-fatal", "Traceback (most recent call last):\nKeyError: 1", LogCategory.CRASH, Severity.HIGH),
        ("trace-fatal", "Uncaught Error: x\n    at f (/app/a.js:1:2)", LogCategory.CRASH, Severity.CRITICAL),
        (
            "trace",
            "java.lang.OutOfMemoryError: Java heap space\n\tat a.B.c(B.java:1)",
            LogCategory.BUG,
            Severity.CRITICAL,
        ),
    ],
)
def test_a_trace_is_a_crash_where_nobody_caught_it(
    verdict: str, trace: str, category: LogCategory, severity: Severity
) -> None:
    [symptom] = told(stack_trace, view(stats(verdict, trace=trace)))
    assert (symptom.category, symptom.severity) == (category, severity)
    assert symptom.evidence[0].text == trace


@pytest.mark.parametrize(
    ("trace", "frame"),
    [
        ("E: x\n    at g (/app/node_modules/x.js:1:2)\n    at f (/app/a.js:1:2)", "f (/app/a.js:1:2)"),
        (
            'Traceback\n  File "/app/a.py", line 1, in f\n  File "/x/site-packages/b.py", line 2, in g\nE: x',
            "/app/a.py:1 in f fail with E: x",
        ),
        (
            "Traceback\n  File \"/app/a.py\", line 7, in <dictcomp>\n    {k: t[k] for k in names}\n      ~^^^\nKeyError: 'x'",
            "/app/a.py:7 fail with KeyError: 'x' ({k: t[k] for k in names})",
        ),
    ],
)
def test_the_advice_names_the_projects_own_frame(trace: str, frame: str) -> None:
    [symptom] = told(stack_trace, view(stats("trace", trace=trace)))
    assert frame in symptom.recommendation


THREADING = '  File "/usr/lib/python3.11/threading.py", line 1045, in _bootstrap_inner\n    self.run()\n'


@pytest.mark.parametrize(
    ("template", "trace", "title"),
    [
        ("ValueError: <*> | ERROR no stock", "ERROR no stock\nTraceback", "orders: ValueError: <*>"),
        (
            "ValueError: expected <*>, got <*> | ERROR no stock",
            'ERROR no stock\nTraceback\n  File "a.py", line 1, in f\nValueError: expected 2, got 1',
            "orders: ValueError: expected 2, got 1",
        ),
        ("ERROR no stock | Error: a", "ERROR no stock\nError: a", "orders: ERROR no stock | Error: a"),
        (
            'File "/app/mail.py", line <*> in send',
            f'Traceback (most recent call last):\n{THREADING}  File "/app/mail.py", line 9, in send',
            'orders: a stack trace that was cut short, at File "/app/mail.py", line 9, in send',
        ),
        ("", "Traceback (most recent call last):", "orders: a stack trace that was cut short"),
    ],
)
def test_a_trace_is_titled_by_what_was_thrown(template: str, trace: str, title: str) -> None:
    [symptom] = told(stack_trace, view(stats("trace-fatal", template=template, trace=trace)))
    assert symptom.title == title


def test_a_trace_without_its_exception_is_not_said_to_be_thrown_in_a_library() -> None:
    seen = stats("trace-fatal", template='File "t.py", line <*> in r', trace=f"Traceback\n{THREADING}")
    [symptom] = told(stack_trace, view(seen))
    assert "thrown" not in symptom.recommendation


@pytest.mark.parametrize(
    ("verdict", "trace", "severity", "known"),
    [
        ("trace", "Traceback (most recent call last):\nKeyError: 1", Severity.HIGH, False),
        ("trace-fatal", "Traceback (most recent call last):\nKeyError: 1", Severity.HIGH, False),
        ("trace-fatal", "Exception in thread a-b:\nTraceback\nKeyError: 1", Severity.CRITICAL, True),
        ("trace-fatal", "sent aaException in thread a-b:\nTraceback\nKeyError: 1", Severity.CRITICAL, True),
        ("trace-fatal", "panic: x\n\ngoroutine 1 [running]:", Severity.CRITICAL, True),
        ("trace-fatal", "FATAL cannot go on\nTraceback\nKeyError: 1", Severity.CRITICAL, False),
    ],
)
def test_caught_or_not_is_said_only_where_it_is_known(
    verdict: str, trace: str, severity: Severity, known: bool
) -> None:
    [symptom] = told(stack_trace, view(stats(verdict, trace=trace)))
    assert symptom.severity == severity
    assert "caught an error" not in symptom.hypothesis
    assert ("that nothing caught" in symptom.hypothesis) is known


@pytest.mark.parametrize(
    ("times_s", "new", "verdict", "fires"),
    [
        ((0, 1, 2, 3, 5), 1, "retry", True),
        ((0, 1, 2, 3, 5.001), 1, "retry", False),
        ((0, 1, 2, 3), 1, "retry", False),
        ((0, 1, 2, 3, 4), 5, "error", True),
        ((0, 1, 2, 3, 4), 5, "warn", True),
        ((0, 1, 2, 3, 4), 5, "expected", False),
        ((0, 1, 2, 3, 4, 60), 1, "retry", False),
        ((), 9, "retry", False),
    ],
)
def test_a_storm_is_five_within_five_seconds(
    times_s: tuple[float, ...], new: int, verdict: str, fires: bool
) -> None:
    times = tuple(AT_MS + round(at * S) for at in times_s)
    found = told(retry_storm, view(stats(verdict, total=9, new=new, times_ms=times)))
    assert bool(found) is fires


ID = "1748771234567-0"


@pytest.mark.parametrize(
    ("first", "text", "ids", "retries"),
    [
        pytest.param("", "WARN retrying connection", (), True, id="retrying"),
        pytest.param("", "ERROR send failed; retry in 10 ms", (), True, id="retry"),
        pytest.param("", "WARN cannot send, trying again", (), True, id="again"),
        pytest.param("", "ERROR lost redis. Reconnecting...", (), True, id="reconnecting"),
        pytest.param("", "WARN send failed (attempt 3/5)", (), True, id="attempt"),
        pytest.param("", '{"level":40,"msg":"send failed","attempt":2}', (), True, id="json-counter"),
        pytest.param("", 'level=warn msg="send failed" retry_count=4', (), True, id="logfmt-counter"),
        pytest.param("WARN send failed, attempt 4", "WARN send failed, attempt 1", (), True, id="first-counts"),
        pytest.param("", "WARN send failed (attempt 1/5)", (), False, id="first-attempts"),
        pytest.param("", '{"level":40,"msg":"send failed","attempt":1}', (), False, id="json-first"),
        pytest.param("", "WARN stock is low for order 12", (), False, id="per-message"),
        pytest.param("", '{"level":40,"msg":"slow","retryable":true,"maxRetries":5}', (), False, id="options"),
        pytest.param("", "WARN failed login attempt of user 7", (), False, id="login-attempt"),
        pytest.param("", "ERROR order 12 will not be retried", (), False, id="not-retried"),
        pytest.param("", "ERROR bad order 12, no retry", (), False, id="no-retry"),
        pytest.param("", "ERROR moved order 12 to orders:retry", (), False, id="name"),
        pytest.param("", "WARN retry queue holds 12", (), False, id="retry-queue"),
        pytest.param("", "WARN check against rule 7", (), False, id="against"),
        pytest.param(f"WARN late {ID}", f"WARN late {ID}", (), True, id="same-message"),
        pytest.param(f"WARN late {ID}", "WARN late 1748771234567-1", (), False, id="other-message"),
        pytest.param("", f"WARN late {ID}", (ID, "1748771234567-1"), True, id="fewer-messages-than-lines"),
        pytest.param("", f"WARN late {ID}", tuple(f"1748771234567-{n}" for n in range(5)), False, id="as-many"),
        pytest.param("WARN late request_id=abcd", "WARN late request_id=abcd", (), True, id="same-request"),
        pytest.param("WARN late request_id=abcd", "WARN late request_id=abce", (), False, id="other-request"),
    ],
)  # fmt: skip
def test_a_storm_speaks_of_retries_only_where_its_lines_do(
    first: str, text: str, ids: tuple[str, ...], retries: bool
) -> None:
    lines: dict[str, Any] = {"first": line(first or text, 1), "example": line(text, 5 if first else 1)}
    times = tuple(AT_MS + at for at in range(5))
    [symptom] = told(
        retry_storm, view(stats("warn", new=5, total=5, times_ms=times, streams_ids=ids, **lines))
    )
    assert (symptom.rule.category, symptom.rule.severity) == (LogCategory.RETRY_STORM, Severity.HIGH)
    assert ("one failure per message" in symptom.hypothesis) is not retries
    assert ("retries" in symptom.title) is retries


def test_a_storm_without_retries_says_how_often_the_line_came() -> None:
    times = (AT_MS - 60 * S, *(AT_MS + at * S for at in range(6)))
    [symptom] = told(retry_storm, view(stats("warn", "stock is low", new=1, total=7, times_ms=times)))
    assert symptom.hypothesis.startswith(
        "The same line 6 times within 5 s: one failure per message, or a retry"
    )


def test_access_lines_never_storm() -> None:
    access = '10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /a HTTP/1.1" 500 1'
    assert told(retry_storm, view(stats("error", access, times_ms=(AT_MS,) * 9, new=9))) == []


OTHER = activity("payments", last_arrived_ms=AT_MS + 59 * S)


def silent(
    at_s: float, alive: bool | None = True, *, judgement: Judgement | None = None, **fields: Any
) -> list[Symptom]:
    process = ProcessState(service="orders", at_ms=AT_MS, alive=alive, pid=7)
    others = fields.pop("others", (replace(OTHER, last_arrived_ms=AT_MS + round(at_s * S) - 1),))
    final = fields.pop("final", False)
    services = (activity(**fields), *others)
    return told(silence, view(at_ms=AT_MS + round(at_s * S), services=services, processes={"orders": process}, judgement=judgement or Judgement(), final=final))  # fmt: skip


IDLE = Judgement(expect=(Expectation(service="ord*", idle_ok=True),))
PATIENT = Judgement(expect=(Expectation(service="orders", silence=90.0),))


@pytest.mark.parametrize(
    ("found", "severity"),
    [
        pytest.param(silent(30), None, id="on-the-limit"),
        pytest.param(silent(30.001), Severity.MEDIUM, id="over-alive"),
        pytest.param(silent(31, None), Severity.HIGH, id="over-unknown"),
        pytest.param(silent(31, False), Severity.CRITICAL, id="over-gone"),
        pytest.param(silent(5, False), None, id="gone-but-short"),
        pytest.param(silent(5, False, final=True), Severity.CRITICAL, id="gone-at-the-end"),
        pytest.param(silent(60, gap_p99_ms=20 * S), None, id="own-rhythm-on"),
        pytest.param(silent(60.1, gap_p99_ms=20 * S), Severity.MEDIUM, id="own-rhythm-over"),
        pytest.param(silent(90, gap_p99_ms=None), None, id="no-rhythm-yet"),
        pytest.param(silent(90, False, gap_p99_ms=None), Severity.CRITICAL, id="no-rhythm-but-gone"),
        pytest.param(silent(60, others=()), None, id="nobody-else"),
        pytest.param(
            silent(60, others=(replace(OTHER, last_arrived_ms=AT_MS + 10 * S),)), None, id="all-are-quiet"
        ),
        pytest.param(silent(60, judgement=IDLE), None, id="idle-ok"),
        pytest.param(silent(60, False, judgement=IDLE), Severity.CRITICAL, id="idle-ok-but-gone"),
        pytest.param(silent(60, judgement=PATIENT), None, id="own-limit"),
        pytest.param(silent(91, judgement=PATIENT), Severity.MEDIUM, id="over-own-limit"),
        pytest.param(silent(60, lines=0, last_arrived_ms=None), None, id="never-logged"),
    ],
)
def test_silence(found: list[Symptom], severity: Severity | None) -> None:
    assert [symptom.severity for symptom in found] == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    ("seen_s", "looked_s", "alive", "severity"),
    [
        pytest.param(20, 25, None, Severity.MEDIUM, id="reads-on"),
        pytest.param(9, 25, None, Severity.HIGH, id="read-a-last-time"),
        pytest.param(None, 25, None, Severity.HIGH, id="never-read"),
        pytest.param(-60, -50, None, None, id="map-is-older-than-its-last-line"),
        pytest.param(20, 25, False, Severity.CRITICAL, id="process-is-gone"),
        pytest.param(20, 25, True, Severity.MEDIUM, id="process-lives"),
    ],
)
def test_a_service_that_reads_its_stream_is_quiet_and_not_dead(
    seen_s: int | None, looked_s: int, alive: bool | None, severity: Severity | None
) -> None:
    seen_ms = None if seen_s is None else AT_MS + seen_s * S
    life = StreamLife("orders", "billing", seen_ms, AT_MS + looked_s * S)
    process = ProcessState(service="orders", at_ms=AT_MS, alive=alive, pid=7)
    at_ms = AT_MS + 40 * S
    looked_at = view(
        at_ms=at_ms, services=(activity(), replace(OTHER, last_arrived_ms=at_ms - 1)), processes={"orders": process},
        streams={"orders": life},
    )  # fmt: skip
    found = told(silence, looked_at)
    assert [symptom.severity for symptom in found] == ([] if severity is None else [severity])
    assert len(told(silence, replace(looked_at, final=True))) == 1


@pytest.mark.parametrize(
    ("fields", "at_s", "fires"),
    [
        ({}, 30, False),
        ({}, 30.001, True),
        ({"lines": 1}, 60, False),
        ({"known_lines": 1}, 60, False),
    ],
)
def test_a_service_without_output(fields: dict[str, Any], at_s: float, fires: bool) -> None:
    quiet = activity(
        **({"lines": 0, "last_arrived_ms": None, "last_line": None, "watched_since_ms": AT_MS} | fields)
    )
    at_ms = AT_MS + round(at_s * S)
    assert bool(told(no_output, view(at_ms=at_ms, services=(quiet, OTHER)))) is fires
    assert told(no_output, view(at_ms=at_ms, services=(quiet,))) == []
    assert told(no_output, view(at_ms=at_ms, services=(quiet, OTHER), judgement=IDLE)) == []


@pytest.mark.parametrize(
    ("starts_s", "severity"),
    [
        ((), None),
        ((0,), None),
        ((0, 600), Severity.HIGH),
        ((0, 600.001), None),
        ((0, 10, 20), Severity.CRITICAL),
        ((0, 590, 601), Severity.HIGH),
    ],
)
def test_starts_again(starts_s: tuple[float, ...], severity: Severity | None) -> None:
    starts = tuple(AT_MS + round(at * S) for at in starts_s)
    found = told(
        restart_loop, view(services=(activity(starts_ms=starts, start_lines=(line("listening on 1"),)),))
    )
    assert [symptom.severity for symptom in found] == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    ("starts_s", "stops_s", "severity"),
    [
        ((0, 60), (58,), Severity.LOW),
        ((0, 60), (0,), Severity.LOW),
        ((0, 60), (61,), Severity.HIGH),
        ((60, 120), (58,), Severity.HIGH),
        ((0, 60, 120), (58, 118), Severity.CRITICAL),
    ],
)
def test_a_service_that_says_that_it_stops_was_stopped(
    starts_s: tuple[int, ...], stops_s: tuple[int, ...], severity: Severity
) -> None:
    starts, stops = (tuple(AT_MS + at * S for at in times) for times in (starts_s, stops_s))
    seen = activity(starts_ms=starts, stops_ms=stops, start_lines=(line("listening on 1"),))
    [found] = told(restart_loop, view(services=(seen,)))
    assert found.severity is severity
    assert (found.category is LogCategory.ANOMALY) == (severity is Severity.LOW)


def test_one_secret_finding_per_service_and_kind() -> None:
    lines = tuple(
        replace_secrets(line(f"x [masked:jwt] {number}", number), (("jwt", "0123456789ab"), ("password", "")))
        for number in (1, 2)
    )
    found = told(secret, view(secrets=lines))
    assert {symptom.entity for symptom in found} == {("orders", "jwt"), ("orders", "password")}
    assert len({(symptom.entity, symptom.location) for symptom in found}) == 2
    assert len(found) == 4


@pytest.mark.parametrize(
    ("hint", "told"),
    [
        ("HS256-exp1740000000", "signed with HS256 and had expired"),
        ("RS256-exp9000000000", "signed with RS256 and was valid when it was logged (until 2255-"),
        ("none-exp9000000000", "not signed and was valid"),
        ("ES256", "signed with ES256 and does not say when it expires"),
        ("len16-31", "16-31 characters long"),
        ("ghp_", "begins with ghp_"),
    ],
)
def test_a_secret_finding_says_what_its_mark_says(hint: str, told: str) -> None:
    kind = "jwt" if "256" in hint or hint.startswith("none") else "github-token"
    record = replace_secrets(line(f"x [masked:{kind}:{hint}:0123456789ab]"), ((kind, "0123456789ab"),))
    [symptom] = told_by_secret(record)
    assert told in symptom.hypothesis


def told_by_secret(*records: Any) -> list[Symptom]:
    return told(secret, view(secrets=records))


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"source": "/var/log/orders.log"}, "still lies in /var/log/orders.log, in its rotated copies"),
        ({"source": "docker:orders-1"}, "still lies in docker's log of orders-1"),
        (
            {"source": "logs/orders.log", "output": "stdout", "origin_offset": 71},
            "No file of this session holds the value",
        ),
    ],
)
def test_a_secret_finding_says_where_the_value_lies(fields: dict[str, Any], told: str) -> None:
    from msgspec.structs import replace as replaced

    record = replaced(replace_secrets(line("x [masked:password]"), (("password", ""),)), **fields)
    [symptom] = told_by_secret(record)
    assert told in symptom.recommendation


def test_a_secret_far_into_a_line_is_quoted_with_what_is_around_it() -> None:
    mark = "[masked:password:0123456789ab]"
    record = replace_secrets(line("a" * 9000 + f" {mark} " + "b" * 9000), (("password", "0123456789ab"),))
    [symptom] = told_by_secret(record)
    assert mark in symptom.evidence[0].text
    assert len(symptom.evidence[0].text) <= 4000


def replace_secrets(record: Any, secrets: tuple[tuple[str, str], ...]) -> Any:
    from msgspec.structs import replace as replaced

    return replaced(record, secrets=secrets)


@pytest.mark.parametrize(
    ("by_ms", "fires"),
    [
        *(
            (999, False),
            (1000, False),
            (1001, True),
            (7_200_000, False),
            (3_599_000, False),
            (900_000, False),
        ),
        *((600_000, True), (7_200_000 + 120_000, True), (48 * 3_600_000, True)),
    ],
)
def test_time_that_goes_back(by_ms: int, fires: bool) -> None:
    jump = (line("a"), line("b", 2), by_ms)
    assert bool(told(clock, view(services=(activity(backwards=jump),)))) is fires


@pytest.mark.parametrize(
    ("ahead_ms", "fires"),
    [
        *((2000, False), (2001, True), (3_600_000, False), (3_600_000 + 120_000, True)),
        *((-2000, False), (-2001, True), (-60_000, True), (-3_600_000, False), (-3_600_000 - 120_000, True)),
    ],
)
def test_a_clock_apart(ahead_ms: int, fires: bool) -> None:
    others = (activity("a", clock_ahead_ms=0), activity("b", clock_ahead_ms=0))
    found = told(clock, view(services=(activity(clock_ahead_ms=ahead_ms), *others)))
    assert [symptom.service for symptom in found] == (["orders"] if fires else [])
    assert told(clock, view(services=(activity(clock_ahead_ms=ahead_ms), others[0]))) == []


@pytest.mark.parametrize(
    ("verdict", "text", "fires"),
    [
        ("expected", '{"level":60,"msg":"validation failed"}', True),
        ("error", "INFO connect ECONNREFUSED", True),
        ("error", "ERROR connect ECONNREFUSED", False),
        ("warn", "WARN validation failed", False),
        ("error", "connect ECONNREFUSED", False),
        (
            "error",
            "2026-11-29 04:54:03.243 UTC [1147] LOG:  server process (PID 1211) was terminated by signal 9: Killed",
            False,
        ),
    ],
)
def test_levels_that_do_not_fit(verdict: str, text: str, fires: bool) -> None:
    assert bool(told(severity_mismatch, view(stats(verdict, text)))) is fires


def test_a_trace_below_a_line_at_debug_is_low_and_no_error() -> None:
    seen = view(
        stats("quiet-trace", "Traceback (most recent call last):", trace="Traceback ...\nKeyError: 'id'")
    )
    [symptom] = told(severity_mismatch, seen)
    assert (symptom.rule.severity, symptom.severity) == (Severity.LOW, None)
    assert "at DEBUG" in symptom.title
    assert told(stack_trace, seen) == told(error, seen) == []


@pytest.mark.parametrize(
    ("formats", "rules"),
    [
        (({"json": 20}, {"text": 20}), ["log.format-mixed"]),
        (({"json": 20}, {"text": 19}), []),
        (({"json": 20}, {"json": 90}), []),
        (({"json": 20}, {"access": 90}), []),
        (({"text": 20}, {"klog": 90}), []),
        (({"json": 90, "text": 10},), ["log.format-changes"]),
        (({"json": 91, "text": 9},), []),
        (({"json": 190, "text": 19},), []),
    ],
)
def test_formats(formats: tuple[dict[str, int], ...], rules: list[str]) -> None:
    services = tuple(activity(f"s{number}", format_counts=counts) for number, counts in enumerate(formats))
    assert [symptom.rule.id for symptom in told(format_mixed, view(services=services, final=True))] == rules
    assert told(format_mixed, view(services=services)) == []


@pytest.mark.parametrize(
    ("total", "times_s", "text"),
    [
        (1, (0,), "one-off"),
        (2, (), "2 × at 15:06:40Z"),
        (3, (0, 2, 4), "3 × in 4 s, first 15:06:40Z, last 15:06:44Z"),
        (31, (0, 230), "31 × in 4 min, first 15:06:40Z, last 15:10:30Z"),
        (9, (0, 90_000), "9 × in 25 h, first 2025-06-15T15:06:40Z, last 2025-06-16T16:06:40Z"),
    ],
)
def test_the_frequency_in_words(total: int, times_s: tuple[float, ...], text: str) -> None:
    assert (
        pattern_of(stats("error", total=total, times_ms=tuple(AT_MS + round(at * S) for at in times_s)))
        == text
    )


def test_a_configured_limit_is_used() -> None:
    judgement = Judgement(limits=Limits(storm_count=2, storm_window=1.0))
    seen = stats("retry", total=2, new=1, times_ms=(AT_MS, AT_MS + 900))
    assert told(retry_storm, view(seen, judgement=judgement))


def test_an_empty_view_has_no_symptom() -> None:
    assert [symptom for detector in DETECTORS for symptom in detector.detect(view(final=True))] == []


@pytest.mark.parametrize("hint", ["x-expABC", "-exp", "HS256-exp1.5", "HS256-exp-"])
def test_a_mark_that_a_service_made_up_hides_no_secret(hint: str) -> None:
    forged = replace_secrets(line(f"sent [masked:jwt:{hint}:0123456789ab]"), (("jwt", "0123456789ab"),))
    true = replace_secrets(line("login", service="payments"), (("password", "ba9876543210"),))
    found = told(secret, view(secrets=(forged, true)))
    assert [symptom.entity for symptom in found] == [("orders", "jwt"), ("payments", "password")]
