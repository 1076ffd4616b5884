"""From configuration to what watchers are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.config.model import Config, Mode
from orchestrator.session import jobs
from orchestrator.session.clocks import clocks
from tools.findings.model import AgentId
from tools.workspace import Workspace

BEGAN_MS = 1_750_000_000_000


@pytest.mark.parametrize(
    ("mode", "since_ms"),
    [(Mode.MANAGED, BEGAN_MS), (Mode.ATTACH, None), (Mode.STATIC, None)],
    ids=str,
)
def test_a_managed_session_reads_programs_logs_from_its_start(
    tmp_path: Path, mode: Mode, since_ms: int | None
) -> None:
    config = Config()
    given = jobs.Instructions(
        config=config,
        mode=mode,
        session_id="20250615_100000",
        workspace=Workspace(tmp_path),
        window=clocks(config.session, BEGAN_MS + 20_000).window,
        began_ms=BEGAN_MS,
        captured=(),
        root_pids=(),
        mask_key=None,
    )
    assert jobs.job(AgentId.LOG_WATCHER, given).logs_since_ms == since_ms
