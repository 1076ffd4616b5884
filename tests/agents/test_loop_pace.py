"""The loop's pace: looks at their interval, heartbeats at theirs, whichever is rarer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from agents.job import WatcherJob, Window
from agents.loop import StopFile, run
from agents.watcher import open_reporter
from tests.fakes.clock import ManualClock
from tools.findings.journal import read_data
from tools.findings.model import AgentId
from tools.workspace import Workspace


class Looking:
    def __init__(self, clock: ManualClock, interval_s: float, look_s: float) -> None:
        self.interval_s, self._look_s, self._clock = interval_s, look_s, clock
        self.looks: list[float] = []
        self.start = clock.monotonic()
        self.finished = False

    def look(self) -> None:
        self.looks.append(self._clock.monotonic() - self.start)
        self._clock.advance(self._look_s)

    def finish(self) -> None:
        self.finished = True

    def beat(self) -> Mapping[str, object]:
        return {}

    def close(self) -> None:
        return


@pytest.mark.parametrize(
    ("pace", "looks", "beats"),
    [
        pytest.param((15, 6, 0), [0, 15, 30, 45], 11, id="looks rarer than heartbeats"),
        pytest.param((1, 20, 0), [float(at) for at in range(60)], 4, id="looks more often"),
        pytest.param((15, 6, 5), [0, 15, 30, 45], 9, id="a look takes its time and shifts nothing"),
        pytest.param((10, 60, 25), [0, 25, 50], 2, id="looks that last longer than their interval"),
    ],
)
def test_looks_and_heartbeats_keep_their_own_pace(
    tmp_path: Path, pace: tuple[float, float, float], looks: list[float], beats: int
) -> None:
    interval_s, heartbeat_s, look_s = pace
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    clock = ManualClock()
    deadline_ms = clock.now_ms() + 60_000
    window = Window(started_ms=0, deadline_ms=deadline_ms, middle_ms=0, heartbeat_s=heartbeat_s)
    job = WatcherJob(
        agent=AgentId.LOG_WATCHER, attempt=0, session_id="1", mode="attach", workspace=workspace.root,
        project_root=tmp_path, window=window,
    )  # fmt: skip
    reporter = open_reporter(job, clock)
    watcher = Looking(clock, interval_s, look_s)
    run(watcher, reporter, StopFile(workspace, deadline_ms, clock, None))
    reporter.recorder.close()
    reporter.events.close()
    reporter.gaps.close()
    assert watcher.looks == looks
    assert watcher.finished
    heartbeats = list(read_data(workspace.agent_dir(AgentId.LOG_WATCHER) / "heartbeat.jsonl"))
    assert len(heartbeats) == beats
