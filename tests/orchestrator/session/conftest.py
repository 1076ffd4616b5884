"""The session under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestrator.session.forked import Sessions
from tests.orchestrator.session.runs import Run


@pytest.fixture(scope="session")
def _sessions() -> Iterator[Sessions]:
    sessions = Sessions()
    yield sessions
    sessions.stop()


@pytest.fixture
def run(tmp_path: Path, _sessions: Sessions) -> Iterator[Run]:
    run = Run(tmp_path, _sessions)
    run.environment["STREAMGAUGE_TEST_RUN"] = str(tmp_path)
    yield run
    for process in run.processes:
        if process.poll() is None:
            process.terminate()
            run.finish(process)
    run.wait_until_nothing_is_left()
