"""Each causal rule as a table: which pair it links (fires), which it leaves alone (noop)."""

from __future__ import annotations

import pytest

from tests.synthesis.made import code_finding, config_finding, index, log_finding, shop, stream_finding, use
from tools.findings.model import Finding
from tools.sources.records import CodeKind
from tools.synthesis import causal_rules, wiring
from tools.synthesis.causal_rules.contract import CausalRule
from tools.synthesis.causal_rules.held_message import STANDS_STILL
from tools.synthesis.explain import SLACK_MS, Alternative, Link, explain

MESSAGE = "1750000000123-0"
RULES = {rule.name: rule for rule in causal_rules.RULES}
SLACK_S = SLACK_MS / 1000


def held(says: str = f"{STANDS_STILL}: its consumers have stopped reading.") -> Finding:
    evidence = f'{{"name":"billing","consumers":1,"pending":1,"last-delivered-id":"{MESSAGE}","entries-read":52,"lag":117}}'
    return stream_finding(2, "CONSUMER_LAG", consumer_group="billing", evidence=evidence, hypothesis=says)


FIRES = [
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", consumer_group="billing"), id="dead group explains its lag"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "STREAM_GROWING"), id="dead group explains growth of its stream"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing"), id="dead group explains what stays pending"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "STREAM_GROWING"), id="lag explains growth"),
    pytest.param("lag-grows-the-stream", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "STREAM_GROWING", consumer_group="billing"), id="lag explains growth behind its group"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "TIMEOUT", "web", evidence="GET http://billing:8080/total timed out"), id="an address whose host is the late service"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), log_finding(1, "RETRY_STORM", "web", evidence="ETIMEDOUT: billing did not answer"), id="a line that names the service may name the network too"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "DEAD_CONSUMER", "unknown-stream", consumer_group="billing"), log_finding(1, "TIMEOUT", "elsewhere", evidence="no answer from billing in 5 s"), id="a line that names the service needs no topology"),
    pytest.param("code-never-acknowledges", code_finding(1, "code.xreadgroup-no-ack", "orders", title="Group 'billing' reads 'orders' and nothing acknowledges it"), stream_finding(1, "MISSING_ACK", consumer_group="billing"), id="no ack in code explains missing ack"),
    pytest.param("missing-ack-leaves-messages-pending", stream_finding(1, "MISSING_ACK", consumer_group="billing"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing"), id="missing ack explains stuck message"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"], actual="orders has the group 'biling'"), stream_finding(1, "DEAD_CONSUMER", consumer_group="biling"), id="mismatch explains dead consumer"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"]), stream_finding(1, "NO_CONSUMER_GROUP"), id="mismatch explains unread stream"),
    pytest.param("group-name-mismatch-leaves-stream-unread", config_finding(1, "GROUP_NAME_MISMATCH", "billing"), log_finding(1, "BUG", "billing", evidence="NOGROUP No such key 'orders'"), id="mismatch explains NOGROUP errors"),
    pytest.param("uncapped-producer-lets-stream-grow", code_finding(1, "code.xadd-no-maxlen", "orders"), stream_finding(1, "UNBOUNDED_STREAM"), id="uncapped XADD explains unbounded stream"),
    pytest.param("uncapped-producer-lets-stream-grow", stream_finding(1, "MISSING_MAXLEN"), stream_finding(2, "STREAM_GROWING"), id="measured missing cap explains growth"),
    pytest.param("poison-message-fails-every-delivery", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), log_finding(1, "BUG", "billing", evidence=f"could not handle {MESSAGE}"), id="poison explains the line that only says that it failed"),
    pytest.param("poison-message-fails-every-delivery", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing", message_ids=[MESSAGE]), id="poison explains that it stays pending"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "BUG", "billing", rule_id="log.stack-trace", evidence=f"Traceback for {MESSAGE}"), stream_finding(1, "DELIVERY_FAILURE", seen_s=21, consumer_group="billing", message_ids=[MESSAGE]), id="a trace that names the message"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "BUG", "billing", evidence=f"{MESSAGE}: KeyError: 'GIFT-CARD'"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a line that names message and exception"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "BUG", "billing", evidence=f'{MESSAGE}: relation "invoices" does not exist'), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a line that names message and what is missing"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "CRASH", "billing", stream_id=MESSAGE), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="the process ends on the message"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "TIMEOUT", "billing", evidence=f"{MESSAGE}: database timed out"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="what the handler waits for does not come"),
    pytest.param("failing-handler-brings-messages-back", log_finding(1, "BUG", "billing", rule_id="log.stack-trace", evidence="orders billing: ValueError: x"), stream_finding(1, "DELIVERY_FAILURE", seen_s=21, consumer_group="billing", message_ids=[MESSAGE]), id="a trace that names stream and group"),
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
    pytest.param("memory-leak-ends-in-crash", log_finding(1, "MEMORY_LEAK", rule_id="log.memory-growth"), log_finding(2, "CRASH", rule_id="log.restart-loop"), id="leak explains that the service starts again"),
    pytest.param("missing-variable-breaks-service", config_finding(1, "MISSING_ENV_VAR", expected="BILLING_URL is set"), log_finding(1, "BUG", evidence="KeyError: BILLING_URL"), id="missing variable explains the failure that names it"),
    pytest.param("mixed-schemas-break-readers", stream_finding(1, "SCHEMA_INCONSISTENCY"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="mixed schema explains failing deliveries"),
    pytest.param("odd-entry-breaks-reader", stream_finding(1, "SCHEMA_INCONSISTENCY", message_ids=["1-1", MESSAGE]), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="the entry that fails is one that differs"),
    pytest.param("missing-variable-breaks-service", config_finding(1, "ENV_MISMATCH", "cross-service", expected="MAIL_URL is set"), log_finding(1, "CRASH", evidence="KeyError: 'MAIL_URL'"), id="a variable that shared code reads"),
    pytest.param("unread-stream-grows", stream_finding(1, "NO_CONSUMER_GROUP"), stream_finding(2, "STREAM_GROWING"), id="unread stream grows"),
    pytest.param("rogue-stream-has-no-reader", config_finding(1, "ROGUE_STREAM", affected_streams=["orders"]), stream_finding(1, "ORPHANED_STREAM"), id="rogue stream has no reader"),
    pytest.param("dead-consumer-stops-reading", stream_finding(1, "DEAD_CONSUMER", seen_s=600, consumer_group="billing"), stream_finding(2, "CONSUMER_LAG", last_s=600 - SLACK_S, consumer_group="billing"), id="effect ended as long ago as the slack allows"),
    pytest.param("slow-group-is-trimmed-past", stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), id="lag explains what was trimmed unread"),
    pytest.param("slow-group-is-trimmed-past", stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), id="so does a dead group"),
    pytest.param("trimming-takes-pending-entries", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", rule_id="stream.silent-loss"), stream_finding(2, "STUCK_MESSAGE", consumer_group="billing", rule_id="stream.ghost-pending"), id="trimming explains ghosts"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", rule_id="log.restart-loop"), log_finding(2, "BUG", "web", evidence="connect ECONNREFUSED billing:8080"), id="a host that is a service"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", rule_id="session.service-not-ready"), log_finding(2, "RETRY_STORM", "web", evidence="HTTPConnectionPool(host='billing', port=8080): Connection refused"), id="a client that prints host and port apart"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), log_finding(2, "BUG", "web", evidence="connect ECONNREFUSED 127.0.0.1:3003"), id="a port on which only its code listens"),
    pytest.param("gone-service-refuses-connections", config_finding(1, "CONFIG_DRIFT", rule_id="config.port-mismatch"), log_finding(2, "BUG", "web", evidence="dial tcp: lookup billing:8081: connection refused"), id="it listens elsewhere than its callers are told"),
    pytest.param("crashed-service-leaves-group-unread", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="an unhandled error ends the reader"),
    pytest.param("crashed-service-leaves-group-unread", log_finding(1, "CRASH", severity="CRITICAL", rule_id="session.service-not-ready"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="a reader that never became ready"),
    pytest.param("refused-service-cannot-read", log_finding(1, "RETRY_STORM", evidence="NOAUTH Authentication required."), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="a reader without a password"),
    pytest.param("refused-service-cannot-read", log_finding(1, "BUG", evidence="ReplyError: READONLY You can't write against a read only replica."), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="a reader that asks a replica"),
    pytest.param("untrimmed-stream-fills-memory", stream_finding(1, "UNBOUNDED_STREAM", severity="MEDIUM"), log_finding(1, "BUG", "mail", evidence="OOM command not allowed when used memory > 'maxmemory'."), id="an untrimmed stream explains refused writes"),
    pytest.param("taken-port-stops-service", config_finding(1, "PORT_CONFLICT", title="web and billing both declare host port 3000/tcp"), log_finding(1, "CRASH", evidence="Error: listen EADDRINUSE: address already in use :::3000"), id="two services declare one port"),
    pytest.param("taken-port-stops-service", log_finding(2, "ANOMALY", "web", rule_id="session.leftover-port", title="Port 8080 is still taken after the stop"), log_finding(1, "BUG", evidence="OSError: [Errno 98] Address already in use: ('0.0.0.0', 8080)"), id="a port that was left taken"),
    pytest.param("wrong-version-breaks-service", config_finding(1, "VERSION_MISMATCH", "cross-service", rule_id="session.stream-command-missing", title="The server (redis 4.0.1) lacks XADD, XCLAIM", actual="no XADD, XCLAIM"), log_finding(1, "BUG", evidence="ERR unknown command 'XADD', with args beginning with"), id="a server that lacks the command"),
    pytest.param("wrong-version-breaks-service", config_finding(1, "VERSION_MISMATCH", "cross-service", title="The server is redis 6.0.9, compose.yml declares 7", actual="redis 6.0.9 answers (poll 3)"), log_finding(1, "BUG", evidence="ERR unknown command `XAUTOCLAIM`"), id="a server that is older than declared"),
    pytest.param("wrong-version-breaks-service", config_finding(1, "VERSION_MISMATCH", title=".nvmrc has node 16, package.json asks for >=20"), log_finding(1, "CRASH", evidence="npm ERR! code EBADENGINE"), id="a runtime that the program refuses"),
    pytest.param("schema-drift-breaks-handlers", stream_finding(1, "SCHEMA_INCONSISTENCY", hypothesis="Of the entries, one has amount where the other has total."), log_finding(1, "BUG", evidence="KeyError: 'amount'"), id="a reader misses a field on which entries differ"),
    pytest.param("schema-drift-breaks-handlers", config_finding(1, "SCHEMA_DRIFT", "web", affected_streams=["orders"], expected="id, amount", actual="id, total"), log_finding(1, "RETRY_STORM", evidence="TypeError: Cannot read properties of undefined (reading 'amount')"), id="a producer leaves out what its reader wants"),
    pytest.param("schema-drift-breaks-handlers", stream_finding(1, "SCHEMA_INCONSISTENCY", hypothesis="Of the entries, one has amount where the other has total.", message_ids=[MESSAGE]), log_finding(1, "BUG", "unheard-of", evidence=f"{MESSAGE}: field amount is missing"), id="who names an entry of the stream reads it"),
    pytest.param("one-at-a-time-reader-falls-behind", code_finding(1, "code.count-one", "orders", affected_services=["billing"]), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="one entry a read may be behind a lag"),
    pytest.param("waiting-reader-falls-behind", log_finding(1, "TIMEOUT", evidence="ETIMEDOUT 10.0.0.7:5432"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="a reader that waits may be behind a lag"),
    pytest.param("crashed-service-falls-behind", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=30), id="a part of the reader ends and its group waits"),
    pytest.param("crashed-service-falls-behind", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), stream_finding(1, "STREAM_GROWING", consumer_group="billing", seen_s=30), id="a part of the reader ends and its stream grows"),
    pytest.param("fatal-error-starts-service-again", log_finding(1, "CRASH", rule_id="log.stack-trace"), log_finding(2, "CRASH", rule_id="log.restart-loop", seen_s=5), id="the error ends the process each time"),
    pytest.param("held-message-stops-its-group", stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", message_ids=["1-1", MESSAGE]), held(), id="the group was given it last, and nothing after it"),
    pytest.param("failing-handler-writes-dead-letters", log_finding(1, "BUG", evidence="dead-lettered 1750000000123-0: no carrier"), stream_finding(2, "DELIVERY_FAILURE", "invoices"), id="it says that it gives a message up"),
]  # fmt: skip

NOOP = [
    pytest.param("held-message-stops-its-group", stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", message_ids=[MESSAGE]), held("It reads, but more waits than at the poll before (90)."), id="a group that goes on reading"),
    pytest.param("held-message-stops-its-group", stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", message_ids=["1750000000001-0"]), held(), id="a message before the last one that the group was given"),
    pytest.param("held-message-stops-its-group", stream_finding(1, "STUCK_MESSAGE", consumer_group="audit", message_ids=[MESSAGE]), held(), id="the same message held by another group"),
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
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=120), log_finding(1, "TIMEOUT", "billing", evidence="billing of orders: ETIMEDOUT connecting to postgres 10.0.0.5:5432"), id="a line of the reader about its own group"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="workers", seen_s=120), log_finding(1, "TIMEOUT", "search", evidence="all workers busy: database query timed out after 30000 ms"), id="a group that is called like any word"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=120), log_finding(1, "TIMEOUT", "web", evidence="publishing to orders timed out after 5000 ms"), id="a write waits for no reader"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=120), log_finding(1, "TIMEOUT", "search", evidence="select from orders: canceling statement due to statement timeout"), id="a table that is called like the stream"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=120), log_finding(1, "TIMEOUT", "web", evidence="no answer from billing: 10.0.0.5:5432 timed out"), id="the address is another's"),
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
    pytest.param("poison-message-fails-every-delivery", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), log_finding(1, "BUG", evidence=f"{MESSAGE}: KeyError: 'GIFT-CARD'"), id="an error that says what failed is its cause"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "BUG", "billing", evidence="1750000000999-0: KeyError: 'GIFT-CARD'"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="an error about another message"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "BUG", "billing", evidence=f"could not handle {MESSAGE}"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a line that says nothing of why"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "CRASH", "billing", stream_id=MESSAGE, rule_id="log.restart-loop"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a start is no error"),
    pytest.param("failing-handler-brings-message-back", log_finding(1, "BUG", "mail", evidence=f"{MESSAGE}: KeyError: 'GIFT-CARD'"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a service that has to do with other streams only"),
    pytest.param("failing-handler-brings-messages-back", log_finding(1, "BUG", "billing", rule_id="log.stack-trace", evidence="orders: ValueError: x"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a trace that does not name the group"),
    pytest.param("failing-handler-brings-messages-back", log_finding(1, "BUG", "billing", rule_id="log.stack-trace", evidence="orders billing 1750000000999-0: ValueError: x"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="a trace about another message"),
    pytest.param("failing-handler-brings-messages-back", log_finding(1, "BUG", "billing", rule_id="log.stack-trace", seen_s=30, evidence="orders billing: ValueError: x"), stream_finding(1, "DELIVERY_FAILURE", seen_s=21, consumer_group="billing", message_ids=[MESSAGE]), id="a trace that came after the redelivery"),
    pytest.param("failed-messages-become-dead-letters", stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), stream_finding(2, "DELIVERY_FAILURE", "payments:dlq"), id="dead letters of another stream"),
    pytest.param("no-delivery-limit", code_finding(1, "code.no-dead-letter", "invoices"), stream_finding(1, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="limit missing elsewhere"),
    pytest.param("restarting-service-stops-reading", log_finding(1, "CRASH", rule_id="log.stack-trace"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="one crash is no restart loop"),
    pytest.param("gone-service-leaves-group-unread", log_finding(1, "ANOMALY", rule_id="log.silence"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="lag of a silent service that lives"),
    pytest.param("uncaught-error-ends-a-part", log_finding(1, "CRASH", severity="HIGH", rule_id="log.stack-trace"), log_finding(2, "ANOMALY", rule_id="log.silence"), id="an error that was caught"),
    pytest.param("uncaught-error-ends-a-part", log_finding(1, "CRASH", "web", severity="CRITICAL", rule_id="log.stack-trace"), log_finding(2, "ANOMALY", rule_id="log.silence"), id="an uncaught error of another service"),
    pytest.param("memory-leak-ends-in-crash", log_finding(1, "MEMORY_LEAK", evidence="ERROR heap snapshot could not be written: EACCES"), log_finding(2, "CRASH", rule_id="log.restart-loop"), id="a line with the word heap"),
    pytest.param("restarting-service-stops-reading", log_finding(1, "CRASH", rule_id="log.restart-loop", seen_s=540), stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=5), id="a lag minutes before the first restart"),
    pytest.param("refused-service-cannot-read", log_finding(1, "BUG", evidence="NOAUTH Authentication required.", seen_s=540), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing", seen_s=5), id="refused minutes after nobody read"),
    pytest.param("refused-service-cannot-read", log_finding(1, "BUG", evidence="ERROR LOADING price list failed: file not found"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing", seen_s=5), id="the word of an application"),
    pytest.param("gone-service-leaves-group-unread", log_finding(1, "ANOMALY", rule_id="log.silence", seen_s=540), stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", seen_s=5), id="it still spoke minutes after the message was stuck"),
    pytest.param("crashed-service-leaves-group-unread", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace", seen_s=540), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing", seen_s=5), id="a crash minutes after nobody read"),
    pytest.param("untrimmed-stream-fills-memory", stream_finding(1, "STREAM_GROWING", "clicks", severity="LOW"), log_finding(1, "BUG", evidence="OOM command not allowed when used memory"), id="slow growth"),
    pytest.param("mixed-schemas-break-readers", stream_finding(1, "SCHEMA_INCONSISTENCY", seen_s=540), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE], seen_s=5), id="another shape minutes after the failures"),
    pytest.param("memory-leak-ends-in-crash", log_finding(1, "MEMORY_LEAK", "web"), log_finding(2, "CRASH", "billing"), id="leak of another service"),
    pytest.param("missing-variable-breaks-service", config_finding(1, "MISSING_ENV_VAR", expected="BILLING_URL is set"), log_finding(1, "BUG", evidence="KeyError: MAIL_URL"), id="another variable"),
    pytest.param("missing-variable-breaks-service", config_finding(1, "ENV_MISMATCH", title="LOG_LEVEL differs"), log_finding(1, "CRASH", "search", evidence="basicConfig(level=os.environ['LOG_LEVEL'])"), id="the variable of another service"),
    pytest.param("odd-entry-breaks-reader", stream_finding(1, "SCHEMA_INCONSISTENCY", message_ids=["1-1", "1-2"]), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="other entries differ"),
    pytest.param("odd-entry-breaks-reader", stream_finding(1, "SCHEMA_INCONSISTENCY", "clicks", message_ids=["1-1", MESSAGE]), stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE]), id="an entry of another stream with the same id"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", rule_id="log.stack-trace"), log_finding(2, "BUG", "web", evidence="connect ECONNREFUSED billing:3003"), id="an error that ended no process"),
    pytest.param("mixed-schemas-break-readers", stream_finding(1, "SCHEMA_INCONSISTENCY"), stream_finding(2, "DELIVERY_FAILURE", "orders"), id="a dead-letter stream that receives is no failing read"),
    pytest.param("unread-stream-grows", stream_finding(1, "NO_CONSUMER_GROUP"), stream_finding(2, "STREAM_GROWING", "invoices"), id="another stream grows"),
    pytest.param("rogue-stream-has-no-reader", config_finding(1, "ROGUE_STREAM", affected_streams=["tmp"]), stream_finding(1, "ORPHANED_STREAM"), id="another orphan"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", rule_id="log.restart-loop"), log_finding(2, "BUG", "web", evidence="connect ECONNREFUSED 127.0.0.1:6379"), id="an address of which nothing is known"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", rule_id="log.restart-loop"), log_finding(2, "BUG", "web", evidence="cannot publish to billing: connect ECONNREFUSED 127.0.0.1:6379"), id="an address that is another's"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", "mail", rule_id="log.restart-loop"), log_finding(2, "BUG", "web", evidence="connect ECONNREFUSED billing:8080"), id="another service crashed"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", rule_id="log.restart-loop"), log_finding(2, "BUG", "web", evidence="billing answered 500"), id="an answer is no refusal"),
    pytest.param("gone-service-refuses-connections", log_finding(1, "CRASH", seen_s=700, last_s=900, rule_id="log.restart-loop"), log_finding(2, "BUG", "web", last_s=900, evidence="connect ECONNREFUSED billing:8080"), id="refused long before the crash"),
    pytest.param("crashed-service-leaves-group-unread", log_finding(1, "CRASH", severity="HIGH", rule_id="log.stack-trace"), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="a caught error ends no reader"),
    pytest.param("crashed-service-leaves-group-unread", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="a lag says that somebody may read"),
    pytest.param("crashed-service-falls-behind", log_finding(1, "CRASH", severity="CRITICAL", seen_s=10, rule_id="log.stack-trace"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="a lag that was there before the crash"),
    pytest.param("crashed-service-falls-behind", log_finding(1, "CRASH", severity="CRITICAL", rule_id="log.stack-trace"), stream_finding(1, "CONSUMER_LAG", "elsewhere", consumer_group="billing"), id="a group that is only called after the service"),
    pytest.param("fatal-error-starts-service-again", log_finding(1, "CRASH", "web", rule_id="log.stack-trace"), log_finding(2, "CRASH", rule_id="log.restart-loop"), id="another service starts again"),
    pytest.param("fatal-error-starts-service-again", log_finding(1, "BUG", rule_id="log.stack-trace"), log_finding(2, "CRASH", rule_id="log.restart-loop"), id="an error that was survived"),
    pytest.param("failing-handler-writes-dead-letters", log_finding(1, "BUG", evidence="dead-lettered 1750000000123-0"), stream_finding(2, "DELIVERY_FAILURE", "orders:dlq"), id="a stream that the service does not write"),
    pytest.param("failing-handler-writes-dead-letters", log_finding(1, "BUG", evidence="handling failed"), stream_finding(2, "DELIVERY_FAILURE", "invoices"), id="a failure that moves nothing"),
    pytest.param("refused-service-cannot-read", log_finding(1, "BUG", evidence="OOM command not allowed when used memory > 'maxmemory'."), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="without memory reads go on"),
    pytest.param("refused-service-cannot-read", log_finding(1, "BUG", "web", evidence="NOAUTH Authentication required."), stream_finding(1, "DEAD_CONSUMER", consumer_group="billing"), id="another service is refused"),
    pytest.param("untrimmed-stream-fills-memory", stream_finding(1, "UNBOUNDED_STREAM"), log_finding(1, "CRASH", "mail", evidence="FATAL: JavaScript heap out of memory"), id="the memory of a service is its own"),
    pytest.param("taken-port-stops-service", config_finding(1, "PORT_CONFLICT", title="web and billing both declare host port 3000/tcp"), log_finding(1, "CRASH", evidence="listen EADDRINUSE: address already in use :::3001"), id="another port"),
    pytest.param("taken-port-stops-service", config_finding(1, "PORT_CONFLICT", title="web and billing both declare host port 3000/tcp"), log_finding(1, "BUG", evidence="GET http://billing:3000/ failed"), id="a port that is named and not taken"),
    pytest.param("wrong-version-breaks-service", config_finding(1, "VERSION_MISMATCH", title=".nvmrc has node 16, package.json asks for >=20"), log_finding(1, "BUG", evidence="ERR unknown command 'XAUTOCLAIM'"), id="a runtime says nothing of the server"),
    pytest.param("wrong-version-breaks-service", config_finding(1, "VERSION_MISMATCH", "web"), log_finding(1, "CRASH", evidence="npm ERR! code EBADENGINE"), id="the runtime of another service"),
    pytest.param("schema-drift-breaks-handlers", stream_finding(1, "SCHEMA_INCONSISTENCY", hypothesis="Of the entries, one has amount where the other has total."), log_finding(1, "BUG", evidence="KeyError: 'customer'"), id="another field"),
    pytest.param("schema-drift-breaks-handlers", stream_finding(1, "SCHEMA_INCONSISTENCY", hypothesis="Of the entries, one has amount where the other has total."), log_finding(1, "BUG", "mail", evidence="KeyError: 'amount'"), id="a service that does not read the stream"),
    pytest.param("schema-drift-breaks-handlers", stream_finding(1, "SCHEMA_INCONSISTENCY", hypothesis="Of the entries, one has amount where the other has total."), log_finding(1, "BUG", evidence="charged amount 12"), id="a field that is named and not missed"),
    pytest.param("one-at-a-time-reader-falls-behind", code_finding(1, "code.count-one", "orders", affected_services=["audit"]), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="another reader of the stream"),
    pytest.param("waiting-reader-falls-behind", log_finding(1, "TIMEOUT", seen_s=30, evidence="ETIMEDOUT 10.0.0.7:5432"), stream_finding(1, "CONSUMER_LAG", consumer_group="billing"), id="time-outs after the lag"),
    pytest.param("late-consumer-times-out-neighbours", stream_finding(1, "CONSUMER_LAG", consumer_group="billing", seen_s=301), log_finding(1, "TIMEOUT", "web", evidence="no answer from billing in 5 s"), id="time-outs that began long before the lag"),
]  # fmt: skip


def linked(rule: CausalRule, cause: Finding, effect: Finding) -> list[tuple[str, str, str]]:
    both: list[Finding] = [effect, cause]
    topology = wiring.build(shop(), both)
    found = explain(both, topology, (rule,))
    told: list[Link | Alternative] = [*found.links, *found.alternatives]
    return [(link.rule, link.cause, link.effect) for link in told if not link.rule.startswith("same-")]


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


def test_two_shapes_of_a_stream_are_named_beside_a_failure_that_they_do_not_decide() -> None:
    mixed = stream_finding(1, "SCHEMA_INCONSISTENCY", severity="MEDIUM", message_ids=["1-1", "1-2"])
    failing = stream_finding(2, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE])
    error = log_finding(1, "BUG", evidence=f'{MESSAGE}: relation "invoices" does not exist')
    findings: list[Finding] = [mixed, failing, error]
    found = explain(findings, wiring.build(shop(), findings))
    assert found.parents == {"RSA-002": "LW-001"}
    assert [(one.rule, one.cause, one.effect) for one in found.alternatives] == [
        ("mixed-schemas-break-readers", "RSA-001", "RSA-002")
    ]
