"""A project's files, read and judged as a static session does, down to the record that later ones compare with."""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from tools.detectors.contract import CodeView, ConfigView
from tools.detectors.registry import CODE_DETECTORS, CONFIG_DETECTORS
from tools.detectors.thresholds import Judgement
from tools.findings.model import AgentId
from tools.findings.recorder import Recorder, load
from tools.sources import file_marks, session_facts
from tools.sources.code.index import build_index
from tools.sources.records import Gap
from tools.sources.session_facts import AgentRun, SessionFacts
from tools.synthesis.session_data import SessionData
from tools.synthesis.sessions.making import record_of
from tools.synthesis.sessions.record import SessionRecord
from tools.workspace import Workspace

START_MS = 1_750_000_000_000
AGENTS = (AgentId.CONFIG_AUDITOR, AgentId.ENHANCEMENT_SCOUT)


def session_on(
    files: dict[str, str], folder: Path, session_id: str = "20250615_150640", gaps: tuple[Gap, ...] = ()
) -> SessionRecord:
    """Write the files below `folder` and audit them there. `gaps` are more than reading them left."""
    project, workspace = folder / "project", Workspace(folder / "monitor-session")
    for path, text in files.items():
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        (project / path).write_text(text, encoding="utf-8")
    workspace.create()
    facts = SessionFacts(
        session_id=session_id,
        version="0.1.0",
        mode="static",
        project_root="/srv/shop",
        redis=None,
        started_ms=START_MS,
        deadline_ms=START_MS,
        ended_ms=START_MS + 1000,
        ended_by="deadline",
        agents=tuple(AgentRun(agent=agent, attempts=1, finished=True) for agent in AGENTS),
    )
    session_facts.write(workspace, facts)
    index = build_index(project, (), (), START_MS)
    index = structs.replace(index, gaps=(*index.gaps, *gaps))
    file_marks.write(workspace, file_marks.marks_of(project, (), ()))
    judgement = Judgement()
    config = ConfigView(index=index, moment="start", judgement=judgement)
    code = CodeView(index=index, judgement=judgement)
    found = [symptom for rules in CONFIG_DETECTORS for symptom in rules.detect(config)]
    found += [symptom for rules in CODE_DETECTORS for symptom in rules.detect(code)]
    refused: list[str] = []
    for agent in AGENTS:
        recorder = Recorder(workspace, agent, None, lambda rule, reason: refused.append(f"{rule}: {reason}"))
        for symptom in found:
            if symptom.rule.agent is agent:
                recorder.record(symptom, START_MS)
        recorder.close()
        assert refused == []
    findings = tuple(finding for agent in AGENTS for finding in load(workspace.findings(agent)))
    return record_of(
        workspace, SessionData(session_id=session_id, facts=facts, findings=findings, index=index)
    )
