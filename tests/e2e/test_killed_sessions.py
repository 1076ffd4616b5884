"""The harness killed (-9) in every phase of one audit and gone on with each time: what is found is what an audit finds.

The fleets go on meanwhile: they are the keeper's. Findings, occurrences and processes are compared with the truth lists.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import free_port
from tests.e2e.audits import (
    Audit,
    environment,
    fleet,
    left_behind,
    missed,
    node_shop,
    untrue,
)
from tools.findings.journal import read_data
from tools.report.verify import verify
from tools.sources import session_facts
from tools.sources.logs import captured
from tools.workspace import Workspace

pytestmark = pytest.mark.fleet
AFTER_THE_WINDOW = ("stop", "shutdown", "synthesize", "report", "complete")
IN_THE_WINDOW_S = 20
SEEN_WITHIN_S = 30
"""Faults that take longer to show need a longer window without pauses."""
BOUND_S = 400


def at_phase(name: str) -> str:
    return f'session.json:"name": "{name}"'


class Killed:
    """One audit as a chain of processes, all but the last of which are killed."""

    def __init__(self, folder: Path, arguments: list[str], variables: dict[str, str]) -> None:
        self.folder, self.workspace = folder, Workspace(folder / "monitor-session")
        self._arguments = [*arguments, "--workspace", str(self.workspace.root)]
        self._environment = environment() | variables
        self._output = folder / "output.txt"
        self._resume: list[str] = []

    def start(self, kill_at: str = "") -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "tests.fakes.dying", "run", *self._arguments, *self._resume]
        self._resume = ["--resume"]
        with self._output.open("ab") as file:
            return subprocess.Popen(
                command, cwd=self.folder, env=self._environment | {"KILL_AT": kill_at},
                stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def dies(self, kill_at: str) -> None:
        process = self.start(kill_at)
        assert process.wait(BOUND_S) == -signal.SIGKILL, (kill_at, self.output())

    def dies_in_the_window(self) -> None:
        process = self.start()
        until = time.monotonic() + BOUND_S
        while time.time() * 1000 < self.window()[0] + IN_THE_WINDOW_S * 1000 or not self.observing():
            assert process.poll() is None, self.output()
            assert time.monotonic() < until
            time.sleep(0.1)
        process.kill()
        assert process.wait(BOUND_S) == -signal.SIGKILL

    def ends(self) -> int:
        return self.start().wait(BOUND_S)

    def window(self) -> tuple[int, int]:
        facts = session_facts.read(self.workspace)
        return facts.started_ms, facts.deadline_ms

    def observing(self) -> bool:
        return len([event for event in self.events() if event["type"] == "agent-started"]) >= 4

    def events(self) -> list[dict[str, Any]]:
        return list(read_data(self.workspace.events))

    def output(self) -> str:
        return self._output.read_text(encoding="utf-8", errors="replace")


def kill_in_every_phase(killed: Killed) -> int:
    killed.dies('wish.json:"redis":true')
    killed.dies('wish.json:"services":true')
    killed.dies(at_phase("baseline"))
    killed.dies(at_phase("observe"))
    killed.dies_in_the_window()
    for phase in AFTER_THE_WINDOW:
        killed.dies(at_phase(phase))
    return killed.ends()


FLEETS = ("orderflow", "node-shop")


@pytest.fixture(scope="module")
def audits(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Audit]:
    """Both side by side: they wait most of their time."""
    with ThreadPoolExecutor() as pool:
        begun = {name: pool.submit(kill, *prepare(name, tmp_path_factory)) for name in FLEETS}
        return {name: audit.result() for name, audit in begun.items()}


def prepare(name: str, factory: pytest.TempPathFactory) -> tuple[Killed, Path, int, list[dict[str, Any]]]:
    folder = factory.mktemp("killed")
    port, project = free_port(), folder / "shop"
    variables: dict[str, str] = {}
    if name == "orderflow":
        module = fleet()
        faults = module.load_faults(module.assemble("faulty", project, None, port))
    else:
        faults, variables = node_shop(factory, project, port)
    return Killed(folder, ["--project", str(project), "--duration", "60s"], variables), project, port, faults


def kill(killed: Killed, project: Path, port: int, faults: list[dict[str, Any]]) -> Audit:
    code = kill_in_every_phase(killed)
    return Audit(code, killed.output(), killed.workspace, project, port, faults)


@pytest.fixture(scope="module", params=FLEETS)
def audit(request: pytest.FixtureRequest, audits: dict[str, Audit]) -> Audit:
    return audits[request.param]


def test_every_fault_is_found_and_nothing_untrue(audit: Audit) -> None:
    assert audit.exit_code == 1, audit.output
    findings = audit.findings()
    quick = [fault for fault in audit.faults if fault["within_s"] <= SEEN_WITHIN_S]
    assert len(quick) > 2
    assert missed(findings, quick) == []
    assert untrue(findings, audit.faults) == []


def test_no_finding_is_there_twice_and_its_evidence_holds(audit: Audit) -> None:
    fingerprints = [finding.fingerprint for finding in audit.findings()]
    assert len(fingerprints) == len(set(fingerprints))
    assert verify(audit.workspace, audit.project).ok


def test_no_line_was_captured_twice_or_lost(audit: Audit) -> None:
    for log in ("startup", "redis"):
        path = audit.workspace.path("logs", f"{log}.log")
        lines = path.read_bytes().split(b"\n")[:-1]
        places = captured.places_of(captured.file_of(audit.workspace.root, path), 1, len(lines) + 9)
        assert len(places) == len(lines)
        ends: dict[int, int] = {}
        for place, line in zip(places, lines, strict=True):
            # Each line begins where the one before it ended; only masking makes that end unknown.
            begins = ends.get(place.spool, 0)
            assert place.offset == begins or begins < 0 <= place.offset, line
            ends[place.spool] = -1 if b"[masked:" in line else place.offset + len(line) + 1


def test_the_report_tells_when_the_session_was_dead(audit: Audit) -> None:
    facts = session_facts.read(audit.workspace)
    assert len(facts.dead_times) == 6  # in the window, and in each phase behind it
    assert "did not run" in audit.report()
    gaps = [json.loads(line) for line in audit.workspace.gaps.read_bytes().splitlines()]
    assert {gap["source"] for gap in gaps if gap["blind"]} == {"resume"}


def test_nothing_is_left(audit: Audit) -> None:
    assert left_behind(audit) == []
    assert os.listdir(audit.workspace.path("recording", "keeper")).count("services.raw") == 0  # noqa: PTH208
