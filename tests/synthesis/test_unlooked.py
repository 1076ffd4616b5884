"""What a session could not see, by a record of a session: a finding that is only hidden is never called resolved."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from tests.synthesis.test_sessions import SCOPE, known, session
from tools.synthesis.sessions.comparison import Compared, State, compare
from tools.synthesis.sessions.record import KnownFinding, Scope

RULES = (*SCOPE.rules, "stream.missing-maxlen", "stream.unbounded", "stream.growing", "config.rogue-stream")


def row_of(finding: KnownFinding, change: dict[str, Any], earlier: Scope = SCOPE) -> Compared:
    """What a later session that is as the earlier one, but for `change` of its scope, makes of a finding."""
    then = structs.replace(earlier, rules=RULES)
    now = structs.replace(then, **change)
    (row,) = compare(session(finding, scope=then), session(at=2, scope=now)).findings
    return row


@pytest.mark.parametrize("rule", ["stream.missing-maxlen", "stream.unbounded", "stream.growing"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"files": None}, "not all of the project's files", id="not read to the end"),
        pytest.param({"unread_files": ("web/main.py",)}, "web/main.py was not read whole", id="too big now"),
        pytest.param(
            {"ignore_rules": "other", "files": ("billing/main.py",)},
            "web/main.py was not among the files",
            id="ignored now",
        ),
        pytest.param({"unnamed": {"web/main.py": 1}}, "known only at run time", id="a name at run time"),
    ],
)
def test_what_a_rule_about_streams_says_of_code_is_not_resolved_where_the_code_is_hidden(
    rule: str, change: dict[str, Any], why: str
) -> None:
    finding = known(1, rule, streams=("orders",), files=("web/main.py",))
    row = row_of(finding, change)
    assert (row.state, why in row.change) == (State.NOT_OBSERVED, True), row
    assert row_of(finding, {}).state is State.RESOLVED
    lag = structs.replace(finding, rule_id="stream.consumer-lag")
    assert row_of(lag, change).state is State.RESOLVED


@pytest.mark.parametrize(
    ("stream", "group", "state"),
    [
        pytest.param("orders", None, State.NOT_OBSERVED, id="the stream is there"),
        pytest.param("cart:99", None, State.NOT_OBSERVED, id="another of its family is there"),
        pytest.param("ordres", None, State.RESOLVED, id="the stream is gone"),
        pytest.param("orders", "billing", State.NOT_OBSERVED, id="the group is there"),
        pytest.param("orders", "biling", State.RESOLVED, id="the group is gone"),
    ],
)
def test_what_appeared_and_stays_is_not_resolved_by_being_there_from_the_beginning(
    stream: str, group: str | None, state: State
) -> None:
    rogue = known(1, "config.rogue-stream", streams=(stream,), group=group, on_server=(stream,))
    row = row_of(rogue, {})
    assert (row.state, "is there still" in row.change) == (state, state is State.NOT_OBSERVED)


def test_what_joins_findings_is_not_resolved_where_one_of_them_was_not_observed() -> None:
    lag = known(1, streams=("orders",), group="billing")
    gone = known(2, streams=("carts",))
    cross = [
        known(number, "scout.cross-agent", joins=tuple(it.fingerprint for it in joined))
        for number, joined in ((3, [lag, gone]), (4, [lag]))
    ]
    scope = structs.replace(SCOPE, rules=(*RULES, "scout.cross-agent"))
    earlier = session(lag, gone, *cross, scope=scope)
    found = compare(earlier, session(at=2, scope=scope))
    assert {row.finding_id: row.state for row in found.findings} == {
        "RSA-001": State.RESOLVED,
        "RSA-002": State.NOT_OBSERVED,
        "RSA-003": State.NOT_OBSERVED,
        "RSA-004": State.RESOLVED,
    }
    assert any("it joined RSA-002 of s, which was not observed" in row.change for row in found.findings)
