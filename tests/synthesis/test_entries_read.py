"""Findings about stream entries, of sessions that read all, some or none of them."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.report.made_session import START_MS, Made, make, record
from tests.synthesis.test_sessions import SCOPE, known, session
from tools import detectors
from tools.detectors import registry
from tools.detectors.streams.schema_inconsistency import RULE as INCONSISTENT
from tools.findings.journal import Journal
from tools.findings.model import AgentId, EvidenceKind
from tools.findings.rule import Quote, Symptom
from tools.sources.entry_samples import EntrySample, LeftOut, SampleJournal
from tools.sources.records import Gap
from tools.synthesis import session_data
from tools.synthesis.sessions.comparison import State, compare
from tools.synthesis.sessions.making import record_of
from tools.synthesis.sessions.record import EntriesRead, SessionRecord

BOTH = ("stream.schema-inconsistency", "config.schema-drift")
WHOLE = structs.replace(SCOPE, rules=(*SCOPE.rules, *BOTH), entries={"orders": EntriesRead(13, 13, 0)})


@pytest.mark.parametrize("rule", BOTH)
@pytest.mark.parametrize(
    ("entries", "why"),
    [
        pytest.param(None, "entries were not read", id="without samples"),
        pytest.param({}, "no entry of orders", id="none of the stream"),
        pytest.param({"carts": EntriesRead(99, 99, 0)}, "no entry of orders", id="of another stream only"),
        pytest.param({"orders": EntriesRead(49, 49, 1)}, "49 entries of orders and not all", id="cut short"),
        pytest.param({"orders": EntriesRead(50, 1, 1)}, "", id="cut short, and as many as it took"),
        pytest.param({"orders": EntriesRead(1, 1, 0)}, "", id="fewer, and all there were"),
    ],
)
def test_silence_about_entries_says_something_only_where_they_were_read(
    rule: str, entries: dict[str, EntriesRead] | None, why: str
) -> None:
    earlier = session(known(1, rule, streams=("orders",), entries=50), scope=WHOLE)
    later = session(at=2, scope=structs.replace(WHOLE, entries=entries))
    (row,) = compare(earlier, later).findings
    assert row.state is (State.NOT_OBSERVED if why else State.RESOLVED)
    assert why in row.change


@pytest.mark.parametrize(
    ("rule", "state"), [(BOTH[0], State.RESOLVED), (BOTH[1], State.NOT_OBSERVED)], ids=BOTH
)
def test_what_is_judged_by_recent_entries_needs_recent_ones(rule: str, state: State) -> None:
    later = structs.replace(WHOLE, entries={"orders": EntriesRead(13, 0, 0)})
    (row,) = compare(
        session(known(1, rule, streams=("orders",), entries=13)), session(at=2, scope=later)
    ).findings
    assert row.state is state, row.change


@pytest.mark.parametrize(
    ("finding", "state"),
    [
        pytest.param({"rule": BOTH[1], "files": ("web/main.py",)}, State.RESOLVED, id="what code sends"),
        pytest.param({"rule": BOTH[0], "streams": ("orders",)}, State.NOT_OBSERVED, id="of an older record"),
        pytest.param({"streams": ("orders",)}, State.RESOLVED, id="another rule"),
    ],
)
def test_only_what_is_about_entries_needs_them(finding: dict[str, Any], state: State) -> None:
    later = structs.replace(WHOLE, entries=None)
    (row,) = compare(session(known(1, **finding)), session(at=2, scope=later)).findings
    assert row.state is state, row.change


def test_the_entries_of_a_family_count_together() -> None:
    earlier = session(known(1, BOTH[0], streams=("cart:17",), entries=20))
    read = {"cart:18": EntriesRead(10, 10, 3), "cart:19": EntriesRead(10, 10, 0)}
    (row,) = compare(earlier, session(at=2, scope=structs.replace(WHOLE, entries=read))).findings
    assert row.state is State.RESOLVED, row.change


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def with_finding(made: Made) -> SessionRecord:
    """The session's record with a finding about the entries of `orders`."""
    symptom = Symptom(
        rule=INCONSISTENT,
        title="Entries of orders do not have one schema",
        entity=("orders",),
        evidence=(Quote(EvidenceKind.REDIS, "streams/polls.jsonl", "{}"),),
        recommendation="Agree on one.",
        stream="orders",
    )
    record(made.workspace, AgentId.REDIS_STREAM_ANALYST, [symptom])
    return record_of(made.workspace, session_data.load(made.workspace, START_MS))


def test_a_record_says_how_many_entries_were_read(made: Made) -> None:
    made.workspace.path("streams", "samples.jsonl").unlink()
    journal = SampleJournal(made.workspace.path("streams", "samples.jsonl"))
    old, new, late = (f"{START_MS + ms}-0" for ms in (-7_200_000, 1_000, 900_000_000))
    for _ in range(2):  # a new attempt samples the newest once more
        journal.append(1, [EntrySample(stream="orders", id=entry_id) for entry_id in (old, new, late, "5-0")])
    journal.append(2, [LeftOut(stream="orders", after=new, to=late, entries=7)])
    journal.close()
    found = with_finding(made)
    assert found.scope is not None
    assert found.scope.entries == {"orders": EntriesRead(4, 3, 7)}
    (about,) = (item for item in found.findings if item.rule_id == INCONSISTENT.id)
    assert about.entries == 3  # one was added after it was seen


def test_a_journal_of_samples_that_is_full_counts_nothing_left_out_any_more(made: Made) -> None:
    data = session_data.load(made.workspace, START_MS)
    full = record_of(made.workspace, replace(data, samples_full=True, samples_left={})).scope
    assert full is not None
    assert full.entries is not None
    assert all(it.left_out for it in full.entries.values())


@pytest.mark.parametrize("why", ["redis.samples is off", "the user may not send XRANGE"])
def test_a_session_that_read_no_entries_says_so(made: Made, why: str) -> None:
    earlier = with_finding(made)
    with Journal(made.workspace.gaps) as gaps:
        gaps.append(
            Gap(
                what="Redis at a: entries",
                why=why,
                fix="x",
                source="streams/polls.jsonl",
                at_ms=START_MS,
                blind=False,
            )
        )
    later = record_of(made.workspace, session_data.load(made.workspace, START_MS))
    assert later.scope is not None
    assert later.scope.entries is None
    assert not later.scope.is_whole
    rest = [item for item in later.findings if item.rule_id != INCONSISTENT.id]
    whole = structs.replace(WHOLE, entries=None, streams=later.scope.streams)
    found = compare(
        structs.replace(earlier, scope=whole), structs.replace(later, findings=tuple(rest), scope=whole)
    )
    (row,) = found.findings[-1:]
    assert (row.rule_id, row.state) == (INCONSISTENT.id, State.NOT_OBSERVED)


def test_every_rule_that_reads_entries_says_so() -> None:
    """A rule that needs them and does not say it would be called resolved where nobody read any."""
    reading = set()
    for path in Path(detectors.__file__).parent.rglob("*.py"):
        nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        # A process has samples too, of which rules about logs speak.
        if path.parent.name != "logs" and any(
            isinstance(node, ast.Attribute) and node.attr == "sample" for node in nodes
        ):
            reading.add(path.stem.replace("_", "-"))
    declared = {rule.id.split(".")[1] for rule in registry.rules().values() if rule.of_entries}
    assert reading == declared == {"schema-inconsistency", "schema-drift"}
