"""Real stack traces of node, python, java and rust, and go's as published: whole, alone, and to the byte."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sources.logs.labelled import traces
from tests.sources.logs.lines import AT_MS, line
from tools.sources.logs.traces import Assembler, Trace
from tools.sources.logs.window import Window
from tools.sources.logs.written import RECORDS_MIN
from tools.sources.records import LogLine

TRACES = traces()
MESSAGES = frozenset({"python-multiline", "python-notes"})
"""Messages of several lines behind their frames: their end is known only where all else is a record."""
WITHOUT_FRAMES = frozenset({"node-thrown-value", "python-panels"})
APART = frozenset(
    {"python-async", "python-logging", "python-panels", "python-remote", "python-unhandled-indented"}
)
"""Where a line of another thread may stand, it cannot be told from the end."""
BEFORE = ("INFO before", "2025-06-15T10:00:00.123Z INFO orders: before", '{"level":30,"msg":"before"}')
AFTER = ("2025-06-15T10:00:01.123Z INFO orders: after", '{"level":30,"msg":"after"}', "order 12 stored")
RECORD = '{"level":30,"time":1749981600123,"msg":"order 12 stored"}'


def items(texts: list[str]) -> list[LogLine | Trace]:
    assembler, found = Assembler(), []
    for number, text in enumerate(texts, 1):
        found += assembler.feed(line(text, number))
    return found + assembler.close()


def whole(found: list[LogLine | Trace]) -> list[str]:
    return [item.text for item in found if isinstance(item, Trace)]


def test_the_corpus_is_broad() -> None:
    names = [name.partition("-")[0] for name in TRACES]
    assert {
        name: names.count(name) >= 8 for name in ("node", "python", "java", "go", "rust")
    } == dict.fromkeys(("node", "python", "java", "go", "rust"), True)


@pytest.mark.parametrize("after", AFTER)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("name", sorted(set(TRACES) - MESSAGES))
def test_a_trace_is_captured_whole_and_alone(name: str, before: str, after: str) -> None:
    found = items([before, *TRACES[name].split("\n"), after])
    assert whole(found) == [TRACES[name]]
    assert [item.text for item in found if isinstance(item, LogLine)] == [before, after]


@pytest.mark.parametrize("name", sorted(TRACES))
def test_where_all_else_is_a_record_the_message_behind_the_frames_is_whole_too(name: str) -> None:
    found = items([*[RECORD] * RECORDS_MIN, *TRACES[name].split("\n"), RECORD])
    assert whole(found) == [TRACES[name]]


def templates(texts: list[str]) -> list[tuple[str, str | None]]:
    window = Window((), AT_MS)
    for number, text in enumerate(texts, 1):
        for item in window.fold(line(text, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    return [(template.verdict, template.trace) for template in window.touched()]


@pytest.mark.parametrize("field", ["err", "error", "exception", "stack", "stack_trace", "exc_info"])
@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in TRACES
        if name not in WITHOUT_FRAMES and (not name.startswith("rust") or "backtrace" in name)
    ),
)
def test_a_trace_in_one_field_of_a_record_is_whole(name: str, field: str) -> None:
    text = TRACES[name]
    value: object = {"type": "Error", "message": "x", "stack": text} if field in {"err", "error"} else text
    record = json.dumps({"level": 50, "time": 1749981600123, "msg": "cannot store", field: value})
    [(verdict, trace)] = templates([record, RECORD])
    assert verdict in {"trace", "trace-fatal"}
    assert trace == text


INTERLEAVED = sorted(
    name
    for name in TRACES
    if name.startswith("python") and "group" not in name and name not in MESSAGES | APART
)


@pytest.mark.parametrize("name", INTERLEAVED)
def test_a_record_of_another_thread_splits_no_python_trace(name: str) -> None:
    lines = TRACES[name].split("\n")
    begin = next(at for at, text in enumerate(lines) if text.startswith("  File ")) + 1
    end = max(at for at, text in enumerate(lines) if text.startswith(" ")) + 1
    for at in range(begin, end):
        found = items([RECORD, *lines[:at], RECORD, *lines[at:], RECORD])
        if not any(CHAIN in "\n".join(lines[:at]) for CHAIN in ("direct cause", "During handling")):
            assert whole(found) == ["\n".join([*lines[:at], RECORD, *lines[at:]])]
            [trace] = [item for item in found if isinstance(item, Trace)]
            assert [item.text for item in trace.passing] == [RECORD]


def test_an_error_of_another_thread_inside_a_trace_is_told_too() -> None:
    lines = TRACES["python-plain"].split("\n")
    other = "2025-06-15T10:00:00.123Z ERROR payments: charge refused"
    told = templates([RECORD, *lines[:3], other, *lines[3:], RECORD])
    assert sorted(verdict for verdict, _ in told) == ["error", "trace-fatal"]


@pytest.mark.parametrize("name", [name for name in sorted(TRACES) if name.startswith("java")])
def test_a_record_between_two_frames_splits_no_java_trace(name: str) -> None:
    lines = TRACES[name].split("\n")
    for at in range(2, len(lines)):
        if lines[at - 1].startswith("\tat ") and lines[at].startswith("\tat "):
            found = items([RECORD, *lines[:at], RECORD, *lines[at:], RECORD])
            assert whole(found) == ["\n".join([*lines[:at], RECORD, *lines[at:]])]


def test_what_prints_without_a_pause_behind_a_trace_that_was_cut_stays_apart() -> None:
    lines = TRACES["python-plain"].split("\n")[:3]
    found = items([*lines, *["order 12 stored"] * 60])
    assert whole(found) == ["\n".join(lines)]
    assert sum(isinstance(item, LogLine) for item in found) == 60


PARTS = [text for trace in TRACES.values() for text in trace.split("\n")] + [RECORD, *BEFORE, *AFTER]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PARTS), max_size=60), st.integers(0, 60))
def test_no_line_is_lost_doubled_or_moved(texts: list[str], at: int) -> None:
    mixed = [*texts[:at], *TRACES["python-chained"].split("\n"), *texts[at:]]
    assert "\n".join(item.text for item in items(mixed)).split("\n") == mixed


TOMCAT = (
    "29-Nov-2026 05:41:39.811 INFO [http-nio-8080-exec-4] org.apache.coyote.http11.Http11Processor.service Error parsing HTTP request header",
    " Note: further occurrences of HTTP request parsing errors will be logged at DEBUG level.",
    "\tjava.lang.IllegalArgumentException: Invalid character found in method name [GARBAGE0x0d0x0a0x0d0x0a...]. HTTP method names must be tokens",
    "\t\tat org.apache.coyote.http11.Http11InputBuffer.parseRequestLine(Http11InputBuffer.java:410)",
    "\t\tat org.apache.coyote.http11.Http11Processor.service(Http11Processor.java:281)",
)
XML = (
    "29-Nov-2026 05:41:23.666 SEVERE [main] org.apache.tomcat.util.descriptor.web.WebXmlParser.parseWebXml Parse problem in web.xml",
    "\torg.xml.sax.SAXParseException; systemId: file:/tmp/tc/webapps/bad/WEB-INF/web.xml; lineNumber: 2; columnNumber: 1; XML document structures must",
    "\t\tat java.xml/com.sun.org.apache.xerces.internal.util.ErrorHandlerWrapper.createSAXParseException(ErrorHandlerWrapper.java:204)",
)


def test_a_trace_that_is_indented_below_its_record_is_one() -> None:
    assert whole(items([*XML, AFTER[0]])) == ["\n".join(XML)]
    below = [XML[0].replace("SEVERE", "WARNING"), *XML[1:]]
    assert whole(items([*below, AFTER[0]])) == ["\n".join(XML[1:])]


def test_what_is_no_request_is_no_failure_of_the_server() -> None:
    assert templates([*TOMCAT, AFTER[0]]) == []
    below = [TOMCAT[0].replace("INFO", "WARNING"), *TOMCAT[2:]]
    assert templates([*below, AFTER[0]])[-1:] == [("trace", "\n".join(TOMCAT[2:]))]
