"""Lines of logs in which names vary, from one session to the next: neither new each night nor resolved each morning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import structs

from tests.synthesis.test_sessions import known, session
from tools.sources.logs.variable_words import VariableWords
from tools.synthesis.sessions import against
from tools.synthesis.sessions.against import Against
from tools.synthesis.sessions.comparison import State, compare
from tools.synthesis.sessions.record import KnownFinding
from tools.workspace import Workspace

OF_NAMES = "login failed for user <*>: password rejected"
OF_ALICE = "login failed for user alice: password rejected"


def line(number: int, template: str, **more: Any) -> KnownFinding:
    finding = known(number, "log.error", services=("web",), template=template, names_vary="<*>" in template)
    return structs.replace(finding, **more)


def test_what_counts_to_a_finding_of_names_now_says_so() -> None:
    then, now = session(line(1, OF_ALICE)), session(line(2, OF_NAMES, finding_id="LW-002"), at=2)
    [row] = compare(then, now).of(State.RESOLVED)
    assert (row.fingerprint, row.change) == (line(1, "").fingerprint, "its lines count to LW-002 now")


def test_another_service_or_rule_is_resolved_as_ever() -> None:
    then = session(
        line(1, OF_ALICE, services=("billing",)), line(2, OF_ALICE, rule_id="log.retry-storm"), line(3, "")
    )
    rows = compare(then, session(line(4, OF_NAMES), at=2)).findings
    assert not [row for row in rows if "count to" in row.change]


def test_a_session_learns_from_those_before_it(tmp_path: Path) -> None:
    first = session(line(1, OF_NAMES), line(2, OF_ALICE))
    second = session(line(3, "user <*> has no cart", names_vary=True), at=2)
    beside = Against(record=first)
    kept = against.left(first, Against(), compare(None, first))
    later = against.left(second, structs.replace(beside, record=kept), compare(kept, second))
    assert later.templates == (("web", "user <*> has no cart"), ("web", OF_NAMES))
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    assert against.learnt(workspace) == ()
    against.write(workspace, Against(record=later))
    assert against.learnt(workspace) == later.templates


def test_what_was_learnt_counts_the_first_line_of_a_new_name() -> None:
    words = VariableWords((), [("web", OF_NAMES)])
    key = ("web", "web.log", "error", OF_ALICE)
    assert (words.find(key), words.take(key)) == (OF_NAMES, OF_NAMES)
    assert words.find(("billing", *key[1:])) is None
    timed_out = OF_ALICE.replace("alice", "timeout")
    assert words.find((*key[:3], timed_out)) is None


def test_a_damaged_file_teaches_nothing(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "session")
    workspace.create()
    workspace.path(*against.FILE).write_bytes(b"no gzip")
    assert against.learnt(workspace) == ()
