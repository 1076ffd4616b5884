"""The session under test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.orchestrator.session.runs import Run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    run.environment["STREAMGAUGE_TEST_RUN"] = str(tmp_path)
    yield run
    for process in run.processes:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=60)
        assert process.stdout is not None
        process.stdout.close()
    run.wait_until_nothing_is_left()
