"""What a line says, without the time and level at its head: as titles quote it."""

from __future__ import annotations

import pytest

from tests.detectors.logs.test_rules import stats, told, view
from tests.sources.logs.lines import line
from tools.detectors.logs import error
from tools.detectors.logs.frequency import said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("04:53:27 Worker 9c: cannot connect", "Worker 9c: cannot connect"),
        ("2026-11-29 04:55:57+0000 [-] Unhandled error in Deferred:", "[-] Unhandled error in Deferred:"),
        ("2026/11/29 05:02:48 redis: dial tcp: refused", "redis: dial tcp: refused"),
        ("[nodemon] app crashed", "[nodemon] app crashed"),
        ("(node:4742) Warning: slow", "(node:4742) Warning: slow"),
        ("no stock", "no stock"),
    ],
)
def test_only_a_time_and_a_level_are_left_out(text: str, words: str) -> None:
    assert said(line(text)) == words


@pytest.mark.parametrize(
    "text",
    [
        '127.0.0.1 - - [29/Nov/2026 04:49:46] "GET /boom HTTP/1.1" 500 -',
        'INFO:     127.0.0.1:50796 - "GET /boom HTTP/1.1" 500 Internal Server Error',
    ],
)
def test_a_request_that_failed_is_named_by_its_path_and_status(text: str) -> None:
    found = stats("error", text, template="GET /boom 500")
    assert [symptom.title for symptom in told(error, view(found))] == ["orders answers 500 to GET /boom"]
