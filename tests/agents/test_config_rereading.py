"""Files that change while the session runs: read again, never half written, and never held against what runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from agents import rereading
from tests.agents.replays import replay_beside
from tests.agents.test_config_auditor import Audit
from tests.conftest import Server
from tests.fakes.waiting import wait_for
from tests.sources.code.trees import write
from tools.findings.model import AgentId, ConfigFinding
from tools.findings.recorder import load
from tools.report.verify import verify
from tools.sources.code.index import read_index
from tools.synthesis.health import health

CODE = {
    "services/a/app.py": 'import os\nTOKEN = os.environ["A_TOKEN"]\n',
    "services/b/app.py": 'import os\nHOST = os.environ["B_HOST"]\n',
    ".env.example": "B_HOST=localhost\n",
}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


class Session:
    """An audit of a project that is changed between the looks."""

    def __init__(self, tmp_path: Path, server: Server, stack: ExitStack, code: dict[str, str] = CODE) -> None:
        self.audit = Audit(tmp_path, server.url, stack, code=code)
        self.root = tmp_path / "project"
        self.audit.baseline()
        self.audit.auditor.look()
        self.audit.clock.advance(300)

    def write(self, name: str, text: str) -> None:
        """Replace a file, as an editor does: another file of the same name."""
        beside = write(self.root, {f"{name}.new": text}) / f"{name}.new"
        beside.replace(self.root / name)

    def middle(self) -> None:
        wait_for(self._looked, what="the look of the middle")

    def end(self) -> None:
        self.audit.auditor.finish()
        self.audit.reporter.recorder.flush()

    def _looked(self) -> bool:
        self.audit.auditor.look()
        self.audit.clock.advance(1)
        looks = self.audit.auditor.beat()["looks"]
        return isinstance(looks, list) and "middle" in looks

    @property
    def findings(self) -> list[ConfigFinding]:
        found = load(self.audit.reporter.workspace.findings(AgentId.CONFIG_AUDITOR))
        return [finding for finding in found if isinstance(finding, ConfigFinding)]

    @property
    def open(self) -> list[str]:
        return [finding.title for finding in self.findings if finding.ended_at is None]

    @property
    def ended(self) -> list[str]:
        return [finding.title for finding in self.findings if finding.ended_at is not None]

    @property
    def gaps(self) -> list[str]:
        lines = self.audit.text("recording", "gaps.jsonl").splitlines()
        return [
            gap["why"] for gap in map(json.loads, lines) if gap["what"].startswith("files of the project")
        ]


MISSING_A = "A_TOKEN is read by a and declared nowhere"
MISSING_B = "B_HOST is read by b and declared nowhere"


def test_what_was_repaired_says_so_and_its_evidence_stands(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    assert session.open == [MISSING_A]
    session.write(".env.example", "B_HOST=localhost\nA_TOKEN=\n")
    session.middle()
    session.end()
    assert session.open == []
    (over,) = session.findings
    assert over.title.startswith(f"{MISSING_A} (no longer, at ")
    assert "changed since: .env.example" in over.recommendation
    assert over.ended_at is not None
    assert over.revision == 2
    proof = verify(session.audit.reporter.workspace, session.root)
    assert (proof.failures, proof.checked) == ((), proof.proven)
    assert health([over], (), None) == "DEGRADED"


def test_the_line_of_a_finding_may_go_with_its_cause(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    session.write("services/a/app.py", "TOKEN = None\n")
    session.end()
    assert [title.partition(" (")[0] for title in session.ended] == [MISSING_A]
    proof = verify(session.audit.reporter.workspace, session.root)
    assert (proof.failures, [gone.reason for gone in proof.gone]) == ((), ["the file has changed since"])


@pytest.mark.parametrize("moment", ["middle", "end"])
def test_a_fault_that_comes_with_a_change_is_found_at_the_next_look(
    server: Server, tmp_path: Path, stack: ExitStack, moment: str
) -> None:
    session = Session(tmp_path, server, stack)
    session.write("services/b/app.py", 'import os\n\nX = 1\nHOST = os.environ["B_HOST_NAME"]\n')
    if moment == "middle":
        session.middle()
    else:
        session.end()
    found = "B_HOST_NAME is read by b and declared nowhere"
    assert session.open == [MISSING_A, found]
    proof = verify(session.audit.reporter.workspace, session.root)
    assert (proof.failures, proof.checked) == ((), proof.proven)
    assert "b\tB_HOST_NAME\trequired\tMISSING\tservices/b/app.py:4" in session.audit.text(
        "config", "env_audit.txt"
    )


def test_code_and_configuration_that_change_together_are_read_together(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    session.write("services/b/app.py", 'import os\nHOST = os.environ["B_ADDRESS"]\n')
    session.write(".env.example", "B_ADDRESS=localhost\n")
    session.middle()
    session.end()
    assert session.open == [MISSING_A]
    assert session.gaps == []


def test_what_is_broken_again_is_open_again(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    session = Session(tmp_path, server, stack)
    session.write(".env.example", "B_HOST=localhost\nA_TOKEN=\n")
    session.middle()
    assert (session.open, len(session.ended)) == ([], 1)
    session.write(".env.example", "B_HOST=localhost\n")
    session.end()
    assert (session.open, session.ended) == ([MISSING_A], [])


def test_a_fault_of_the_middle_that_is_gone_at_the_end_has_ended(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    session.write(".env.example", "A_TOKEN=\n")
    session.middle()
    assert session.open == [MISSING_B]
    session.write(".env.example", "A_TOKEN=\nB_HOST=\n")
    session.end()
    assert (session.open, len(session.ended)) == ([], 2)


COMPOSE = "services:\n  b:\n    image: b\n    environment:\n      B_HOST: b.example\n"


def test_a_file_that_cannot_be_read_now_is_no_ground_for_anything(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    files = {**CODE, "compose.yaml": COMPOSE, ".env.example": "OTHER=1\n"}
    session = Session(tmp_path, server, stack, files)
    session.write("compose.yaml", "services:\n  b:\n    environment: [\n")
    session.middle()
    assert session.open == [MISSING_A]
    assert len(session.gaps) == 1
    assert "compose.yaml: not valid YAML" in session.gaps[0]
    session.write("compose.yaml", COMPOSE)
    session.end()
    assert session.open == [MISSING_A]


def test_a_file_that_is_left_out_now_is_no_ground_for_anything(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    before = session.open
    assert before
    session.write("services/a/app.py", CODE["services/a/app.py"] + "# \0\n")
    session.middle()
    assert session.open == before
    assert "services/a/app.py: it is too big, binary, minified or generated" in session.gaps[0]


def test_a_file_that_is_being_written_raises_nothing(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    (session.root / ".env.example").write_text("")
    for _ in range(2):  # it is seen, and is seen to stand still
        session.audit.auditor.look()
        session.audit.clock.advance(1)
    session.write(".env.example", "B_HOST=localhost\nA_TOKEN=\n")
    session.middle()
    assert session.open == []


def test_a_change_too_late_to_settle_leaves_what_was_read_and_a_gap(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    files = rereading.Rereading(session.audit.reporter)
    index = read_index(session.audit.reporter.workspace.code_index)
    files.begin(index)
    session.write("services/b/app.py", 'import os\nHOST = os.environ["B_HOST_LATE"]\n')
    files.finish(rereading.SETTLE_S / 2)
    assert files.index is index
    assert session.gaps == [
        "they were not taken over as they are now: they changed too shortly before the end of the window"
    ]


def test_data_of_a_service_may_change_as_it_likes(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    session = Session(tmp_path, server, stack, {**CODE, "data/state.json": '{"n": 0}\n'})
    session.write("data/state.json", '{"n": 1}\n')
    session.audit.auditor.look()
    assert session.audit.auditor.beat()["looks"] == ["start", "middle"]
    assert session.gaps == []


def test_files_that_never_stand_still_are_read_all_the_same(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    session.write(".env.example", "B_HOST=localhost\nA_TOKEN=\n")
    for turn in range(60):  # a note that is written at every look says nothing else each time
        session.write("services/a/notes.py", f"TURN = {turn}\n")
        session.audit.auditor.look()
        session.audit.clock.advance(1)
    session.middle()
    assert session.open == []


def test_a_server_that_is_as_the_code_was_at_the_start_is_not_held_against_it(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    consumer = (
        'r.xgroup_create("orders", "{0}", mkstream=True)\nr.xreadgroup("{0}", "c", {{"orders": ">"}})\n'
    )
    server.client.xgroup_create("orders", "desk-v1", mkstream=True)
    server.client.xgroup_createconsumer("orders", "desk-v1", "c")
    session = Session(tmp_path, server, stack, {"services/a/app.py": consumer.format("desk-v1")})
    session.write("services/a/app.py", consumer.format("desk-v2"))
    session.middle()
    session.end()
    assert session.audit.rules() == []


def test_a_stream_that_new_code_names_is_no_rogue(server: Server, tmp_path: Path, stack: ExitStack) -> None:
    server.client.xadd("orders", {"a": "1"})
    session = Session(tmp_path, server, stack, {"services/a/app.py": 'r.xadd("orders", {"a": 1})\n'})
    session.write("services/a/app.py", 'r.xadd("orders", {"a": 1})\nr.xadd("refunds", {"a": 1})\n')
    server.client.xadd("refunds", {"a": "1"})
    session.middle()
    session.end()
    assert "config.rogue-stream" not in dict(session.audit.rules())


def test_a_project_that_stands_still_is_not_read_again(
    server: Server, tmp_path: Path, stack: ExitStack
) -> None:
    session = Session(tmp_path, server, stack)
    (session.root / "app.log").write_text("a log that grows\n")
    os.utime(session.root, (1, 1))
    session.audit.auditor.look()
    assert session.audit.auditor.beat()["looks"] == ["start", "middle"]
    session.end()
    assert session.open == [MISSING_A]
    assert session.gaps == []


def test_what_was_read_again_is_replayed_alike(tmp_path: Path, server: Server, stack: ExitStack) -> None:
    session = Session(tmp_path, server, stack)
    session.write(".env.example", "B_HOST=localhost\nA_TOKEN=\n")
    session.write(
        "services/b/app.py", 'import os\nHOST = os.environ["B_HOST"]\nPORT = os.environ["B_PORT"]\n'
    )
    session.middle()
    session.audit.reporter.flush()
    session.audit.auditor.finish()
    session.audit.reporter.flush()
    assert session.open
    assert session.ended
    reporter = session.audit.reporter
    again, done = replay_beside(reporter.workspace, reporter.job, tmp_path / "again")
    assert (done.looks, done.partial, done.failures) == (3, False, ())
    journal = again.findings(AgentId.CONFIG_AUDITOR)
    assert journal.read_bytes() == reporter.workspace.findings(AgentId.CONFIG_AUDITOR).read_bytes()
