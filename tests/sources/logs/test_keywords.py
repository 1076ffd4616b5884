"""The error keywords: found by level field or word, and not in "0 errors", names, paths, URLs and figures."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.logs.labelled import keywords
from tests.sources.logs.lines import line
from tools.sources.logs.classify import classify, is_candidate
from tools.sources.records import LogLine

FAILURES, HARMLESS = keywords(failures=True), keywords(failures=False)
BARE = tuple(text for text in HARMLESS if line(text).format == "text" and line(text).level is None)
WORDED = tuple(text for text in FAILURES if line(text).format == "text" and line(text).level is None)
FRAMES = ("2025-06-15T10:00:00.123Z {}", "[orders] {}", "2025-06-15 10:00:00,123 - orders - {}")


def is_failure(record: LogLine) -> bool:
    return is_candidate(record) and classify(record) in {"error", "fatal"}


def test_the_set_is_broad() -> None:
    assert len(set(FAILURES)) >= 60
    assert len(set(HARMLESS)) >= 100


@pytest.mark.parametrize("text", FAILURES)
def test_a_failure_is_found(text: str) -> None:
    assert is_failure(line(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_words_alone_are_no_failure(text: str) -> None:
    assert not is_failure(line(text))


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("text", BARE)
def test_a_time_or_a_name_before_them_changes_nothing(frame: str, text: str) -> None:
    assert not is_failure(line(frame.format(text)))


@pytest.mark.parametrize("text", BARE)
def test_the_message_of_an_info_record_is_judged_the_same(text: str) -> None:
    assert not is_failure(line(json.dumps({"level": 30, "msg": text})))
    assert not is_failure(line(json.dumps({"level": "warn", "message": text})))


QUIET = (
    'I0507 10:00:00.123456       1 c.go:5] "Failed to update" err="connection refused"',
    'level=info msg="could not refresh cache" err="read tcp 10.0.0.1:1: connection reset"',
    '{"level":30,"msg":"cannot store order","err":{"type":"Error","message":"closed"}}',
    "2025-06-15 10:00:00,123 INFO orders: ValueError: bad sku",
    "2025-06-15 10:00:00,123 INFO orders: caught exception java.io.IOException: closed",
    '{"level":30,"msg":"job 7 ended with TypeError: x is undefined"}',
)
NOT_QUIET = (
    'I0507 10:00:00.123456       1 c.go:5] "Updated" err="connection refused"',
    'I0507 10:00:00.123456       1 c.go:5] "Failed over to the replica" err=null',
    'I0507 10:00:00.123456       1 c.go:5] "Failed to update, retrying" err="conflict"',
    'level=info msg="validation failed: email" err="bad address"',
    '{"level":30,"msg":"0 failed","error":null}',
    '{"level":30,"msg":"done","errors":[],"failed":0}',
    '{"level":20,"msg":"cannot store order","err":{"message":"closed"}}',
    "2025-06-15 10:00:00,123 INFO orders: handled ValueError: bad sku",
    "2025-06-15 10:00:00,123 INFO orders: caught exception java.io.IOException: closed, ignoring it",
    "2025-06-15 10:00:00,123 INFO orders: retries on TimeoutError: 3",
    '{"level":30,"msg":"mapped ValidationException: bad sku to 400"}',
)


@pytest.mark.parametrize("text", QUIET)
def test_a_failure_that_is_logged_at_info_with_its_error_is_quiet(text: str) -> None:
    assert classify(line(text)) == "quiet-error"


@pytest.mark.parametrize("text", NOT_QUIET)
def test_an_error_field_alone_at_info_is_nothing(text: str) -> None:
    assert classify(line(text)) in {"", "retry"}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(WORDED), st.sampled_from(("order 12: ", "worker 3 said ", "[orders] ", "")))
def test_words_before_a_failure_do_not_hide_it(text: str, before: str) -> None:
    assert is_failure(line(before + text))


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200) | st.sampled_from(FAILURES + HARMLESS), st.text(max_size=8), st.integers(0, 80))
def test_no_line_makes_it_fail(text: str, put: str, at: int) -> None:
    record = line((text[:at] + put + text[at:]).replace("\n", " "))
    assert classify(record) in {
        "",
        "start",
        "stop",
        "retry",
        "warn",
        "expected",
        "quiet-error",
        "told",
        "error",
        "fatal",
    }
