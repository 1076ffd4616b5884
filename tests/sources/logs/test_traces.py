"""Stack traces of five languages, whole and alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.sources.logs.lines import AT_MS, line
from tools.sources.logs.traces import LINES_MAX, Assembler, Trace
from tools.sources.logs.window import TRACE_IDLE_MS, UNDECIDED_IDLE_MS, Window
from tools.sources.records import LogLine

NODE = """Error: connect failed
    at Store.save (/app/orders/store.js:12:5)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {
  code: 'ECONNREFUSED',
  port: 6379,
  [cause]: TypeError: no socket
      at open (/app/orders/socket.js:3:1)
}"""
NODE_UNCAUGHT = """TypeError: Cannot read properties of undefined (reading 'id')
    at handle (/app/index.js:10:11)
    at node:internal/main/run_main_module:23:47

Node.js v20.11.1"""
NODE_LOGGED = """2025-06-15T10:00:00.000Z ERROR handler failed Error: no stock
    at handle (/app/index.js:10:11)
    at run (/app/index.js:20:11)"""
PYTHON = """Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    g()
KeyError: 'id'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/a.py", line 9, in <module>
    f()
orders.StoreFailed: cannot store"""
PYTHON_LOGGED = """2025-06-15 10:00:00,123 - orders - ERROR - no stock
Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    g()
ValueError: 12"""
PYTHON_THREAD = """Exception in thread mail-sender:
Traceback (most recent call last):
  File "/usr/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
    self.run()
ValueError: not enough values to unpack"""
PYTHON_GLUED = """sent 9f aa43eaException in thread mail-sender:
Traceback (most recent call last):
  File "/usr/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
    self.run()

  File "/app/mail.py", line 9, in send
    name, host = address
ValueError: not enough values to unpack"""
PYTHON_GLUED_LATE = """sent 9f aa43eaException in thread mail-sender:

Traceback (most recent call last):
  File "/app/mail.py", line 9, in send
sent order 12 to the queue
    name, host = address
ValueError: not enough values to unpack"""
PYTHON_GLUED_NEXT = """Exception in thread mail-sender:
sent aa43eaTraceback (most recent call last):
  File "/app/mail.py", line 9, in send

ValueError: not enough values to unpack"""
PYTHON_GLUED_MAIN = """sent aa43eaTraceback (most recent call last):
  File "/app/mail.py", line 9, in <module>
    main()

KeyError: 'id'"""
PYTHON_INLINE = """2025-06-15 10:00:00,123 ERROR failed: Traceback (most recent call last):
  File "/app/a.py", line 3, in f
    g()
ValueError: 12"""
PYTHON_CUT = """Exception in thread mail-sender:
Traceback (most recent call last):
  File "/usr/lib/python3.11/threading.py", line 1045, in _bootstrap_inner
    self.run()
  File "/app/mail.py", line 9, in send
    name, host = address"""
PYTHON_CUT_EARLY = "Traceback (most recent call last):"
PYTHON_GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 3, in <module>
  |     raise group
  | ExceptionGroup: two (2 sub-exceptions)
  +-+---------------- 1 ----------------
    | ValueError: 1
    +------------------------------------"""
JAVA = """Exception in thread "main" java.lang.IllegalStateException: cannot publish
\tat com.acme.Orders.publish(Orders.java:41)
\tat com.acme.Main.main(Main.java:9)
\tSuppressed: java.io.IOException: close
\t\tat com.acme.Orders.close(Orders.java:50)
Caused by: java.net.ConnectException: refused
\tat java.base/java.net.Socket.connect(Socket.java:1)
\t... 2 more"""
JAVA_LOGGED = """2025-06-15 10:00:00.123 [main] ERROR com.acme.Orders - cannot publish
java.lang.IllegalStateException: closed
\tat com.acme.Orders.publish(Orders.java:41)"""
GO = """panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.handle(0x1, 0x2)
\t/app/main.go:12 +0x1d
main.main()
\t/app/main.go:7 +0x25
exit status 2"""
RUST = """thread 'main' panicked at src/main.rs:4:5:
called `Option::unwrap()` on a `None` value
stack backtrace:
   0: rust_begin_unwind
             at /rustc/9fc6b43126469e3858e2fe86cafb4f0fd5068869/library/std/src/panicking.rs:652:5
   1: orders::main
             at ./src/main.rs:4:5
note: Some details are omitted."""
TRACES = {
    "node-cause": (NODE, "trace"), "node-uncaught": (NODE_UNCAUGHT, "trace-fatal"), "node-logged": (NODE_LOGGED, "trace"),
    "python-chain": (PYTHON, "trace-fatal"), "python-logged": (PYTHON_LOGGED, "trace"), "python-thread": (PYTHON_THREAD, "trace-fatal"),
    "python-glued": (PYTHON_GLUED, "trace-fatal"), "python-glued-late": (PYTHON_GLUED_LATE, "trace-fatal"),
    "python-glued-next": (PYTHON_GLUED_NEXT, "trace-fatal"), "python-glued-main": (PYTHON_GLUED_MAIN, "trace-fatal"), "python-inline": (PYTHON_INLINE, "trace"),
    "python-cut": (PYTHON_CUT, "trace-fatal"), "python-cut-early": (PYTHON_CUT_EARLY, "trace-fatal"), "python-group": (PYTHON_GROUP, "trace-fatal"),
    "java": (JAVA, "trace-fatal"), "java-logged": (JAVA_LOGGED, "trace"), "go": (GO, "trace-fatal"), "rust": (RUST, "trace-fatal"),
}  # fmt: skip
BEFORE, AFTER = "2025-06-15T09:59:59.000Z INFO before", "2025-06-15T10:00:09.000Z INFO after"


def items(texts: list[str]) -> list[LogLine | Trace]:
    assembler = Assembler()
    found = [item for number, text in enumerate(texts, 1) for item in assembler.feed(line(text, number))]
    return found + assembler.close()


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, (text, _) in TRACES.items()])
def test_a_trace_is_taken_whole_and_nothing_else(text: str) -> None:
    found = items([BEFORE, *text.split("\n"), AFTER])
    texts = [item.text for item in found]
    assert texts == [BEFORE, text, AFTER]
    assert isinstance(found[1], Trace)


@pytest.mark.parametrize("text", [pytest.param(text, id=name) for name, (text, _) in TRACES.items()])
def test_a_trace_is_the_same_where_the_logs_keeper_adds_times_and_levels(text: str) -> None:
    plain = [line(part, number) for number, part in enumerate(text.split("\n"), 1)]
    kept = [
        replace(
            item,
            event_ms=item.arrived_ms if item.event_ms is None else item.event_ms,
            stamped=item.event_ms is None,
            level=item.level or "ERROR",
            hinted=item.level is None,
        )
        for item in plain
    ]

    def texts(lines: list[LogLine]) -> list[str]:
        assembler = Assembler()
        found = [item for one in lines for item in assembler.feed(one)] + assembler.close()
        return [item.text for item in found]

    assert texts(kept) == texts(plain)


@pytest.mark.parametrize(("text", "verdict"), [pytest.param(*case, id=name) for name, case in TRACES.items()])
def test_a_trace_is_one_template_with_its_whole_text(text: str, verdict: str) -> None:
    window = Window((), AT_MS)
    for _ in range(2):
        for number, part in enumerate([BEFORE, *text.split("\n"), AFTER], 1):
            for item in window.fold(line(part, number)):
                window.take(item)
        for item in window.settle(AT_MS, final=True):
            window.take(item)
    [template] = window.touched()
    assert (template.verdict, template.total, template.trace) == (verdict, 2, text)


@pytest.mark.parametrize(
    ("text", "template"),
    [
        pytest.param(PYTHON, "orders.StoreFailed: cannot store", id="chain"),
        pytest.param(PYTHON_LOGGED, "ValueError: <*> | no stock", id="logged"),
        pytest.param(PYTHON_THREAD, "ValueError: not enough values to unpack", id="thread"),
        pytest.param(PYTHON_GLUED, "ValueError: not enough values to unpack", id="glued"),
        pytest.param(PYTHON_GLUED_LATE, "ValueError: not enough values to unpack", id="glued-late"),
        pytest.param(PYTHON_GLUED_MAIN, "KeyError: 'id'", id="glued-main"),
        pytest.param(PYTHON_CUT, 'File "/app/mail.py", line <*>, in send', id="cut"),
        pytest.param(PYTHON_CUT_EARLY, "", id="cut-early"),
        pytest.param(PYTHON_GROUP, "ValueError: <*>", id="group"),
    ],
)
def test_a_python_trace_is_named_by_its_exception_or_its_last_frame(text: str, template: str) -> None:
    window = Window((), AT_MS)
    for number, part in enumerate([*text.split("\n"), AFTER], 1):
        for item in window.fold(line(part, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    assert [found.template for found in window.touched()] == [template]


def test_a_failure_that_a_trace_is_glued_to_is_told_too() -> None:
    window = Window((), AT_MS)
    texts = [
        "ERROR cannot send aa43eaException in thread mail-sender:",
        *PYTHON_THREAD.split("\n")[1:],
        AFTER,
    ]
    for number, part in enumerate(texts, 1):
        for item in window.fold(line(part, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    assert [(found.verdict, found.template) for found in window.touched()] == [
        ("error", "ERROR cannot send <*>"),
        ("trace-fatal", "ValueError: not enough values to unpack"),
    ]


UNRELATED = "2025-06-15 10:00:00,123 ERROR refused order 12"
ENDED = """Traceback (most recent call last):
  File "/app/a.py", line 30, in <module>
    main()
  File "/app/a.py", line 3, in main
    g()
ValueError: no stock"""
INSIDE = ENDED.replace("<module>", "handle")
START, EXIT = "orders service listening on port 3001", "orders exited with code 1"


@pytest.mark.parametrize(
    ("trace", "after", "joined"),
    [
        pytest.param(ENDED, START, False, id="a-start-follows"),
        pytest.param(ENDED, EXIT, False, id="an-exit-follows"),
        pytest.param(ENDED, AFTER, True, id="work-goes-on"),
        pytest.param(INSIDE, START, True, id="not-from-the-top"),
        pytest.param(PYTHON_THREAD, AFTER, False, id="a-thread-died"),
        pytest.param(PYTHON_GLUED, AFTER, False, id="a-thread-died-glued"),
    ],
)
def test_a_trace_that_ended_the_process_is_not_joined_to_the_line_before(
    trace: str, after: str, joined: bool
) -> None:
    found = items([UNRELATED, *trace.split("\n"), after])
    first = [f"{UNRELATED}\n{trace}"] if joined else [UNRELATED, trace]
    assert [item.text for item in found] == [*first, after]


@pytest.mark.parametrize(
    ("trace", "after_ms", "settled"),
    [
        pytest.param(INSIDE, TRACE_IDLE_MS, 1, id="told-by-its-frames"),
        pytest.param(ENDED, TRACE_IDLE_MS, 0, id="undecided"),
        pytest.param(ENDED, UNDECIDED_IDLE_MS - 1, 0, id="undecided-until"),
        pytest.param(ENDED, UNDECIDED_IDLE_MS, 1, id="cannot-tell"),
    ],
)
def test_a_trace_that_may_have_ended_the_process_waits_longer(
    trace: str, after_ms: int, settled: int
) -> None:
    window = Window((), AT_MS)
    for number, text in enumerate([UNRELATED, *trace.split("\n")], 1):
        assert window.fold(line(text, number)) == []
    assert len(window.settle(AT_MS + after_ms)) == settled


def test_a_second_trace_does_not_continue_one_that_was_cut() -> None:
    found = items(
        [*PYTHON_CUT.split("\n"), *PYTHON.split("\n"), *PYTHON_CUT.split("\n"), *PYTHON_GLUED.split("\n")]
    )
    assert [item.text for item in found] == [PYTHON_CUT, PYTHON, PYTHON_CUT, PYTHON_GLUED]


def test_two_traces_in_a_row_are_two() -> None:
    found = items([*NODE_LOGGED.split("\n"), *NODE_LOGGED.split("\n"), AFTER])
    assert [item.text for item in found] == [NODE_LOGGED, NODE_LOGGED, AFTER]


def test_an_open_trace_ends_when_nothing_follows() -> None:
    window = Window((), AT_MS)
    for number, text in enumerate(NODE.split("\n"), 1):
        assert window.fold(line(text, number)) == []
    assert window.settle(AT_MS + TRACE_IDLE_MS - 1) == []
    [trace] = window.settle(AT_MS + TRACE_IDLE_MS)
    assert isinstance(trace, Trace)


def test_an_open_trace_survives_a_restart() -> None:
    texts = PYTHON.split("\n")
    window = Window((), AT_MS)
    for number, text in enumerate(texts[:4], 1):
        window.fold(line(text, number))
    again = Window((), AT_MS, window.state())
    for number, text in enumerate(texts[4:], 5):
        assert again.fold(line(text, number)) == []
    [trace] = again.settle(AT_MS, final=True)
    assert trace.text == PYTHON


@pytest.mark.parametrize(
    "text",
    [
        "(node:12) MaxListenersExceededWarning: leak\n    at f (/a.js:1:2)",
        "(node:12) Warning: Accessing property x inside circular dependency\n    at f (/a.js:1:2)\n    at g (/a.js:2:2)",
        "(node:12) [DEP0001] Warning: old\n    at f (/a.js:1:2)",
        '{"level":40,"msg":"validation failed","err":{"stack":"E: bad email\\n    at f (/a.js:1:2)"}}',
        '{"level":20,"msg":"x","err":{"stack":"Error: x\\n    at f (/a.js:1:2)"}}',
        "    at the end of the day\nINFO all is well",
        "  File upload done\nINFO next",
    ],
)
def test_what_is_no_failure_is_no_trace(text: str) -> None:
    window = Window((), AT_MS)
    for number, part in enumerate(text.split("\n"), 1):
        for item in window.fold(line(part, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    assert [template.verdict for template in window.touched() if template.verdict.startswith("trace")] == []


@pytest.mark.parametrize(
    "text",
    [
        "INFO schedule:\n  at 12:00 run cleanup\n  at 13:00 run report",
        " | id | state |\n | 1 | ok |",
        "Plan:\n + create stream\n - remove",
        "loading\n... \n... 12 more",
        "deps:\n | a\n + b",
        "INFO rebalanced\nCaused by: new member joined",
        "Hello,\n    at your request we cancelled (order 12)\n    at no cost",
    ],
)
def test_tables_plans_and_prose_are_no_trace(text: str) -> None:
    window = Window([], 0)
    for number, part in enumerate(text.split("\n"), start=1):
        for item in window.fold(line(part, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    assert window.touched() == []


@pytest.mark.parametrize(
    "text",
    [
        "    at handle (/app/index.js:10:11)",
        "    at /app/index.js:10:11",
        "    at async Promise.all (index 0)",
        "\tat com.acme.Orders.publish(Orders.java:41)",
        "\tat com.acme.Orders.publish(Native Method)",
        "   at Acme.Api.Get(String id) in /src/Api.cs:line 12",
        "Caused by: java.net.ConnectException: refused",
        '  File "/app/a.py", line 3, in f',
        "  + Exception Group Traceback (most recent call last):",
    ],
)
def test_a_frame_that_names_its_place_begins_a_trace(text: str) -> None:
    window = Window([], 0)
    items = [*window.fold(line(text)), *window.fold(line(text, 2)), *window.settle(AT_MS, final=True)]
    for item in items:
        window.take(item)
    assert [item.verdict.startswith("trace") for item in window.touched()] == [True]


def test_a_stack_in_one_json_line_is_a_trace() -> None:
    window = Window((), AT_MS)
    text = '{"level":50,"msg":"handler failed","err":{"type":"Error","stack":"Error: no stock 12\\n    at f (/a.js:1:2)"}}'
    for item in [*window.fold(line(text)), *window.settle(AT_MS, final=True)]:
        window.take(item)
    [template] = window.touched()
    assert template.verdict == "trace"
    assert template.trace == "Error: no stock 12\n    at f (/a.js:1:2)"


def test_a_trace_without_end_is_bounded() -> None:
    found = items(["Error: deep", *["    at f (/a.js:1:2)"] * (3 * LINES_MAX)])
    assert all(isinstance(item, LogLine) or item.text.count("\n") < LINES_MAX for item in found)


PARTS = st.sampled_from(
    [part for text, _ in TRACES.values() for part in text.split("\n")] + [BEFORE, AFTER, "", "  ", "x"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(PARTS, max_size=30))
def test_no_line_is_lost_or_doubled(texts: list[str]) -> None:
    found = items(texts)
    assert "\n".join(item.text for item in found).split("\n") == (texts or [""])


PYTHON_CAUGHT = """Traceback (most recent call last):
  File "/app/a.py", line 3, in get
    return found[key]
KeyError: 'id'"""
JAVA_CAUGHT = """java.lang.IllegalStateException: closed
\tat com.acme.Store.get(Store.java:12)
\tat com.acme.Orders.run(Orders.java:40)"""
DEBUG_PYTHON, DEBUG_JAVA = (
    "2025-06-15 10:00:00,123 DEBUG orders: {}",
    "2025-06-15 10:00:00.123 [main] DEBUG c.a.Store - {}",
)
THREAD_OF_DEBUG = "Exception in thread worker-1:\n" + PYTHON_CAUGHT
OUTERMOST = PYTHON_CAUGHT.replace("in get", "in <module>")


@pytest.mark.parametrize(
    ("above", "trace", "verdict"),
    [
        (DEBUG_PYTHON.format("cache lookup failed"), PYTHON_CAUGHT, []),
        (DEBUG_PYTHON.format("no order of that name, going on"), PYTHON_CAUGHT, ["quiet-trace"]),
        (DEBUG_JAVA.format("could not read the cache"), JAVA_CAUGHT, []),
        (DEBUG_JAVA.format("order 12"), JAVA_CAUGHT, ["quiet-trace"]),
        (DEBUG_JAVA.replace("DEBUG", "TRACE").format("fell back"), JAVA_CAUGHT, ["quiet-trace"]),
        (DEBUG_PYTHON.format("cache lookup failed"), OUTERMOST, ["trace-fatal"]),
        (DEBUG_PYTHON.format("cache lookup failed"), THREAD_OF_DEBUG, ["trace-fatal"]),
        (DEBUG_PYTHON.format("cache lookup failed"), "panic: lost\n\ngoroutine 1 [running]:", ["trace-fatal"]),
        (DEBUG_JAVA.format("lookup failed"), 'Exception in thread "main" ' + JAVA_CAUGHT, ["trace-fatal"]),
        (DEBUG_PYTHON.replace("DEBUG", "INFO").format("cache lookup failed"), PYTHON_CAUGHT, ["trace"]),
        (DEBUG_PYTHON.replace("DEBUG", "INFO").format("cache lookup failed"), OUTERMOST, ["trace-fatal"]),
        (DEBUG_PYTHON.replace("DEBUG", "WARNING").format("order 12"), PYTHON_CAUGHT, ["warn", "trace"]),
        (DEBUG_PYTHON.replace("DEBUG", "WARNING").format("order 12"), THREAD_OF_DEBUG, ["warn", "trace-fatal"]),
        (DEBUG_PYTHON.replace("DEBUG", "ERROR").format("cache lookup failed"), PYTHON_CAUGHT, ["trace"]),
        ('{"level":20,"msg":"cache lookup failed"}', PYTHON_CAUGHT, ["trace"]),
        (DEBUG_JAVA.replace("DEBUG", "INFO").format("retrying"), JAVA_CAUGHT, ["retry"]),
        (DEBUG_JAVA.replace("DEBUG", "INFO").format("order 12"), JAVA_CAUGHT, ["trace"]),
        (DEBUG_JAVA.replace("DEBUG", "INFO").format("caught exception"), JAVA_CAUGHT, ["trace"]),
        (DEBUG_JAVA.replace("DEBUG", "WARN").format("retrying"), JAVA_CAUGHT, ["retry", "trace"]),
        ("[2025-06-15 10:00:00,123: INFO/Worker-1] Task store[1] retry: Retry in 10s: KeyError('id')", PYTHON_CAUGHT, []),
    ],
)  # fmt: skip
def test_a_trace_right_below_a_line_at_debug_is_that_lines(
    above: str, trace: str, verdict: list[str]
) -> None:
    window = Window((), AT_MS)
    for number, text in enumerate([above, *trace.split("\n"), "2025-06-15 10:00:00,124 INFO orders: on"], 1):
        for item in window.fold(line(text, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    assert [template.verdict for template in window.touched()] == verdict


PRETTY = """[10:00:00.000] {} (123): {}
    err: {{
      "type": "{}",
      "message": "connect ECONNREFUSED 10.0.0.7:6379",
      "stack":
          {}: connect ECONNREFUSED 10.0.0.7:6379
              at save (/srv/store.js:1:2)
              at run (/srv/store.js:2:2)
      "code": "ECONNREFUSED"
    }}"""


@pytest.mark.parametrize(
    ("level", "said", "thrown", "verdicts"),
    [
        ("ERROR", "cannot store", "Error", ["trace"]),
        ("WARN", "cannot store", "TypeError", ["warn", "trace"]),
        ("WARN", "cannot store", "DeprecationWarning", ["warn"]),
        ("INFO", "cannot store", "TypeError", ["trace"]),
        ("INFO", "cannot store, retrying", "TypeError", ["retry"]),
        ("DEBUG", "cannot store", "TypeError", []),
        ("DEBUG", "order 12", "Error", []),
        ("TRACE", "order 12", "Error", []),
    ],
)
def test_an_error_among_the_fields_that_pino_pretty_prints_is_judged_by_their_record(
    level: str, said: str, thrown: str, verdicts: list[str]
) -> None:
    texts = [*PRETTY.format(level, said, thrown, thrown).split("\n"), "[10:00:00.000] INFO (123): on"]
    window = Window((), AT_MS)
    for number, text in enumerate(texts, 1):
        for item in window.fold(line(text, number)):
            window.take(item)
    for item in window.settle(AT_MS, final=True):
        window.take(item)
    assert [template.verdict for template in window.touched()] == verdicts


def test_the_record_of_a_field_is_the_last_line_that_is_not_indented() -> None:
    record, *fields = PRETTY.format("DEBUG", "order 12", "Error", "Error").split("\n")
    for between, verdicts in (("    orderId: 12", []), ("order 13 stored", ["trace"])):
        window = Window((), AT_MS)
        for number, text in enumerate([record, between, *fields], 1):
            for item in window.fold(line(text, number)):
                window.take(item)
        for item in window.settle(AT_MS, final=True):
            window.take(item)
        assert [template.verdict for template in window.touched()] == verdicts


def test_a_line_between_or_a_second_makes_it_nobodys() -> None:
    for between, late_ms in (("order 12 stored", 0), (None, 1500)):
        window = Window((), AT_MS)
        texts = [DEBUG_PYTHON.format("lookup failed"), *([between] if between else [])]
        for number, text in enumerate(texts, 1):
            for item in window.fold(line(text, number)):
                window.take(item)
        for number, text in enumerate(PYTHON_CAUGHT.split("\n"), 10):
            for item in window.fold(line(text, number, at_ms=AT_MS + late_ms)):
                window.take(item)
        for item in window.settle(AT_MS, final=True):
            window.take(item)
        assert [template.verdict for template in window.touched()] == ["trace"]
