"""The scan finds every line that the rules could care about, with either engine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.log_lines import FORMS, Mix, writer
from tests.sources.logs.engine.test_fold import NASTY
from tests.sources.logs.lines import line
from tools import masking, secret_finder, secret_rules
from tools.sources.logs import classify, trace_lines, traces
from tools.sources.logs.engine.beside import may_be_odd, message_ends
from tools.sources.logs.engine.database import Hyperscan
from tools.sources.logs.engine.fallback import Buffers
from tools.sources.logs.engine.inline import inline
from tools.sources.logs.engine.patterns import HEADS, JUDGED, PATTERNS, Mark
from tools.sources.logs.engine.scanning import Scanner, scanner

SCAN = scanner()


def marks_of(lines: list[bytes], scan: Scanner = SCAN) -> list[int]:
    data = b"".join(text + b"\n" for text in lines)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    hits = scan.scan(memoryview(data), ends)
    marks = np.zeros(len(ends), np.int64)
    marks[hits.lines] = hits.marks
    return [int(mark) for mark in marks]


PRINTABLE = st.characters(min_codepoint=32, max_codepoint=126)


def one_line(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(re.compile(pattern, re.ASCII), alphabet=PRINTABLE).filter(
        lambda text: "\n" not in text
    )


@settings(max_examples=200, deadline=None)
@given(text=one_line(classify._CANDIDATE.pattern))
def test_every_candidate_that_is_something_is_found(text: str) -> None:
    [mark] = marks_of([text.encode()])
    assert mark & JUDGED or not classify.classify(line(text))


@pytest.mark.parametrize(
    "pattern",
    [
        trace_lines.FRAME_AT,
        trace_lines.FRAME_PYTHON,
        trace_lines.FRAME_GO,
        trace_lines.FRAME_RUST,
        trace_lines.HEAD,
        trace_lines.PREAMBLE_NODE,
    ],
    ids=["at", "python", "go", "rust", "head", "node"],
)
def test_every_line_that_may_begin_a_trace_is_found(pattern: re.Pattern[str]) -> None:
    @settings(max_examples=150, deadline=None)
    @given(text=one_line(pattern.pattern))
    def check(text: str) -> None:
        [mark] = marks_of([text.encode()])
        if traces._opens(line(text)) or traces._may_be_head(line(text)):
            assert mark & HEADS

    check()


LEVELS = (
    "warn",
    "WARNING",
    "error",
    "ERR",
    "Fatal",
    "CRITICAL",
    "crit",
    "panic",
    "alert",
    "emerg",
    "severe",
    "eror",
    "wrn",
    "dpanic",
)
SHAPES = (
    '{{"level":"{}","msg":"x"}}', '{{"severity" : "{}","message":"x"}}', "time=1 level={} msg=x", "2025-06-01 10:00:00 {} x",
    "[{}] x", "{}: x", "\x1b[31m{}\x1b[39m: x", '{{"log.level":"{}"}}', '{{"levelname":"{}"}}', "2025-06-01T10:00:00Z [{}] x",
)  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_every_level_that_counts_is_found(shape: str) -> None:
    texts = [shape.format(level) for level in (*LEVELS, "40", "50", "60")]
    for text, mark in zip(texts, marks_of([text.encode() for text in texts]), strict=True):
        if line(text).level in {"WARN", "ERROR", "FATAL"}:
            assert mark & JUDGED, text


def test_every_number_that_is_a_level_is_found_however_it_is_written() -> None:
    names = (
        "level", "LEVEL", "lvl", "severity", "levelname", "level_name", "severity_text", "severityText", "@l", "@level", "log.level",
    )  # fmt: skip
    between = ("", " ", "  ", "\t", " \t ")
    records = [
        f'{{"msg":"x","{name}"{before}:{after}{quote}{number}{quote},"a":1}}'
        for name in names
        for before in between
        for after in between
        for quote in ("", '"')
        for number in (40, 45, 50, 60, 70)
    ]
    gelf = [
        f'{{"short_message":"x","{end}level"{before}:{after}{quote}{number}{quote}{behind}'
        for before in between
        for after in between
        for quote in ("", '"')
        for number in range(5)
        for end, behind in (("", "}"), ("", ',"a":1}'), ("", " }"), ("LEVEL", "}"))
    ]
    journal = [
        f'{{"__REALTIME_TIMESTAMP":"1","MESSAGE":"x","PRIORITY":{value}}}' for value in (0, 4, '"3"', '"4"')
    ]
    otel = [f'{{"body":"x","severity_number":{number}}}' for number in range(13, 25)]
    printed = [
        f"time=1 {name}={quote}{number}{quote} msg=x"
        for name in ("level", "lvl", "severity", "at")
        for quote in ("", '"')
        for number in (40, 50, 60)
    ]
    printed += [
        f"<{8 * facility + severity}>Jun  1 10:00:00 host app: x"
        for facility in range(24)
        for severity in range(5)
    ]
    texts = [*records, *gelf, *journal, *otel, *printed]
    for _ in range(2):  # as they are, and as Docker writes them
        counting = 0
        for text, mark in zip(texts, marks_of([text.encode() for text in texts]), strict=True):
            if line(text).level in {"WARN", "ERROR", "FATAL"}:
                counting += 1
                assert mark & JUDGED, text
        assert counting > 1000
        texts = [
            json.dumps({"log": f"{text}\n", "stream": "stdout", "time": "2025-06-01T10:00:00Z"})
            for text in texts
        ]


SECRETS = (
    "password=hunter2!Zq", '{"db_password": "x9!"}', "pwd: 'abc1'", r'{\"apiKey\": \"k3yk3yk3y1\"}', "api_key=abcd1234efgh",
    "Authorization: Bearer abcdefgh12345678abcd", "authorization=Basic dXNlcjpwYXNz", "token=ab12cd34ef56",
    "postgres://app:pw@db/orders", "AKIA" + "QWERTYUIOPASDFGH", "gh" + "p_" + "a1B2c3D4e5" * 4, "password%3Dhunter2",
    "session_id: s%3Aabcdef123456", "Cookie: connect.sid=s%3Aabc12345", "-----BEGIN RSA PRIVATE KEY-----", "SECRET_KEY => 'abcd1234'",
    "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJ" + "zdWIiOiIxMjM0In0" + ".abc",
)  # fmt: skip


@pytest.mark.parametrize("text", SECRETS)
def test_every_line_that_masking_changes_is_found(text: str) -> None:
    for line_ in (text, f"INFO {text} used", f'{{"msg":"{text}"}}', f"\x1b[32m{text}\x1b[0m"):
        [mark] = marks_of([line_.encode()])
        assert mark & Mark.SECRET or not masking.scan(line_)[1], line_


GATES = secret_rules.gates()


@pytest.mark.parametrize("number", range(len(GATES)))
def test_what_a_rule_for_secrets_looks_for_is_found(number: int) -> None:
    gate = GATES[number]
    pattern = f"(?i:{gate.pattern})" if gate.caseless else gate.pattern

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(text=one_line(pattern))
    def check(text: str) -> None:
        if secret_finder.may_hold(text.encode()):
            [mark] = marks_of([text.encode()])
            assert mark & Mark.SECRET

    check()


def corpus() -> list[bytes]:
    made = [text.encode() for form in FORMS for text in writer(form, Mix(0.2, 0.1, 0.2)).lines(60)]
    texts = [*made, *(text.encode("latin-1") for text in NASTY), *(text.encode() for text in SECRETS)]
    return [part for text in texts for part in text.split(b"\n")]


def test_both_engines_find_the_same() -> None:
    pytest.importorskip("hyperscan")
    lines = corpus()
    data = b"".join(text + b"\n" for text in lines)
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10)
    fast, slow = (engine.scan(memoryview(data), ends) for engine in (Hyperscan(PATTERNS), Buffers(PATTERNS)))
    assert fast.lines.tolist() == slow.lines.tolist()
    different = [
        (lines[row], Mark(a), Mark(b))
        for row, a, b in zip(fast.lines.tolist(), fast.marks.tolist(), slow.marks.tolist(), strict=True)
        if a != b
    ]
    assert different == []
    assert fast.ids.tolist() == slow.ids.tolist()
    assert fast.id_starts.tolist() == slow.id_starts.tolist()


def test_a_block_in_which_ends_could_not_be_told_is_refused() -> None:
    pytest.importorskip("hyperscan")
    with pytest.raises(ValueError, match="too long"):
        Hyperscan(PATTERNS).matches(bytes(1 << 24))


def test_patterns_have_names_of_their_own_and_match_no_newline() -> None:
    assert len({pattern.name for pattern in PATTERNS}) == len(PATTERNS) <= 256
    for pattern in PATTERNS:
        assert pattern.meaning
        assert r"\s" not in pattern.expression.replace(r"[^\S\n]", "").replace(r"[^\s", "[^")


def test_an_expression_stays_within_its_line() -> None:
    assert inline(r"a\s+[^b]\s") == r"a[^\S\n]+[^\nb][^\S\n]"
    assert inline(r"[^\s:]x[\s\w]") == r"[^\s:]x[ \t\r\f\v\w]"


@pytest.mark.parametrize("harm", ["cut", "changed", "foreign", "folder", "none"])
def test_a_cached_database_is_taken_only_where_it_is_whole(tmp_path: Path, harm: str) -> None:
    few = PATTERNS[:6]
    Hyperscan(few, tmp_path)
    [path] = tmp_path.iterdir()
    data = path.read_bytes()
    if harm == "cut":
        path.write_bytes(data[:-1])
    elif harm == "changed":
        path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
    elif harm == "foreign":
        path.chmod(0o666)
    elif harm == "folder":
        path.unlink()
        path.mkdir()
    engine = Hyperscan(few, tmp_path)
    assert marks_of([b"an error"], engine)[0] & JUDGED
    if harm in {"cut", "changed"}:
        assert path.read_bytes() == data


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    engine = Hyperscan(PATTERNS[:6], tmp_path / "file" / "cache")
    assert marks_of([b"an error"], engine)[0] & JUDGED
    assert os.listdir(tmp_path) == ["file"]  # noqa: PTH208 - names alone


@settings(max_examples=300, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            ["1750000000123", "-", "0", "7", "x", "_", " ", "\n", "1750000000123-0", "12345678901234"]
        ),
        max_size=30,
    ).map("".join)
)
def test_message_ids_are_found_where_the_pattern_finds_them(text: str) -> None:
    data = text.encode() + b"\n"
    [pattern] = [pattern for pattern in PATTERNS if pattern.mark & Mark.MESSAGE]
    # What begins inside another counts too: the database reports it.
    inside = re.finditer(f"(?=({pattern.expression}))".encode(), data, re.ASCII)
    expected = [match.end(1) for match in inside]
    assert message_ends(data).tolist() == expected


@settings(max_examples=300, deadline=None)
@given(
    data=st.lists(
        st.sampled_from(
            [
                b"a",
                b"\n",
                b"\r",
                b"\t",
                b"\r\n",
                b"\x1b[3m",
                b"\x00",
                b"\x7f",
                b"\xc2\x85",
                b"\xc3\xa9",
                b"\\u0041",
            ]
        )
    )
)
def test_no_odd_byte_is_passed_over(data: list[bytes]) -> None:
    text = b"".join(data) + b"\n"
    odd = [pattern.expression.encode("latin-1") for pattern in PATTERNS if pattern.mark & Mark.ODD]
    found = any(re.search(expression, text, re.MULTILINE) for expression in odd)
    assert may_be_odd(text) or not found


@pytest.mark.parametrize("indent", ["\t", "\t\t", "  ", " \t", "    ", " " * 14])
@pytest.mark.parametrize("blanks", [" " * 22, " " * 100, "\t" * 40, " \t" * 20])
@pytest.mark.parametrize("scan", [SCAN, Buffers(PATTERNS)], ids=["usual", "re2"])
def test_no_frame_is_passed_over_behind_a_line_of_blanks(scan: Scanner, blanks: str, indent: str) -> None:
    frames = ("at a.B.c(B.java:1)", "... 3 more", "Suppressed: x", 'File "/srv/a.py", line 1', "| x")
    lines = [
        part
        for frame in frames
        for part in (f"}}{blanks}", f"{indent}{frame}", f"x{blanks}INFO ", f"{indent}{frame}")
    ]
    marks = marks_of([text.encode() for text in lines], scan)
    assert all(mark & Mark.FRAME for mark in marks[1::2])
