"""A session's transcript gives the model's part again: the same claims, gated again, without a network or a key."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from orchestrator.session.model_part import ModelPace, ModelPart
from orchestrator.session.model_replay import Replayed, replay
from tests.agents.investigation.answers import answer, explanation, own
from tests.agents.model_scene import settings
from tests.fakes.messages_api import Asked, MessagesApi, Reply, calls, says
from tests.injection.scene import Host
from tests.report import made_session
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.findings.recorder import load
from tools.synthesis import wording
from tools.workspace import Workspace

SAID = "ETIMEDOUT waiting for billing"
KEPT = "billing: gave up after 3 tries"


class Keeping(Host):
    """Writes its events as a session does."""

    def event(self, kind: str, **details: object) -> None:
        super().event(kind, **details)
        with Journal(self.workspace.events) as events:
            events.append({"type": kind} | details)


def script(asked: Asked) -> Reply:
    head = asked.system.split("\n", 1)[0]
    if "Wording" in head:
        named = re.findall(r'"findingId": "([A-Z]+-\d+)"', asked.last_text)
        said = [{"text": "So it began.", "finding_ids": named[:1]}]
        return says({"root_cause": said, "chain": [], "blast_radius": [], "fix": said})
    if asked.rounds == 0:
        return calls(("findings_list", {}))
    given = re.findall(r"^finding ([A-Z]+-\d+) ", asked.all_text, re.MULTILINE)
    told = [explanation(name, quotes=[]) for name in given]
    false = [explanation(given[0], related_findings=["LW-777"])]
    quotes = [{"source": "logs/web.log", "text": SAID}]
    kept = [{"source": "logs/kept.log", "text": KEPT}]
    mine = [own(quotes=quotes, service="web")]
    mine.append(own(quotes=[{"source": "logs/web.log", "text": "never said"}], service="mail"))
    mine.append(own(quotes=kept, service="billing"))
    return says(answer(told + false, findings=mine))


def models_part(workspace: Workspace) -> dict[str, object]:
    """What the model added to a workspace, byte for byte."""
    files: dict[str, object] = {
        str(path.relative_to(workspace.root)): path.read_bytes()
        for path in workspace.root.glob("agents/*/readings.jsonl")
    }
    for agent in AgentId:
        lines = workspace.findings(agent).read_bytes().splitlines()
        files[agent.value] = [line for line in lines if b'"origin":"model"' in line]
    return files | {"words": wording.read(workspace)}


@pytest.fixture
async def recorded(tmp_path: Path) -> tuple[Workspace, Host, ModelPart]:
    made = made_session.make(tmp_path)
    made.workspace.write_text(made.workspace.path("logs", "kept.log"), f"{KEPT}\n")
    shutil.copytree(made.workspace.root, tmp_path / "again")
    host = Keeping(made.workspace, made.project, made.clock)
    with MessagesApi(script) as api:
        part = ModelPart(host, settings(api), ModelPace(60.0, 60.0))
        await part.conclude()
        await part.close()
        assert api.violations == []
    return Workspace(tmp_path / "again"), host, part


async def test_a_replay_gives_the_same_without_a_network(recorded: tuple[Workspace, Host, ModelPart]) -> None:
    again, host, part = recorded
    use = part.use()
    assert use.readings > 0
    assert use.own_findings == 2
    assert use.rejected > 0
    done = await replay(host.workspace, again, host.project_root, host.ended.now_ms())
    assert done == Replayed(
        investigations=use.investigations,
        readings=use.readings,
        own_findings=use.own_findings,
        rejected=use.rejected,
        clusters_worded=use.clusters_worded,
    )
    assert models_part(again) == models_part(host.workspace)


async def test_what_the_recording_does_not_hold_any_more_is_rejected(
    recorded: tuple[Workspace, Host, ModelPart],
) -> None:
    again, host, part = recorded
    log = host.workspace.path("logs", "kept.log")
    log.write_bytes(log.read_bytes().replace(KEPT.encode(), b"-" * len(KEPT)))
    done = await replay(host.workspace, again, host.project_root, host.ended.now_ms())
    assert (done.own_findings, done.rejected) == (1, part.use().rejected + 1)
    (told,) = done.rejected_now
    assert f"'logs/kept.log' does not hold this quote: '{KEPT}'" in told


@pytest.mark.parametrize("change", [b"", b"\n\n\n"], ids=["gone", "moved"])
async def test_of_a_file_of_the_project_that_changed_the_copy_counts(
    recorded: tuple[Workspace, Host, ModelPart], change: bytes
) -> None:
    again, host, part = recorded
    log = host.project_root / "logs" / "web.log"
    log.write_bytes(change + log.read_bytes() if change else b"rotated")
    done = await replay(host.workspace, again, host.project_root, host.ended.now_ms())
    assert (done.own_findings, done.rejected_now) == (part.use().own_findings, ())
    assert done.copies_only == (() if change else ("logs/web.log",))
    assert models_part(again) == models_part(host.workspace)


async def test_a_claim_about_what_is_another_finding_now_is_rejected(
    recorded: tuple[Workspace, Host, ModelPart],
) -> None:
    """Findings are numbered: with other limits the number of one may be that of another."""
    again, host, part = recorded
    journal = again.findings(AgentId.LOG_WATCHER)
    first = load(journal)[0].fingerprint
    journal.write_bytes(journal.read_bytes().replace(first.encode(), b"v1:" + b"0" * 20))
    done = await replay(host.workspace, again, host.project_root, host.ended.now_ms())
    assert any("LW-001 is another finding than it was" in told for told in done.rejected_now)
    assert done.readings < part.use().readings


async def test_an_investigation_that_did_not_end_is_left_out(
    recorded: tuple[Workspace, Host, ModelPart],
) -> None:
    """The session was killed before it took up what the model had said."""
    again, host, _ = recorded
    lines = host.workspace.events.read_bytes().splitlines(keepends=True)
    host.workspace.events.write_bytes(b"".join(line for line in lines if b'"investigated"' not in line))
    done = await replay(host.workspace, again, host.project_root, host.ended.now_ms())
    assert (done.investigations, done.readings, done.own_findings) == (0, 0, 0)


async def test_a_session_without_a_model_gives_nothing(tmp_path: Path) -> None:
    made = made_session.make(tmp_path)
    assert await replay(made.workspace, made.workspace, made.project, 0) == Replayed()
