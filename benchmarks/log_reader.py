"""One reading of log files in a process of its own: by the Log Watcher, or by the bare scan of all patterns.

`python -m benchmarks.log_reader watcher|merged|scan FOLDER` reads every `*.log` there and prints one line of JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from agents.job import LogSource, MergedSpec, WatcherJob, Window
from agents.log_watcher import make
from agents.watcher import open_reporter
from tools.clock import SystemClock
from tools.findings.model import AgentId
from tools.sources.logs.blocks import BLOCK_BYTES
from tools.sources.logs.engine.database import Hyperscan
from tools.sources.logs.engine.patterns import PATTERNS
from tools.workspace import Workspace

_DISCOVERED_AFTER_S = 1.1
"""The watcher looks for new files once a second."""


def main(arguments: list[str]) -> int:
    """Read, and print what it took."""
    kind, folder = arguments[0], Path(arguments[1])
    files = sorted(folder.glob("*.log"))
    found = _scanned(files) if kind == "scan" else _watched(files, merged=kind == "merged")
    found["rss_mb"] = _peak_mb()
    found["mb"] = sum(path.stat().st_size for path in files) / 1e6
    sys.stdout.write(json.dumps(found) + "\n")
    return 0


def job_for(folder: Path, workspace: Workspace, *, merged: bool, seconds: float = 3600) -> WatcherJob:
    """A session that follows all logs of a folder and nothing else."""
    now_ms = SystemClock().now_ms()
    workspace.create()
    (workspace.agent_dir(AgentId.LOG_WATCHER) / "attempt").write_text("1", encoding="ascii")
    deadline_ms = now_ms + round(seconds * 1000)
    return WatcherJob(
        agent=AgentId.LOG_WATCHER,
        attempt=1,
        session_id="bench",
        mode="attach",
        workspace=workspace.root,
        project_root=folder,
        logs=(LogSource(service="*", path="*.log"),),
        merged=MergedSpec(enabled=merged),
        window=Window(started_ms=now_ms, deadline_ms=deadline_ms, middle_ms=deadline_ms),
    )


def _watched(files: list[Path], *, merged: bool) -> dict[str, object]:
    """The whole pipeline, from the bytes on disk to findings and recording, in looks as in a session."""
    with tempfile.TemporaryDirectory(prefix="streamgauge-bench-", dir=files[0].parent) as text:
        folder = Path(text) / "project"
        folder.mkdir()
        clock, workspace = SystemClock(), Workspace(Path(text) / "workspace")
        job = job_for(folder, workspace, merged=merged)
        reporter = open_reporter(job, clock)
        watcher = make(job, reporter)
        watcher.look()
        gc.freeze()  # as the process of a session does
        for path in files:  # files that appear are read from their start
            (folder / path.name).symlink_to(path)
        time.sleep(_DISCOVERED_AFTER_S)
        lines = sum(map(_lines, files))
        cpu, wall = time.process_time(), time.perf_counter()
        while watcher.lines < lines:
            watcher.look()
        watcher.finish()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        found = {
            "cpu_s": cpu,
            "wall_s": wall,
            "lines": watcher.lines,
            "findings": len(reporter.recorder.findings),
            "gaps": [
                line for line in workspace.gaps.read_text(encoding="utf-8").splitlines() if " of " in line
            ],
        }
        watcher.close()
        return found


def _peak_mb() -> float:
    """The most memory that this program has held: the kernel's other figure knows the program before it too."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    return int(text.partition("VmHWM:")[2].split()[0]) / 1024


def _lines(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(BLOCK_BYTES), b""))


def _scanned(files: list[Path]) -> dict[str, object]:
    """All patterns over the files, block by block; matches are taken, and nothing is made of them."""
    scan = Hyperscan(PATTERNS)
    buffer = bytearray(BLOCK_BYTES)
    view = memoryview(buffer)
    cpu, wall, matches = time.process_time(), time.perf_counter(), 0
    for path in files:
        with path.open("rb", buffering=0) as file:
            offset = 0
            while count := os.preadv(file.fileno(), [buffer], offset):
                end = buffer.rfind(b"\n", 0, count) + 1 or count
                found, ids = scan.matches(bytes(view[:end]))
                matches += len(found) + len(ids)
                offset += end
    return {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall, "lines": matches}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
