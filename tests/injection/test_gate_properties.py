"""Whatever a model answers: a quote that passes is in the recording byte for byte, and no measured finding changes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from agents.evidence_gate import EvidenceGate, NotThere
from agents.investigation import accept
from agents.investigation.accept import Author
from agents.investigation.answer import ModelQuote, parse
from tests.agents.investigation.answers import answer, explanation, own
from tests.agents.recorded import CODE, LINE, Recorded
from tests.injection.judge import measured_lines
from tools.findings.model import AgentId, Origin, Severity, rank_of
from tools.findings.recorder import load
from tools.masking import mask
from tools.report.verify import verify
from tools.workspace import Workspace

LW = AgentId.LOG_WATCHER
AUTHOR = Author(LW, "scripted", "investigation@1")
NOW_MS = 1_767_225_700_000
WORDS = "the model says that this is so"
SOURCES = (
    "logs/orders.log", "logs/orders.log:2", "./logs/orders.log", "logs//orders.log", "streams/polls.jsonl",
    "streams/samples.jsonl", "orders.py", "./orders.py", "orders.py:3", "bytes.bin", ".env", "LW-001", "LW-002",
    "LW-90001", "agents/log-watcher/llm.jsonl", "logs/../agents/log-watcher/llm.jsonl", "../session/logs/orders.log",
    "findings/log-watcher.jsonl", "logs/../findings/log-watcher.jsonl", "logs/link.log", "link.py", "logs", "", "/",
)  # fmt: skip
"""Places that are there, places that are not, and ways from one to the other."""


@pytest.fixture(scope="module")
def recorded() -> Iterator[Recorded]:
    with tempfile.TemporaryDirectory() as folder:
        yield _recorded(Path(folder))


def _recorded(folder: Path) -> Recorded:
    made = Recorded(folder)
    words = made.workspace.path("agents", "log-watcher", "llm.jsonl")
    words.write_text(json.dumps({"content": WORDS}) + "\n")
    made.workspace.path("logs", "link.log").symlink_to(words)
    (made.project / "link.py").symlink_to(words)
    (made.project / "bytes.bin").write_bytes(b"\xff\xfe half \xc3 a character\r\n\x00\x1b[2J and more\n")
    (made.project / ".env").write_text("API_TOKEN=ghp_" + "Zq3xV7" * 6 + "\nLOG_LEVEL=info\n")
    return made


def texts(recorded: Recorded) -> list[bytes]:
    """What may be quoted: the recording as it is, the project's files as they are shown."""
    workspace, project = recorded.workspace, recorded.project
    raw = [workspace.service_log("orders"), workspace.polls]
    shown = [project / name for name in ("orders.py", "bytes.bin", ".env")]
    return [
        *(path.read_bytes() for path in raw),
        *(
            mask(path.read_bytes().decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
            for path in shown
        ),
        *(finding.evidence.encode() for finding in recorded.findings),
    ]


def pieces() -> st.SearchStrategy[str]:
    """Pieces of what is there, whole, cut, joined, changed; and anything."""
    whole = st.sampled_from([
        LINE, CODE, f"starting\n{LINE}\n", "import redis\n\n" + CODE, WORDS, "API_TOKEN=ghp_" + "Zq3xV7" * 6,
        "\ufffd\ufffd half \ufffd a character", " a character\r\n\x00\x1b[2J and more", "The rule's own words.",
        '"name": "workers", "lag": 12', "LOG_LEVEL=info",
    ])  # fmt: skip
    cut = st.tuples(whole, st.integers(0, 40), st.integers(8, 80)).map(lambda t: t[0][t[1] : t[1] + t[2]])
    joined = st.tuples(cut, st.sampled_from(["", " ", "\n", "…", "\u200b"]), cut).map("".join)
    return whole | cut | joined | st.text(max_size=60) | whole.map(str.upper)


@settings(max_examples=300)
@given(source=st.sampled_from(SOURCES) | st.text(max_size=40), text=pieces())
@example(source="logs/../agents/log-watcher/llm.jsonl", text=WORDS)
@example(source="logs/link.log", text=WORDS)
@example(source="bytes.bin", text="\ufffd\ufffd half \ufffd a character")
@example(source="bytes.bin", text=" a character\r\n\x00\x1b[2J and more")
@example(source="LW-001", text="The rule's own words.")
def test_a_quote_that_passes_is_there_byte_for_byte(recorded: Recorded, source: str, text: str) -> None:
    gate = EvidenceGate(recorded.workspace, recorded.project)
    try:
        (quote,) = gate.check_quotes((ModelQuote(source=source, text=text),))
    except NotThere:
        return
    assert quote.text == text
    assert any(text.encode() in there for there in texts(recorded))


def test_the_gate_lets_what_is_there_through(recorded: Recorded) -> None:
    """So that the property above is about something."""
    gate = EvidenceGate(recorded.workspace, recorded.project)
    for source, text in (
        ("logs/orders.log", LINE),
        ("orders.py", CODE),
        ("LW-001", LINE),
        (".env", "LOG_LEVEL=info"),
    ):
        assert gate.check_quotes((ModelQuote(source=source, text=text),))


_NAMES = st.sampled_from(["LW-001", "LW-002", "LW-90001", "LW-777", "lw-001", "", "RSA-001"])
_ANY: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | _NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
_QUOTES = st.lists(st.fixed_dictionaries({"source": st.sampled_from(SOURCES), "text": pieces()}), max_size=3)
_FIELDS = {
    "finding_id": _NAMES, "hypothesis": _ANY, "recommendation": _ANY, "related_findings": st.lists(_NAMES, max_size=3),
    "quotes": _QUOTES | _ANY, "confidence": st.floats() | _ANY, "origin": st.just("measured"),
    "severity": st.sampled_from(["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO", "measured"]), "title": _ANY,
    "category": st.sampled_from(["BUG", "CRASH", "CONSUMER_LAG", ""]), "service": st.text(max_size=20), "stream": _ANY,
    "files": st.lists(st.text(max_size=20), max_size=3), "rule_id": st.just("log.error"), "revision": st.integers(),
    "finding_ids": st.lists(_NAMES, max_size=4), "why": _ANY,
}  # fmt: skip


def _changed(whole: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """An item as it should be, with some fields replaced, added or left out."""
    names = st.lists(st.sampled_from(sorted(_FIELDS)), max_size=4, unique=True)
    changes = names.flatmap(lambda some: st.fixed_dictionaries({name: _FIELDS[name] for name in some}))
    left_out = st.lists(st.sampled_from(sorted(whole)), max_size=1)
    return st.tuples(changes, left_out).map(
        lambda pair: {name: value for name, value in (whole | pair[0]).items() if name not in pair[1]}
    )


_SAME = {"finding_ids": ["LW-001", "LW-002"], "why": "one thing"}
_ANSWERS = st.fixed_dictionaries({
    "explanations": st.lists(_changed(explanation()), max_size=3) | _ANY,
    "same": st.lists(_changed(_SAME), max_size=2) | _ANY,
    "findings": st.lists(_changed(own()), max_size=3) | _ANY,
}) | _ANY  # fmt: skip


@settings(max_examples=60)
@given(given_=_ANSWERS)
@example(given_=answer([explanation(confidence=float("nan"))], findings=[own(confidence=float("nan"))]))
@example(
    given_=answer([explanation(hypothesis="\ud800")], findings=[own(title="\udfff", service="\x1b[2J\0")])
)
@example(given_=answer(findings=[own(quotes=[{"source": "orders.py", "text": f"import redis\n\n{CODE}"}])]))
@example(given_=answer(findings=[own(severity="CRITICAL"), own(severity="CRITICAL", service="x")]))
def test_no_answer_changes_a_measured_finding(given_: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = _recorded(Path(folder))
        before = measured_lines(made.workspace)
        draft = parse(json.dumps(given_), LW)
        passed = accept.gate(draft, EvidenceGate(made.workspace, made.project), AUTHOR, NOW_MS)
        accept.write(made.workspace, AUTHOR, passed, NOW_MS)
        assert measured_lines(made.workspace) == before
        for finding in load(made.workspace.findings(LW)):
            if finding.origin is Origin.MODEL:
                assert finding.rule_id == "llm"
                assert rank_of(finding) >= Severity.MEDIUM.rank
        _verified(made.workspace, made.project)


def _verified(workspace: Workspace, project: Path) -> None:
    assert verify(workspace, project).failures == ()
