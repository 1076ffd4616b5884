"""What a session could not see, by a record of a session: a finding that is only hidden is never called resolved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.detectors.config.polls import poll
from tests.synthesis.made import START_MS, config_finding, stream_finding
from tests.synthesis.read_project import session_on
from tests.synthesis.test_sessions import SCOPE, known, session
from tools.detectors.thresholds import Expectation, Judgement, Limits
from tools.sources.gaps import logs_unread
from tools.sources.records import Gap
from tools.synthesis.sessions import judging
from tools.synthesis.sessions.comparison import Compared, State, compare
from tools.synthesis.sessions.judging import Judging
from tools.synthesis.sessions.making import known_findings
from tools.synthesis.sessions.polled import Polled
from tools.synthesis.sessions.record import KnownFinding, Scope

RULES = (
    *SCOPE.rules,
    "stream.missing-maxlen",
    "stream.unbounded",
    "stream.growing",
    "config.rogue-stream",
    "stream.consumer-leak",
    "live.polling-reads",
    "stream.time-lag",
    "stream.stuck-message",
)


def row_of(finding: KnownFinding, change: dict[str, Any], earlier: Scope = SCOPE) -> Compared:
    """What a later session that is as the earlier one, but for `change` of its scope, makes of a finding."""
    then = structs.replace(earlier, rules=RULES)
    now = structs.replace(then, **change)
    (row,) = compare(session(finding, scope=then), session(at=2, scope=now)).findings
    return row


@pytest.mark.parametrize("rule", ["stream.missing-maxlen", "stream.unbounded", "stream.growing"])
@pytest.mark.parametrize(
    ("change", "why"),
    [
        pytest.param({"files": None}, "not all of the project's files", id="not read to the end"),
        pytest.param({"unread_files": ("web/main.py",)}, "web/main.py was not read whole", id="too big now"),
        pytest.param(
            {"ignore_rules": "other", "files": ("billing/main.py",)},
            "web/main.py was not among the files",
            id="ignored now",
        ),
        pytest.param({"unnamed": {"web/main.py": 1}}, "known only at run time", id="a name at run time"),
    ],
)
def test_what_a_rule_about_streams_says_of_code_is_not_resolved_where_the_code_is_hidden(
    rule: str, change: dict[str, Any], why: str
) -> None:
    finding = known(1, rule, streams=("orders",), files=("web/main.py",))
    row = row_of(finding, change)
    assert (row.state, why in row.change) == (State.NOT_OBSERVED, True), row
    assert row_of(finding, {}).state is State.RESOLVED
    lag = structs.replace(finding, rule_id="stream.consumer-lag")
    assert row_of(lag, change).state is State.RESOLVED


@pytest.mark.parametrize(
    ("stream", "group", "state"),
    [
        pytest.param("orders", None, State.NOT_OBSERVED, id="the stream is there"),
        pytest.param("cart:99", None, State.NOT_OBSERVED, id="another of its family is there"),
        pytest.param("ordres", None, State.RESOLVED, id="the stream is gone"),
        pytest.param("orders", "billing", State.NOT_OBSERVED, id="the group is there"),
        pytest.param("orders", "biling", State.RESOLVED, id="the group is gone"),
    ],
)
def test_what_appeared_and_stays_is_not_resolved_by_being_there_from_the_beginning(
    stream: str, group: str | None, state: State
) -> None:
    rogue = known(1, "config.rogue-stream", streams=(stream,), group=group, on_server=(stream,))
    row = row_of(rogue, {})
    assert (row.state, "is there still" in row.change) == (state, state is State.NOT_OBSERVED)


def test_what_joins_findings_is_not_resolved_where_one_of_them_was_not_observed() -> None:
    lag = known(1, streams=("orders",), group="billing")
    gone = known(2, streams=("carts",))
    cross = [
        known(number, "scout.cross-agent", joins=tuple(it.fingerprint for it in joined))
        for number, joined in ((3, [lag, gone]), (4, [lag]))
    ]
    scope = structs.replace(SCOPE, rules=(*RULES, "scout.cross-agent"))
    earlier = session(lag, gone, *cross, scope=scope)
    found = compare(earlier, session(at=2, scope=scope))
    assert {row.finding_id: row.state for row in found.findings} == {
        "RSA-001": State.RESOLVED,
        "RSA-002": State.NOT_OBSERVED,
        "RSA-003": State.NOT_OBSERVED,
        "RSA-004": State.RESOLVED,
    }
    assert any("it joined RSA-002 of s, which was not observed" in row.change for row in found.findings)


@pytest.mark.parametrize(
    ("services", "change", "why"),
    [
        pytest.param((), {"services": ("web",)}, "no line of billing", id="about all of them, one was silent"),
        pytest.param((), {"services": ()}, "no line of web", id="about all of them, no line was read"),
        pytest.param(("web",), {"unread_logs": ("log file web.log",)}, "log file web.log", id="a file that could not be read"),
        pytest.param(("web",), {"unread_logs": ("a", "lines of b")}, "lines of b", id="lines that were lost"),
        pytest.param(("web",), {"unread_logs": ("a",)}, "", id="as it was"),
        pytest.param(("web",), {"services": ("web",)}, "", id="another service was silent"),
    ],
)  # fmt: skip
def test_what_lines_said_is_not_resolved_where_lines_were_not_read(
    services: tuple[str, ...], change: dict[str, Any], why: str
) -> None:
    earlier = structs.replace(SCOPE, unread_logs=("a",))
    row = row_of(known(1, "log.error", services=services), change, earlier)
    assert (row.state, why in row.change) == (State.NOT_OBSERVED if why else State.RESOLVED, True), row


@pytest.mark.parametrize(
    ("what", "blind", "is_told"),
    [
        pytest.param("log source docker mail", True, True, id="a program that does not answer"),
        pytest.param("log file mail.log", True, True, id="a file that cannot be read"),
        pytest.param("lines of mail.log", False, True, id="lines lost by rotation"),
        pytest.param("the services' logs", True, True, id="no log at all"),
        pytest.param("the rest of long lines in mail.log", False, False, id="a long line"),
        pytest.param("Redis at 127.0.0.1: clients", True, False, id="something else"),
    ],
)
def test_gaps_tell_of_which_logs_not_all_was_read(what: str, *, blind: bool, is_told: bool) -> None:
    gap = Gap(what=what, why="", fix="", source="x", at_ms=0, blind=blind)
    assert list(logs_unread([gap])) == ([what] if is_told else [])


@pytest.mark.parametrize(
    ("polls", "state"),
    [
        pytest.param(3, State.NOT_OBSERVED, id="too few"),
        pytest.param(4, State.RESOLVED, id="as many as it takes"),
        pytest.param(None, State.RESOLVED, id="of a version that counted none"),
    ],
)
def test_what_takes_some_polls_in_a_row_is_not_resolved_by_fewer(polls: int | None, state: State) -> None:
    row = row_of(known(1, streams=("orders",), polls=4), {"polls": polls})
    assert (row.state, "needs 4 polls in a row" in row.change) == (state, state is State.NOT_OBSERVED)


@pytest.mark.parametrize(
    ("rule", "polls", "needs"),
    [
        pytest.param("stream.time-lag", 40, 4, id="time lag"),
        pytest.param("stream.growing", 40, 4, id="growing"),
        pytest.param("stream.growing", 3, 3, id="it was seen by fewer"),
        pytest.param("stream.consumer-lag", 40, 2, id="any other"),
        pytest.param("stream.consumer-lag", 1, 1, id="at the first one"),
    ],
)
def test_a_finding_needs_as_many_polls_as_its_rule_and_no_more_than_there_were(
    rule: str, polls: int, needs: int
) -> None:
    finding = stream_finding(1, "CONSUMER_LAG", rule_id=rule, seen_s=polls)
    made = [poll(number, {}, at_ms=START_MS + number * 1000) for number in range(1, 100)]
    assert Polled(made, Limits()).needed(finding) == needs


ACK = "import redis\nr = redis.Redis()\n\n\ndef {name}(stream, group, entry):\n    r.xack({names}, entry)\n"
READ = (
    "import redis\nr = redis.Redis()\n\n\ndef work():\n    while True:\n"
    "        for found in r.xreadgroup('billing', 'c1', {'orders': '>'}, block=5000):\n            print(found)\n"
)


@pytest.mark.parametrize(
    ("names", "state"),
    [
        pytest.param("stream, group", State.NOT_OBSERVED, id="names that a run tells"),
        pytest.param("'orders', 'billing'", State.RESOLVED, id="it is acknowledged"),
    ],
)
def test_a_name_known_only_at_run_time_in_another_file_resolves_nothing(
    tmp_path: Path, names: str, state: State
) -> None:
    earlier = session_on({"svc/app.py": READ, "svc/b.py": "X = 1\n"}, tmp_path / "1")
    other = ACK.format(name="done", names=names)
    later = session_on({"svc/app.py": READ, "svc/b.py": other}, tmp_path / "2", "20250616_150640")
    rows = {row.rule_id: row for row in compare(earlier, later).findings}
    row = rows["code.xreadgroup-no-ack"]
    assert (row.state, "may hide it" in row.change) == (state, state is State.NOT_OBSERVED)
    assert rows["code.hardcoded-stream"].state is not State.NOT_OBSERVED


@pytest.mark.parametrize(
    ("rule", "modes"),
    [
        pytest.param("session.service-not-ready", ["managed"], id="services that it starts"),
        pytest.param("session.stream-command-missing", ["managed", "attach"], id="a server that it asks"),
        pytest.param("session.leftover-port", ["managed", "attach", "static"], id="by the phase alone"),
    ],
)
def test_what_a_session_finds_itself_is_resolved_only_in_a_mode_that_looks(
    rule: str, modes: list[str]
) -> None:
    found = {
        mode: compare(session(known(1, rule)), session(at=2, mode=mode)).findings[0].state
        for mode in ("managed", "attach", "static")
    }
    assert [mode for mode, state in found.items() if state is State.RESOLVED] == modes


def test_what_a_look_at_the_server_showed_is_not_resolved_without_one() -> None:
    older = known(1, "config.port-conflict", files=("web/main.py",), of_server=True)
    row = row_of(older, {"streams": None})
    assert (row.state, "Redis was not seen" in row.change) == (State.NOT_OBSERVED, True)
    assert row_of(older, {}).state is State.RESOLVED


@pytest.mark.parametrize(
    ("source", "is_of_server"),
    [pytest.param("config/polls.jsonl", True, id="a poll"), pytest.param("compose.yml", False, id="a file")],
)
def test_a_record_says_whether_the_server_was_looked_at(source: str, *, is_of_server: bool) -> None:
    finding = config_finding(1, "VERSION_MISMATCH", counted_to={source: 1})
    (found,) = known_findings([finding], "s1", START_MS)
    assert found.of_server is is_of_server


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        pytest.param("stream.consumer-leak", State.NOT_OBSERVED, id="records of consumers"),
        pytest.param("live.polling-reads", State.NOT_OBSERVED, id="who reads without waiting"),
        pytest.param("stream.consumer-lag", State.RESOLVED, id="what needs no clients"),
    ],
)
def test_what_the_clients_tell_is_not_resolved_where_they_are_not_listed(rule: str, state: State) -> None:
    row = row_of(known(1, rule, streams=("orders",)), {"clients": False})
    assert (row.state, "who its clients are" in row.change) == (state, state is State.NOT_OBSERVED)


@pytest.mark.parametrize(
    ("rule", "change", "state"),
    [
        pytest.param("stream.time-lag", {}, State.NOT_OBSERVED, id="late, and too far behind to say so"),
        pytest.param("stream.time-lag", {"streams": ("carts",)}, State.RESOLVED, id="of another stream"),
        pytest.param("stream.time-lag", {"group": "mail"}, State.RESOLVED, id="of another group"),
        pytest.param("stream.stuck-message", {}, State.RESOLVED, id="a rule that does not give way"),
    ],
)
def test_what_gives_way_to_something_worse_is_not_resolved(
    rule: str, change: dict[str, Any], state: State
) -> None:
    scope = structs.replace(SCOPE, rules=RULES)
    on_orders: dict[str, Any] = {"streams": ("orders",), "group": "billing"}
    lag = known(2, "stream.consumer-lag", "CRITICAL", **{**on_orders, **change})
    found = compare(
        session(known(1, rule, **on_orders), scope=scope), session(lag, at=2, scope=scope)
    ).findings
    (row,) = [row for row in found if row.rule_id == rule]
    assert (row.state, "gives way to RSA-002" in row.change) == (state, state is State.NOT_OBSERVED)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"agents": ("log-watcher",)}, id="agents"),
        pytest.param({"broken_rules": ("log.error",)}, id="a rule that failed"),
        pytest.param({"capped_rules": ("log.error",)}, id="a rule that found too much"),
        pytest.param({"unread_logs": ("log file web.log",)}, id="a log"),
        pytest.param({"clients": False}, id="the clients"),
        pytest.param({"streams": None}, id="streams"),
        pytest.param({"files": None}, id="files"),
        pytest.param({"entries": None}, id="entries"),
    ],
)
def test_a_session_that_could_not_see_all_is_not_whole(change: dict[str, Any]) -> None:
    whole = structs.replace(SCOPE, entries={})
    assert whole.is_whole
    assert not structs.replace(whole, **change).is_whole


def judged(finding: KnownFinding, *entries: Expectation, **limits: Any) -> State:
    """What becomes of an absent finding after limits and intent were changed to these."""
    then, now = Judgement(), Judgement(expect=entries, limits=Limits(**limits))
    finding = structs.replace(finding, judged=Judging(then).digest(finding))
    earlier = structs.replace(SCOPE, judgement="a", limits=then.model_dump_json())
    return row_of(finding, {"judgement": "b", "limits": now.model_dump_json()}, earlier).state


@pytest.mark.parametrize(
    ("entry", "state"),
    [
        pytest.param({"stream": "carts", "no_group_ok": True}, State.RESOLVED, id="another stream"),
        pytest.param({"stream": "orders", "no_group_ok": True}, State.NOT_OBSERVED, id="its stream"),
        pytest.param({"stream": "ord*", "no_group_ok": True}, State.NOT_OBSERVED, id="a glob that fits it"),
        pytest.param({"group": "billing", "idle_ok": True}, State.NOT_OBSERVED, id="its group"),
        pytest.param({"group": "mail", "idle_ok": True}, State.RESOLVED, id="another group"),
        pytest.param({"service": "web", "idle_ok": True}, State.NOT_OBSERVED, id="a service, where it names none"),
    ],
)  # fmt: skip
def test_intent_about_something_else_hides_nothing(entry: dict[str, Any], state: State) -> None:
    lag = known(1, streams=("orders",), group="billing")
    assert judged(lag, Expectation(**entry)) is state


def test_limits_count_for_the_rules_that_ask_for_them() -> None:
    assert judged(known(1, streams=("orders",)), consumer_lag=9) is State.NOT_OBSERVED
    assert judged(known(1, "code.xadd-no-maxlen", files=("web/main.py",)), consumer_lag=9) is State.RESOLVED
    of_code = known(1, "code.xadd-no-maxlen", streams=("orders",), files=("web/main.py",))
    assert judged(of_code, Expectation(stream="orders", unbounded_ok=True)) is State.NOT_OBSERVED
    of_file = Expectation(stream="orders", unbounded_ok=True)
    assert judged(known(1, "config.port-conflict", files=("web/main.py",)), of_file) is State.NOT_OBSERVED
    assert judged(known(1, "log.error", services=("web",)), of_file) is State.RESOLVED
    family = known(1, streams=("cart:{}",))
    assert judged(family, Expectation(stream="cart:*[0-9]*", no_group_ok=True)) is State.NOT_OBSERVED


def test_what_a_record_says_of_its_limits_may_be_damaged() -> None:
    lag = structs.replace(known(1, streams=("orders",)), judged="0" * 16)
    assert row_of(lag, {"judgement": "b", "limits": "{"}).state is State.NOT_OBSERVED
    assert judging.read("") is None
