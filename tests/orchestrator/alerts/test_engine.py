"""Who is told what and when: the engine alone, over episodes, state and time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.alerts.engine import decide, delivered, failed
from orchestrator.alerts.episodes import Episode
from orchestrator.alerts.rules import Kind
from orchestrator.alerts.state import AlertState, Notification
from tests.orchestrator.alerts.scenes import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Night, episode, rules
from tools.findings.model import Severity

ENDED = START_MS + 1


def kinds(notification: Notification) -> list[tuple[str, str]]:
    return [(item.kind.value, item.episode.key) for item in notification.items]


# --- Timers ----------------------------------------------------------------------------------------------


def test_a_group_waits_for_company_and_is_told_once() -> None:
    night = Night(rules())
    assert night.at(0, episode("a", cause="x")) == []
    assert night.last is not None
    assert night.last.next_ms == START_MS + 30_000
    (told,) = night.at(30_000, episode("a", cause="x"), episode("b", "CRITICAL", cause="x"))
    assert kinds(told) == [("new", "b"), ("new", "a")]
    assert told.severity is Severity.CRITICAL
    assert night.at(31_000, episode("a", cause="x"), episode("b", "CRITICAL", cause="x")) == []


def test_nothing_is_waited_for_where_a_session_is_over() -> None:
    assert len(Night(rules()).at(0, episode(), settled=True)) == 1


def test_what_comes_later_waits_for_the_interval() -> None:
    night = Night(rules())
    night.at(0, episode("a", cause="x"), settled=True)
    both = (episode("a", cause="x"), episode("b", cause="x"))
    assert night.at(MINUTE_MS, *both, settled=True) == []
    (told,) = night.at(5 * MINUTE_MS, *both)
    assert kinds(told) == [("new", "b")]
    assert [item.key for item in told.lasting] == ["a"]


def test_what_lasts_is_told_again_after_the_repeat_interval_and_not_before() -> None:
    night = Night(rules())
    night.at(0, episode(), settled=True)
    assert night.at(DAY_MS - 1, episode()) == []
    (told,) = night.at(DAY_MS, episode())
    assert (told.reminder, told.items) == (True, ())
    assert told.next_ms == START_MS + 2 * DAY_MS


def test_a_resolved_group_is_told_once_and_not_again() -> None:
    night = Night(rules())
    night.at(0, episode(), settled=True)
    (told,) = night.at(HOUR_MS, episode(ended_ms=ENDED))
    assert (kinds(told), told.over, told.next_ms) == ([("resolved", "a")], True, None)
    assert night.at(2 * HOUR_MS, episode(ended_ms=ENDED)) == []
    assert night.state.groups == ()


def test_one_that_was_never_told_does_not_resolve() -> None:
    night = Night(rules())
    night.at(0, episode())
    assert night.at(HOUR_MS, episode(ended_ms=ENDED)) == []


def test_what_comes_and_goes_keeps_to_the_interval() -> None:
    night = Night(rules())
    night.at(0, episode(), settled=True)
    night.at(5 * MINUTE_MS, episode(ended_ms=ENDED))
    assert night.at(6 * MINUTE_MS, episode(), settled=True) == []
    assert len(night.at(10 * MINUTE_MS, episode(), settled=True)) == 1
    assert len({told.id for _, told in night.sent}) == 3


def test_what_gets_worse_is_told_and_what_gets_better_is_not() -> None:
    night = Night(rules())
    night.at(0, episode(severity="HIGH"), settled=True)
    (told,) = night.at(HOUR_MS, episode(severity="CRITICAL"))
    assert kinds(told) == [("escalated", "a")]
    assert night.at(2 * HOUR_MS, episode(severity="HIGH")) == []
    assert night.at(3 * HOUR_MS, episode(severity="CRITICAL")) == []


def test_what_the_route_does_not_ask_for_any_more_is_not_called_resolved() -> None:
    night = Night(rules(route={"match": {"severity": ">=high"}}))
    night.at(0, episode(severity="HIGH"), settled=True)
    (told,) = night.at(HOUR_MS, episode(severity="LOW"))
    assert (kinds(told), told.over) == ([("eased", "a")], True)


def test_a_moment_is_told_once_neither_again_nor_resolved() -> None:
    night = Night(rules())
    failed_run = episode("run", event="run.failed")
    assert len(night.at(0, failed_run, settled=True)) == 1
    assert night.at(30 * DAY_MS, failed_run, settled=True) == []
    assert night.at(31 * DAY_MS, settled=True) == []


@pytest.mark.parametrize(
    ("notify_on", "told"),
    [
        pytest.param(["new"], [[("new", "a")], [], []], id="new only"),
        pytest.param(
            ["escalated", "resolved"], [[], [("escalated", "a")], [("resolved", "a")]], id="not new"
        ),
        pytest.param([], [[], [], []], id="nothing"),
    ],
)
def test_only_what_is_asked_for_is_told_and_the_ledger_has_the_rest(
    notify_on: list[str], told: list[list[tuple[str, str]]]
) -> None:
    night = Night(rules(route={"notify_on": notify_on}))
    reasons: list[str] = []
    steps = [
        episode(severity="HIGH"),
        episode(severity="CRITICAL"),
        episode(severity="CRITICAL", ended_ms=ENDED),
    ]
    for hour, (step, expected) in enumerate(zip(steps, told, strict=True)):
        due = night.at(hour * HOUR_MS, step, settled=True)
        assert [pair for item in due for pair in kinds(item)] == expected
        assert night.last is not None
        reasons += [item.reason for item in night.last.ledger]
    assert len(reasons) == sum(not items for items in told)


# --- Silences and inhibition -----------------------------------------------------------------------------

SILENCE: dict[str, Any] = {"until": "2025-06-15T17:00:00Z", "author": "ana", "comment": "maintenance"}


def test_what_is_silenced_is_not_told_until_the_silence_ends() -> None:
    night = Night(rules(silences=[SILENCE | {"match": {"service": "orders*"}}]))
    item = episode(service="orders-api")
    assert night.at(0, item, settled=True) == []
    assert night.last is not None
    (kept,) = night.last.ledger
    assert kept.reason == "silenced by ana until 2025-06-15T17:00Z: maintenance"
    night.at(MINUTE_MS, item, settled=True)
    assert night.last.ledger == ()
    assert len(night.at(3 * HOUR_MS, item, settled=True)) == 1


def test_what_was_told_resolves_even_while_it_is_silenced() -> None:
    night = Night(rules())
    night.at(0, episode(service="orders"), settled=True)
    night.policy = rules(silences=[SILENCE | {"match": {"service": "orders"}}])
    assert night.at(HOUR_MS, episode(service="orders")) == []
    (told,) = night.at(HOUR_MS + MINUTE_MS, episode(service="orders", ended_ms=ENDED))
    assert kinds(told) == [("resolved", "a")]


def test_a_message_says_what_of_its_group_is_silenced() -> None:
    night = Night(rules(silences=[SILENCE | {"match": {"service": "orders"}}]))
    (told,) = night.at(0, episode("a", cause="x", service="orders"), episode("b", cause="x"), settled=True)
    assert kinds(told) == [("new", "b")]
    assert told.notes == ("silenced by ana until 2025-06-15T17:00Z: maintenance",)


INHIBIT = [{"source": {"rule": "host-down"}, "target": {"severity": ">=low"}, "equal": ["service"]}]


def test_what_is_inhibited_is_told_only_when_its_source_is_over() -> None:
    night = Night(rules(inhibit=INHIBIT))
    source, child = episode("s", "CRITICAL", rule="host-down", service="a"), episode("c", service="a")
    other = episode("o", service="b")
    assert [kinds(item) for item in night.at(0, source, child, other, settled=True)] == [
        [("new", "s")], [("new", "o")],
    ]  # fmt: skip
    ended = episode("s", "CRITICAL", rule="host-down", service="a", ended_ms=ENDED)
    told = night.at(HOUR_MS, ended, child, other, settled=True)
    assert sorted(pair for item in told for pair in kinds(item)) == [("new", "c"), ("resolved", "s")]


def test_an_inhibited_one_that_was_never_told_sends_no_resolved() -> None:
    night = Night(rules(inhibit=INHIBIT))
    source = episode("s", "CRITICAL", rule="host-down", service="a")
    night.at(0, source, episode("c", service="a"), settled=True)
    assert night.at(HOUR_MS, source, episode("c", service="a", ended_ms=ENDED), settled=True) == []


# --- Routes ----------------------------------------------------------------------------------------------

TREE: dict[str, Any] = {
    "receivers": [{"name": name, "console": {}} for name in ("team", "pager", "mail", "log")],
    "route": {
        "routes": [
            {"match": {"severity": "critical"}, "receiver": "pager", "continue": True},
            {"match": {"service": ["orders*", "billing"]}, "receiver": "mail"},
            {"match": {"category": "consumer_lag"}, "receiver": "log", "group_by": ["category"]},
        ]
    },
}


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        pytest.param({}, ["team"], id="what no other takes"),
        pytest.param({"severity": "CRITICAL"}, ["pager"], id="the first"),
        pytest.param(
            {"severity": "CRITICAL", "service": "orders"}, ["mail", "pager"], id="the first goes on"
        ),
        pytest.param(
            {"service": "billing", "category": "CONSUMER_LAG"}, ["mail"], id="the first that matches"
        ),
        pytest.param({"category": "CONSUMER_LAG"}, ["log"], id="any case"),
    ],
)
def test_an_episode_goes_where_the_tree_says(labels: dict[str, Any], receivers: list[str]) -> None:
    told = Night(rules(**TREE)).at(0, episode(**labels), settled=True)
    assert sorted(item.receiver for item in told) == receivers


def test_a_route_groups_by_its_own_labels() -> None:
    lags = [episode(str(number), category="CONSUMER_LAG") for number in range(7)]
    (told,) = Night(rules(**TREE)).at(0, *lags, settled=True)
    assert (told.values, len(told.items)) == ((("category", "CONSUMER_LAG"),), 7)


def test_of_one_cause_one_message_is_sent_whatever_of_a_route_takes_it() -> None:
    several = [{"severity": ">=high"}, {"severity": ">=medium", "category": "security"}]
    night = Night(rules(route={"notify_on": [], "routes": [{"match_any": several, "notify_on": ["new"]}]}))
    (told,) = night.at(
        0,
        episode("a", "HIGH", cause="one"),
        episode("b", "MEDIUM", cause="one", category="SECURITY"),
        episode("c", "MEDIUM", cause="one"),
        settled=True,
    )
    assert [item.episode.key for item in told.items] == ["a", "b"]


def test_the_end_of_one_routes_group_closes_no_other_routes_incident() -> None:
    night = Night(
        rules(route={"routes": [{"match": {"severity": "high"}}, {"match": {"severity": "medium"}}]})
    )
    high = episode("a", "HIGH", cause="one")
    first = night.at(0, high, episode("b", "MEDIUM", cause="one"), settled=True)
    (over,) = night.at(HOUR_MS, high, episode("b", "MEDIUM", cause="one", ended_ms=ENDED), settled=True)
    assert over.over
    lasting = next(item for item in first if item.severity == "HIGH")
    assert over.dedup_key != lasting.dedup_key


# --- Budget and failures ---------------------------------------------------------------------------------


def test_what_is_beyond_the_hours_budget_waits_and_one_message_says_so() -> None:
    night = Night(rules(budget={"per_receiver_per_hour": 2}))
    many = [episode(f"low{number}", "LOW") for number in range(3)] + [episode("bad", "CRITICAL")]
    told = night.at(0, *many, settled=True)
    assert [item.waiting for item in told] == [0, 0, 2]
    assert kinds(told[0]) == [("new", "bad")]
    assert night.last is not None
    assert {item.reason for item in night.last.ledger} == {"the hour's budget is used up; it waits"}
    assert night.at(MINUTE_MS, *many, settled=True) == []
    assert [item.waiting for item in night.at(HOUR_MS, *many, settled=True)] == [0, 0]


def test_what_was_refused_is_due_again_later_each_time_under_the_same_id() -> None:
    policy, state, now = rules(), AlertState(), START_MS
    (first,) = decide(policy, [episode()], state, now, settled=True).due
    ids, waits = {first.id}, []
    for _ in range(9):
        decision = decide(policy, [episode()], state, now, settled=True)
        (item,) = decision.due
        ids.add(item.id)
        state = failed(decision.state, item, now)
        again = decide(policy, [episode()], state, now, settled=True)
        assert again.due == ()
        assert again.next_ms is not None
        waits.append(again.next_ms - now)
        now = again.next_ms
    assert len(ids) == 1
    assert waits == [30_000 << n for n in range(7)] + [HOUR_MS, HOUR_MS]


def test_a_thread_is_kept_for_what_follows() -> None:
    decision = decide(rules(), [episode()], AlertState(), START_MS, settled=True)
    state = delivered(decision.state, decision.due[0], START_MS, "ts-1")
    (after,) = decide(rules(), [episode(ended_ms=ENDED)], state, START_MS + HOUR_MS).due
    assert after.after is not None
    assert after.after.thread == "ts-1"


def test_a_group_whose_route_is_gone_is_forgotten() -> None:
    night = Night(rules(**TREE))
    night.at(0, episode(severity="CRITICAL"), settled=True)
    night.policy = rules()
    told = night.at(HOUR_MS, episode(severity="CRITICAL"), settled=True)
    assert [(item.receiver, kinds(item)) for item in told] == [("team", [("new", "a")])]
    assert [group.receiver for group in night.state.groups] == ["team"]


# --- Whatever happens ------------------------------------------------------------------------------------

LEVELS = [level.value for level in Severity]
STEPS = st.lists(
    st.tuples(
        st.integers(1, 600),  # seconds until the step
        st.lists(
            st.tuples(st.sampled_from("abcd"), st.sampled_from(LEVELS), st.booleans(), st.sampled_from("xy")),
            max_size=5,
            unique_by=lambda item: item[0],
        ),
        st.booleans(),
    ),
    max_size=25,
)


def made(items: list[tuple[str, str, bool, str]]) -> list[Episode]:
    return [
        episode(key, level, ended_ms=ENDED if ended else None, cause=cause, service=cause)
        for key, level, ended, cause in items
    ]


@given(STEPS)
def test_no_group_is_told_sooner_than_its_interval(steps: list[Any]) -> None:
    night, at_ms = Night(rules()), 0
    for seconds, items, settled in steps:
        at_ms += seconds * 1000
        night.at(at_ms, *made(items), settled=settled)
    last: dict[str, int] = {}
    for at, told in night.sent:
        assert told.after is not None
        assert at - last.get(told.after.key, 0) >= 5 * MINUTE_MS
        last[told.after.key] = at


@given(STEPS)
def test_each_receiver_hears_of_a_beginning_before_an_end_and_of_each_once(steps: list[Any]) -> None:
    night, at_ms = Night(rules()), 0
    open_by_group: dict[str, set[str]] = {}
    world: dict[str, Episode] = {}
    for seconds, items, settled in steps:
        at_ms += seconds * 1000
        world |= {item.key: item for item in made(items)}  # an episode is not forgotten while it is told of
        for told in night.at(at_ms, *world.values(), settled=settled):
            assert told.after is not None
            known = open_by_group.setdefault(told.after.key, set())
            for item in told.items:
                key = item.episode.key
                assert (key in known) == (item.kind is not Kind.NEW)
                known.discard(key) if item.kind in {Kind.RESOLVED, Kind.EASED} else known.add(key)


@given(STEPS)
def test_what_lasts_long_enough_is_told(steps: list[Any]) -> None:
    night, at_ms = Night(rules(budget={"per_receiver_per_hour": 1000})), 0
    for seconds, items, settled in steps:
        at_ms += seconds * 1000
        night.at(at_ms, *made(items), settled=settled)
    lasting = [episode("z", cause="x"), episode("y", cause="new")]
    night.at(at_ms + 1, *lasting)
    night.at(at_ms + DAY_MS // 2, *lasting)
    told = {item.episode.key for _, sent in night.sent for item in sent.items}
    assert {"z", "y"} <= told
    assert night.at(at_ms + DAY_MS // 2 + 1, *lasting) == []


@given(STEPS, st.randoms(use_true_random=False))
def test_the_order_of_episodes_does_not_matter(steps: list[Any], random: Any) -> None:
    one, other, at_ms = Night(rules(inhibit=INHIBIT)), Night(rules(inhibit=INHIBIT)), 0
    for seconds, items, settled in steps:
        at_ms += seconds * 1000
        episodes = made(items)
        shuffled = random.sample(episodes, len(episodes))
        assert one.at(at_ms, *episodes, settled=settled) == other.at(at_ms, *shuffled, settled=settled)


@given(STEPS, st.integers(1, 4))
def test_no_receiver_is_told_more_than_its_budget_in_any_hour(steps: list[Any], budget: int) -> None:
    night, at_ms = (
        Night(
            rules(route={"group_by": ["rule", "cause", "severity"]}, budget={"per_receiver_per_hour": budget})
        ),
        0,
    )
    for seconds, items, settled in steps:
        at_ms += seconds * 1000
        night.at(at_ms, *made(items), settled=settled)
    times = [at for at, told in night.sent if not told.waiting]
    assert all(sum(at - HOUR_MS < other <= at for other in times) <= budget for at in times)


@given(STEPS)
def test_deciding_again_tells_nothing(steps: list[Any]) -> None:
    night, at_ms = Night(rules()), 0
    for seconds, items, settled in steps:
        at_ms += seconds * 1000
        night.at(at_ms, *made(items), settled=settled)
        assert night.at(at_ms, *made(items), settled=settled) == []
