"""Every stream rule: what fires, what does not, on and over each limit."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from tests.detectors.streams.crafted import (
    REDIS_6,
    START_MS,
    blocked,
    consumer,
    entry,
    found,
    group,
    index,
    polls,
    severities,
    shape,
    stream,
    use,
    view,
)
from tools.detectors.contract import StreamView
from tools.detectors.streams import DETECTORS
from tools.detectors.streams.families import MEMBERS_MAX, fold
from tools.detectors.thresholds import Expectation, Limits
from tools.findings.model import EvidenceKind, Severity
from tools.findings.recorder import identity
from tools.findings.rule import Symptom
from tools.sources.records import CodeKind, GroupState, Lag, Poll, ServerState, StreamState
from tools.synthesis.causal_rules.held_message import STANDS_STILL

ADD, READ, READ_GROUP, TRIM = CodeKind.XADD, CodeKind.XREAD, CodeKind.XREADGROUP, CodeKind.XTRIM


def lagging(messages: int, confirmed: bool = True) -> GroupState:
    return group(lag=Lag(messages=messages, source="counted", confirmed=confirmed))


def late(*times: int | None, lag: int = 5) -> tuple[Poll, ...]:
    return polls(*(stream("orders", 10, group(time_lag_ms=time, lag=lag)) for time in times))


def lengths(*values: int, groups: tuple[GroupState, ...] = (), name: str = "orders") -> tuple[Poll, ...]:
    return polls(*(stream(name, value, *groups) for value in values))


UNCOUNTED = Lag(messages=1, source="bound", at_most=99)


def growth_and_lag(*pairs: tuple[int, int | Lag]) -> tuple[Poll, ...]:
    return polls(*(stream("orders", length, group(lag=lag)) for length, lag in pairs))


def quick(*lags: int, lag_now: int | None = None) -> tuple[Poll, ...]:
    """A growing stream with these lags, a poll every 2 s; `lag_now` is confirmed."""
    groups = [group(lag=lag) for lag in lags] + ([lagging(lag_now)] if lag_now is not None else [])
    made = polls(*(stream("orders", 10 * number, found) for number, found in enumerate(groups, 1)))
    return at_pace(made, 2)


def appeared(count: int) -> tuple[Poll, ...]:
    """A stream that is not in the baseline, without a group, at so many polls 2 s apart."""
    made = polls(
        stream("a", 1, group()),
        *([stream("a", 1, group()), stream("orders", n)] for n in range(1, count + 1)),
    )
    return at_pace(made, 2)


def dead(idle_s: float, inactive_s: float | None = 0, **fields: object) -> GroupState:
    return group(consumers=[consumer("c1", idle_s, inactive_s)], **fields)  # type: ignore[arg-type]  # by name


def twice(state: StreamState, **how: object) -> tuple[Poll, ...]:
    return polls(state, state, **how)  # type: ignore[arg-type]  # by name


def pending_history(
    *sizes: int, head: int = 0, length: int = 10, step_s: int = 15, in_hand: int = 0
) -> tuple[Poll, ...]:
    """Pending of `sizes`, and at each poll `in_hand` more that were given out a moment ago and are gone at the next."""
    made = polls(
        *(
            stream(
                "orders",
                length,
                group(
                    pending=[
                        *(entry(n, idle_s=15) for n in range(1 + head * step, 1 + head * step + size)),
                        *(entry(900 + 10 * step + n, idle_s=0.9) for n in range(in_hand * (step % 2 + 1))),
                    ]
                ),
            )
            for step, size in enumerate(sizes)
        )
    )
    return at_pace(made, step_s)


def trimmed(length: int, *, delivered: str = "1-0", calls: dict[str, int] | None = None) -> tuple[Poll, ...]:
    """Ten entries wait for a group; at the next poll two more were added and so many are left."""
    first = f"{START_MS}-{13 - length}"
    before = group(lag=Lag(messages=10, source="derived"), delivered="1-0")
    after = group(lag=Lag(messages=length, source="derived"), delivered=delivered)
    moments = (
        stream("orders", 10, before, first=f"{START_MS}-1"),
        stream("orders", length, after, added=12, first=first),
    )
    return polls(*moments, calls={"xadd": 2} if calls is None else calls)


def at_pace(made: tuple[Poll, ...], step_s: int) -> tuple[Poll, ...]:
    return tuple(
        msgspec.structs.replace(poll, at_ms=START_MS + 1000 * step_s * number)
        for number, poll in enumerate(made, 1)
    )


def samples(*shapes: object) -> tuple[Poll, ...]:
    return polls(stream("orders", 10, group(), sample=shapes))  # type: ignore[arg-type]  # shapes


CAPPED = index(use(ADD, "orders", maxlen="1000"))
UNCAPPED = index(use(ADD, "orders"))
OTHER = index(use(ADD, "other", maxlen="9"))

CASES = [
    # consumer-lag
    ("consumer-lag", "on the limit", view(polls(stream("orders", 500, lagging(100)))), []),
    ("consumer-lag", "over the limit", view(polls(stream("orders", 500, lagging(101)))), ["CRITICAL"]),
    ("consumer-lag", "not counted twice", view(polls(stream("orders", 500, lagging(5000, confirmed=False)))), []),
    (
        "consumer-lag",
        "its own limit",
        view(polls(stream("orders", 500, lagging(900))), expect=[Expectation(stream="ord*", consumer_lag=1000)]),
        [],
    ),
    # time-lag
    ("time-lag", "four polls on the limit", view(late(500, 500, 500, 500)), []),
    ("time-lag", "four polls over it", view(late(501, 501, 501, 501)), ["MEDIUM"]),
    ("time-lag", "three polls over it", view(late(0, 900, 900, 900)), []),
    ("time-lag", "drained in between", view(late(900, 900, 0, 900, 900)), []),
    ("time-lag", "ids that are no times", view(late(None, None, None, None)), []),
    ("time-lag", "a gap between", view(polls(*(stream("orders", 9, group(time_lag_ms=900, lag=5)),) * 5, gap_at=4)), []),
    # growing
    ("growing", "two polls in a row", view(lengths(1, 2, 3)), []),
    ("growing", "three polls, nobody reads", view(lengths(1, 2, 3, 4)), ["HIGH"]),
    ("growing", "three polls with a pause", view(lengths(1, 2, 2, 3, 4)), []),
    ("growing", "nobody reads, but capped in code", view(lengths(1, 2, 3, 4), code=CAPPED), []),
    ("growing", "a gap breaks the row", view(polls(*(stream("orders", n) for n in (1, 2, 3, 4)), gap_at=3)), []),
    ("growing", "a group falls behind", view(growth_and_lag((100, 0), (200, 40), (300, 80), (400, 120))), ["HIGH"]),
    ("growing", "behind although capped", view(growth_and_lag((100, 0), (200, 40), (300, 80), (400, 120)), code=CAPPED), ["HIGH"]),
    ("growing", "behind, code not read", view(growth_and_lag((100, 0), (200, 40), (300, 80), (400, 120))), ["HIGH"]),
    ("growing", "a cap of other streams only", view(growth_and_lag((1, 0), (2, 0), (3, 0), (4, 0)), code=OTHER), []),
    ("growing", "a batch in the making at a quick pace", view(quick(0, 30, 60, 90)), []),
    ("growing", "taken in batches at a quick pace", view(quick(30, 60, 90, 0, 30, 60, 90, 0, 30, 60, 90, 0, 30, 60, 90, 0, 30, 60, 90)), []),
    ("growing", "behind for 30 s at a quick pace", view(quick(*range(0, 64, 4), 90)), ["HIGH"]),
    ("growing", "behind for 28 s at a quick pace", view(quick(*range(0, 56, 4), 90)), []),
    ("growing", "far behind at a quick pace", view(quick(0, 50, 100, lag_now=101)), ["HIGH"]),
    ("growing", "a lag that was not counted at first", view(growth_and_lag((100, UNCOUNTED), (200, 40), (300, 41), (400, 42)), code=CAPPED), []),
    ("growing", "lag jitters", view(growth_and_lag((100, 9), (200, 2), (300, 8), (400, 3)), code=CAPPED), []),
    ("growing", "lag rises a little by chance", view(growth_and_lag((100, 1), (200, 3), (300, 8), (400, 19)), code=CAPPED), []),
    ("growing", "keeps up, no cap", view(growth_and_lag((1, 0), (2, 0), (3, 0), (4, 0)), code=UNCAPPED), ["LOW"]),
    ("growing", "keeps up, young below its cap", view(growth_and_lag((1, 0), (2, 0), (3, 0), (4, 0)), code=CAPPED), []),
    ("growing", "keeps up, code not read", view(growth_and_lag((1, 0), (2, 0), (3, 0), (4, 0))), []),
    ("growing", "a dead-letter stream", view(lengths(1, 2, 3, 4, name="orders.dlq")), []),
    ("growing", "meant to have no group", view(lengths(1, 2, 3, 4), expect=[Expectation(stream="*", no_group_ok=True)]), []),
    # stuck-message
    ("stuck-message", "on the limit", view(polls(stream("orders", 9, group(pending=[entry(1, 30)])))), []),
    ("stuck-message", "over the limit", view(polls(stream("orders", 9, group(pending=[entry(1, 30.001)])))), ["HIGH"]),
    ("stuck-message", "claimed again, 30 s", view(polls(*(stream("orders", 9, group(pending=[entry(1, 1)])),) * 3)), []),
    ("stuck-message", "claimed again, 45 s", view(polls(*(stream("orders", 9, group(pending=[entry(1, 1)])),) * 4)), ["HIGH"]),
    ("stuck-message", "others each time", view(polls(*(stream("orders", 9, group(pending=[entry(n, 1)])) for n in range(6)))), []),
    (
        "stuck-message",
        "slow by intent",
        view(polls(stream("orders", 9, group(pending=[entry(1, 50)]))), expect=[Expectation(group="work*", pending_idle=60)]),
        [],
    ),
    # ghost-pending
    ("ghost-pending", "gone, on the limit", view(polls(stream("orders", 9, group(pending=[entry(1, 30, gone=True)])))), []),
    ("ghost-pending", "gone, over it", view(polls(stream("orders", 9, group(pending=[entry(1, 30.001, gone=True)])))), ["HIGH"]),
    ("ghost-pending", "there", view(polls(stream("orders", 9, group(pending=[entry(1, 99)])))), []),
    ("stuck-message", "gone: another rule says so", view(polls(stream("orders", 9, group(pending=[entry(1, 99, gone=True)])))), []),
    ("delivery-failure", "gone: another rule says so", view(polls(stream("orders", 9, group(pending=[entry(1, 99, 9, gone=True)])))), []),
    ("delivery-failure", "gone a moment ago", view(polls(stream("orders", 9, group(pending=[entry(1, 9, 9, gone=True)])))), ["HIGH"]),
    # silent-loss
    ("silent-loss", "all that waited is there", view(trimmed(12)), []),
    ("silent-loss", "one is gone", view(trimmed(11)), ["CRITICAL"]),
    ("silent-loss", "all are gone", view(trimmed(1)), ["CRITICAL"]),
    ("silent-loss", "which commands were sent is not known", view(trimmed(4, calls={})), []),
    ("silent-loss", "the group was set", view(trimmed(4, calls={"xgroup|setid": 1})), []),
    ("silent-loss", "the group was set back", view(trimmed(4, delivered="0-0")), []),
    ("silent-loss", "it moved, and the first that waited is gone", view(trimmed(4, delivered=f"{START_MS}-3")), []),
    ("silent-loss", "it moved, and the last that waited is gone", view(trimmed(1, delivered=f"{START_MS}-3")), ["CRITICAL"]),
    ("silent-loss", "by intent", view(trimmed(4), expect=[Expectation(group="workers", loss_ok=True)]), []),
    ("silent-loss", "nobody reads it", view(polls(*(msgspec.structs.replace(poll.streams[0], groups=tuple(msgspec.structs.replace(item, consumers=()) for item in poll.streams[0].groups)) for poll in trimmed(4)), calls={"xadd": 2})), ["HIGH"]),
    # consumer-leak
    ("consumer-leak", "twenty records beside one", view(polls(stream("orders", 9, group(consumers=[consumer("a"), *(consumer(f"b{n}", 3601) for n in range(20))])))), []),
    ("consumer-leak", "twenty-one", view(polls(stream("orders", 9, group(consumers=[consumer("a"), *(consumer(f"b{n}", 3601) for n in range(21))])))), ["LOW"]),
    ("consumer-leak", "seen on the limit", view(polls(stream("orders", 9, group(consumers=[consumer("a"), *(consumer(f"b{n}", 3600) for n in range(21))])))), []),
    ("consumer-leak", "one may wait in a read", view(polls(stream("orders", 9, group(consumers=[consumer("a"), *(consumer(f"b{n}", 3601) for n in range(21))])), clients=(blocked("x", 9),))), []),
    ("consumer-leak", "nobody is active", view(polls(stream("orders", 9, group(consumers=[consumer(f"b{n}", 3601) for n in range(21)])))), []),
    ("consumer-leak", "a thousand, not read", view(polls(stream("orders", 9, group(consumers=None, registered=1000)))), []),
    ("consumer-leak", "more than a thousand", view(polls(stream("orders", 9, group(consumers=None, registered=1001)))), ["MEDIUM"]),
    # delivery-failure
    ("delivery-failure", "on the limit", view(polls(stream("orders", 9, group(pending=[entry(1, 0, 3)])))), []),
    ("delivery-failure", "over it, idle 0", view(polls(stream("orders", 9, group(pending=[entry(1, 0, 4)])))), ["HIGH"]),
    # dead-consumer
    ("dead-consumer", "none at all, once", view(polls(stream("orders", 9, group(registered=0)))), []),
    ("dead-consumer", "none at all, twice", view(twice(stream("orders", 9, group(registered=0)))), ["CRITICAL"]),
    ("dead-consumer", "none at all, twice within 4 s", view(at_pace(twice(stream("orders", 9, group(registered=0))), 2)), []),
    ("dead-consumer", "none at all for 12 s at that pace", view(at_pace(polls(*(stream("orders", 9, group(registered=0)),) * 6), 2)), ["CRITICAL"]),
    ("dead-consumer", "seen on the limit", view(twice(stream("orders", 9, dead(300, lag=3)))), []),
    ("dead-consumer", "unseen, lag waits", view(twice(stream("orders", 9, dead(300.001, lag=3)))), ["CRITICAL"]),
    ("dead-consumer", "unseen, pending waits", view(twice(stream("orders", 9, dead(301, pending=[entry()])))), ["CRITICAL"]),
    ("dead-consumer", "unseen, nothing waits, attempts told", view(twice(stream("orders", 9, dead(301)))), ["CRITICAL"]),
    ("dead-consumer", "the same on an old server", view(twice(stream("orders", 9, dead(301, None)), server=REDIS_6)), ["MEDIUM"]),
    ("dead-consumer", "clients unknown", view(twice(stream("orders", 9, dead(301)), clients=None)), ["MEDIUM"]),
    ("dead-consumer", "blocked under its name", view(twice(stream("orders", 9, dead(900)), clients=(blocked("c1", 5),))), []),
    ("dead-consumer", "blocked as long as it is idle", view(twice(stream("orders", 9, dead(900)), clients=(blocked("", 900),))), []),
    ("dead-consumer", "another one is blocked", view(twice(stream("orders", 9, dead(900)), clients=(blocked("x", 5),))), ["CRITICAL"]),
    ("dead-consumer", "any blocked one, old server", view(twice(stream("orders", 9, dead(900, None)), server=REDIS_6, clients=(blocked("x", 5),))), []),
    ("dead-consumer", "blocked elsewhere while lag waits", view(twice(stream("orders", 9, dead(900, lag=3)), clients=(blocked("", 900),))), ["CRITICAL"]),
    ("dead-consumer", "old server hides a quiet consumer", view(twice(stream("orders", 9, group(registered=0)), server=REDIS_6, clients=(blocked("w", 5),))), []),
    ("dead-consumer", "old server, nothing waits, someone polls", view(twice(stream("orders", 9, dead(900, None, pending=[entry()])), server=REDIS_6, calls={"xreadgroup": 9})), []),
    ("dead-consumer", "old server, pending and nobody polls", view(twice(stream("orders", 9, dead(900, None, pending=[entry()])), server=REDIS_6)), ["CRITICAL"]),
    ("dead-consumer", "old server, a lag of this moment", view(polls(stream("orders", 9, dead(900, None)), stream("orders", 10, dead(900, None, lag=1)), server=REDIS_6)), []),
    ("dead-consumer", "old server, a lag that stays", view(twice(stream("orders", 9, dead(900, None, lag=1)), server=REDIS_6)), ["CRITICAL"]),
    ("dead-consumer", "pending waits, clients unknown", view(twice(stream("orders", 9, dead(301, pending=[entry()])), clients=None)), ["MEDIUM"]),
    ("dead-consumer", "old server, a new group, someone polls", view(twice(stream("orders", 9, group(registered=0)), server=REDIS_6, calls={"xreadgroup": 9})), []),
    ("dead-consumer", "too many records, still moving", view(polls(*(stream("orders", 9, group(consumers=None, registered=1001, lag=3, delivered=f"{n}-0")) for n in range(30)))), []),
    ("dead-consumer", "too many records, standing for the limit", view(polls(*(stream("orders", 9, group(consumers=None, registered=1001, lag=3)),) * 20)), []),
    ("dead-consumer", "too many records, standing for longer", view(polls(*(stream("orders", 9, group(consumers=None, registered=1001, lag=3)),) * 21)), ["CRITICAL"]),
    ("dead-consumer", "too many records, nothing waits", view(polls(*(stream("orders", 9, group(consumers=None, registered=1001)),) * 30)), []),
    ("dead-consumer", "quiet by intent", view(twice(stream("orders", 9, group(registered=0))), expect=[Expectation(stream="orders", idle_ok=True)]), []),
    ("dead-consumer", "one of two is there", view(twice(stream("orders", 9, group(consumers=[consumer("a", 900), consumer("b", 1)])))), []),
    ("dead-consumer", "not looked at", view(twice(stream("orders", 9, group(consumers=None, registered=3)))), []),
    # no-consumer-group
    ("no-consumer-group", "at the first poll", view(polls(stream("orders", 9))), []),
    ("no-consumer-group", "at the second", view(twice(stream("orders", 9))), ["MEDIUM"]),
    ("no-consumer-group", "a group appears", view(polls(stream("orders", 9), stream("orders", 9, group()))), []),
    ("no-consumer-group", "a young stream, seen for 10 s", view(appeared(6)), []),
    ("no-consumer-group", "a young stream, seen for 12 s", view(appeared(7)), ["MEDIUM"]),
    ("growing", "a young stream that nobody reads yet", view(appeared(6)), []),
    ("growing", "a young stream that nobody reads", view(appeared(7)), ["HIGH"]),
    ("no-consumer-group", "a request's own stream, seen for 15 s", view(polls(stream("a", 1, group()), *([stream("a", 1, group()), stream("rpc:17")],) * 2)), []),
    ("no-consumer-group", "a request's own stream, seen for 30 s", view(polls(stream("a", 1, group()), *([stream("a", 1, group()), stream("rpc:17")],) * 3)), ["MEDIUM"]),
    ("no-consumer-group", "dead letters", view(twice(stream("orders:dead-letter", 9))), ["INFO"]),
    ("no-consumer-group", "replies", view(twice(stream("rpc.replies", 9))), ["INFO"]),
    ("no-consumer-group", "BullMQ", view(twice(stream("bull:mail:events", 9))), ["INFO"]),
    ("no-consumer-group", "plain readers on the server", view(twice(stream("orders", 9), calls={"xread": 2})), ["INFO"]),
    ("no-consumer-group", "plain readers of another", view(twice(stream("orders", 9), calls={"xread": 2}), code=index(use(READ, "other"))), ["MEDIUM"]),
    ("no-consumer-group", "plain readers in code", view(twice(stream("orders", 9)), code=index(use(READ, "orders"))), ["INFO"]),
    ("no-consumer-group", "by intent", view(twice(stream("orders", 9)), expect=[Expectation(stream="orders", no_group_ok=True)]), []),
    # missing-ack
    ("missing-ack", "two rises", view(pending_history(1, 2, 3)), []),
    ("missing-ack", "three rises", view(pending_history(1, 2, 3, 4)), ["HIGH"]),
    ("missing-ack", "rises for 28 s at a quick pace", view(pending_history(*range(1, 16), step_s=2)), []),
    ("missing-ack", "rises for 30 s at a quick pace", view(pending_history(*range(1, 17), step_s=2)), ["HIGH"]),
    ("missing-ack", "rises, with a pause before", view(pending_history(*[1] * 13, 2, 3, 4, step_s=2)), ["HIGH"]),
    ("missing-ack", "the list moves on", view(pending_history(1, 2, 3, 4, head=1)), []),
    ("missing-ack", "up and down", view(pending_history(3, 5, 4, 6, 7)), []),
    ("missing-ack", "three rises, others in hand", view(pending_history(1, 2, 3, 4, in_hand=1)), ["HIGH"]),
    ("missing-ack", "two rises, others in hand", view(pending_history(1, 1, 2, 3, in_hand=1)), []),
    ("missing-ack", "ever more in hand", view(polls(*(stream("orders", 9, group(pending=[entry(10 * step + n, idle_s=0.9) for n in range(step)])) for step in range(1, 6)))), []),
    ("missing-ack", "claimed again, however lately", view(polls(*(stream("orders", 9, group(pending=[entry(n, 0.1, deliveries=2) for n in range(size)])) for size in (1, 2, 3, 4)))), ["HIGH"]),
    # unbounded, missing-maxlen
    ("unbounded", "capped in code", view(polls(stream()), code=CAPPED), []),
    ("unbounded", "not capped, never trimmed", view(polls(stream()), code=UNCAPPED), ["MEDIUM"]),
    ("unbounded", "not capped, but trimmed", view(polls(stream("orders", 10, added=50)), code=UNCAPPED), []),
    ("unbounded", "not capped, but XTRIM", view(polls(stream()), code=index(use(ADD, "orders"), use(TRIM, "orders"))), []),
    ("unbounded", "an XTRIM of unknown streams", view(polls(stream()), code=index(use(ADD, "orders"), use(TRIM, None))), []),
    ("unbounded", "not in code, short", view(polls(stream(), stream("orders", 11)), code=OTHER), []),
    ("unbounded", "not in code, long and growing", view(polls(stream("orders", 9_999), stream("orders", 10_000)), code=OTHER), ["MEDIUM"]),
    ("unbounded", "not in code, long and still", view(twice(stream("orders", 10_000)), code=OTHER), []),
    ("unbounded", "by intent", view(polls(stream()), code=UNCAPPED, expect=[Expectation(stream="*", unbounded_ok=True)]), []),
    ("missing-maxlen", "no cap", view(polls(stream()), code=UNCAPPED), ["MEDIUM"]),
    ("missing-maxlen", "a pattern", view(polls(stream("orders:7")), code=index(use(ADD, "orders:{}"))), ["MEDIUM"]),
    ("missing-maxlen", "MINID", view(polls(stream()), code=index(use(ADD, "orders", minid="x"))), []),
    ("missing-maxlen", "no such stream", view(polls(stream("else")), code=UNCAPPED), []),
    ("missing-maxlen", "capped by another", view(polls(stream()), code=index(use(ADD, "orders"), use(ADD, "orders", "b.py", maxlen="9"))), ["LOW"]),
    ("missing-maxlen", "two files", view(polls(stream()), code=index(use(ADD, "orders"), use(ADD, "orders", "b.py"))), ["MEDIUM", "MEDIUM"]),
    ("missing-maxlen", "no code", view(polls(stream())), []),
    # competing-consumers
    ("competing-consumers", "one", view(polls(stream("orders", 9, group()))), []),
    ("competing-consumers", "two", view(polls(stream("orders", 9, group(consumers=[consumer("a"), consumer("b")])))), ["INFO"]),
    ("competing-consumers", "one and a record", view(polls(stream("orders", 9, group(consumers=[consumer("a"), consumer("b", 301)])))), []),
    ("competing-consumers", "by intent", view(polls(stream("orders", 9, group(consumers=[consumer("a"), consumer("b")]))), expect=[Expectation(stream="*", fan_out_ok=True)]), []),
    # orphaned
    ("orphaned", "still, unknown to the code", view(polls(*(stream(),) * 4), code=OTHER), ["LOW"]),
    ("orphaned", "not watched for long", view(polls(*(stream(),) * 3), code=OTHER), []),
    ("orphaned", "no code", view(polls(*(stream(),) * 9)), []),
    ("orphaned", "a worker waits in a read", view(polls(*(stream("orders", 9, dead(900)),) * 4, clients=(blocked("", 900),)), code=OTHER), []),
    ("orphaned", "its worker is gone", view(polls(*(stream("orders", 9, dead(900)),) * 4, clients=(blocked("", 5),)), code=OTHER), ["LOW"]),
    ("orphaned", "plain readers on the server", view(polls(*(stream(),) * 4, clients=(blocked("", 900, "xread"),)), code=OTHER), []),
    ("orphaned", "in the code", view(polls(*(stream(),) * 9), code=CAPPED), []),
    ("orphaned", "written", view(polls(*(stream("orders", n) for n in range(1, 10))), code=OTHER), []),
    ("orphaned", "read", view(polls(*(stream("orders", 9, group()),) * 9), code=OTHER), []),
    # schema-inconsistency
    ("schema-inconsistency", "one schema", view(samples(shape(2, a="int", b="text"), shape(1, b="text", a="int"))), []),
    ("schema-inconsistency", "int and float", view(samples(shape(2, a="int"), shape(1, a="float"))), []),
    ("schema-inconsistency", "types clash", view(samples(shape(2, a="int"), shape(1, a="text"))), ["MEDIUM"]),
    ("schema-inconsistency", "fields exclude each other", view(samples(shape(2, a="int", b="int"), shape(1, a="int", c="int"))), ["MEDIUM"]),
    ("schema-inconsistency", "a field is optional", view(samples(shape(2, a="int", b="int"), shape(1, a="int"))), ["LOW"]),
    ("schema-inconsistency", "fields optional each by itself", view(samples(shape(3, a="int"), shape(2, a="int", b="int"), shape(1, a="int", c="int"))), ["LOW"]),
    ("schema-inconsistency", "optional fields that also come together", view(samples(shape(3, b="int", c="int"), shape(2, b="int"), shape(1, c="int"))), ["LOW"]),
    ("schema-inconsistency", "one name for another, and an optional field", view(samples(shape(3, id="int"), shape(2, id="int", note="int"), shape(1, ref="int"))), ["MEDIUM"]),
    ("schema-inconsistency", "an id of digits only", view(samples(shape(2, a="int"), shape(1, a="id"))), []),
    ("schema-inconsistency", "an id and a name", view(samples(shape(2, a="text"), shape(1, a="id"))), []),
    ("schema-inconsistency", "a field left empty", view(samples(shape(2, a="empty"), shape(1, a="int"), shape(0, a="empty"))), []),
    ("schema-inconsistency", "what BullMQ's jobs return", view(polls(stream("bull:mail:events", 9, sample=[shape(2, a="json"), shape(1, a="text")]))), []),
    ("schema-inconsistency", "two kinds of event", view(samples(shape(2, 7, a="int"), shape(1, 8, b="text"))), []),
    # dead-letter
    ("dead-letter", "still", view(lengths(4, 4, name="orders.dlq")), []),
    ("dead-letter", "receives", view(lengths(4, 6, name="orders.dlq")), ["HIGH"]),
    ("dead-letter", "received before", view(lengths(4, 6, 6, name="orders.dlq")), []),
    ("dead-letter", "a common stream receives", view(lengths(4, 6)), []),
    ("dead-letter", "by the owners' word", view(lengths(4, 6), expect=[Expectation(stream="orders", dead_letter=True)]), ["HIGH"]),
    ("dead-letter", "appears", view(polls(stream("a"), (stream("a"), stream("a.dlq", 1)))), ["HIGH"]),
    ("dead-letter", "there before us", view(polls(stream("a.dlq", 4))), []),
    ("dead-letter", "since the baseline", view(polls(stream("a.dlq", 6)), baseline=polls(stream("a.dlq", 4))[0]), ["HIGH"]),
    ("dead-letter", "over a gap", view(polls(stream("a.dlq", 4), stream("a.dlq", 6), gap_at=2)), []),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "seen", "expected"),
    [pytest.param(rule, seen, expected, id=f"{rule}: {what}") for rule, what, seen, expected in CASES],
)
def test_a_rule_fires_only_where_it_should(rule: str, seen: StreamView, expected: list[str]) -> None:
    assert severities(seen, rule) == expected


def test_every_rule_has_a_case_that_fires_and_one_that_does_not() -> None:
    rules = {rule.id.removeprefix("stream.") for detector in DETECTORS for rule in detector.RULES}
    assert {rule for rule, _, _, expected in CASES if expected} == rules
    assert {rule for rule, _, _, expected in CASES if not expected} == rules


@pytest.mark.parametrize(
    "symptom",
    [
        pytest.param(symptom, id=f"{rule}: {what} {number}")
        for rule, what, seen, _ in CASES
        for number, symptom in enumerate(found(seen, rule))
    ],
)
def test_a_symptom_is_complete(symptom: Symptom) -> None:
    assert symptom.stream
    assert symptom.stream in symptom.title
    assert symptom.hypothesis.rstrip().endswith((".", "]"))
    assert len(symptom.recommendation) > 20
    assert symptom.evidence
    assert {quote.kind for quote in symptom.evidence} <= {EvidenceKind.REDIS, EvidenceKind.FILE}
    assert symptom.position is not None
    assert symptom.position[0] == "streams/polls.jsonl"
    assert symptom.metrics.stream_len is not None


def test_a_healthy_busy_system_gives_nothing_above_low() -> None:
    code = index(use(ADD, "orders", maxlen="10000"), use(READ_GROUP, "orders"))
    lags = [0, 7, 9, 3, 0, 2, 8, 9, 10, 0, 1, 6]
    times = [0, 700, 900, 300, 0, 200, 0, 900, 999, 0, 100, 600]
    history = polls(
        *(
            stream(
                "orders",
                150 * (number + 1),
                group(
                    lag=lag,
                    time_lag_ms=time,
                    consumers=[consumer("a", 0.5), consumer("b", 1.2)],
                    pending=[entry(number * 20 + n, 0.4) for n in range(lag)],
                ),
                sample=[shape(2, a="int"), shape(1, a="float")],
            )
            for number, (lag, time) in enumerate(zip(lags, times, strict=True))
        )
    )
    for until in range(1, len(history) + 1):
        seen = view(history[:until], code=code)
        levels = {
            str(symptom.severity or symptom.rule.severity)
            for detector in DETECTORS
            for symptom in detector.detect(seen)
        }
        assert levels <= {"LOW", "INFO"}


def test_a_family_is_one_finding_with_its_members() -> None:
    states = [stream(f"orders:{number}", 500, lagging(200 + number)) for number in range(7)]
    (symptom,) = found(view(polls(states)), "consumer-lag")
    assert symptom.stream == "orders:{}"
    assert symptom.entity == ("orders:{}", "workers")
    assert "6 more of orders:{}" in symptom.title
    assert "orders:0, orders:1, orders:2, orders:3, orders:4 and 2 more" in symptom.hypothesis
    (alone,) = found(view(polls([states[3], stream("orders:9", 1, group())])), "consumer-lag")
    assert symptom.members == tuple(f"orders:{number}" for number in range(7))
    assert (alone.stream, alone.entity, alone.members) == ("orders:3", symptom.entity, ())
    assert identity(alone) == identity(symptom)


def test_of_a_family_the_worst_stands_first_is_quoted_and_the_rest_is_counted() -> None:
    names = [f"orders:{number}" for number in range(MEMBERS_MAX + 7)]
    lags = found(view(polls([stream(names[0], 500, lagging(200))])), "consumer-lag")
    same = [
        replace(
            lags[0], stream=name, severity=Severity.HIGH, evidence=(replace(lags[0].evidence[0], text=name),)
        )
        for name in names
    ]
    worst = replace(same[-1], severity=Severity.CRITICAL, message_ids=("1-0",))
    (symptom,) = fold([*same[:-1], worst])
    assert symptom.members == (names[-1], *names[: MEMBERS_MAX - 1])
    assert (symptom.more_members, symptom.message_ids) == (7, ("1-0",))
    assert symptom.evidence[0].text == names[-1]


@pytest.mark.parametrize(
    ("seen", "came"),
    [
        pytest.param(view(lengths(4, 6, 9, name="a.dlq")), "5 messages", id="since the baseline, not since the last poll"),
        pytest.param(view(polls(stream("a.dlq", 6)), baseline=polls(stream("a.dlq", 5))[0]), "1 message", id="at the first poll"),
        pytest.param(view(polls(stream("a"), (stream("a"), stream("a.dlq", 2)), (stream("a"), stream("a.dlq", 3)))), "3 messages", id="all of a stream that was not there"),
        pytest.param(view(polls(stream("a.dlq", 4), stream("a.dlq", 4), stream("a.dlq", 6), gap_at=2)), "messages", id="how many across a gap is not known"),
    ],
)  # fmt: skip
def test_dead_letters_are_counted_over_the_whole_window(seen: StreamView, came: str) -> None:
    (symptom,) = found(seen, "dead-letter")
    assert symptom.title == f"Dead-letter stream a.dlq received {came}"


def test_a_limit_can_be_configured() -> None:
    seen = view(polls(stream("orders", 500, lagging(101))), limits=Limits(consumer_lag=101))
    assert found(seen, "consumer-lag") == []


def test_a_ghost_says_what_became_of_its_entry() -> None:
    state = stream("orders", 9, group(pending=[entry(1, 99, gone=True)]), first=f"{START_MS + 1}-0")
    (symptom,) = found(view(polls(state)), "ghost-pending")
    assert "Trimmed or deleted" in symptom.hypothesis
    assert symptom.message_ids == (f"{START_MS}-1",)
    assert symptom.metrics.oldest_pending_age_ms == 15_000


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("7.0.15", []),
        ("7.2.0", ["CRITICAL"]),
        ("8.2.3", ["CRITICAL"]),
        ("10.0", ["CRITICAL"]),
        ("6.2.14", []),
    ],
)
def test_only_a_server_that_lists_attempts_proves_a_quiet_group_empty(
    version: str, expected: list[str]
) -> None:
    server = ServerState(flavour="redis", version=version)
    history = twice(stream("orders", 9, group(registered=0)), server=server, clients=(blocked("w", 5),))
    assert severities(view(history), "dead-consumer") == expected


def test_a_lag_says_whether_anything_was_delivered_in_the_words_that_causes_are_told_by() -> None:
    states = [stream("orders", 500, lagging(200)), stream("orders", 600, lagging(300))]
    (stands,) = found(view(polls(*states)), "consumer-lag")
    moves = stream(
        "orders", 600, group(lag=Lag(messages=300, source="counted", confirmed=True), delivered="999-0")
    )
    (reads,) = found(view(polls(states[0], moves)), "consumer-lag")
    assert (STANDS_STILL in stands.hypothesis, STANDS_STILL in reads.hypothesis) == (True, False)


@pytest.mark.parametrize(
    ("waiting", "offered"),
    [
        pytest.param(group(registered=0), True, id="nothing"),
        pytest.param(group(registered=0, lag=3), False, id="entries"),
        pytest.param(group(registered=0, pending=[entry()]), False, id="a pending message"),
        pytest.param(group(registered=0, lag=None), False, id="what is not known"),
    ],
)
def test_no_command_that_throws_away_what_waits_is_offered(waiting: GroupState, offered: bool) -> None:
    (symptom,) = found(view(twice(stream("orders", 9, waiting))), "dead-consumer")
    assert ("XGROUP DESTROY" in symptom.recommendation) == offered
