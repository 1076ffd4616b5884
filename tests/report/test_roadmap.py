"""What a roadmap item quotes of its evidence, what it says to do now, and the advice of others of its trouble."""

from __future__ import annotations

import pytest

from tests.synthesis.made import code_finding, config_finding, log_finding, shop, stream_finding
from tools.findings.model import Effort, Finding
from tools.report.context import prepare
from tools.report.model import RoadmapItem
from tools.report.sections import efforts, roadmap
from tools.synthesis.session_data import SessionData

PYTHON = "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'amount'"
THREAD = f"Exception in thread worker:\n{PYTHON}"
NODE = "TypeError: x is not a function\n    at f (a.js:1:1)"


@pytest.mark.parametrize(
    ("evidence", "quoted"),
    [
        pytest.param(PYTHON, "KeyError: 'amount'", id="a trace that ends with its error"),
        pytest.param(THREAD, "KeyError: 'amount'", id="of a thread"),
        pytest.param(NODE, "TypeError: x is not a function", id="a trace that begins with it"),
        pytest.param("it failed\nand more", "it failed", id="other lines"),
    ],
)
def test_an_item_quotes_the_line_that_names_the_error(evidence: str, quoted: str) -> None:
    data = SessionData(session_id="s", findings=(log_finding(1, "BUG", evidence=evidence),))
    (item,) = roadmap.build(prepare(data, 0))
    assert item.evidence == f"logs/a.log:1: {quoted}"


MESSAGE = "1750000000123-0"
LAG = stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="CRITICAL")
DEAD = stream_finding(2, "DEAD_CONSUMER", consumer_group="billing", severity="CRITICAL")
POISON = stream_finding(3, "DELIVERY_FAILURE", consumer_group="billing", message_ids=[MESSAGE])
BUG = log_finding(1, "BUG", evidence=f"{MESSAGE}: KeyError: 'GIFT-CARD'")


def items(*findings: Finding) -> list[RoadmapItem]:
    return list(roadmap.build(prepare(SessionData(session_id="s", index=shop(), findings=findings), 0)))


def test_the_own_advice_of_serious_members_stands_below_that_of_the_root() -> None:
    growth = stream_finding(4, "STREAM_GROWING", consumer_group="billing", seen_s=1)
    stuck = stream_finding(5, "STUCK_MESSAGE", consumer_group="billing", severity="MEDIUM")
    waits = log_finding(2, "TIMEOUT", "web", seen_s=5, evidence="no answer from billing")
    (item,) = items(DEAD, LAG, growth, stuck, waits)
    assert item.action == "Mend RSA-002."
    assert (item.also, [one.text for one in item.remains]) == ((), ["Mend LW-002."])


def test_what_only_goes_together_keeps_its_advice_and_many_are_counted() -> None:
    others = [log_finding(at, "BUG", f"s{at}", correlation_id="c-1") for at in range(1, 8)]
    (item,) = items(*others)
    assert [one.text for one in item.also] == [f"Mend LW-00{at}." for at in range(2, 6)]
    assert item.advice_left_out == 2


@pytest.mark.parametrize(
    ("finding", "now"),
    [
        pytest.param(LAG, "start one more process of billing;", id="a group that is behind"),
        pytest.param(DEAD, "Start billing again.", id="a group that nobody reads"),
        pytest.param(POISON, f"keep a copy (XRANGE orders {MESSAGE} {MESSAGE}), then XACK orders billing {MESSAGE};", id="an entry that fails"),
        pytest.param(stream_finding(3, "DELIVERY_FAILURE", "jobs:{}", consumer_group="billing", members=["jobs:7", "jobs:1"], message_ids=[MESSAGE]), f"XACK jobs:7 billing {MESSAGE};", id="an entry of a family that fails"),
        pytest.param(stream_finding(1, "DELIVERY_FAILURE", "orders:dlq", rule_id="stream.dead-letter"), "no XTRIM, no XDEL.", id="dead letters"),
        pytest.param(stream_finding(1, "STUCK_MESSAGE", consumer_group="billing"), "Restart billing;", id="an entry that hangs"),
        pytest.param(log_finding(1, "CRASH", rule_id="log.restart-loop"), "If it came with a release, or with a change of settings or data, undo that (first seen at 15:06:40 UTC).", id="a service that ends"),
        pytest.param(config_finding(1, "GROUP_NAME_MISMATCH", affected_streams=["orders"]), "destroy no group of it.", id="two names of a group"),
        pytest.param(stream_finding(1, "STUCK_MESSAGE", consumer_group="billing", rule_id="stream.ghost-pending"), None, id="entries that are gone"),
        pytest.param(stream_finding(1, "CONSUMER_LAG", consumer_group="billing", severity="MEDIUM"), None, id="nothing serious"),
        pytest.param(code_finding(1, "code.xadd-no-maxlen", "orders"), None, id="advice on code"),
        pytest.param(log_finding(1, "SECURITY"), None, id="what a log tells of its inside"),
        pytest.param(log_finding(1, "SECURITY", severity="CRITICAL"), "See who can read logs/a.log, its rotated copies, and wherever they are shipped to, and close it to all who need not. Rotate last:", id="a secret: who reads the log comes first"),
    ],
)  # fmt: skip
def test_what_limits_the_harm_stands_before_what_mends_it(finding: Finding, now: str | None) -> None:
    (item,) = items(finding)
    if now is None:
        assert item.now is None
    else:
        assert now in (item.now or "")


@pytest.mark.parametrize(
    ("finding", "work", "effort"),
    [
        pytest.param(DEAD, f"minutes: {efforts.OPERATION}", Effort.HOURS_2_4, id="a service is started"),
        pytest.param(LAG, f"{efforts.CAPACITY}, about 4–8 h", Effort.HOURS_4_8, id="a group that is behind"),
        pytest.param(BUG, f"{efforts.CODE}, about 2–4 h", Effort.HOURS_2_4, id="an error"),
        pytest.param(config_finding(1, "GROUP_NAME_MISMATCH"), f"minutes: {efforts.SETTING}", Effort.HOURS_2_4, id="a name"),
        pytest.param(config_finding(1, "DOC_DRIFT"), f"minutes: {efforts.DOCUMENT}", Effort.HOURS_2_4, id="a document"),
        pytest.param(log_finding(1, "DOC_DRIFT"), f"{efforts.CODE}, about 2–4 h", Effort.HOURS_2_4, id="formats of log lines"),
        pytest.param(log_finding(1, "SECURITY"), f"{efforts.ROTATION}, about 2–4 h", Effort.HOURS_2_4, id="a secret"),
        pytest.param(stream_finding(1, "SCHEMA_INCONSISTENCY"), f"{efforts.CONTRACT}, about 1–2 days", Effort.DAYS_1_2, id="two shapes of an entry"),
        pytest.param(log_finding(1, "MEMORY_LEAK"), f"{efforts.SEARCH}, about 1–2 days", Effort.DAYS_1_2, id="a leak"),
    ],
)  # fmt: skip
def test_an_item_tells_what_kind_of_work_it_is(finding: Finding, work: str, effort: Effort) -> None:
    (item,) = items(finding)
    assert (item.work, item.effort, item.estimated) == (work, effort, True)


def test_the_rules_own_effort_is_no_estimate() -> None:
    (item,) = items(code_finding(1, "code.xadd-no-maxlen", "orders", effort="DAYS_1_2"))
    assert (item.work, item.effort, item.estimated) == (f"{efforts.CODE}, 1–2 days", Effort.DAYS_1_2, False)


def secret(number: int, kind: str, source: str = "logs/web.log", **locator: int) -> Finding:
    made = log_finding(
        number, "SECURITY", "web", severity="CRITICAL", title=f"web logs a secret in plain text: {kind}"
    )
    (reference,) = made.evidence_refs
    at = reference.locator.model_copy(update=locator)
    moved = reference.model_copy(update={"source": source, "locator": at})
    return made.model_copy(update={"evidence_refs": (moved,)})


def test_all_secrets_of_one_log_are_one_thing_to_do() -> None:
    made = items(secret(1, "stripe-key"), secret(2, "jwt"), secret(3, "password", "logs/other.log"))
    assert [(item.title, item.finding_ids) for item in made] == [
        ("web logs 2 kinds of secrets in plain text: stripe-key, jwt", ("LW-001", "LW-002")),
        ("web logs a secret in plain text: password", ("LW-003",)),
    ]
    assert made[0].action.startswith(
        "Remove what is secret (stripe-key, jwt) from the log calls in web that wrote the quoted lines, "
        "redact the fields in its logger, and rotate each of them once that runs"
    )
    assert made[1].action == "Mend LW-003."


@pytest.mark.parametrize(
    ("finding", "where"),
    [
        pytest.param(secret(1, "jwt"), "logs/web.log, its rotated copies, and wherever they are shipped to", id="a file"),
        pytest.param(secret(1, "jwt", origin_offset=7), "what web prints, wherever that is collected", id="output that the session captured, masked"),
        pytest.param(secret(1, "jwt", "docker:web"), "the log of web that docker keeps, and wherever it is shipped to", id="a container's log"),
    ],
)  # fmt: skip
def test_who_can_read_a_secret_depends_on_who_keeps_the_log(finding: Finding, where: str) -> None:
    (item,) = items(finding)
    assert item.now is not None
    assert item.now.startswith(f"See who can read {where}, and close it to all who need not.")
