"""Each causal rule as a table: which pair it links (fires), which it leaves alone (noop)."""

from __future__ import annotations

import pytest

from tests.synthesis.made import code_finding, config_finding, index, log_finding, shop, stream_finding, use
from tools.findings.model import Finding
from tools.sources.records import CodeKind
from tools.synthesis import causal_rules, wiring
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.explain import SLACK_MS, explain

MESSAGE = "1750000000123-0"
RULES = {rule.name: rule for rule in causal_rules.RULES}
SLACK_S = SLACK_MS / 1000

FIRES = [
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", consumer_group="billing"), id="dead group explains its lag"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "STREAM_GROWING"), id="dead group explains growth of its stream"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing"), id="dead group explains what stays pending"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "STREAM_GROWING"), id="lag explains growth"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "STREAM_GROWING", consumer_group="billing"), id="lag explains growth behind its group"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "TIMEOUT", "web", evidence="no answer on orders in 5 s"), id="a line that names the stream of a group that answers"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "RETRY_STORM", "web", evidence="ETIMEDOUT: billing did not answer"), id="a line that names the service may name the network too"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "DEAD_CONSUMER", "unknown-stream", consumer_group="billing"), log_finding(1, "TIMEOUT", "elsewhere", evidence="no answer from billing in 5 s"), id="a line that names the service needs no topology"),
    pytest.param("code-never-acknowledges", code_finding(1, "code.xreadgroup-no-ack", "orders", title="Group 'billing' reads 'orders' and nothing acknowledges it"), stream_finding(1, "MISSING_ACK", consumer_group="billing"), id="no ack in code explains missing ack"),
    pytest.param("missing-ack-leaves-messages-pending", stream_finding(1, "MISSING_ACK", consumer_group="billing"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing"), id="missing ack explains stuck message"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"], actual="orders has the group 'biling'"), stream_finding(1, "DEAD_CONSUMER", consumer_group="biling"), id="mismatch explains dead consumer"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"]), stream_finding(1, "NO_CONSUMER_GROUP"), id="mismatch explains unread stream"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", "billing"), log_finding(1, "BUG", "billing", evidence="NOGROUP No such key 'orders'"), id="mismatch explains NOGROUP errors"),
    pytest.param("uncapped-producer-lets-stream-grow", code_finding(1, "code.xadd-no-maxlen", "orders"), stream_finding(1, "UNBOUNDED_STREAM"), id="uncapped XADD explains unbounded stream"),
    pytest.param("uncapped-producer-lets-stream-grow", stream_finding(1, "MISSING_MAXLEN"), stream_finding(2, "STREAM_GROWING"), id="measured missing cap explains growth"),
    pytest.param("poison-message-fails-every-delivery", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), log_finding(1, "BUG", "billing", evidence=f"Traceback for {MESSAGE}"), id="poison explains the trace that names it"),
    pytest.param("poison-message-fails-every-delivery", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), log_finding(1, "CRASH", "billing", stream_id=MESSAGE), id="poison explains the crash that carries its id"),
    pytest.param("failed-messages-become-dead-letters", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), stream_finding(2, "DELIVERY_FAILURE", "orders:dlq"), id="dead letters named after their stream"),
    pytest.param("failed-messages-become-dead-letters", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), stream_finding(2, "DELIVERY_FAILURE", "invoices"), id="dead letters written by the failing reader"),
    pytest.param("no-delivery-limit", code_finding(1, "code.no-dead-letter", "orders"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="no limit explains endless redelivery"),
    pytest.param("restarting-service-stops-reading", log_finding(1, "CRASH", rule_id="log.restart-loop"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="restart loop explains dead consumer"),
    pytest.param("restarting-service-stops-reading", log_finding(1, "CRASH", rule_id="log.restart-loop"), stream_finding(1, "MISSING_ACK", consumer_group="billing"), id="restart loop explains missing acks"),
    pytest.param("restarting-service-stops-reading", log_finding(1, "CRASH", rule_id="log.restart-loop"), log_finding(2, "ANOMALY", rule_id="log.silence"), id="restart loop explains silence"),
    pytest.param("gone-service-leaves-group-unread", log_finding(1, "CRASH", rule_id="log.silence"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="gone service explains dead consumer"),
    pytest.param("gone-service-leaves-group-unread", log_finding(1, "ANOMALY", rule_id="log.silence"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="a service that lives and does nothing explains its dead consumer"),
    pytest.param("gone-service-leaves-group-unread", log_finding(1, "ANOMALY", rule_id="log.silence"), stream_finding(1, "STUCK_MESSAGE", consumer_group="billing"), id="a service that lives and is silent holds a message"),
    pytest.param("uncaught-error-ends-a-part", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), log_finding(2, "ANOMALY", rule_id="log.silence"), id="an uncaught error explains the silence of its service"),
    pytest.param("rogue-stream-has-no-reader", config_finding(1, "ROGUE_STREAM", affected_streams=["orders"]), config_finding(2, "MISSING_SCHEMA", affected_streams=["orders"]), id="rogue stream has no schema"),
    pytest.param("memory-leak-ends-in-crash", log_finding(1, "MEMORY_LEAK"), log_finding(2, "CRASH"), id="leak explains crash"),
    pytest.param("missing-variable-breaks-service", config_finding(1, "MISSING_ENV_VAR", expected="BILLING_URL is set"), log_finding(1, "BUG", evidence="KeyError: BILLING_URL"), id="missing variable explains the failure that names it"),
    pytest.param("mixed-schemas-break-readers", stream_finding(1, "SCHEMA_INCONSISTENCY"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="mixed schema explains failing deliveries"),
    pytest.param("unread-stream-grows", stream_finding(1, "NO_CONSUMER_GROUP"), stream_finding(2, "STREAM_GROWING"), id="unread stream grows"),
    pytest.param("rogue-stream-has-no-reader", config_finding(1, "ROGUE_STREAM", affected_streams=["orders"]), stream_finding(1, "ORPHANED_STREAM"), id="rogue stream has no reader"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", seen_s=600, consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", last_s=600 - SLACK_S, consumer_group="billing"), id="effect ended as long ago as the slack allows"),
    pytest.param("slow-group-is-trimmed-past", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), id="lag explains what was trimmed unread"),
    pytest.param("slow-group-is-trimmed-past", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), id="so does a dead group"),
    pytest.param("trimming-takes-pending-entries", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing", rule_id="stream.ghost-pending"), id="trimming explains ghosts"),
]  # fmt: skip

NOOP = [
    pytest.param("slow-group-is-trimmed-past", stream_finding(1, "CONSUMER_LAG", consumer_group="audit"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), id="lag of a group that lost nothing"),
    pytest.param("slow-group-is-trimmed-past", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a failing message is no loss"),
    pytest.param("trimming-takes-pending-entries", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing"), id="a stuck message whose entry is there"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing", rule_id="stream.consumer-leak"), stream_finding(2, "CONSUMER_LAG", consumer_group="billing"), id="old records stop nobody"),
    pytest.param("failed-messages-become-dead-letters", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), stream_finding(2, "DELIVERY_FAILURE", "orders:dlq", rule_id="stream.dead-letter"), id="what was never read fails nowhere"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", consumer_group="mailers"), id="lag of another group"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", "invoices", consumer_group="billing"), id="the same group name on another stream"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", seen_s=600, consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", last_s=599 - SLACK_S, consumer_group="billing"), id="effect that ended before the cause began"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG"), stream_finding(2, "STREAM_GROWING", "invoices"), id="growth elsewhere"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "TIMEOUT", "search"), id="time-out of a service that is nowhere near"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "TIMEOUT", "web"), id="a producer that asks for no answer"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "RETRY_STORM", "mail"), id="a reader of what it writes that did not ask"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "TIMEOUT", "billing"), id="the late service's own time-outs"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "DEAD_CONSUMER", "invoices", consumer_group="mailers"), log_finding(1, "RETRY_STORM", "billing", evidence="XADD invoices failed, attempt 3"), id="a dead group that answers nobody"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "BUG", "web"), id="a bug is no waiting"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "STREAM_GROWING", severity="LOW"), id="growth with every group at its end"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "STREAM_GROWING", consumer_group="audit"), id="growth behind another group"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing", rule_id="stream.time-lag"), stream_finding(2, "STREAM_GROWING"), id="a group that keeps its distance"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "STREAM_GROWING", consumer_group="audit"), id="growth behind a group that lives"),
    pytest.param("rogue-stream-has-no-reader", config_finding(1, "ROGUE_STREAM", affected_streams=["orders"], consumer_group="spy"), stream_finding(1, "STREAM_GROWING"), id="a new group of a stream that was there"),
    pytest.param("unread-stream-grows", stream_finding(1, "NO_CONSUMER_GROUP"), stream_finding(2, "STREAM_GROWING", severity="LOW"), id="growth for want of a cap"),
    pytest.param("code-never-acknowledges", code_finding(1, "code.xadd-no-maxlen", "orders"), stream_finding(1, "MISSING_ACK"), id="another code rule"),
    pytest.param("missing-ack-leaves-messages-pending", stream_finding(1, "MISSING_ACK", consumer_group="billing"), stream_finding(2, "STUCK_MESSAGE", consumer_group="audit"), id="stuck in another group"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", "billing"), log_finding(1, "BUG", "billing", evidence="other failure"), id="an error that is not NOGROUP"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"], consumer_group="bill", actual="orders has the group 'audit'"), stream_finding(1, "CONSUMER_LAG", consumer_group="audit"), id="a listed group that is late by itself"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"], consumer_group="bill"), stream_finding(1, "DEAD_CONSUMER", consumer_group="audit"), id="a dead group that it does not name"),
    pytest.param("code-never-acknowledges", code_finding(1, "code.xreadgroup-no-ack", "orders", title="Group 'billing' reads 'orders' and nothing acknowledges it"), stream_finding(1, "MISSING_ACK", consumer_group="audit"), id="another group of the stream"),
    pytest.param("uncapped-producer-lets-stream-grow", code_finding(1, "code.xadd-no-maxlen", "orders"), stream_finding(1, "UNBOUNDED_STREAM", "invoices"), id="another stream is unbounded"),
    pytest.param("poison-message-fails-every-delivery", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), log_finding(1, "BUG", evidence="Traceback for 1750000000999-0"), id="a trace of another message"),
    pytest.param("failed-messages-become-dead-letters", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), stream_finding(2, "DELIVERY_FAILURE", "payments:dlq"), id="dead letters of another stream"),
    pytest.param("no-delivery-limit", code_finding(1, "code.no-dead-letter", "invoices"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="limit missing elsewhere"),
    pytest.param("restarting-service-stops-reading", log_finding(1, "CRASH", rule_id="log.stack-trace"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="one crash is no restart loop"),
    pytest.param("gone-service-leaves-group-unread", log_finding(1, "ANOMALY", rule_id="log.silence"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="lag of a silent service that lives"),
    pytest.param("uncaught-error-ends-a-part", log_finding(1, "CRASH", severity="HIGH", rule_id="log.stack-trace"), log_finding(2, "ANOMALY", rule_id="log.silence"), id="an error that was caught"),
    pytest.param("uncaught-error-ends-a-part", log_finding(1, "CRASH", "web", severity="CRITICAL", rule_id="log.stack-trace"), log_finding(2, "ANOMALY", rule_id="log.silence"), id="an uncaught error of another service"),
    pytest.param("memory-leak-ends-in-crash", log_finding(1, "MEMORY_LEAK", "web"), log_finding(2, "CRASH", "billing"), id="leak of another service"),
    pytest.param("missing-variable-breaks-service", config_finding(1, "MISSING_ENV_VAR", expected="BILLING_URL is set"), log_finding(1, "BUG", evidence="KeyError: MAIL_URL"), id="another variable"),
    pytest.param("mixed-schemas-break-readers", stream_finding(1, "SCHEMA_INCONSISTENCY"), stream_finding(2, "DELIVERY_FAILURE", "orders"), id="a dead-letter stream that receives is no failing read"),
    pytest.param("unread-stream-grows", stream_finding(1, "NO_CONSUMER_GROUP"), stream_finding(2, "STREAM_GROWING", "invoices"), id="another stream grows"),
    pytest.param("rogue-stream-has-no-reader", config_finding(1, "ROGUE_STREAM", affected_streams=["tmp"]), stream_finding(1, "ORPHANED_STREAM"), id="another orphan"),
]  # fmt: skip


def linked(rule: CausalRule, cause: Finding, effect: Finding) -> list[tuple[str, str, str]]:
    both: list[Finding] = [effect, cause]
    topology = wiring.build(shop(), both)
    found = explain(both, topology, (rule,)).links
    return [(link.rule, link.cause, link.effect) for link in found if not link.rule.startswith("same-")]


@pytest.mark.parametrize(("name", "cause", "effect"), FIRES)
def test_a_causal_rule_links_a_cause_with_its_effect(name: str, cause: Finding, effect: Finding) -> None:
    assert linked(RULES[name], cause, effect) == [(name, cause.finding_id, effect.finding_id)]


@pytest.mark.parametrize(("name", "cause", "effect"), NOOP)
def test_a_causal_rule_leaves_others_alone(name: str, cause: Finding, effect: Finding) -> None:
    assert linked(RULES[name], cause, effect) == []


def test_every_causal_rule_has_a_name_of_its_own_and_both_tables() -> None:
    assert len(RULES) == len(causal_rules.RULES)
    for table in (FIRES, NOOP):
        assert {case.values[0] for case in table} == set(RULES)


def test_a_chain_takes_the_nearest_explanation_of_each_step() -> None:
    restart = log_finding(1, "CRASH", rule_id="log.restart-loop")
    dead = stream_finding(1, "DEAD_CONSUMER", consumer_group="billing")
    lag = stream_finding(2, "CONSUMER_LAG", consumer_group="billing")
    growth = stream_finding(3, "STREAM_GROWING")
    findings: list[Finding] = [growth, lag, restart, dead]
    parents = explain(findings, wiring.build(shop(), findings)).parents
    assert parents == {"RSA-003": "RSA-002", "RSA-002": "RSA-001", "RSA-001": "LW-001"}


def test_who_waits_for_answers_is_explained_by_who_should_give_them() -> None:
    code = index(
        use(CodeKind.XADD, "shop", "paid?"),
        use(CodeKind.XREADGROUP, "bank", "paid?", "desk"),
        use(CodeKind.XADD, "bank", "paid"),
        use(CodeKind.XREADGROUP, "shop", "paid", "shop"),
        use(CodeKind.XADD, "shop", "clicks"),
        use(CodeKind.XREADGROUP, "statistics", "clicks", "counters"),
    )
    dead = stream_finding(1, "DEAD_CONSUMER", "clicks", consumer_group="counters", severity="CRITICAL")
    late = stream_finding(2, "CONSUMER_LAG", "paid?", consumer_group="desk")
    waits = log_finding(1, "TIMEOUT", "shop", evidence="confirmation timed out")
    findings: list[Finding] = [dead, late, waits]
    assert explain(findings, wiring.build(code, findings)).parents == {"LW-001": "RSA-002"}
    network = log_finding(1, "TIMEOUT", "shop", evidence="ETIMEDOUT 10.0.0.7:443")
    findings[2] = network
    assert explain(findings, wiring.build(code, findings)).parents == {}
