"""Clusters as whole objects, whatever the order of their input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.synthesis.made import (
    START_MS,
    code_finding,
    config_finding,
    index,
    log_finding,
    shop,
    stream_finding,
    use,
)
from tools.clock import iso
from tools.findings.model import AgentId, Enhancement, Finding, Priority, Severity
from tools.findings.recorder import Recorder, load
from tools.sources.records import CodeKind
from tools.synthesis import wiring
from tools.synthesis.clusters import NAMES_MAX, BlastRadius, Cluster, clusters
from tools.synthesis.cross_agent import RULE, symptoms
from tools.synthesis.explain import Link, explain
from tools.workspace import Workspace

MESSAGE = "1750000000123-0"

OVERLOAD: list[Finding] = [
    stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL", seen_s=30),
    stream_finding(2, "STREAM_GROWING", seen_s=45),
    log_finding(1, "TIMEOUT", "web", seen_s=60, evidence="no answer from billing in 5 s"),
]
POISON: list[Finding] = [
    stream_finding(3, "DELIVERY_FAILURE", "invoices", consumer_group="mailers", message_ids=[MESSAGE]),
    log_finding(2, "BUG", "mail", stream_id=MESSAGE, seen_s=5),
]
UNACKED: list[Finding] = [
    code_finding(1, "code.xreadgroup-no-ack", "audit", title="Group 'auditors' reads 'audit'"),
    stream_finding(4, "MISSING_ACK", "audit", consumer_group="auditors"),
    stream_finding(5, "STUCK_MESSAGE", "audit", consumer_group="auditors"),
]
LONE: list[Finding] = [
    log_finding(9, "SECURITY", "web"),
    config_finding(1, "PORT_CONFLICT", "web", severity="HIGH"),
]


def made(findings: Sequence[Finding]) -> tuple[Cluster, ...]:
    return clusters(findings, wiring.build(shop(), findings))


def test_an_overloaded_consumer_is_the_root_of_growth_and_time_outs() -> None:
    assert made(OVERLOAD) == (
        Cluster(
            cluster_id="C-01",
            title="CONSUMER_LAG on orders",
            entity="group orders/billing",
            root="RSA-001",
            root_fingerprint=OVERLOAD[0].fingerprint,
            severity=Severity.CRITICAL,
            members=("RSA-001", "RSA-002", "LW-001"),
            agents=("LOG_WATCHER", "REDIS_STREAM_ANALYST"),
            chain=(
                Link(
                    rule="lag-grows-the-stream",
                    says="what the stream grows by waits for this group: more is added than it takes",
                    cause="RSA-001",
                    effect="RSA-002",
                    via="stream orders",
                    at=iso(START_MS + 45_000),
                ),
                Link(
                    rule="late-consumer-times-out-neighbours",
                    says="this group answers late or never, so services that wait for it time out and try again",
                    cause="RSA-001",
                    effect="LW-001",
                    via="mention of billing",
                    at=iso(START_MS + 60_000),
                ),
            ),
            blast_radius=BlastRadius(services=("billing", "mail", "web"), streams=("invoices", "orders")),
            recommendation="Mend RSA-001.",
            score=358.5,
        ),
    )


def test_clusters_are_ranked_and_a_popular_service_glues_nothing() -> None:
    found = made([*LONE, *UNACKED, *POISON, *OVERLOAD])
    assert [(cluster.cluster_id, cluster.root, cluster.members) for cluster in found] == [
        ("C-01", "RSA-001", ("RSA-001", "RSA-002", "LW-001")),
        ("C-02", "RSA-003", ("RSA-003", "LW-002")),
        ("C-03", "ES-001", ("ES-001", "RSA-004", "RSA-005")),
    ]


@pytest.mark.parametrize(
    "findings",
    [
        pytest.param([log_finding(n, "BUG", "web") for n in range(1, 6)], id="one service with many errors"),
        pytest.param(
            [log_finding(1, "BUG"), config_finding(1, "PORT_CONFLICT")], id="two agents, one service"
        ),
        pytest.param(
            [
                stream_finding(1, "COMPETING_CONSUMERS", consumer_group="billing", severity="INFO"),
                stream_finding(2, "CONSUMER_LAG", consumer_group="billing"),
            ],
            id="a fact is no symptom",
        ),
        pytest.param(
            [log_finding(n, "BUG", f"s{n}", correlation_id="none") for n in range(1, 10)],
            id="a correlation id that everything carries",
        ),
    ],
)
def test_findings_without_a_shared_cause_stay_apart(findings: list[Finding]) -> None:
    assert made(findings) == ()


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        pytest.param({"correlation_id": "c-1"}, "same-correlation-id", id="correlation id"),
        pytest.param({"stream_id": MESSAGE}, "same-message", id="message id"),
    ],
)
def test_a_strong_shared_entity_joins_findings(fields: dict[str, Any], rule: str) -> None:
    (found,) = made([log_finding(1, "BUG", "web", **fields), log_finding(2, "BUG", "mail", **fields)])
    assert (found.members, [link.rule for link in found.chain]) == (("LW-001", "LW-002"), [rule])


ORDERS_STUCK = stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", message_ids=[MESSAGE])
INVOICES_STUCK = stream_finding(
    2, "STUCK_MESSAGE", "invoices", consumer_group="mailers", message_ids=[MESSAGE]
)


@pytest.mark.parametrize(
    ("findings", "members"),
    [
        pytest.param([ORDERS_STUCK, INVOICES_STUCK], [], id="entries of two streams that have one id"),
        pytest.param(
            [
                stream_finding(1, "STUCK_MESSAGE", "orders/eu", consumer_group="billing"),
                stream_finding(2, "STUCK_MESSAGE", "orders", consumer_group="eu/billing"),
            ],
            [],
            id="names that only look alike when they are joined",
        ),
        pytest.param(
            [ORDERS_STUCK, INVOICES_STUCK, log_finding(1, "BUG", "mail", stream_id=MESSAGE)],
            [("LW-001", "RSA-002")],
            id="the line means the stream that its service reads",
        ),
        pytest.param(
            [ORDERS_STUCK, INVOICES_STUCK, log_finding(1, "BUG", "billing", stream_id=MESSAGE)],
            [],
            id="a service that touches both streams may mean either",
        ),
        pytest.param(
            [ORDERS_STUCK, log_finding(1, "BUG", "mail", stream_id=MESSAGE)],
            [],
            id="the only stream known to hold the id is not its own",
        ),
        pytest.param(
            [ORDERS_STUCK, log_finding(1, "BUG", "stranger", stream_id=MESSAGE)],
            [("LW-001", "RSA-001")],
            id="of a service of which nothing is known",
        ),
    ],
)
def test_an_id_is_an_entry_of_its_stream_only(
    findings: list[Finding], members: list[tuple[str, ...]]
) -> None:
    assert [cluster.members for cluster in made(findings)] == members


@given(st.permutations([*LONE, *UNACKED, *POISON, *OVERLOAD]))
def test_the_order_of_findings_does_not_matter(findings: list[Finding]) -> None:
    assert made(findings) == made([*LONE, *UNACKED, *POISON, *OVERLOAD])


def many(count: int) -> list[Finding]:
    lags = [stream_finding(n, "CONSUMER_LAG", f"s{n}", consumer_group="g") for n in range(1, count + 1)]
    growths = [stream_finding(count + n, "STREAM_GROWING", f"s{n}") for n in range(1, count + 1)]
    waits = [log_finding(n, "TIMEOUT", "web", evidence=f"no answer on s{n}") for n in range(1, count + 1)]
    same = [stream_finding(2 * count + n, "STREAM_GROWING", "s1") for n in range(1, count + 1)]
    return [*lags, *growths, *waits, *same]


def test_the_work_grows_with_the_findings_and_not_with_their_pairs() -> None:
    small, large = (explain(found, wiring.build(None, found)).lookups for found in (many(50), many(500)))
    assert large < small * 11


def test_findings_of_two_agents_become_one_that_names_the_cause() -> None:
    (found,) = symptoms(OVERLOAD, START_MS, shop())
    assert found.rule is RULE
    assert found.title == "One cause behind STREAM_GROWING, TIMEOUT: CONSUMER_LAG on orders"
    assert found.entity == (
        "stream.consumer_lag".replace("_", "-"),
        "group orders/billing",
        OVERLOAD[0].fingerprint,
    )
    assert found.related_findings == ("RSA-001", "RSA-002", "LW-001")
    assert found.priority is Priority.P0_CRITICAL
    assert [(quote.text, quote.locator.finding_id) for quote in found.evidence] == [
        ('{"name":"orders"}', "RSA-001"),
        ('{"name":"orders"}', "RSA-002"),
        ("no answer from billing in 5 s", "LW-001"),
    ]


def test_a_cluster_that_grows_keeps_its_identity() -> None:
    (before,) = symptoms(OVERLOAD, START_MS, shop())
    grown = [
        *OVERLOAD,
        log_finding(7, "RETRY_STORM", "web", seen_s=90, evidence="no answer from billing, again"),
    ]
    (after,) = symptoms(grown, START_MS + 60_000, shop())
    assert before.entity == after.entity
    assert len(after.related_findings) == 4


@pytest.mark.parametrize(
    ("stream", "members"), [pytest.param("jobs:8", (), id="another member"), pytest.param("jobs:{}", ("jobs:3", "jobs:8"), id="several")]
)  # fmt: skip
def test_a_cluster_about_a_family_keeps_its_identity(stream: str, members: tuple[str, ...]) -> None:
    def entity(name: str, listed: tuple[str, ...] = ()) -> tuple[str, ...]:
        held = stream_finding(
            3, "DELIVERY_FAILURE", name, consumer_group="g", message_ids=[MESSAGE], members=listed
        )
        (found,) = symptoms([held, log_finding(2, "BUG", "mail", stream_id=MESSAGE)], START_MS)
        return found.entity

    assert entity(stream, members) == entity("jobs:3")


@pytest.mark.parametrize(
    ("severity", "priority"),
    [
        pytest.param("CRITICAL", Priority.P0_CRITICAL, id="critical"),
        pytest.param("HIGH", Priority.P1_HIGH, id="high"),
        pytest.param("MEDIUM", Priority.P2_MEDIUM, id="medium is the mildest that is told"),
        pytest.param("LOW", None, id="low is told by no one"),
    ],
)
def test_the_priority_is_that_of_the_worst_member(severity: str, priority: Priority | None) -> None:
    findings: list[Finding] = [
        stream_finding(3, "DELIVERY_FAILURE", consumer_group="g", message_ids=[MESSAGE], severity=severity),
        log_finding(2, "BUG", "mail", stream_id=MESSAGE, severity=severity),
    ]
    assert [found.priority for found in symptoms(findings, START_MS)] == ([priority] if priority else [])


def test_cross_agent_findings_are_never_input() -> None:
    told = code_finding(8, "scout.cross-agent", "orders", category="CROSS_AGENT_SYNTHESIS")
    assert list(symptoms([*OVERLOAD, told], START_MS, shop())) == list(symptoms(OVERLOAD, START_MS, shop()))


def test_one_agent_alone_is_no_cross_agent_finding() -> None:
    assert list(symptoms(OVERLOAD[:2], START_MS, shop())) == []


def test_a_finding_made_from_a_cluster_grows_with_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.create()
    agent = AgentId.ENHANCEMENT_SCOUT
    (workspace.agent_dir(agent) / "attempt").write_text("1", encoding="ascii")
    recorder = Recorder(workspace, agent, 1, lambda rule, reason: pytest.fail(f"{rule}: {reason}"))
    for number, findings in enumerate(
        [
            OVERLOAD,
            [*OVERLOAD, log_finding(7, "RETRY_STORM", "web", evidence="no answer from billing, again")],
        ]
    ):
        for found in symptoms(findings, START_MS + number, shop()):
            recorder.record(found, START_MS + number)
        recorder.flush()
    recorder.close()
    (told,) = load(workspace.findings(agent))
    assert isinstance(told, Enhancement)
    assert (told.finding_id, told.occurrences, "LW-007" in told.related_findings) == ("ES-001", 2, True)


def test_a_chain_follows_causes_before_it_names_company() -> None:
    mismatch = config_finding(
        1, "GROUP_NAME_MISMATCH", affected_streams=["orders"], consumer_group="old", actual="the group 'old'"
    )
    findings: list[Finding] = [
        mismatch,
        stream_finding(1, "DEAD_CONSUMER", consumer_group="old", severity="CRITICAL"),
        stream_finding(2, "CONSUMER_LAG", consumer_group="old", severity="CRITICAL"),
        stream_finding(3, "STREAM_GROWING", consumer_group="old"),
    ]
    (cluster,) = made(findings)
    assert [(link.cause, link.effect, link.rule) for link in cluster.chain] == [
        ("CA-001", "RSA-001", "group-name-mismatch-leaves-stream-unread"),
        ("RSA-001", "RSA-002", "dead-consumer-stops-reading"),
        ("RSA-002", "RSA-003", "lag-grows-the-stream"),
    ]


def test_what_would_explain_it_as_well_is_named_and_joins_nothing() -> None:
    slow = code_finding(7, "code.count-one", "orders", affected_services=["billing"])
    (cluster,) = made([*OVERLOAD, slow])
    assert [(one.cause, one.effect, one.rule) for one in cluster.alternatives] == [
        ("ES-007", "RSA-001", "one-at-a-time-reader-falls-behind")
    ]
    assert "ES-007" not in cluster.members


def test_of_two_streams_that_may_have_filled_the_memory_one_is_the_alternative() -> None:
    refused = log_finding(1, "BUG", "web", evidence="OOM command not allowed when used memory > 'maxmemory'.")
    streams = [stream_finding(at, "UNBOUNDED_STREAM", name) for at, name in ((1, "orders"), (2, "audit"))]
    (cluster,) = made([*streams, refused])
    assert (cluster.members, [one.cause for one in cluster.alternatives]) == (
        ("RSA-001", "LW-001"),
        ["RSA-002"],
    )


def test_causes_in_one_chain_are_no_alternatives_to_each_other() -> None:
    dead = stream_finding(9, "DEAD_CONSUMER", consumer_group="billing", severity="CRITICAL")
    (cluster,) = made([*OVERLOAD, dead])
    assert (cluster.root, cluster.alternatives) == ("RSA-009", ())


@pytest.mark.parametrize(
    ("evidence", "rule"),
    [
        pytest.param("OOM command not allowed when used memory", "same-refusal", id="the server refuses"),
        pytest.param("connect ECONNREFUSED 10.0.0.7:6379", "same-refusal", id="an address refuses"),
    ],
)
def test_services_that_one_server_refuses_tell_of_one_trouble(evidence: str, rule: str) -> None:
    (found,) = made(
        [log_finding(at, "BUG", name, evidence=evidence) for at, name in ((1, "web"), (2, "mail"))]
    )
    assert (found.members, [link.rule for link in found.chain]) == (("LW-001", "LW-002"), [rule])


def test_services_that_different_addresses_refuse_stay_apart() -> None:
    findings = [log_finding(at, "BUG", f"s{at}", evidence=f"ECONNREFUSED 10.0.0.{at}:80") for at in (1, 2)]
    assert made(findings) == ()


def test_a_reach_of_thousands_is_named_in_part_and_counted() -> None:
    code = index(*(use(CodeKind.XADD, "web", f"s{at:05}") for at in range(3_000)))
    findings = [log_finding(at, "BUG", "web", correlation_id="c-1") for at in (1, 2)]
    (cluster,) = clusters(findings, wiring.build(code, findings))
    radius = cluster.blast_radius
    assert (radius.services, len(radius.streams), radius.more_streams) == (
        ("web",),
        NAMES_MAX,
        3_000 - NAMES_MAX,
    )
    assert radius.size == 3_001
    assert radius.streams == tuple(sorted(radius.streams))


def test_a_reach_names_the_members_of_a_family_and_counts_those_it_does_not_list() -> None:
    code = index(
        use(CodeKind.XADD, "web", "jobs:{}"), use(CodeKind.XREADGROUP, "worker", "jobs:2", group="workers"),
        use(CodeKind.XADD, "worker", "done"),
    )  # fmt: skip
    findings = [
        stream_finding(at, category, "jobs:{}", consumer_group="workers", members=["jobs:2", "jobs:1"], more_members=at)
        for at, category in ((3, "CONSUMER_LAG"), (4, "STUCK_MESSAGE"))
    ]  # fmt: skip
    known = wiring.build(code, findings, ["jobs:1", "jobs:2", "jobs:3"])
    (cluster,) = clusters(findings, known)
    radius = cluster.blast_radius
    assert (radius.services, radius.streams, radius.more_streams) == (
        ("worker",),
        ("done", "jobs:1", "jobs:2"),
        4,
    )
    producer = [log_finding(at, "BUG", "web", correlation_id="c-1") for at in (1, 2)]
    shared: list[Finding] = [
        *producer,
        findings[0].model_copy(update={"members": ("jobs:1",), "more_members": 0}),
    ]
    (cluster,) = clusters(shared, known)
    assert cluster.blast_radius.streams == ("done", "jobs:1", "jobs:2", "jobs:3")


def test_a_message_of_a_family_is_one_of_its_worst_member() -> None:
    held = stream_finding(1, "STUCK_MESSAGE", "jobs:3", consumer_group="g", message_ids=[MESSAGE])
    failing = stream_finding(
        2, "DELIVERY_FAILURE", "jobs:{}", consumer_group="h", members=["jobs:3", "jobs:1"], message_ids=[MESSAGE]
    )  # fmt: skip
    (cluster,) = made([held, failing])
    assert cluster.chain[0].via == f"message {MESSAGE}"
    assert made([held, failing.model_copy(update={"members": ("jobs:1", "jobs:3")})]) == ()


def test_what_is_in_the_cluster_already_is_no_alternative() -> None:
    also_late = stream_finding(8, "CONSUMER_LAG", consumer_group="billing", rule_id="stream.time-lag")
    (cluster,) = made([*OVERLOAD, also_late])
    assert ("RSA-008" in cluster.members, cluster.alternatives) == (True, ())


def test_an_error_that_ends_the_reader_is_the_root_of_restarts_and_what_waits() -> None:
    findings: list[Finding] = [
        log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"),
        log_finding(2, "CRASH", severity="CRITICAL", rule_id="log.restart-loop", seen_s=5),
        stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", seen_s=40),
    ]
    (cluster,) = made(findings)
    assert (cluster.root, cluster.members) == ("LW-001", ("LW-001", "LW-002", "RSA-001"))


def test_the_bug_is_the_cause_and_a_missing_limit_stands_beside_it() -> None:
    unlimited = code_finding(1, "code.no-dead-letter", "orders", "payments")
    orders = stream_finding(
        2, "DELIVERY_FAILURE", seen_s=30, consumer_group="billing", message_ids=["1750000000001-0"]
    )
    payments = stream_finding(
        3, "DELIVERY_FAILURE", "payments", consumer_group="cards", message_ids=["1750000000002-0"]
    )
    stuck = stream_finding(4, "STUCK_MESSAGE", consumer_group="billing", message_ids=["1750000000001-0"])
    bug = log_finding(1, "BUG", seen_s=1, evidence="1750000000001-0: KeyError: 'GIFT-CARD'")
    other = log_finding(2, "BUG", "cards", evidence='1750000000002-0: relation "cards" does not exist')
    found = made([unlimited, orders, payments, stuck, bug, other])
    assert [(one.members, [beside.cause for beside in one.alternatives]) for one in found] == [
        (("LW-001", "RSA-002", "RSA-004"), ["ES-001"]),
        (("LW-002", "RSA-003"), ["ES-001"]),
    ]
    assert found[0].recommendation == "Mend LW-001."


@pytest.mark.parametrize("seen_s", [-0.001, 0.001])
def test_what_stands_in_code_is_the_root_whoever_looked_first(seen_s: float) -> None:
    findings: list[Finding] = [
        code_finding(1, "code.xadd-no-maxlen", "orders"),
        stream_finding(1, "MISSING_MAXLEN", severity="MEDIUM", seen_s=seen_s),
        stream_finding(2, "UNBOUNDED_STREAM", severity="MEDIUM", seen_s=1),
    ]
    assert [cluster.root for cluster in made(findings)] == ["ES-001"]


SPREADING = index(
    use(CodeKind.XADD, "web", "orders"),
    use(CodeKind.XADD, "web", "clicks"),
    use(CodeKind.XREADGROUP, "billing", "orders", "billing"),
    use(CodeKind.XADD, "billing", "invoices"),
    use(CodeKind.XREADGROUP, "mail", "invoices", "mailers"),
    use(CodeKind.XREADGROUP, "audit", "orders", "auditors"),
    use(CodeKind.XREADGROUP, "board", "clicks", "counters"),
)
"""web → orders → billing → invoices → mail; audit reads orders too, board the clicks of web."""


@pytest.mark.parametrize(
    ("root", "effect", "services", "streams"),
    [
        pytest.param(
            code_finding(1, "code.xadd-no-maxlen", "orders", affected_services=["web"]),
            stream_finding(2, "UNBOUNDED_STREAM", severity="MEDIUM"),
            ("audit", "billing", "mail", "web"),
            ("invoices", "orders"),
            id="from who reads the stream, not from all that its writer writes",
        ),
        pytest.param(
            code_finding(1, "code.xreadgroup-no-ack", "orders", affected_services=["audit"], title="Group 'auditors'"),
            stream_finding(2, "MISSING_ACK", consumer_group="auditors"),
            ("audit",),
            ("orders",),
            id="from the one reader that the root names",
        ),
        pytest.param(
            config_finding(1, "GROUP_NAME_MISMATCH", "web", affected_streams=["orders"], consumer_group="auditors"),
            stream_finding(2, "NO_CONSUMER_GROUP"),
            ("audit", "web"),
            ("orders",),
            id="from who reads with the group",
        ),
        pytest.param(
            log_finding(1, "BUG", "billing", correlation_id="c-1"),
            log_finding(2, "BUG", "stranger", correlation_id="c-1"),
            ("billing", "mail", "stranger"),
            ("invoices",),
            id="a root about no stream from its service",
        ),
    ],
)  # fmt: skip
def test_a_trouble_spreads_from_where_its_root_is(
    root: Finding, effect: Finding, services: tuple[str, ...], streams: tuple[str, ...]
) -> None:
    (cluster,) = clusters([root, effect], wiring.build(SPREADING, [root, effect]))
    assert cluster.root == root.finding_id
    assert (cluster.blast_radius.services, cluster.blast_radius.streams) == (services, streams)
