"""An entry accepts a finding as it was: one that got worse, or that is accepted no more, is told of."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from msgspec import structs

from tests.synthesis.test_sessions import known, session
from tools.synthesis.sessions import against
from tools.synthesis.sessions.accepting import Acceptance
from tools.synthesis.sessions.against import Against
from tools.synthesis.sessions.comparison import SessionComparison
from tools.synthesis.sessions.record import SessionRecord

ON_ORDERS: dict[str, Any] = {"streams": ("orders",), "group": "billing"}
ONE = "v1:00000000000000000001"


def entry(**more: Any) -> Acceptance:
    plain = Acceptance(fingerprint=ONE, reason="agreed", expires=date(2030, 1, 1), place="f:1")
    return structs.replace(plain, **more)


def night(
    last: SessionRecord | None, level: str, *entries: Acceptance
) -> tuple[SessionRecord, SessionComparison]:
    """A session in which the finding has this level, "" for none, with these entries; what it leaves and says."""
    at = 1 if last is None else last.started_ms // 1000 + 1
    findings = [known(1, level=level, **ON_ORDERS)] if level else []
    record = session(*findings, at=at)
    beside = Against(record=last, acceptances=entries)
    found = against.compared(record, beside)
    return against.left(record, beside, found), found


def nights(*levels: str, entries: tuple[Acceptance, ...] = (entry(),)) -> SessionComparison:
    """The last of some sessions, the entries beside each but the first."""
    last, found = night(None, levels[0])
    for level in levels[1:]:
        last, found = night(last, level, *entries)
    return found


@pytest.mark.parametrize(
    ("levels", "is_accepted"),
    [
        pytest.param("MEDIUM MEDIUM", True, id="as it was"),
        pytest.param("MEDIUM LOW", True, id="milder"),
        pytest.param("CRITICAL MEDIUM CRITICAL", True, id="as bad again as when it was accepted"),
        pytest.param("MEDIUM CRITICAL", False, id="worse"),
        pytest.param("MEDIUM CRITICAL CRITICAL", False, id="worse, and so since"),
        pytest.param("MEDIUM MEDIUM - CRITICAL", False, id="back, and worse"),
        pytest.param("MEDIUM LOW MEDIUM", True, id="milder for a night"),
        pytest.param("- MEDIUM", True, id="seen for the first time"),
        pytest.param("- MEDIUM HIGH", False, id="worse than at first"),
    ],
)
def test_an_entry_goes_for_the_level_at_which_its_finding_was_accepted(
    levels: str, *, is_accepted: bool
) -> None:
    found = nights(*(level.strip("-") for level in levels.split()))
    (row,) = found.findings
    assert bool(row.accepted) is is_accepted
    (view,) = found.acceptances
    assert (view.state, view.level) == (("in force", "") if is_accepted else ("worse", row.level))


@pytest.mark.parametrize(
    ("level", "is_accepted"),
    [pytest.param("CRITICAL", True, id="so much"), pytest.param("HIGH", False, id="not so much")],
)
def test_an_entry_may_say_up_to_which_level_it_goes(level: str, *, is_accepted: bool) -> None:
    (row,) = nights("MEDIUM", "CRITICAL", entries=(entry(level=level),)).findings
    assert bool(row.accepted) is is_accepted


@pytest.mark.parametrize(
    "entries",
    [pytest.param((), id="taken out"), pytest.param((entry(expires=date(1969, 1, 1)),), id="expired")],
)
def test_what_is_accepted_no_more_is_news_once(entries: tuple[Acceptance, ...]) -> None:
    last, _ = night(None, "HIGH")
    last, found = night(last, "HIGH", entry())
    assert [(row.is_news, bool(row.accepted)) for row in found.findings] == [(False, True)]
    for is_news in (True, False):
        last, found = night(last, "HIGH", *entries)
        assert [(row.is_news, bool(row.accepted)) for row in found.findings] == [(is_news, False)]


def test_what_got_worse_is_news_once() -> None:
    last, _ = night(None, "MEDIUM")
    for level, is_news in (("MEDIUM", False), ("CRITICAL", True), ("CRITICAL", False)):
        last, found = night(last, level, entry())
        assert [row.is_news for row in found.findings] == [is_news]


def test_alerts_of_a_running_session_know_up_to_which_level_an_entry_goes() -> None:
    last, _ = night(None, "MEDIUM")
    beside = Against(record=last, acceptances=(entry(),))
    assert against.accepted_at(beside, 0, 2) == {ONE: "agreed"}
    assert against.accepted_at(beside, 0, 0) == {}
    unseen = Against(record=session(), acceptances=(entry(),))
    assert against.accepted_at(unseen, 0, 0) == {ONE: "agreed"}
