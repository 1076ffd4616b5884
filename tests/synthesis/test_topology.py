"""The topology map: figures, status, and the text for people."""

from __future__ import annotations

import msgspec

from tests.detectors.streams.crafted import START_MS, consumer, entry, group, index, polls, shape, stream, use
from tests.synthesis.made import line, shop, stream_finding
from tools.detectors.thresholds import Expectation, Judgement
from tools.findings.model import FINDING, Finding, Origin, Severity
from tools.sources.entry_samples import EntrySample
from tools.sources.records import CodeKind
from tools.synthesis import topology, wiring
from tools.synthesis.clusters import clusters
from tools.synthesis.flows.collect import Sampled
from tools.synthesis.flows.roles import roles


def finding(stream_name: str, severity: Severity, origin: Origin = Origin.MEASURED) -> Finding:
    return FINDING.validate_python(
        {
            "agent_id": "REDIS_STREAM_ANALYST",
            "finding_id": "RSA-001",
            "category": "CONSUMER_LAG",
            "title": "t",
            "timestamp": "2026-01-01T00:00:00.000Z",
            "last_seen": "2026-01-01T00:00:00.000Z",
            "evidence": "e",
            "evidence_refs": (
                {
                    "kind": "redis",
                    "source": "streams/polls.jsonl",
                    "locator": {},
                    "copy_at": {"path": "p", "byte_offset": 0, "byte_length": 1},
                    "sha256": "0" * 64,
                },
            ),
            "recommendation": "r",
            "rule_id": "stream.consumer-lag",
            "fingerprint": "v1:" + "0" * 20,
            "severity": severity,
            "stream": stream_name,
            "hypothesis": "h",
            "origin": origin,
        }
    )


HISTORY = polls(
    (stream("orders", 10), stream("shard:1", 1), stream("shard:2", 1), stream("quiet", 0)),
    (
        stream(
            "orders",
            25,
            group("mail", lag=3, consumers=[consumer("a", 2), consumer("b", 999)], pending=[entry(1)]),
            group("board", lag=None, consumers=None, registered=2),
            sample=[shape(9, id="int", total="float")],
        ),
        stream("shard:1", 1),
        stream("shard:2", 1),
        stream("quiet", 0),
    ),
)
CODE = index(
    use(CodeKind.XADD, "orders", maxlen="9"),
    use(CodeKind.XREADGROUP, "orders"),
    use(CodeKind.XADD, "shard:{}"),
)


def test_the_map_holds_what_each_stream_is() -> None:
    made = topology.build(HISTORY, CODE, [finding("orders", Severity.HIGH)])
    assert made.poll == 2
    assert [item.name for item in made.streams] == ["orders", "quiet", "shard:1", "shard:2"]
    assert made.streams[0] == topology.TopologyStream(
        name="orders",
        length=25,
        messages_per_minute=60.0,
        capped=True,
        producers=("shop",),
        consumer_services=("shop",),
        producers_by="code",
        consumers_by="code",
        downstream_services=("shop",),
        downstream_streams=("shard:1", "shard:2"),
        downstream_services_count=1,
        downstream_streams_count=2,
        fields=("id", "total"),
        status="DEGRADED",
        groups=(
            topology.TopologyGroup(
                name="mail",
                consumers=2,
                active_consumers=1,
                last_activity_ms=made.at_ms - 2000,
                lag=3,
                lag_source="counted",
                pending=1,
                oldest_pending_ms=made.at_ms - START_MS,
            ),
            topology.TopologyGroup(
                name="board",
                consumers=2,
                active_consumers=0,
                last_activity_ms=None,
                lag=None,
                lag_source="unknown",
                pending=0,
                oldest_pending_ms=None,
            ),
        ),
    )
    assert (made.streams[1].capped, made.streams[2].capped) == (None, False)
    assert b'"messagesPerMinute":60.0' in msgspec.json.encode(made)


def test_without_code_producers_are_unknown() -> None:
    assert topology.build(HISTORY, None, ()).streams[0].producers == ("UNKNOWN",)


def test_status_follows_the_worst_measured_finding_of_the_stream_or_its_family() -> None:
    found = [
        finding("orders", Severity.MEDIUM),
        finding("shard:{}", Severity.CRITICAL),
        finding("quiet", Severity.MEDIUM, Origin.MODEL),
    ]
    states = {item.name: item.status for item in topology.build(HISTORY, None, found).streams}
    assert states == {"orders": "HEALTHY", "quiet": "HEALTHY", "shard:1": "CRITICAL", "shard:2": "CRITICAL"}


def test_what_has_ended_is_no_longer_critical() -> None:
    ended = stream_finding(1, "CONSUMER_LAG", "orders", severity="CRITICAL", seen_s=-100, last_s=-90)
    assert topology.build(HISTORY, None, [ended]).streams[0].status == "DEGRADED"


def test_activity_follows_the_owners_limit() -> None:
    judgement = Judgement(expect=(Expectation(group="mail", consumer_idle=1000),))
    assert topology.build(HISTORY, None, (), judgement).streams[0].groups[0].active_consumers == 2


def test_the_text_names_streams_groups_and_figures() -> None:
    text = topology.render_text(topology.build(HISTORY, CODE, [finding("orders", Severity.CRITICAL)]))
    assert "orders  [CRITICAL]\n  length 25, 60 messages/min, capped: yes\n  producers: shop\n" in text
    assert "  path: shop -> orders -> mail (UNKNOWN), board (UNKNOWN)\n" in text
    assert "  downstream: 1 services (shop), 2 streams (shard:1, shard:2)\n" in text
    assert "quiet  [HEALTHY]" in text
    assert "  path: UNKNOWN -> quiet -> UNKNOWN\n  downstream: UNKNOWN\n" in text
    assert (
        "  group mail: 1/2 consumers active, last 2025-06-15T15:07:08.000Z, lag 3 (counted), pending 1, oldest 30.0 s"
        in text
    )
    assert "  group board: 0/2 consumers active, last never seen, lag unknown, pending 0" in text
    assert "  fields: no entry seen\n  no consumer group" in text


def test_what_lies_downstream_is_what_a_blast_radius_counts() -> None:
    """web → orders → billing → invoices → mail: trouble at the group of orders reaches what its map says."""
    known = wiring.build(shop(), ())
    seen = polls((stream("invoices", 1), stream("orders", 1, group("billing"))))
    made = {item.name: item for item in topology.build(seen, shop(), (), wiring=known).streams}
    found = [
        stream_finding(1, "CONSUMER_LAG", consumer_group="billing"),
        stream_finding(2, "STREAM_GROWING", consumer_group="billing"),
    ]
    (cluster,) = clusters(found, known)
    assert made["orders"].downstream_services == ("billing", "mail") == cluster.blast_radius.services
    assert {"orders", *made["orders"].downstream_streams} == set(cluster.blast_radius.streams)
    assert (made["orders"].groups[0].owners, made["orders"].groups[0].owners_by) == (("billing",), "code")
    assert (made["invoices"].downstream_services, made["invoices"].downstream_streams) == (("mail",), ())


def test_of_ten_thousand_streams_that_reach_all_others_some_are_named_and_all_counted() -> None:
    count = 2 * topology.DOWNSTREAM_MAX
    ring = index(use(CodeKind.XADD, "shard:{}"), use(CodeKind.XREADGROUP, "shard:{}"))
    made = topology.build(polls(tuple(stream(f"shard:{n}", 1) for n in range(count))), ring, ())
    assert {len(item.downstream_streams) for item in made.streams} == {topology.DOWNSTREAM_MAX}
    assert {item.downstream_streams_count for item in made.streams} == {count - 1}


def test_what_was_seen_fills_the_silence_of_the_code_and_says_so() -> None:
    entries = [
        Sampled(n, EntrySample(stream=name, id=f"{START_MS + n}-0")) for n in range(3) for name in ("dark",)
    ]
    both = Sampled(9, EntrySample(stream="orders", id=f"{START_MS}-0"))
    lines = [
        line(f"{word} {START_MS + n}-0", service, n, n)
        for word, service in (("published", "web"), ("consumed", "board"))
        for n in range(3)
    ]
    known = wiring.build(shop(), ())
    assert roles(lines, [*entries, both], known) == wiring.Seen()  # of three ids one may be of another stream
    seen = roles(lines, entries, known)
    assert seen == wiring.Seen(producers={"dark": ("web",)}, consumers={"dark": ("board",)})
    built = wiring.build(shop(), (), (), seen)
    assert (built.producers["orders"], built.producers_by("orders")) == (("web",), "code")
    assert (built.producers_by("dark"), built.consumers_by("dark")) == ("seen", "seen")
    (item,) = topology.build(polls((stream("dark", 1),)), shop(), (), wiring=built).streams
    assert "  path: web (seen) -> dark -> board (seen)\n" in topology.render_text(
        topology.Topology(at_ms=0, poll=0, streams=(item,))
    )
    assert built.downstream((), ["dark"])[0] == ("board",)


def test_seen_roles_never_overrule_the_code() -> None:
    seen = wiring.Seen(producers={"orders": ("spy",)}, consumers={"orders": ("spy",)})
    built = wiring.build(shop(), (), (), seen)
    assert (built.producers["orders"], built.consumers["orders"]) == (("web",), ("billing",))
