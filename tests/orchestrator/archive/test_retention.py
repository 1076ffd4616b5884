"""Pruning: what must stay stays, whatever the policy; nothing is removed while anything is damaged."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.archive import pruning, retention
from orchestrator.archive.layout import BagInfo
from orchestrator.archive.retention import Policy
from tests.orchestrator.archive.conftest import START_MS, Sessions
from tools.errors import UsageError

DAY_MS = 86_400_000
NOTHING = Policy(0, 0, 0, 0)


def run(name: str, days_ago: float = 0, **more: object) -> tuple[str, BagInfo]:
    at = START_MS - round(days_ago * DAY_MS)
    return name, BagInfo(run=name, number=1, archived_ms=at, started_ms=at, **more)  # type: ignore[arg-type]


def staying(archives: list[tuple[str, BagInfo]], policy: Policy, *named: str) -> set[str]:
    return {item.name for item in retention.decide(archives, policy, frozenset(named)) if item.reasons}


@pytest.mark.parametrize(
    ("policy", "stays"),
    [
        pytest.param(Policy(2, 0, 0, 0), {"now", "hours"}, id="last"),
        pytest.param(Policy(0, 3, 0, 0), {"now", "day", "week"}, id="one a day"),
        pytest.param(Policy(0, 0, 2, 0), {"now", "week"}, id="one a week"),
        pytest.param(Policy(0, 0, 0, 3), {"now", "month", "year"}, id="one a month"),
    ],
)
def test_each_rule_keeps_its_newest(policy: Policy, stays: set[str]) -> None:
    archives = [
        run("now"),
        run("hours", 0.2),
        run("day", 1),
        run("week", 8),
        run("month", 20),
        run("year", 400),
    ]
    assert {datetime.fromtimestamp(info.started_ms / 1000, tz=UTC).month for _, info in archives} == {5, 6}
    assert staying([(name, info) for name, info in archives], policy) == stays


def test_what_is_needed_stays_without_any_rule() -> None:
    archives = [
        run("broken", 0, incomplete="killed", series="a"),
        run("good", 1, series="a"),
        run("older", 2, series="a"),
        run("other", 3, series="b"),
        run("burning", 4, series="a", open_criticals=1),
        run("wanted", 5, series="a"),
    ]
    decided = {item.name: item.reasons for item in retention.decide(archives, NOTHING, frozenset({"wanted"}))}
    assert decided == {
        "broken": (),
        "good": ("the newest good run", "baseline of the next session"),
        "older": (),
        "other": ("baseline of the next session",),
        "burning": ("1 open critical findings",),
        "wanted": ("named",),
    }


@given(
    st.lists(
        st.tuples(st.integers(0, 800), st.booleans(), st.integers(0, 1), st.sampled_from("ab")), max_size=40
    ),
    st.tuples(*[st.integers(0, 5)] * 4),
)
def test_no_policy_lets_go_what_is_needed(
    made: list[tuple[int, bool, int, str]], policy: tuple[int, int, int, int]
) -> None:
    archives = [
        run(str(number), days, incomplete="" if whole else "killed", open_criticals=criticals, series=series)
        for number, (days, whole, criticals, series) in enumerate(made)
    ]
    kept = staying(archives, Policy(*policy))
    assert len(kept) >= min(policy[0], len(archives))
    assert {name for name, info in archives if info.open_criticals} <= kept
    for series in {info.series for _, info in archives if not info.incomplete}:
        newest = max(info.started_ms for _, info in archives if not info.incomplete and info.series == series)
        assert any(
            info.started_ms == newest and name in kept
            for name, info in archives
            if info.series == series and not info.incomplete
        )


def test_what_nothing_keeps_is_removed_and_the_chain_says_so(sessions: Sessions) -> None:
    sessions.archived("1", "2", "3", "4")
    with sessions.shelf.locked("prune", sessions.clock):
        plan = pruning.plan(sessions.shelf, Policy(2, 0, 0, 0))
        assert [item.name for item in plan.going] == ["2", "1"]
        assert pruning.prune(sessions.shelf, plan, sessions.clock) == ["1", "2"]
    assert [path.stem for path in sessions.shelf.paths()] == ["3", "4"]
    assert pruning.plan(sessions.shelf, Policy(2, 0, 0, 0)).refused == []
    sessions.make("1")
    assert sessions.archive().path.stem == "1-2"  # a pruned name is not given again


def test_nothing_is_removed_while_something_that_stays_is_damaged(sessions: Sessions) -> None:
    *_, last = sessions.archived("1", "2", "3")
    data = bytearray(last.path.read_bytes())
    data[200] ^= 1
    last.path.write_bytes(data)
    plan = pruning.plan(sessions.shelf, Policy(1, 0, 0, 0))
    with pytest.raises(UsageError, match="Nothing was pruned"):
        pruning.prune(sessions.shelf, plan, sessions.clock)
    assert len(sessions.shelf.paths()) == 3


def test_a_policy_that_keeps_nothing_and_unknown_names_are_refused(sessions: Sessions) -> None:
    sessions.archived("1")
    with pytest.raises(UsageError, match="Something must stay"):
        pruning.plan(sessions.shelf, NOTHING)
    with pytest.raises(UsageError, match="holds no such archive"):
        pruning.plan(sessions.shelf, Policy(), frozenset({"7"}))
