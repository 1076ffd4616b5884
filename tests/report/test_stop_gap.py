"""What limits the harm now fits the kind of cause: an entry that fails, a part that ended, a release, a reader that never was."""

from __future__ import annotations

import pytest
from msgspec import structs

from tests.synthesis.made import START_MS, log_finding, shop, stream_finding, use
from tools.findings.model import Finding
from tools.report.context import prepare
from tools.report.model import ServiceState
from tools.report.sections import roadmap
from tools.sources.records import (
    CodeKind,
    ConsumerInfo,
    GroupInfo,
    GroupState,
    Poll,
    PollCost,
    ServerState,
    StreamInfo,
    StreamState,
)
from tools.sources.session_facts import SessionFacts
from tools.synthesis.session_data import SessionData

MESSAGE = "1750000000123-0"
TRACE = log_finding(
    1, "BUG", stream_id=MESSAGE, rule_id="log.stack-trace", evidence=f"{MESSAGE}: KeyError: 'GIFT-CARD'"
)
ENDED = log_finding(1, "CRASH", rule_id="log.stack-trace", severity="CRITICAL")
SILENT = log_finding(2, "ANOMALY", rule_id="log.silence", severity="MEDIUM", seen_s=20)
POISON = stream_finding(3, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE], seen_s=5)
HELD = stream_finding(4, "STUCK_MESSAGE", consumer_group="billing", message_ids=[MESSAGE], seen_s=30)
LATER = f"{START_MS + 5000}-0"
HELD_SINCE = stream_finding(4, "STUCK_MESSAGE", consumer_group="billing", message_ids=[LATER], seen_s=30)
LAG = stream_finding(5, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL")
DEAD = stream_finding(6, "DEAD_CONSUMER", consumer_group="billing", severity="CRITICAL")
WAITS = log_finding(7, "TIMEOUT", "web", seen_s=5, evidence="no answer from billing")
REPEATS = log_finding(8, "RETRY_STORM", "web", seen_s=6, evidence="no answer from billing")
REFUNDS = use(CodeKind.XREADGROUP, "billing", "refunds", "refunders")
RUNS = ServiceState(
    service="billing", state="running", restarts=0, last_start=None, last_line=None, says="it ran"
)
DOWN = structs.replace(RUNS, state="down", says="DOWN")


def group(stream: str, name: str, last: str, idle_ms: int | None) -> StreamState:
    readers = () if idle_ms is None else (ConsumerInfo(name="b-1", pending=0, idle=idle_ms),)
    info = GroupInfo(name=name, consumers=len(readers), pending=0, last_delivered_id=last)
    return StreamState(
        name=stream,
        info=StreamInfo(length=1, groups=1, last_generated_id="1-0"),
        groups=(GroupState(info=info, lag=None, consumers=readers),),
    )


def now(
    *findings: Finding,
    state: ServiceState | None = None,
    streams: tuple[StreamState, ...] = (),
    started_ms: int = 0,
) -> str | None:
    """What the first item says to do now."""
    cost, server = (
        PollCost(server_us=1, round_trips=1, wall_ms=1.0),
        ServerState(flavour="valkey", version="9.1.0"),
    )
    facts = SessionFacts(
        session_id="s", version="0", mode="managed", project_root="/srv/shop", redis=None, started_ms=started_ms, deadline_ms=START_MS
    )  # fmt: skip
    data = SessionData(
        session_id="s", facts=facts, findings=findings, index=structs.replace(shop(), uses=(*shop().uses, REFUNDS)),
        baseline=Poll(number=1, at_ms=START_MS, server=server, cost=cost, streams=streams) if streams else None,
    )  # fmt: skip
    return roadmap.build(prepare(data, 0), () if state is None else (state,))[0].now


ASIDE = f"keep a copy (XRANGE orders {MESSAGE} {MESSAGE}), then XACK orders billing {MESSAGE}"


@pytest.mark.parametrize(
    ("findings", "state", "told"),
    [
        pytest.param((TRACE, POISON), None, ASIDE, id="a handler fails on an entry: that entry is set aside"),
        pytest.param((TRACE, POISON, HELD, LAG), None, ASIDE, id="whatever else it leads to"),
        pytest.param((ENDED, SILENT, HELD), RUNS, "then restart billing: its process runs, but a part of it has ended.", id="a part ended with an entry in its hands"),
        pytest.param((ENDED, SILENT, HELD), DOWN, "then start billing.", id="the whole of it ended"),
        pytest.param((ENDED, SILENT, HELD_SINCE), RUNS, f"Restart billing: its process runs, but a part of it has ended. The entry that it holds, {LATER}, was added after it failed, so it only waits", id="what was added after the failure is not what it failed on"),
        pytest.param((ENDED, SILENT, HELD), None, f"Keep a copy of the entry that it holds and may have failed on (XRANGE orders {MESSAGE} {MESSAGE})", id="what it holds is kept first"),
        pytest.param((ENDED,), None, "If it came with a release, or with a change of settings or data, undo that", id="an end that no entry explains"),
        pytest.param((ENDED,), DOWN, "billing is down: start it again. If it came with a release", id="and it is down"),
        pytest.param((log_finding(1, "BUG", rule_id="log.stack-trace"),), None, "If it came with a release", id="a caught error about no message"),
        pytest.param((REPEATS, WAITS, LAG), None, "web repeats what it asks for, so the same may wait here twice and be done twice. Stop or slow the repeats first, where you can. Start no further process or consumer of billing before", id="repeats feed the backlog"),
        pytest.param((WAITS, LAG), None, "If neither the order of messages nor handling one twice matters (who waited may have sent it again), start one more process of billing; if it hangs", id="nobody repeats"),
    ],
)  # fmt: skip
def test_it_fits_the_kind_of_cause(
    findings: tuple[Finding, ...], state: ServiceState | None, told: str
) -> None:
    assert told in (now(*findings, state=state) or "")


def test_nothing_is_to_go_faster_where_the_same_may_wait_twice() -> None:
    """Also where the repeats are no part of the trouble: what is done twice may not be undone."""
    apart = log_finding(8, "RETRY_STORM", "web", seen_s=500, evidence="no answer from elsewhere")
    told = now(LAG, apart)
    assert told is not None
    assert "tart one more" not in told
    reads_only = log_finding(8, "RETRY_STORM", "mail", seen_s=500, evidence="no answer from elsewhere")
    assert "start one more" in (now(LAG, reads_only) or "")


@pytest.mark.parametrize(
    "findings",
    [
        pytest.param((TRACE, POISON), id="an entry comes back"),
        pytest.param((ENDED, SILENT, HELD), id="an entry is held"),
        pytest.param((TRACE,), id="an error about a message that nothing waits for"),
    ],
)
def test_no_release_is_blamed_for_what_a_message_says(findings: tuple[Finding, ...]) -> None:
    assert "release" not in (now(*findings) or "")


@pytest.mark.parametrize(
    ("started_ms", "early"),
    [
        pytest.param(START_MS - 60_000, True, id="within a minute"),
        pytest.param(START_MS - 60_001, False, id="later"),
    ],
)
def test_what_is_seen_from_the_beginning_may_be_older(started_ms: int, early: bool) -> None:
    assert ("it may be older" in (now(ENDED, started_ms=started_ms) or "")) == early


@pytest.mark.parametrize(
    ("streams", "told"),
    [
        pytest.param((), "Start billing again.", id="nothing is known of it"),
        pytest.param((group("orders", "billing", "5-0", None), group("refunds", "refunders", "1-0", 900)), "billing runs (it still reads refunds), but no part of it reads with billing. Restart it;", id="it reads another stream"),
        pytest.param((group("orders", "billing", "0-0", None), group("refunds", "refunders", "1-0", 900)), "no part of it reads with billing, and the group was never read. Restart it;", id="and was never given an entry of this one"),
        pytest.param((group("orders", "billing", "0-0", None), group("refunds", "refunders", "1-0", 90_000)), "Start billing again.", id="it read another stream long ago"),
    ],
)  # fmt: skip
def test_a_reader_that_never_was_is_told_from_a_service_that_is_gone(
    streams: tuple[StreamState, ...], told: str
) -> None:
    assert told in (now(DEAD, streams=streams) or "")


def test_what_runs_is_not_to_be_started() -> None:
    assert now(DEAD, state=RUNS) == "billing runs, but no part of it reads with billing: restart it."
    assert now(DEAD, state=DOWN) == "Start billing again."


def test_what_is_down_is_not_to_be_restarted() -> None:
    assert (now(HELD, state=DOWN) or "").startswith("billing is down: start it again; ")
    assert (now(HELD, state=RUNS) or "").startswith("Restart billing; ")


def test_a_command_names_the_key_and_its_database() -> None:
    elsewhere = stream_finding(
        3, "DELIVERY_FAILURE", stream="orders@db3", consumer_group="billing", message_ids=[MESSAGE], seen_s=5
    )
    said = now(elsewhere) or ""
    assert ASIDE in said
    assert said.endswith(" Type SELECT 3 before: it is another database than the address names.")
