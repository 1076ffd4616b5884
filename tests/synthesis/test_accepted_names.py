"""An accepted finding whose line is edited, or whose file is moved, stays accepted while it is the same finding."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.synthesis.test_sessions import IN_APP, SCOPE, known, session
from tools.synthesis.sessions import against, naming
from tools.synthesis.sessions.accepting import Acceptance
from tools.synthesis.sessions.against import Against
from tools.synthesis.sessions.comparison import SessionComparison, State, carried_on, compare, past_of
from tools.synthesis.sessions.record import NAMES_MAX, KnownFinding, SessionRecord
from tools.synthesis.sessions.store import SessionStore

A, B, C = (f"v1:{number:020x}" for number in (1, 2, 3))


def entry(fingerprint: str = A, **more: Any) -> Acceptance:
    plain = Acceptance(fingerprint=fingerprint, reason="agreed", expires=date(2030, 1, 1), place="f:1")
    return structs.replace(plain, **more)


def in_app(number: int, **more: Any) -> KnownFinding:
    return known(number, **{**IN_APP, **more})


def next_session(
    earlier: SessionRecord,
    *findings: KnownFinding,
    at: int,
    entries: tuple[Acceptance, ...] = (entry(),),
    **more: Any,
) -> tuple[SessionRecord, SessionComparison]:
    """The record that a session leaves, and what it came to."""
    now = session(*findings, at=at, **more)
    beside = Against(record=earlier, acceptances=entries)
    names = naming.former_names(earlier, now)
    left = tuple(structs.replace(it, formerly=names.get(it.fingerprint, ())) for it in findings)
    return structs.replace(now, findings=left), against.compared(now, beside)


def accepted(found: SessionComparison) -> dict[str, bool]:
    return {row.fingerprint: bool(row.accepted) for row in found.findings if row.state is not State.RESOLVED}


def views(found: SessionComparison) -> list[tuple[str, str, str]]:
    return [(view.fingerprint, view.state, view.now) for view in found.acceptances]


@pytest.mark.parametrize(
    ("then", "now", "is_accepted"),
    [
        pytest.param([{}], [{}], [True], id="its line was edited"),
        pytest.param([{}], [{"level": "LOW"}], [True], id="edited, and milder"),
        pytest.param([{}], [{"level": "CRITICAL"}], [False], id="edited, and worse"),
        pytest.param([{"within": ("f",)}], [{"within": ("f",)}], [True], id="in the same function"),
        pytest.param([{"within": ("f",)}], [{"within": ("g",)}], [False], id="mended, and made again in another"),
        pytest.param([{"within": ("f",)}], [{"within": ("",)}], [False], id="mended, and made again outside of any"),
        pytest.param([{"within": ("f", "g")}], [{"within": ("g",)}], [True], id="one of its lines mended"),
        pytest.param([{}], [{"within": ("g",)}], [True], id="of a record that knows no functions"),
        pytest.param([{}], [{"title": "else"}], [False], id="something else"),
        pytest.param([{}], [{"rule": "config.port-conflict"}], [False], id="of another rule"),
        pytest.param([{}], [{}, {}], [False, False], id="either of two could be meant"),
        pytest.param([{}, {}], [{}], [False], id="it could be the other one, which nobody accepted"),
        pytest.param(
            [{"files": ("gone.py",), "quoted": ("ab",)}], [{"quoted": ("ab",)}], [True], id="its file was moved"
        ),
    ],
)  # fmt: skip
def test_an_entry_goes_on_for_what_is_the_same_but_for_its_line(
    then: list[dict[str, Any]], now: list[dict[str, Any]], is_accepted: list[bool]
) -> None:
    earlier = session(*(in_app(number, **change) for number, change in enumerate(then, 1)))
    _, found = next_session(earlier, *(in_app(number, **it) for number, it in enumerate(now, 11)), at=2)
    assert list(accepted(found).values()) == is_accepted
    (view,) = found.acceptances
    assert view.state == ("in force" if any(is_accepted) else "unused")
    assert found.accepted == sum(is_accepted)


def test_it_stays_accepted_in_all_sessions_that_follow() -> None:
    second, found = next_session(session(in_app(1)), in_app(2), at=2)
    assert views(found) == [(A, "in force", B)]
    third, found = next_session(second, in_app(2), at=3)
    assert (accepted(found), views(found)) == ({B: True}, [(A, "in force", B)])
    fourth, found = next_session(third, in_app(3), at=4)
    assert (accepted(found), views(found)) == ({C: True}, [(A, "in force", C)])
    assert fourth.findings[0].formerly == (B, A)


def test_it_stays_accepted_over_a_session_that_did_not_look() -> None:
    second, _ = next_session(session(in_app(1)), in_app(2), at=2)
    blind, found = next_session(second, at=3, scope=structs.replace(SCOPE, files=None))
    blind = structs.replace(blind, carried=carried_on(second, found))
    _, found = next_session(blind, in_app(2), at=4)
    assert accepted(found) == {B: True}


def test_one_that_got_worse_is_not_accepted_by_its_first_name_again() -> None:
    second, found = next_session(session(in_app(1)), in_app(2, level="CRITICAL"), at=2)
    assert accepted(found) == {B: False}
    assert accepted(next_session(second, in_app(2, level="CRITICAL"), at=3)[1]) == {B: False}


def test_an_entry_accepts_one_finding_alone() -> None:
    second, _ = next_session(session(in_app(1)), in_app(2), at=2)
    _, found = next_session(second, in_app(1), in_app(2), at=3)
    assert accepted(found) == {A: True, B: False}


@pytest.mark.parametrize(
    ("entries", "state", "is_accepted"),
    [
        pytest.param((entry(expires=date(1969, 1, 1)),), "expired", False, id="expired"),
        pytest.param((entry(), entry(B)), "unused", True, id="named anew beside it"),
    ],
)
def test_an_entry_that_does_nothing_says_what_its_finding_is_now(
    entries: tuple[Acceptance, ...], state: str, is_accepted: bool
) -> None:
    _, found = next_session(session(in_app(1)), in_app(2), at=2, entries=entries)
    assert views(found)[0] == (A, state, B)
    assert accepted(found) == {B: is_accepted}


def test_a_line_that_is_edited_and_edited_back_does_not_flap() -> None:
    first = session(in_app(1))
    second, _ = next_session(first, in_app(2), at=2)
    now = session(in_app(1), at=3)
    assert [row.returned for row in compare(second, now, (past_of(first),)).findings] == [0]
    gone = session(at=2)
    assert [row.returned for row in compare(gone, now, (past_of(first),)).findings] == [1]


def test_alerts_of_a_running_session_know_the_names_of_the_last_one() -> None:
    second, _ = next_session(session(in_app(1)), in_app(2), at=2)
    beside = Against(record=second, acceptances=(entry(),))
    assert set(against.accepted_at(beside, 0, 1)) == {A, B}
    named = Against(record=session(at=1), last=second, acceptances=(entry(),))
    assert set(against.accepted_at(named, 0, 1)) == {A, B}


def test_names_are_bounded_and_kept(tmp_path: Path) -> None:
    last = session(in_app(1))
    for number in range(2, NAMES_MAX + 5):
        last, _ = next_session(last, in_app(number), at=number)
    assert len(last.findings[0].formerly) == NAMES_MAX
    kept = SessionStore(tmp_path)
    kept.keep(last)
    assert kept.find(last.session_id) == last
