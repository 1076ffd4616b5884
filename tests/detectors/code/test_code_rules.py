"""What the Scout says about code: when each rule speaks, when it must not, and what it proposes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sources.code.trees import index_of
from tools.detectors.code import console_logging, known, xadd_no_maxlen, xreadgroup_no_ack
from tools.detectors.contract import CodeDetector, CodeView
from tools.detectors.thresholds import Expectation, Judgement
from tools.findings.rule import Symptom


def found(rule: CodeDetector, files: dict[str, str], root: Path, *expect: Expectation) -> list[Symptom]:
    return list(rule.detect(CodeView(index=index_of(root, files), judgement=Judgement(expect=expect))))


XADD = {
    "no cap": ('r.xadd("s1", {})', [("s1",)]),
    "a cap": ('r.xadd("s1", {}, maxlen=10)', []),
    "minid": ('r.xadd("s1", {}, minid="1-0")', []),
    "trimmed elsewhere": ('r.xadd("s1", {})\nr.xtrim("s1", maxlen=10)', []),
    "another stream is trimmed": ('r.xadd("s1", {})\nr.xtrim("s2", maxlen=10)', [("s1",)]),
    "something unknown is trimmed": ('r.xadd("s1", {})\ndef f(s):\n    r.xtrim(s, maxlen=10)', []),
    "an unresolved stream": ("def f(s):\n    r.xadd(s, {})", []),
    "a family": ('def f(x):\n    r.xadd(f"s:{x}", {})', [("s:{}",)]),
    "options that cannot be read": ('r.xadd("s1", {}, **options())', []),
    "one call for two streams is one finding": (
        'def f(s):\n    r.xadd(s, {})\nf("s1")\nf("s2")',
        [("s1", "s2")],
    ),
    "silenced": ('r.xadd("s1", {})  # streamgauge-ignore code.xadd-no-maxlen trimmed by cron', []),
    "silenced on the line above": (
        '# streamgauge-ignore code.xadd-no-maxlen trimmed by cron\nr.xadd("s1", {})',
        [],
    ),
    "another rule silenced": (
        'r.xadd("s1", {})  # streamgauge-ignore code.keys-command only a few',
        [("s1",)],
    ),
}


@pytest.mark.parametrize(("code", "streams"), XADD.values(), ids=XADD.keys())
def test_an_xadd_without_a_cap(code: str, streams: list[tuple[str, ...]], tmp_path: Path) -> None:
    assert [symptom.streams for symptom in found(xadd_no_maxlen, {"app.py": code}, tmp_path)] == streams


def test_intent_silences_an_xadd_without_a_cap(tmp_path: Path) -> None:
    files = {"app.py": 'r.xadd("audit:1", {})'}
    assert found(xadd_no_maxlen, files, tmp_path, Expectation(stream="audit:*", unbounded_ok=True)) == []


AFTER = {
    "redis-py": (
        "app.py",
        'x = str(self.r.xadd("s1", {"a": f(1)}))',
        'x = str(self.r.xadd("s1", {"a": f(1)}, maxlen=10_000, approximate=True))',
    ),
    "redis-py over several lines": (
        "app.py",
        'r.xadd(\n    "s1",\n    {"a": 1},\n)',
        'r.xadd(\n    "s1",\n    {"a": 1},\n    maxlen=10_000, approximate=True\n)',
    ),
    "ioredis": ("app.ts", "r.xadd('s1', '*', 'a', ')')", "r.xadd('s1', 'MAXLEN', '~', 10000, '*', 'a', ')')"),
    "node-redis": (
        "app.ts",
        "r.xAdd('s1', '*', { a: '1' })",
        (
            "r.xAdd('s1', '*', { a: '1' }, "
            "{ TRIM: { strategy: 'MAXLEN', strategyModifier: '~', threshold: 10000 } })"
        ),
    ),
}


@pytest.mark.parametrize(("name", "before", "after"), AFTER.values(), ids=AFTER.keys())
def test_the_proposal_speaks_the_users_library(name: str, before: str, after: str, tmp_path: Path) -> None:
    (symptom,) = found(xadd_no_maxlen, {name: before}, tmp_path)
    assert (symptom.snippet_before, symptom.snippet_after) == (before, after)


READ = 'r.xreadgroup("g", "c", {"s1": ">"})\n'
ACK = {
    "never": (READ, [("s1", "g")]),
    "acknowledged": (READ + 'r.xack("s1", "g", i)', []),
    "another group": (READ + 'r.xack("s1", "h", i)', [("s1", "g")]),
    "one of two streams": (
        'r.xreadgroup("g", "c", {"s1": ">", "s2": ">"})\nr.xack("s1", "g", i)',
        [("s2", "g")],
    ),
    "noack": ('r.xreadgroup("g", "c", {"s1": ">"}, noack=True)', []),
    "an unresolved ack may be it": (READ + 'def f(s, g):\n    r.xack(s, g, "1-0")', []),
    "an unresolved ack of another group is not": (
        READ + 'def f(s):\n    r.xack(s, "h", "1-0")',
        [("s1", "g")],
    ),
    "an unresolved read": ('def f(s):\n    r.xreadgroup("g", "c", {s: ">"})', []),
    "through a helper": (
        "def ack(s, g, i):\n    r.xack(s, g, i)\n" + READ + 'ack("s1", "g", 1)',
        [],
    ),
}


@pytest.mark.parametrize(("code", "pairs"), ACK.values(), ids=ACK.keys())
def test_messages_that_nothing_acknowledges(code: str, pairs: list[tuple[str, str]], tmp_path: Path) -> None:
    assert [symptom.entity for symptom in found(xreadgroup_no_ack, {"app.py": code}, tmp_path)] == pairs


def test_an_ack_in_another_file_counts(tmp_path: Path) -> None:
    files = {"services/a/read.py": READ, "services/a/done.py": 'r.xack("s1", "g", i)'}
    assert found(xreadgroup_no_ack, files, tmp_path) == []


def test_an_unresolved_ack_of_another_service_does_not_count(tmp_path: Path) -> None:
    files = {"services/a/read.py": READ, "services/b/x.py": "def f(s, g):\n    r.xack(s, g, '1-0')"}
    assert [symptom.entity for symptom in found(xreadgroup_no_ack, files, tmp_path)] == [("s1", "g")]


def test_the_proposal_acknowledges_what_was_read(tmp_path: Path) -> None:
    (symptom,) = found(xreadgroup_no_ack, {"app.py": READ}, tmp_path)
    assert symptom.snippet_after is not None
    assert 'r.xack("s1", "g", message_id)' in symptom.snippet_after


PRINTS = {
    "in a service": ({"services/a/x.py": READ + "print(1)\nprint(2)"}, ["a"]),
    "in two services": (
        {"services/a/x.py": READ + "print(1)", "services/b/x.py": READ + "print(1)"},
        ["a", "b"],
    ),
    "in a service without streams": ({"services/a/x.py": "print(1)"}, []),
    "in shared code": ({"services/a/x.py": READ, "shared/x.py": "print(1)"}, []),
    "in a script": ({"services/a/x.py": READ, "services/a/scripts/y.py": "print(1)"}, []),
    "in a test": ({"services/a/x.py": READ, "services/a/test_x.py": "print(1)"}, []),
    "to another file": ({"services/a/x.py": READ + "print(1, file=out)"}, []),
    "a method called print": ({"services/a/x.py": READ + "x.print(1)"}, []),
    "console.log": ({"services/a/x.ts": "r.xadd('s1', '*', 'a', 1); console.log(1)"}, ["a"]),
}


@pytest.mark.parametrize(("files", "services"), PRINTS.values(), ids=PRINTS.keys())
def test_a_service_that_prints(files: dict[str, str], services: list[str], tmp_path: Path) -> None:
    assert [symptom.entity[0] for symptom in found(console_logging, files, tmp_path)] == services


@pytest.mark.parametrize(
    ("pattern", "name", "expected", "parts"),
    [
        ("a", "a", True, ()), ("a:{}", "a:7", True, ("7",)), ("a:{}", "a:", False, ()), ("a:{}:c", "a:b:c", True, ("b",)),
        ("a:{}", "b:7", False, ()), ("a[1]:{}", "a[1]:x", True, ("x",)), ("{}:{}", "x:y", True, ("x", "y")),
        ("a*", "ab", False, ()),
    ],
)  # fmt: skip
def test_a_pattern_fits_a_name(pattern: str, name: str, expected: bool, parts: tuple[str, ...]) -> None:
    assert known.fits(pattern, name) is expected
    assert known.run_time_parts(pattern, name) == parts
