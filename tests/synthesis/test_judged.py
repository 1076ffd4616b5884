"""What a session judged by is read again as it was; what is lost or damaged is never fatal."""

from __future__ import annotations

from pathlib import Path

from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.synthesis import judged
from tools.synthesis.flows.session import evidence_of
from tools.synthesis.session_data import load
from tools.workspace import Workspace

OWN = Judgement(
    limits=Limits(pending_idle=60.0),
    expect=(Expectation(stream="orders", group="audit", loss_ok=True, consumer_idle=5.0),),
)


def test_a_report_judges_by_what_the_session_was_told(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    assert load(workspace, 1).judgement == Judgement()
    judged.write(workspace, OWN)
    data = load(workspace, 1)
    assert data.judgement == OWN
    assert evidence_of(data).story.judgement == OWN


def test_a_damaged_file_is_a_gap_and_the_defaults_count(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    workspace.path(*judged.FILE.split("/")).write_bytes(b"\xff{")
    data = load(workspace, 1)
    assert data.judgement == Judgement()
    assert any(judged.FILE in gap.what for gap in data.gaps)
