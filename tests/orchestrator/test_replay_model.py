"""A session in which a model took part, replayed: without a network or a key, and whatever became of its transcript."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from agents.hand_in import Place, hand_in
from agents.model.settings import Role
from agents.model.transcript import path
from orchestrator import replay
from orchestrator.cli import replay_command
from orchestrator.cli.boundary import StateFolder
from orchestrator.cli.request import Request
from orchestrator.session.model_part import ModelPace, ModelPart
from tests.agents.audit_jobs import START_MS
from tests.agents.investigation.answers import answer, explanation, own
from tests.agents.model_scene import settings
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import Asked, MessagesApi, Reply, calls, says
from tests.injection.scene import Host
from tests.orchestrator.replayable import CODE, VERSION, record
from tools.detectors.thresholds import Expectation, Judgement
from tools.findings import readings
from tools.findings.journal import Journal, read_data
from tools.findings.model import AgentId
from tools.sources import session_facts
from tools.synthesis import wording
from tools.synthesis.wording import ClusterWording, Sentence
from tools.workspace import Workspace

QUOTE = {"source": "services/a/app.py", "text": 'r.xadd("orders", {})'}
SECRET = "sk-ant-api03-" + "Zx9" * 20
LEFT = "agents/config-auditor/llm.jsonl"
ASKED = Request(flags={"session.mode": "replay"})
FILES = CODE | {".env.example": "LOG_LEVEL=info\n"}


class Keeping(Host):
    """Writes its events as a session does."""

    def event(self, kind: str, **details: object) -> None:
        with Journal(self.workspace.events) as events:
            events.append({"type": kind} | details)


def script(asked: Asked) -> Reply:
    """Looks, then explains each finding and has one of its own; one of its claims is made up."""
    if asked.rounds == 0:
        return calls(("findings_list", {}))
    given = re.findall(r"^finding ([A-Z]+-\d+) ", asked.all_text, re.MULTILINE)
    told = [explanation(name, quotes=[QUOTE], hypothesis=f"as with key {SECRET}") for name in given]
    told.append(explanation("CA-999"))
    scout = "ENHANCEMENT_SCOUT" in asked.system
    kind = {"category": "RESILIENCE" if scout else "DOC_DRIFT", "related_findings": given[:1]}
    return says(answer(told, findings=[own(quotes=[QUOTE], **kind)]))


def took_part(workspace: Workspace, project: Path) -> None:
    """The model's part of a session, asked over HTTP; what it cost stands in the facts."""
    host = Keeping(workspace, project, ManualClock(START_MS + 1000))

    async def work(api: MessagesApi) -> None:
        part = ModelPart(host, settings(api), ModelPace(60.0, 60.0))
        await part.conclude()
        await part.close()
        facts = session_facts.read(workspace)
        session_facts.write(workspace, replace(facts, model_use=part.use()))

    with MessagesApi(script) as api:
        asyncio.run(work(api))
        assert api.violations == []


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    record(folder, FILES, took_part)
    return folder


@pytest.fixture
def recorded(once: Path) -> Workspace:
    """The same session for each test, at the place that its facts name; a test may break it."""
    kept = once / "kept"
    if not kept.exists():
        shutil.copytree(once / "monitor-session", kept)
        shutil.copytree(once / "project", once / "kept-project")
    for name, copy in (("monitor-session", "kept"), ("project", "kept-project")):
        shutil.rmtree(once / name)
        shutil.copytree(once / copy, once / name)
    return Workspace(once / "monitor-session")


def told_by_model(workspace: Workspace) -> dict[str, bytes]:
    """The files in which a model's words stand."""
    names = ["all-findings.json", *(f"agents/{agent.slug}/{readings.FILE}" for agent in AgentId)]
    return {
        name: workspace.path(*name.split("/")).read_bytes()
        for name in names
        if workspace.path(*name.split("/")).exists()
    }


def test_a_replay_has_the_models_findings_readings_words_and_cost(
    recorded: Workspace, tmp_path: Path
) -> None:
    was = told_by_model(recorded)
    assert len(was) == 3
    assert b'"CA-90001"' in was["all-findings.json"]
    assert b'"ES-90001"' in was["all-findings.json"]
    state = StateFolder(tmp_path / ".state")
    lines, code = replay_command.run(ASKED, str(recorded.root), {}, tmp_path, state)
    assert (code, [line for line in lines if line.startswith(("differs", "partial"))]) == (0, [])
    assert "model      2 investigations, 4 readings, 2 own findings" in lines
    target = Workspace(tmp_path / ".state" / "replay" / "20250615_120000")
    assert told_by_model(target) == was
    use = session_facts.read(target).model_use
    assert use is not None
    assert use == session_facts.read(recorded).model_use
    page = target.report("20250615_120000").read_text(encoding="utf-8")
    assert "Orders are lost when stock is slow" in page
    assert SECRET not in page
    again = replay.run(target, Workspace(tmp_path / "again"), VERSION)
    assert (again.identical, again.partial) == (True, ())


def test_code_that_changed_since_is_told_and_the_findings_are_the_same(
    recorded: Workspace, tmp_path: Path
) -> None:
    (recorded.root.parent / "project" / "services" / "a" / "app.py").write_text("pass\n", encoding="utf-8")
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert (done.identical, done.partial) == (True, ())
    assert "services/a/app.py does not hold any more" in done.model.told[1]


def test_other_limits_never_put_words_to_another_finding(recorded: Workspace, tmp_path: Path) -> None:
    other = Judgement(expect=(Expectation(stream="orders", unbounded_ok=True, reason="it is small"),))
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION, other)
    assert not done.identical
    then = {item["findingId"]: item["fingerprint"] for item in _findings(recorded)}
    now = {item["findingId"]: item["fingerprint"] for item in _findings(done.target)}
    for agent in AgentId:
        for reading in readings.read(done.target, agent):
            for name in reading.finding_ids:
                assert now[name] == then[name]
    assert any("rejected now" in line for line in done.differences), done.differences


def _findings(workspace: Workspace) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(workspace.all_findings.read_bytes())
    return found


def _cut(data: bytes) -> bytes:
    return data[: data.rindex(b'{"type":"call"') + 40]


def _last(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[bytes], bytes]:
    """Change the last answer."""

    def edit(data: bytes) -> bytes:
        *before, last = data.splitlines()
        return b"".join(line + b"\n" for line in (*before, json.dumps(change(json.loads(last))).encode()))

    return edit


def _said(old: str, new: str) -> Callable[[bytes], bytes]:
    """Change what the model says in its last answer."""

    def said(call: dict[str, Any]) -> dict[str, Any]:
        content = [block | {"text": block["text"].replace(old, new)} for block in call["content"]]
        return call | {"content": content}

    return _last(said)


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        pytest.param(lambda _: None, 3, "partial    the model's part: no transcript", id="gone"),
        pytest.param(lambda _: b"", 3, "partial    the model's part: no transcript", id="empty"),
        pytest.param(_cut, 3, "cannot be gone through again (the transcript holds no further", id="cut off"),
        pytest.param(lambda data: data + b"[" * 9999 + b"\n", 3, "is no line of a transcript", id="nested"),
        pytest.param(lambda data: b"\x00\xff\n" + data, 3, f"{LEFT} at byte 0 is no line", id="no text"),
        pytest.param(_last(lambda call: call | {"content": [{"type": "odd"}]}), 3, "cannot be gone through again", id="odd"),
        pytest.param(
            lambda data: re.sub(rb'"asked":\[.*?\],"usage"', b'"asked":[{"content":[7]}],"usage"', data),
            3, "cannot be gone through again", id="questions that are none",
        ),
        pytest.param(
            lambda data: re.sub(rb'("type":"call","call":"[^"]*"),"at":"[^"]*"', rb'\1,"at":"soon"', data),
            3, "have no time", id="no time",
        ),
        pytest.param(
            _said("xadd", "xdel"), 1, "does not hold this quote: 'r.xdel(", id="a false quote",
        ),
        pytest.param(
            _said('"CA-001"', '"CA-777"'), 1, "there is no finding 'CA-777'", id="a false id",
        ),
        pytest.param(
            _said('"severity": "MEDIUM"', '"severity": "CRITICAL"'), 0, "identical, byte for byte", id="a severity",
        ),
        pytest.param(
            _said("Orders are", "All orders are"), 1, "CA-90001 MEDIUM llm: All orders are lost", id="other words",
        ),
    ],
)  # fmt: skip
def test_a_transcript_that_was_edited_is_told_and_no_false_claim_passes(
    recorded: Workspace, tmp_path: Path, change: Callable[[bytes], bytes | None], code: int, said: str
) -> None:
    transcript = path(recorded, Role.CONFIG_AUDITOR)
    changed = change(transcript.read_bytes())
    if changed is None:
        transcript.unlink()
    else:
        assert changed != transcript.read_bytes()
        transcript.write_bytes(changed)
    lines, given = replay_command.run(
        ASKED, str(recorded.root), {}, tmp_path, StateFolder(tmp_path / ".state")
    )
    assert any(said in line for line in lines), lines
    assert given == code
    target = Workspace(tmp_path / ".state" / "replay" / "20250615_120000")
    own_ones = [item for item in _findings(target) if item["origin"] == "model"]
    assert {item["severity"] for item in own_ones if "severity" in item} <= {"MEDIUM"}


def test_words_that_nobody_said_are_told(recorded: Workspace, tmp_path: Path) -> None:
    said = (Sentence(text="It rained.", finding_ids=("CA-001",)),)
    words = ClusterWording(
        root_fingerprint="v1:" + "0" * 20, members=("CA-001",), root_cause=said, chain=(), blast_radius=(),
        fix=(), model="m", prompt_version="synthesis@1",
    )  # fmt: skip
    wording.write(recorded, [words])
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert done.differences == ("model: gone: the words for 1 cluster",)
    assert not done.target.path(*wording.FILE).exists()
    recorded.path(*wording.FILE).write_text("[[", encoding="utf-8")
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert "recording/wording.json cannot be compared" in done.differences[0]


def test_what_agents_beside_the_session_handed_in_is_held_against_it_again(tmp_path: Path) -> None:
    def handed(workspace: Workspace, project: Path) -> None:
        claims = {
            "agent": "CONFIG_AUDITOR",
            "findings": [own(quotes=[QUOTE], category="DOC_DRIFT", related_findings=[])],
        }
        hand_in(Place(workspace, project, ManualClock(START_MS + 500)), claims, "some client")

    recorded = record(tmp_path, CODE, handed)
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert (done.identical, done.partial) == (True, ())
    assert done.model.told == ("1 hand-in, 1 own finding",)
    (line,) = read_data(recorded.handed_in)
    journal = recorded.handed_in
    journal.write_text(
        json.dumps(line | {"at": "2020-01-01T00:00:00.000Z", "agent": "X"}) + "\n", encoding="utf-8"
    )
    done = replay.run(recorded, Workspace(tmp_path / "again"), VERSION)
    assert "what was handed in at 2020-01-01T00:00:00.000Z cannot be read" in done.partial[0]
    assert done.differences[0].startswith("gone: CA-90001 ")
