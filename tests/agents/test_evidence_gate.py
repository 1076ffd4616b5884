"""The gate: what is there passes with its place, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.evidence_gate import EvidenceGate, NotThere
from agents.investigation.answer import ModelQuote
from tests.agents.recorded import CODE, LINE, Recorded
from tools.findings.journal import Journal
from tools.findings.model import AgentId, EvidenceKind, dump


@pytest.fixture
def recorded(tmp_path: Path) -> Recorded:
    return Recorded(tmp_path)


def gate(recorded: Recorded) -> EvidenceGate:
    return EvidenceGate(recorded.workspace, recorded.project)


@pytest.mark.parametrize(
    ("source", "text", "kind"),
    [
        pytest.param("logs/orders.log", LINE, EvidenceKind.LOG, id="a log"),
        pytest.param("logs/orders.log:2", "could not reserve stock", EvidenceKind.LOG, id="with a line"),
        pytest.param("streams/polls.jsonl", '"name": "workers", "lag": 12', EvidenceKind.REDIS, id="a poll"),
        pytest.param("orders.py", CODE, EvidenceKind.FILE, id="a file"),
        pytest.param("orders.py:3", CODE, EvidenceKind.FILE, id="a file with a line"),
        pytest.param("LW-001", "could not reserve stock", EvidenceKind.FINDING, id="a finding's evidence"),
    ],
)
def test_what_was_recorded_may_be_quoted(
    recorded: Recorded, source: str, text: str, kind: EvidenceKind
) -> None:
    (found,) = gate(recorded).check_quotes((ModelQuote(source=source, text=text),))
    assert (found.kind, found.text) == (kind, text)


def test_a_place_can_be_read_again(recorded: Recorded) -> None:
    log, code = gate(recorded).check_quotes(
        (ModelQuote(source="logs/orders.log", text=LINE), ModelQuote(source="orders.py", text=CODE))
    )
    assert (log.locator.byte_offset, log.locator.byte_length) == (9, len(LINE))
    assert code.locator.line == 3


@pytest.mark.parametrize(
    ("source", "text"),
    [
        pytest.param("logs/orders.log", "could not reserve  stock", id="one blank more"),
        pytest.param("logs/orders.log", "COULD NOT RESERVE STOCK", id="other letters"),
        pytest.param("logs/payments.log", LINE, id="another log"),
        pytest.param("orders.py", LINE, id="another file"),
        pytest.param("", LINE, id="no source"),
        pytest.param("logs/orders.log", "reserve", id="too short"),
        pytest.param("logs/orders.log", " \n" * 20, id="blanks"),
        pytest.param("../project/orders.py", CODE, id="out of the project and back in by name"),
        pytest.param("/etc/passwd", "root:x:0:0:root", id="an absolute path"),
        pytest.param("../../../../../../etc/passwd", "root:x:0:0:root", id="upwards"),
        pytest.param("orders.py\0.log", CODE, id="NUL"),
        pytest.param("LW-999", "could not reserve stock", id="no such finding"),
        pytest.param("LW-001", "The rule's own words.", id="a finding's words are no evidence"),
    ],
)
def test_what_is_not_there_does_not_pass(recorded: Recorded, source: str, text: str) -> None:
    if source == "../project/orders.py":
        recorded.project = recorded.project.parent / "elsewhere"
        recorded.project.mkdir()
    with pytest.raises(NotThere):
        gate(recorded).check_quotes((ModelQuote(source=source, text=text),))


def test_the_models_own_words_are_no_evidence(recorded: Recorded) -> None:
    """Neither its transcript nor its readings, nor those of another session below the project."""
    said = "the model says that this is so"
    (recorded.workspace.path("agents", "log-watcher", "llm.jsonl")).write_text(said)
    within = recorded.project / "monitor-session"
    (within / "agents").mkdir(parents=True)
    (within / "SESSION_ID").write_text("1")
    (within / "agents" / "llm.jsonl").write_text(said)
    inside = EvidenceGate(recorded.workspace, recorded.workspace.root.parent)
    for checked, source in (
        (gate(recorded), "agents/log-watcher/llm.jsonl"),
        (gate(recorded), "monitor-session/agents/llm.jsonl"),
        (inside, "session/agents/log-watcher/llm.jsonl"),
    ):
        with pytest.raises(NotThere):
            checked.check_quotes((ModelQuote(source=source, text=said),))


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("logs/../agents/log-watcher/llm.jsonl", id="transcript"),
        pytest.param("logs/../findings/log-watcher.jsonl", id="findings"),
        pytest.param("logs/./../agents/log-watcher/llm.jsonl", id="with a dot"),
        pytest.param("logs//../agents/log-watcher/llm.jsonl", id="with an empty part"),
        pytest.param("logs/x/../../agents/log-watcher/llm.jsonl", id="by a folder that is none"),
        pytest.param("logs/words.log", id="by a link"),
    ],
)
def test_no_way_leads_from_the_logs_to_the_models_own_words(recorded: Recorded, source: str) -> None:
    said = "the model says that this is so"
    words = recorded.workspace.path("agents", "log-watcher", "llm.jsonl")
    words.write_text(said)
    recorded.workspace.path("findings", "log-watcher.jsonl").write_text(said)
    recorded.workspace.path("logs", "words.log").symlink_to(words)
    with pytest.raises(NotThere):
        gate(recorded).check_quotes((ModelQuote(source=source, text=said),))


def test_what_stands_for_unreadable_bytes_is_no_quote(recorded: Recorded) -> None:
    (recorded.project / "latin.txt").write_bytes(b"caf\xe9 and milk")
    (recorded.project / "utf8.txt").write_text("caf\ufffd and milk", encoding="utf-8")
    quote = "caf\ufffd and milk"
    with pytest.raises(NotThere):
        gate(recorded).check_quotes((ModelQuote(source="latin.txt", text=quote),))
    assert gate(recorded).check_quotes((ModelQuote(source="utf8.txt", text=quote),))


def test_a_link_that_leads_outside_is_not_followed(recorded: Recorded, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("something that lies elsewhere")
    (recorded.project / "inside.txt").symlink_to(outside)
    with pytest.raises(NotThere):
        gate(recorded).check_quotes((ModelQuote(source="inside.txt", text="something that lies elsewhere"),))


def test_a_secret_can_only_be_quoted_masked(recorded: Recorded) -> None:
    (recorded.project / ".env").write_text("REDIS_PASSWORD=hunter2hunter2\n")
    with pytest.raises(NotThere):
        gate(recorded).check_quotes((ModelQuote(source=".env", text="REDIS_PASSWORD=hunter2hunter2"),))


def test_what_a_finding_said_at_an_earlier_poll_may_be_quoted(recorded: Recorded) -> None:
    """The model was shown it, and since then the finding grew."""
    grown = recorded.findings[0].model_copy(update={"evidence": "41 entries wait", "revision": 2})
    with Journal(recorded.workspace.findings(AgentId.LOG_WATCHER)) as journal:
        journal.append(dump(grown))
    for text in ("could not reserve stock", "41 entries wait"):
        assert gate(recorded).check_quotes((ModelQuote(source="LW-001", text=text),))


def test_an_id_must_exist(recorded: Recorded) -> None:
    gate(recorded).check_ids(["LW-001", "LW-002"])
    with pytest.raises(NotThere, match="CA-001"):
        gate(recorded).check_ids(["LW-001", "CA-001"])
