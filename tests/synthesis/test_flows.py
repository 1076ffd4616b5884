"""Flows from lines, sampled entries and polls: every step with its source, and no flag that could be false."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from tests.synthesis.made import START_MS, index, line, shop, use
from tools.detectors.thresholds import Expectation, Judgement
from tools.sources.entry_samples import EntrySample
from tools.sources.records import (
    CodeKind,
    CodeUse,
    ConsumerInfo,
    Gap,
    GroupInfo,
    GroupState,
    LogLine,
    PendingEntry,
    Poll,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.synthesis import wiring
from tools.synthesis.flows.collect import Sampled
from tools.synthesis.flows.judge import Blind, blind_times
from tools.synthesis.flows.lines import action_of
from tools.synthesis.flows.model import FLOWS_MAX, Flow, Flows, GroupDelay
from tools.synthesis.flows.reconstruct import Evidence, reconstruct
from tools.synthesis.flows.server import ServerStory
from tools.synthesis.wiring import Wiring

ID = f"{START_MS + 1_000}-0"
END_MS = START_MS + 600_000
SHOP = wiring.build(shop(), ())


def at(second: float, sequence: int = 0) -> str:
    return f"{START_MS + round(second * 1000)}-{sequence}"


def pend(entry_id: str = ID, idle_s: float = 1, deliveries: int = 1, consumer: str = "b-1") -> PendingEntry:
    return PendingEntry(id=entry_id, consumer=consumer, idle=round(idle_s * 1000), deliveries=deliveries)


def group(
    delivered: str,
    *pending: PendingEntry,
    name: str = "billing",
    whole: bool = True,
    idle_s: float = 400,
    **info: Any,
) -> GroupState:
    made = GroupInfo(name=name, consumers=1, pending=len(pending), last_delivered_id=delivered, **info)
    consumers = (ConsumerInfo(name="b-1", pending=len(pending), idle=round(idle_s * 1000)),)
    return GroupState(info=made, lag=None, pending=pending, pending_complete=whole, consumers=consumers)


def orders(*groups: GroupState, first: str = at(0), last: str = at(0), **info: Any) -> StreamState:
    info = {"max_deleted_entry_id": "0-0"} | info
    made = StreamInfo(length=9, first_entry_id=first, last_generated_id=last, **info)
    return StreamState(name="orders", info=made, groups=groups)


def polls(*states: StreamState, every_s: int = 15, gap_at: int | None = None) -> list[Poll]:
    """Polls every 15 s, the last at the end of the window."""
    first = 600 - every_s * (len(states) - 1)
    return [
        Poll(
            number=number,
            at_ms=START_MS + (first + every_s * number) * 1000,
            server=ServerState(flavour="valkey", version="9"),
            streams=(state,),
            calls={"xadd": 3},
            after_gap=number == gap_at,
            until_ms=START_MS + (first + every_s * number) * 1000 + 400,
        )
        for number, state in enumerate(states)
    ]


def sample(
    entry_id: str = ID, correlation: str | None = None, number: int = 7, stream: str = "orders"
) -> Sampled:
    return Sampled(number, EntrySample(poll=0, stream=stream, id=entry_id, correlation_id=correlation))


def flows(
    lines: Sequence[LogLine] = (),
    samples: Sequence[Sampled] = (),
    seen: Sequence[Poll] = (),
    who: Wiring = SHOP,
    judgement: Judgement | None = None,
    **more: Any,
) -> Flows:
    story = ServerStory(seen, END_MS, 15_000, judgement)
    evidence = Evidence(
        lines=lines, samples=samples, story=story, end_ms=END_MS, services=("web", "billing"), **more
    )
    return reconstruct(evidence, who)


def message(found: Flows, key: str = ID) -> Flow:
    return next(flow for flow in found.shown if flow.kind == "message" and flow.key == key)


def told(flow: Flow) -> list[tuple[str, str, str]]:
    return [(step.action, step.who, step.source) for step in flow.steps]


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("order published to orders", "published"),
        ('{"event":"redis.consume","message":"published long ago"}', "consumed"),
        ("XACK orders", "acked"),
        ("acknowledged", "acked"),
        ("processing order 7", "consumed"),
        ("processed order 7", "acked"),
        ("could not: failed", "failed"),
        ("cache warm", "seen"),
        ("backpack", "seen"),
    ],
)
def test_a_line_tells_what_happened(text: str, action: str) -> None:
    assert action_of(text) == action


def test_a_flow_tells_who_published_consumed_and_acked_and_how_late() -> None:
    found = flows([
        line("acked", "billing", 9, 3, "c-1"),
        line("published order", "web", 1, 1, "c-1"),
        line("consumed order", "billing", 4, 2, "c-1"),
    ])  # fmt: skip
    (flow,) = found.shown
    assert [(step.service, step.action) for step in flow.steps] == [
        ("web", "published"),
        ("billing", "consumed"),
        ("billing", "acked"),
    ]
    assert (flow.late_ms, flow.duration_ms, flow.flags) == (3000, 8000, ())
    assert (found.correlations, found.late_max_ms, found.flagged) == (1, 3000, {})


# --- what the server tells

MOVING = polls(
    orders(group(at(0))),
    orders(group(at(560), pend(at(560), 2)), last=at(572)),
    orders(group(at(572)), last=at(572)),
)
"""Polls at 570, 585 and 600 s: 560 was given before the second, 572 before the third."""


def test_an_entry_and_the_polls_tell_a_flow_without_any_line() -> None:
    found = flows((), [sample(at(560), "c-1")], MOVING)
    correlation = next(flow for flow in found.shown if flow.kind == "correlation")
    assert (correlation.key, correlation.messages) == ("c-1", (f"orders:{at(560)}",))
    assert told(correlation) == [
        ("published", "web", "streams/samples.jsonl:7"),
        ("delivered", "billing", "streams/polls.jsonl poll 1"),
        ("pending", "billing", "streams/polls.jsonl poll 1"),
        ("acked", "billing", "streams/polls.jsonl poll 2"),
    ]
    delivered, acked = correlation.steps[1], correlation.steps[3]
    # The entry had been idle for 2 s when it was read, between 585.0 and 585.4 s.
    assert (delivered.since_ms, delivered.at_ms) == (START_MS + 583_000, START_MS + 583_400)
    assert delivered.consumer == "b-1"
    assert (acked.since_ms, acked.at_ms) == (START_MS + 585_000, START_MS + 600_400)
    assert found.flagged == {}


def test_between_two_polls_delivery_and_ack_are_an_interval_that_begins_with_the_publish() -> None:
    seen = polls(orders(group(at(0))), orders(group(at(590)), last=at(590)))
    found = flows((), [sample(at(590), "c-1")], seen)
    assert found.delays == (
        GroupDelay(
            stream="orders",
            group="billing",
            service="billing",
            messages=1,
            exact=0,
            p50_ms=(0, 10_400),
            p95_ms=(0, 10_400),
            max_ms=(0, 10_400),
        ),
    )


def test_the_figures_say_of_how_many_they_are_and_the_slow_group_stands_in_the_table() -> None:
    fast = [line(f"consumed {at(560)}", "billing", 571, 1)]
    behind = group(at(0), name="audit")
    slow = polls(
        orders(group(at(0)), behind, last=at(572)),
        orders(group(at(572)), behind, last=at(572)),
        orders(group(at(572)), group(at(572), name="audit"), last=at(572)),
    )
    found = flows(fast, [sample(at(560))], slow)
    assert (found.late_measured, found.late_max_ms) == (1, 11_000)
    assert [(row.group, row.exact, row.max_ms) for row in found.delays] == [
        ("audit", 0, (25_000, 40_400)),
        ("billing", 1, (11_000, 11_000)),
    ]


def test_a_message_is_counted_once_though_its_correlation_id_tells_of_it_too() -> None:
    lines = [
        line(f"published {ID}", "web", 1.004, 1, "c-1"),
        line(f"consumed {ID}", "billing", 2, 2, "c-1"),
        line("published an order", "web", 3, 3, "c-2"),
        line("consumed an order", "billing", 7, 4, "c-2"),
    ]
    found = flows(lines, [sample(ID, "c-1")])
    assert (found.correlations, found.messages) == (2, 1)
    assert (found.late_measured, found.late_max_ms) == (2, 4_000)


def test_the_whole_begins_with_the_publish_and_holds_the_wait() -> None:
    lines = [line(f"published {ID}", "web", 1.2, 1, "c-1"), line(f"consumed {ID}", "billing", 1.5, 2, "c-1")]
    for flow in flows(lines, [sample(ID, "c-1")]).shown:
        assert (flow.late_ms, flow.duration_ms) == (500, 500)


def test_a_span_of_no_length_is_no_exact_figure() -> None:
    ahead = at(620)  # the server's clock is ahead of ours
    seen = polls(orders(group(at(0)), last=at(0)), orders(group(ahead), last=ahead))
    found = flows((), [sample(ahead)], seen)
    assert [(row.exact, row.max_ms) for row in found.delays] == [(0, (0, 0))]
    assert (found.late_measured, found.late_max_ms) == (0, None)


def test_a_line_and_a_poll_of_the_same_moment_are_one_step_with_two_sources() -> None:
    lines = [
        line(f"published {at(590)}", "web", 590.004, 1, "c-1"),
        line(f"consumed {at(590)}", "billing", 590.5, 2),
        line(f"acked {at(590)}", "billing", 591, 3),
    ]
    seen = polls(orders(group(at(0))), orders(group(at(590)), last=at(590)))
    found = flows(lines, [sample(at(590), "c-1")], seen)
    flow = next(flow for flow in found.shown if flow.kind == "correlation")
    assert [(step.action, step.source, step.also, step.group) for step in flow.steps] == [
        ("published", "logs/web.log:1", ("streams/samples.jsonl:7",), None),
        ("consumed", "logs/billing.log:2", ("streams/polls.jsonl poll 1",), "billing"),
        ("acked", "logs/billing.log:3", ("streams/polls.jsonl poll 1",), "billing"),
    ]
    assert (flow.late_ms, found.delays[0].exact, found.delays[0].max_ms) == (500, 1, (500, 500))


DELETED = {"max_deleted_entry_id": at(590)}


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param([orders(group(at(590)), last=at(590))], id="the group was first seen behind it"),
        pytest.param([orders(), orders(group(at(590)), last=at(590))], id="a group made at the stream's end"),
        pytest.param([orders(group(at(0), entries_read=1)), orders(group(at(595)), last=at(595))], id="a group set to another id"),
        pytest.param([orders(group(at(0))), orders(group(at(595)), first=at(593), last=at(595))], id="trimmed before the group"),
        pytest.param([orders(group(at(0))), orders(group(at(595)), last=at(595), **DELETED)], id="deleted before the group"),
    ],
)  # fmt: skip
def test_no_delivery_is_told_where_the_group_may_have_jumped_over_the_entry(seen: list[StreamState]) -> None:
    found = flows((), [sample(at(590))], polls(*seen))
    assert (found.delays, found.flagged) == ((), {})


def test_nothing_is_concluded_across_a_gap() -> None:
    states = (
        orders(group(at(0))),
        orders(group(at(560), pend(at(560), 5)), last=at(560)),
        orders(group(at(560)), last=at(560)),
    )
    flow = message(flows((), [sample(at(560))], polls(*states, gap_at=2)), at(560))
    assert [step.action for step in flow.steps] == ["published", "delivered", "pending"]


OLD: dict[str, Any] = {"max_deleted_entry_id": None}
"""A server before 7.0 does not tell what was deleted."""


@pytest.mark.parametrize(
    ("last", "end"),
    [
        pytest.param(orders(group(at(560)), last=at(560)), "acked", id="off a complete list"),
        pytest.param(orders(group(at(560), whole=False), last=at(560)), None, id="off one page of the list"),
        pytest.param(
            orders(GroupState(info=group(at(560)).info, lag=None, consumers=()), last=at(560)),
            "unlisted",
            id="with its consumer",
        ),
        pytest.param(
            orders(group(at(560)), last=at(560), max_deleted_entry_id=at(560)),
            "unlisted",
            id="deleted before",
        ),
        pytest.param(orders(group(at(560)), first=at(565), last=at(570)), "unlisted", id="trimmed before"),
        pytest.param(
            orders(group(at(560)), last=at(560), **OLD), "acked", id="off the list of an old server"
        ),
    ],
)
def test_an_ack_is_told_only_where_the_whole_list_shows_it(last: StreamState, end: str | None) -> None:
    old: dict[str, Any] = {"max_deleted_entry_id": last.info.max_deleted_entry_id and "0-0"}
    states = (
        orders(group(at(0)), **old),
        orders(group(at(560), pend(at(560), 5)), last=at(560), **old),
        last,
    )
    flow = message(flows((), [sample(at(560))], polls(*states)), at(560))
    assert {step.action for step in flow.steps} & {"acked", "unlisted"} == ({end} if end else set())


def test_an_ack_that_a_line_tells_is_told_once_though_the_entry_was_deleted() -> None:
    gone = orders(group(at(560)), last=at(560), max_deleted_entry_id=at(560))
    seen = polls(orders(group(at(0))), orders(group(at(560), pend(at(560), 5)), last=at(560)), gone)
    lines = [line(f"acked {at(560)}", "billing", 590, 4)]
    flow = message(flows(lines, [sample(at(560))], seen), at(560))
    assert [step.source for step in flow.steps if step.action in {"acked", "unlisted"}] == [
        "logs/billing.log:4"
    ]


def test_a_server_that_tells_no_deletions_leaves_open_what_a_passed_id_means() -> None:
    given = polls(orders(group(at(500)), last=at(560), **OLD), orders(group(at(560)), last=at(560), **OLD))
    head = [orders(group(at(499)), first=at(500), last=at(560), **OLD)] * 2
    away = [orders(group(at(499)), first=at(550), last=at(560), **OLD)] * 3
    for entry, seen in ((at(555), given), (at(500), polls(*head, *away))):
        found = flows((), [sample(entry)], seen)
        assert ([step.action for flow in found.shown for step in flow.steps], found.flagged) == ([], {})


def test_what_may_have_been_deleted_at_the_old_end_is_not_called_trimmed() -> None:
    seen = [orders(group(at(499)), first=at(500), last=at(560))] * 2
    for deleted, action in ((at(500), "removed"), ("0-0", "trimmed")):
        after = orders(group(at(499)), first=at(550), last=at(560), max_deleted_entry_id=deleted)
        found = flows((), [sample(at(500))], polls(*seen, after))
        flow = message(found, at(500))
        assert [step.action for step in flow.steps] == ["published", action]
        assert bool(found.flagged) is (action == "trimmed")


def test_pending_tells_consumer_deliveries_and_idle_time_at_each_change() -> None:
    states = [
        orders(group(ID, pend(idle_s=0.5, deliveries=number, consumer="b-1")), last=ID)
        for number in (1, 1, 2, 3)
    ]
    found = flows((), (), polls(*states))
    flow = message(found)
    assert [(step.action, step.detail) for step in flow.steps] == [
        ("published", "by its id"),
        ("delivered", "by its idle time"),
        ("pending", "delivered 1×, idle 500 ms"),
        ("pending", "delivered 2×, idle 500 ms"),
        ("pending", "delivered 3×, idle 500 ms"),
    ]
    # Redelivered again and again it is never idle for long, yet pending for as long as it was seen.
    assert (flow.flags, flow.pending_in) == (("consumed-never-acked",), ("orders/billing",))


# --- flags

FULL = [
    line("published order", "web", 1, 1, "c-0"),
    line("consumed order", "billing", 2, 2, "c-0"),
    line("acked order", "billing", 3, 3, "c-0"),
]
PUBLISHED = [line(f"published {ID}", "web", 1, 4)]
DEAD = [orders(group(at(0)), last=ID)] * 3
UNTAKEN = polls(*DEAD)
CAUGHT_UP = [orders(group(at(9)), last=at(9))] * 3


@pytest.mark.parametrize(
    ("lines", "seen", "flags"),
    [
        pytest.param([line("GET /orders/7 200 response sent", "web", 1, 4, "c-1")], [], {}, id="an answer that was sent"),
        pytest.param([line("mail sent to customer", "billing", 1, 4, "c-1")], [], {}, id="a mail that was sent"),
        pytest.param([line("published", "web", 1, 4, "c-1")], CAUGHT_UP, {}, id="a message of which nothing is known"),
        pytest.param([line("GET /live request received", "billing", 1, 4, "c-1")], [], {}, id="a request that was received"),
        pytest.param([line(f"consumed {ID}", "billing", 1, 4, "c-1")], [], {"consumed-never-acked": 2}, id="a service that logs acks did not"),
        pytest.param([line("consumed stream=orders", "billing", 1, 4, "c-1")], CAUGHT_UP, {}, id="of a stream that the server keeps account of"),
        pytest.param([line("consumed", "mail", 1, 4, "c-1")], [], {}, id="a service that never logs acks is not told"),
        pytest.param([line("consumed", "billing", 580, 4, "c-1")], [], {}, id="at work at the end"),
        pytest.param(PUBLISHED, DEAD, {"published-never-consumed": 1}, id="no group was given it, and none moves"),
        pytest.param(PUBLISHED, DEAD[:2], {}, id="two polls are too few to call a group dead"),
        pytest.param(PUBLISHED, [], {}, id="no poll to tell"),
        pytest.param(PUBLISHED, [orders(last=ID)] * 3, {}, id="no group: readers without one leave no trace"),
        pytest.param(PUBLISHED, [orders(group(at(0, n)), last=ID) for n in range(3)], {}, id="it waits in a group that moves"),
        pytest.param(PUBLISHED, [orders(group(at(9)), last=at(9))] * 3, {}, id="delivered, by the server's account"),
        pytest.param(PUBLISHED, [orders(group(at(0)), first=at(0), last=ID), orders(group(at(0)), first=at(2), last=at(9))], {"published-never-consumed": 1}, id="trimmed before any group"),
        pytest.param(PUBLISHED, [orders(group(at(0)), last=ID, max_deleted_entry_id=ID)] * 3, {}, id="deleted by somebody"),
        pytest.param(PUBLISHED, [orders(group(at(9), pend(idle_s=40)), last=at(9))], {"consumed-never-acked": 1}, id="pending for long"),
        pytest.param(PUBLISHED, [orders(group(at(9), pend(idle_s=4)), last=at(9))], {}, id="at work, by the server's account"),
        pytest.param([line(f"published {ID}", "mail", 1, 4)], [orders(group(at(9), pend(idle_s=4)), last=at(9))], {}, id="the same id in a stream of another service"),
        pytest.param([line(f"consumed {ID}", "billing", 1, 4)], [orders(group(at(9)), last=at(9))] * 2, {"consumed-never-acked": 1}, id="a line of a stream that nothing names"),
    ],
)  # fmt: skip
def test_flags_are_raised_only_where_the_opposite_could_be_seen(
    lines: list[LogLine], seen: list[StreamState], flags: dict[str, int]
) -> None:
    # A sample tells the stream, but for the lines of which no source tells it.
    samples = [sample()] if lines is PUBLISHED else []
    assert flows([*FULL, *lines], samples, polls(*seen)).flagged == flags


BUSY = group(at(0), idle_s=70)
AT_WORK = [orders(group(at(0), pend(at(0), idle_s=5 * number + 5)), last=ID) for number in range(3)]
NOT_LOOKED = GroupState(info=group(at(0)).info, lag=None)
TRIMMED = [orders(group(at(0)), first=at(0), last=ID), orders(group(at(0)), first=at(2), last=at(9))]
TWO = [orders(group(at(0)), group(at(0), name="audit"), last=ID)] * 3
PENDS = [orders(group(at(9), pend(idle_s=40)), last=at(9))]


@pytest.mark.parametrize(
    ("seen", "intent", "flagged"),
    [
        pytest.param(AT_WORK, {}, False, id="its consumer works at an earlier entry"),
        pytest.param([orders(BUSY, last=ID)] * 3, {}, False, id="its consumer was seen of late"),
        pytest.param([orders(BUSY, last=ID)] * 3, {"consumer_idle": 60}, True, id="not of late by the owners' limit"),
        pytest.param([orders(NOT_LOOKED, last=ID)] * 3, {}, False, id="nobody looked at its consumers"),
        pytest.param([orders(group(at(0)), last=ID), *[orders(NOT_LOOKED, last=ID)] * 2], {}, True, id="they were looked at earlier"),
        pytest.param(DEAD, {}, True, id="nobody is there"),
        pytest.param(DEAD, {"group": "billing", "idle_ok": True}, False, id="the group may be idle"),
        pytest.param(TWO, {"group": "billing", "idle_ok": True}, True, id="one group may be idle, the other not"),
        pytest.param(DEAD, {"pending_idle": 90}, False, id="waiting is no fault for longer"),
        pytest.param(TRIMMED, {}, True, id="trimmed before it was given"),
        pytest.param(TRIMMED, {"loss_ok": True}, False, id="the group may miss entries"),
        pytest.param(PENDS, {}, True, id="pending for long"),
        pytest.param(PENDS, {"pending_idle": 50}, False, id="work may take this long"),
    ],
)  # fmt: skip
def test_a_flag_keeps_to_the_limits_and_the_owners_intent(
    seen: list[StreamState], intent: dict[str, Any], *, flagged: bool
) -> None:
    judgement = Judgement(expect=(Expectation(**({"stream": "orders"} | intent)),) if intent else ())
    found = flows(PUBLISHED, [sample()], polls(*seen), judgement=judgement)
    assert bool(found.flagged) is flagged


def test_the_server_is_believed_before_the_wording_of_a_line() -> None:
    lines = [*FULL, line(f"consumed {ID}", "billing", 2, 4)]
    seen = polls(orders(group(at(0)), last=ID), orders(group(ID), last=ID))
    assert flows(lines, [sample()], seen).flagged == {}


GROUPED = use(CodeKind.XREADGROUP, "billing", "orders", "billing")
BESIDE = use(CodeKind.XREAD, "billing", "orders")
ELSEWHERE = use(CodeKind.XREAD, "board", "clicks")
SOMEWHERE = use(CodeKind.XREAD, "board", "{}")


@pytest.mark.parametrize(
    ("code", "calls", "flagged"),
    [
        pytest.param([GROUPED], False, True, id="by groups alone"),
        pytest.param([GROUPED], True, False, id="plain reads that no code explains"),
        pytest.param([GROUPED, ELSEWHERE], True, True, id="plain reads of another stream"),
        pytest.param([GROUPED, SOMEWHERE], True, False, id="plain reads of who knows what"),
        pytest.param([GROUPED, BESIDE], False, False, id="both ways by one service"),
        pytest.param([BESIDE], False, False, id="without a group"),
        pytest.param([], False, True, id="no code, no plain reads"),
        pytest.param([], True, False, id="no code, plain reads"),
    ],
)
def test_a_stream_that_is_read_without_a_group_too_is_never_called_unread(
    code: list[CodeUse], *, calls: bool, flagged: bool
) -> None:
    seen = [structs.replace(poll, calls={"xadd": 3} | ({"xread": 3} if calls else {})) for poll in UNTAKEN]
    who = wiring.build(index(use(CodeKind.XADD, "web", "orders"), *code), ())
    assert bool(flows(PUBLISHED, [sample()], seen, who).flagged) is flagged


def test_where_the_server_tells_no_calls_somebody_may_read_without_a_group() -> None:
    silent = [structs.replace(poll, calls={}) for poll in UNTAKEN]
    assert flows(PUBLISHED, [sample()], silent).flagged == {}


def test_what_its_messages_went_through_clears_a_correlation_id_of_a_producer() -> None:
    lines = [*FULL, line(f"published {ID}", "web", 1, 4, "c-1")]
    taken = polls(orders(group(at(0)), last=ID), orders(group(ID), last=ID))
    assert flows(lines, [sample()], polls(*DEAD)).flagged == {
        "producer-only": 1,
        "published-never-consumed": 2,
    }
    assert flows(lines, [sample()], taken).flagged == {}


ALONE = [*FULL, line(f"published {ID}", "web", 1, 4, "c-1")]


def test_every_message_of_an_id_must_be_known_to_wait_before_it_is_called_a_producers_own() -> None:
    more = [*ALONE, line(f"published {at(2)}", "web", 2, 5, "c-1")]
    assert "producer-only" in flows(ALONE, [sample()], UNTAKEN).flagged
    assert "producer-only" not in flows(more, [sample()], UNTAKEN).flagged  # of which stream, nothing tells
    assert "producer-only" not in flows(ALONE, (), UNTAKEN).flagged
    late = line(f"published {at(575)}", "web", 575, 5, "c-1")
    assert "producer-only" not in flows([*ALONE, late], [sample(), sample(at(575))], UNTAKEN).flagged


@pytest.mark.parametrize(
    ("blind", "flagged"),
    [
        pytest.param([Blind("billing", START_MS, None)], False, id="the consumer's log was lost"),
        pytest.param([Blind("search", START_MS, None)], True, id="another log was"),
        pytest.param([Blind(None, START_MS, START_MS + 5000)], False, id="nobody looked for a while"),
        pytest.param([Blind(None, START_MS - 9, START_MS - 5)], True, id="before it was published"),
    ],
)
def test_where_lines_may_be_missing_nothing_is_called_missing(blind: list[Blind], *, flagged: bool) -> None:
    found = flows(ALONE, [sample()], UNTAKEN, blind=tuple(blind))
    assert ("producer-only" in found.flagged) is flagged


def test_lines_beyond_the_limit_could_hold_the_answer() -> None:
    assert "producer-only" in flows(ALONE, [sample()], UNTAKEN).flagged
    found = flows(ALONE, [sample()], UNTAKEN, lines_until_ms=START_MS + 20_000)
    assert "producer-only" not in found.flagged


def test_a_last_poll_long_before_the_end_does_not_speak_for_the_end() -> None:
    early = polls(orders(group(at(9), pend(idle_s=90)), last=at(9)))
    end_ms = END_MS + 60_000
    late = Evidence(samples=[sample()], story=ServerStory(early, end_ms, 15_000), end_ms=end_ms)
    assert reconstruct(late, SHOP).flagged == {}


def test_gaps_become_times_in_which_a_service_was_not_seen() -> None:
    def gap(what: str, source: str = "logs", **more: Any) -> Gap:
        return Gap(what=what, why="w", fix="f", source=source, at_ms=5, **more)

    found = blind_times(
        [
            gap("log of search"),
            gap("container 'web'", until_ms=9),
            gap("some lines", until_ms=7),
            gap("a name", blind=False),
            gap("Redis at x", source="streams/polls.jsonl"),
        ],
        [(1, 2)],
        ["web", "search"],
    )
    assert found == (Blind(None, 1, 2), Blind("search", 0, None), Blind("web", 5, 9), Blind(None, 5, 7))


# --- identity


def test_the_same_id_in_two_streams_is_two_messages() -> None:
    samples = [
        sample(stream="orders", correlation="c-1"),
        sample(stream="invoices", correlation="c-2", number=8),
    ]
    lines = [line(f"consumed {ID}", "billing", 2, 4), line(f"consumed {ID}", "mail", 3, 5)]
    found = flows(lines, samples)
    # billing reads orders and writes invoices: its consume can only be of orders; mail's only of invoices.
    by_stream = {flow.stream: told(flow) for flow in found.shown if flow.kind == "message"}
    assert by_stream == {
        "orders": [
            ("published", "web", "streams/samples.jsonl:7"),
            ("consumed", "billing", "logs/billing.log:4"),
        ],
        "invoices": [
            ("published", "billing", "streams/samples.jsonl:8"),
            ("consumed", "mail", "logs/mail.log:5"),
        ],
    }


def test_of_two_entries_with_one_id_a_line_is_of_the_one_with_its_correlation_id() -> None:
    both = wiring.build(index(use(CodeKind.XADD, "web", "orders"), use(CodeKind.XADD, "web", "clicks")), ())
    samples = [sample(stream="clicks", correlation="c-1"), sample(correlation="c-2", number=8)]
    lines = [line(f"published {ID}", "web", 1, 4, "c-2"), line(f"published {ID}", "web", 1, 5, "c-3")]
    told = line(f"handled {ID}", "web", 3, 7, "c-3")
    found = flows([*lines, told, line(f"consumed {ID}", "board", 2, 6, "c-2")], samples, who=both)
    by_key = {(flow.kind, flow.key): flow.messages for flow in found.shown}
    assert by_key["correlation", "c-2"] == (f"orders:{ID}",)
    assert by_key["correlation", "c-3"] == (ID,)  # neither entry is its own


def test_a_line_that_names_its_stream_is_of_that_stream() -> None:
    samples = [sample(stream="orders"), sample(stream="invoices", number=8)]
    lines = [line(f'{{"event":"redis.consume","stream":"orders","messageId":"{ID}"}}', "other", 2, 4)]
    flow = next(flow for flow in flows(lines, samples).shown if flow.stream == "orders")
    assert ("consumed", "other", "logs/other.log:4") in told(flow)


def test_an_entry_that_was_sampled_twice_is_one() -> None:
    assert flows((), [sample(), sample(number=30)]).messages == 1


# --- bounds


def test_flows_are_bounded_and_say_so() -> None:
    lines = [line("published", "web", 1, n, f"c-{n}") for n in range(1, FLOWS_MAX + 3)]
    found = flows(lines)
    assert (found.correlations, found.lines_left_out, len(found.shown)) == (FLOWS_MAX, 2, 0)
    assert found.services_without_ids == ("billing",)


def test_of_a_long_flow_both_ends_are_kept_and_nothing_is_called_missing() -> None:
    lines = [line("consumed", "billing", n, n, "c-1") for n in range(1, 100)]
    found = flows([*FULL, *lines])
    assert found.flagged == {}


def test_flagged_flows_of_one_place_leave_room_for_others() -> None:
    stuck = [pend(at(1, n), idle_s=90) for n in range(40)]
    lines = [*FULL, line(f"consumed {at(2)}", "billing", 1, 9, "c-9")]
    found = flows(lines, (), polls(orders(group(at(9), *stuck), last=at(9))))
    assert found.flagged == {"consumed-never-acked": 42}
    assert "c-9" in {flow.key for flow in found.shown[:4]}
