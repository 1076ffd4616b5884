"""Which lines are failures, and which only speak of them."""

from __future__ import annotations

import json

import pytest

from tests.sources.logs.lines import line
from tools.sources.logs.classify import ERROR, NOTHING, classify, is_candidate
from tools.sources.logs.templates import message_ids, template_of
from tools.sources.logs.window import Window

FRAMES = {
    "plain": "{}",
    "timed": "2025-06-15T10:00:00.000Z {}",
    "logger": "2025-06-15 10:00:00,123 [worker-1] com.acme.Orders - {}",
}
FAILURES = {
    "refused": ("connect ECONNREFUSED 10.0.0.1:6379", "error"),
    "timed-out": ("request failed: ETIMEDOUT", "error"),
    "reset": ("read ECONNRESET", "error"),
    "unhandled": ("Unhandled promise rejection in consumer", "fatal"),
    "uncaught": ("Uncaught exception in worker", "fatal"),
    "oom": ("worker killed: out of memory", "fatal"),
    "oom-killer": ("oom-killer ended process 12", "fatal"),
    "heap": ("Reached heap limit, JavaScript heap out of memory", "fatal"),
    "sigkill": ("child exited on SIGKILL", "error"),
    "sigterm": ("process got SIGTERM", "error"),
    "typed": ("TypeError: x is not a function", "error"),
    "java": ("java.lang.IllegalStateException: closed", "error"),
    "word": ("an error happened in the consumer", "error"),
    "three": ("batch done with 3 errors", "error"),
}
HARMLESS = (
    "batch done with 0 errors", "no errors found", "errors: 0", '"errors":[]', "error=null", "error: false",
    "without error", "GET https://api.test/errors/exception", "loaded /app/error.html", "ErrorBoundary mounted",
    "error handler registered", "registered errorMiddleware", "error rate: 0.0", "error_count=0", "errorRate=0",
    "heapUsed: 12 MB", "heap size 120 MB", "java heap: 12", "zoom level changed", "room created", "boom barrier opened",
    "payment attempt 3f2a91c7d5e4 created", "attempt 1750000000123 stored", "exceptional service", "fatality statistics loaded", "publishing to stream errors-topic", "subscribed to error stream",
    "dead letter errors queue is empty", "recovered from 2 errors", "failover ready", "retry policy: 3",
    "handled_errors_total=0", "user error@example.test logged in", "order accepted", "error logging enabled",
)  # fmt: skip
LEVELLED = {
    "json-50": ('{"level":50,"msg":"order not stored"}', "error"),
    "json-60": ('{"level":60,"msg":"cannot go on"}', "fatal"),
    "json-error-unhandled": ('{"level":"error","msg":"unhandledRejection","err":{"message":"Unhandled"}}', "fatal"),
    "json-info-err": ('{"level":30,"msg":"retry ok","err":{"code":"ECONNREFUSED"}}', "retry"),
    "json-info-zero": ('{"level":30,"msg":"done","failed":0,"errors":[]}', ""),
    "json-metrics": ('{"requests":{"total":3},"handshakes_failed":0,"4xx":12}', ""),
    "json-warn": ('{"level":40,"msg":"slow query"}', "warn"),
    "json-warn-code": ('{"level":40,"msg":"cannot reach","err":{"code":"ECONNREFUSED"}}', "error"),
    "json-warn-validation": ('{"level":40,"msg":"validation failed: email"}', "warn"),
    "json-info-validation": ('{"level":30,"msg":"validation failed: email"}', ""),
    "json-fatal-validation": ('{"level":60,"msg":"validation failed: email"}', "expected"),
    "json-debug": ('{"level":20,"msg":"connect ECONNREFUSED"}', ""),
    "logfmt-error": ('level=error msg="cannot store"', "error"),
    "logfmt-info-err": ('level=info msg="closed" err="connection reset: ECONNRESET"', ""),
    "klog-info": ('I0507 10:00:00.123456       1 c.go:5] "Failed to update" err="connection refused"', "quiet-error"),
    "klog-error": ('E0507 10:00:00.123456       1 c.go:5] "Failed to update" err="connection refused"', "error"),
    "klog-fatal": ("F0507 10:00:00.123456       1 c.go:5] cannot listen", "fatal"),
    "access-200": ('10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /error?x=fatal HTTP/1.1" 200 1', ""),
    "access-404": ('10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /a HTTP/1.1" 404 1', ""),
    "access-499": ('10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /a HTTP/1.1" 499 1', ""),
    "access-500": ('10.0.0.1 - - [15/Jun/2025:10:00:00 +0000] "GET /a HTTP/1.1" 500 1', "error"),
    "panic": ("panic: runtime error: index out of range", "fatal"),
    "crash": ("2091:M 29 Nov 2026 05:03:17.908 # Redis 7.0.15 crashed by signal: 11, si_code: 2", "fatal"),
    "crash-of-a-database": ("261129  4:55:33 [ERROR] mariadbd got signal 11 ;", "fatal"),
    "session-refused": ('2026-11-29 04:54:00.071 UTC [1160] FATAL:  password authentication failed for user "postgres"', "error"),
    "standby-alone": (
        '2026-11-29 05:37:11.582 UTC [4692] FATAL:  could not connect to the primary server: connection to server on socket "/tmp/.s.PGSQL.5441" failed: Connection refused',
        "error",
    ),
    "standby-cut-off": ("2026-11-29 05:37:11.579 UTC [4686] FATAL:  could not receive data from WAL stream: server closed the connection unexpectedly", "error"),
    "session-stopped": ("2026-11-29 04:54:05.674 UTC [1225] FATAL:  terminating connection due to administrator command", "warn"),
    "server-stopped": ("2026-11-29 04:54:11.079 UTC [1273] FATAL:  could not create any TCP/IP sockets", "fatal"),
    "retry": ("Retrying in 500 ms (attempt 3)", "retry"),
    "warn": ("WARN queue is long", "warn"),
    "start": ("orders service listening on port 3001", "start"),
    "start-by-name": ("2025-06-15T10:00:00.000Z INFO [orders] orders ready", "start"),
    "start-json": ('{"level":"info","message":"database system is ready to accept connections"}', "start"),
    "start-of-a-message": ('{"level":"info","msg":"worker started","messageId":"12"}', ""),
    "start-of-another": ("INFO [orders] payments ready", ""),
    "no-start": ("worker started processing order 12", ""),
    "info-fatal": ("INFO Unhandled rejection: boom", "fatal"),
}  # fmt: skip


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
@pytest.mark.parametrize(
    ("text", "verdict"), [pytest.param(*case, id=name) for name, case in FAILURES.items()]
)
def test_a_failure_in_words_is_one_whatever_the_frame(frame: str, text: str, verdict: str) -> None:
    record = line(frame.format(text))
    assert is_candidate(record)
    assert classify(record) == verdict


@pytest.mark.parametrize("frame", FRAMES.values(), ids=list(FRAMES))
@pytest.mark.parametrize("text", HARMLESS)
def test_words_that_only_speak_of_failure_are_none(frame: str, text: str) -> None:
    assert classify(line(frame.format(text))) not in {"error", "fatal"}


@pytest.mark.parametrize("text", HARMLESS)
def test_an_info_record_with_such_words_is_nothing(text: str) -> None:
    assert classify(line(json.dumps({"level": 30, "msg": text}))) in {"", "retry", "told"}


@pytest.mark.parametrize(
    ("text", "verdict"), [pytest.param(*case, id=name) for name, case in LEVELLED.items()]
)
def test_level_format_and_words_together_decide(text: str, verdict: str) -> None:
    assert classify(line(text)) == verdict


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("order 12 failed in 3 ms", "order 99881 failed in 12 ms"),
        ("id 550e8400-e29b-41d4-a716-446655440000 lost", "id 6ba7b810-9dad-11d1-80b4-00c04fd430c8 lost"),
        ("2025-06-15T10:00:00Z lost 10.0.0.1:80", "2025-06-16T11:01:02Z lost 10.0.0.2:81"),
        ("entry 1748771234567-0 stuck", "entry 1748771999999-12 stuck"),
        (
            'no live upstreams while connecting to upstream, client: 10.0.0.1, server: , request: "GET /u HTTP/1.1", upstream: "http://u/u", host: "a"',
            'no live upstreams while connecting to upstream, client: 10.0.0.2, server: , request: "GET /v HTTP/1.1", upstream: "http://u/v", host: "b"',
        ),
    ],
)
def test_lines_that_differ_in_numbers_share_a_template(first: str, second: str) -> None:
    assert template_of(first) == template_of(second)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("stuck on 1748771234567-0", ("1748771234567-0",)),
        (
            "1748771234567-0 and 1748771234568-12, again 1748771234567-0",
            ("1748771234567-0", "1748771234568-12"),
        ),
        ('{"id":"1748771234567-3"}', ("1748771234567-3",)),
        ("phone 0049-123 date 2025-06-15 uuid 550e8400-e29b-41d4-a716-446655440000", ()),
        ("x1748771234567-0 1748771234567-0-1", ()),
    ],
)
def test_message_ids_are_found_whole(text: str, ids: tuple[str, ...]) -> None:
    assert message_ids(text) == ids


@pytest.mark.parametrize(
    ("failure", "harmless"),
    [
        ("batch done: 3 errors", "batch done: 0 errors"),
        ("OOM kills: 2", "OOM kills: 0"),
        ("upstream error, status 500", "upstream error, status 404"),
        ("job failed, attempt 2", "job taken, attempt 1"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_a_line_is_judged_by_its_own_figures(failure: str, harmless: str, *, turned: bool) -> None:
    texts = (harmless, failure) if turned else (failure, harmless)
    window = Window([], 0)
    for number, text in enumerate(texts * 2, start=1):
        for item in window.fold(line(text, number)):
            window.take(item)
    [found] = window.touched()
    assert (found.total, found.first.text, found.example.text) == (2, failure, failure)


@pytest.mark.parametrize(
    "text",
    [
        "INFO processing order 12 (attempt 1)",
        "INFO processing order 12 attempt 1/3",
        "order 12 processed retries=0",
        "order 12 processed, retries left: 3",
        "INFO order 12 acked, no retry needed",
        "INFO backoff=0 order 12",
        "processed 12 in 7 ms timeout=30000",
        "timeout set to 30s",
        "polling orders, block timeout reached, no messages",
        "XREADGROUP timed out, no new messages",
        "no new messages, retrying in 1s",
        "idle: no messages, backing off 100 ms",
        "[GC (Allocation Failure) [PSYoungGen: 65536K->1024K(76288K)] 65536K->1032K(251392K), 0.0012 secs]",
        "heartbeat ok failures=0 critical=0",
        "status=ok failed=0 warn=0 refused=0",
        "INFO read 12 entries from orders.retry",
        "INFO read 12 entries from orders:retry",
        "INFO delivered 12, no further retry needed",
        "INFO login attempt 12 by user 7",
        '{"level":30,"msg":"job 12 added with backoff 1000ms"}',
    ],
)
def test_what_a_healthy_service_repeats_is_no_retry_and_no_warning(text: str) -> None:
    assert not is_candidate(line(text)) or classify(line(text)) == ""


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("INFO processing order 12 (attempt 2)", "retry"),
        ("INFO read 12 entries from orders.retry, retrying 3", "retry"),
        ('{"level":30,"msg":"job 12 failed, backing off 1000ms"}', "retry"),
        ('{"level":30,"msg":"reconnecting, backoff 1000ms"}', "retry"),
        ("order 12: attempt 12 of 20", "retry"),
        ("timeout of 5000ms exceeded", "warn"),
        ("read timed out after 5000ms", "warn"),
        ("order 12 put back, retries: 3", "retry"),
        ("no connection, retrying in 1s", "retry"),
    ],
)
def test_what_a_service_in_trouble_repeats_still_counts(text: str, verdict: str) -> None:
    assert classify(line(text)) == verdict


@pytest.mark.parametrize(
    "text",
    [
        '{"level":30,"msg":"worker started","jobId":"12"}',
        "INFO consumer started on partition 3",
        "INFO worker started with job id=12",
        "INFO health check: service is up",
        "INFO readiness probe: service is ready",
    ],
)
def test_a_job_or_an_answer_to_a_probe_is_no_start(text: str) -> None:
    assert classify(line(text)) == ""


def test_a_service_that_says_the_name_of_another_one_did_not_start() -> None:
    window = Window(["api-7"], 0)
    for number, text in enumerate(("api-8 started", "api-7 started"), start=1):
        for item in window.fold(line(text, number, service="api-7")):
            window.take(item)
    [activity] = window.activities()
    assert [step.line for step in activity.most_starts().lines] == [2]


def test_what_a_long_line_says_at_its_end_is_judged() -> None:
    window = Window(["orders"], 0)
    padding = "done " * 500
    for number, text in enumerate((f"{padding} errors: 2", f"{padding} errors: 0"), start=1):
        for item in window.fold(line(text, number)):
            window.take(item)
    assert [item.total for item in window.touched()] == [1]


@pytest.mark.parametrize(
    ("level", "verdict"), [("INFO", "stop"), ("DEBUG", NOTHING), ("WARN", "warn"), ("ERROR", ERROR)]
)
@pytest.mark.parametrize("said", ["received SIGTERM, shutting down gracefully", "caught SIGTERM, stopping"])
def test_a_service_that_tells_how_it_stops_does_not_fail(said: str, level: str, verdict: str) -> None:
    assert classify(line(f"2025-06-15 10:00:00,123 {level} cook: {said}")) == verdict
