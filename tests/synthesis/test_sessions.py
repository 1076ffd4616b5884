"""Sessions against one another: what changed, and that nothing is called resolved where nobody looked."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.synthesis.read_project import session_on
from tools.errors import UsageError
from tools.sources.code.walk import FILE_BYTES_MAX
from tools.sources.records import Gap
from tools.sources.session_facts import SessionFacts
from tools.synthesis.session_data import SessionData
from tools.synthesis.sessions import store
from tools.synthesis.sessions.comparison import (
    SESSIONS_MAX,
    Past,
    SessionComparison,
    State,
    carried_on,
    compare,
    past_of,
)
from tools.synthesis.sessions.making import record_of
from tools.synthesis.sessions.record import OF_A_CHANGE, KnownFinding, Scope, SessionRecord
from tools.synthesis.sessions.store import KEPT_MAX, SessionStore
from tools.workspace import Workspace

CODE = """import os
import redis

client = redis.Redis()


def place(order: dict) -> None:
    try:
        client.xadd("orders", order)
    except Exception:
        pass


def names() -> list:
    return client.keys("user:*")


def take() -> None:
    while True:
        client.xreadgroup("billing", "b-1", {"orders": ">"}, count=1)
"""
SCOPE = Scope(
    agents=("log-watcher", "stream-analyst", "config-auditor", "enhancement-scout"),
    phases=("preflight", "shutdown"),
    rules=(
        "log.error",
        "stream.consumer-lag",
        "stream.orphaned",
        "config.port-conflict",
        "code.xadd-no-maxlen",
    ),
    window_ms=600_000,
    services=("web", "billing"),
    streams=(("orders", ("billing",)), ("cart:17", ("carts",))),
    files=("web/main.py", "billing/main.py"),
)


def known(
    number: int = 1, rule: str = "stream.consumer-lag", level: str = "HIGH", **more: Any
) -> KnownFinding:
    agents = {"log": "log-watcher", "stream": "stream-analyst", "config": "config-auditor"}
    plain = KnownFinding(
        fingerprint=f"v1:{number:020x}",
        finding_id=f"RSA-{number:03d}",
        agent=agents.get(rule.split(".", maxsplit=1)[0], "enhancement-scout"),
        rule_id=rule,
        category="CONSUMER_LAG",
        level=level,
        rank=["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"].index(level),
        title=f"trouble {number}",
        session_id="s",
    )
    return structs.replace(plain, **more)


def session(*findings: KnownFinding, at: int = 1, scope: Scope | None = SCOPE, **more: Any) -> SessionRecord:
    plain = SessionRecord(
        session_id=f"s{at}",
        product="0.1.0",
        mode="managed",
        project="/srv/shop",
        redis="redis://127.0.0.1:6379/0",
        started_ms=at * 1000,
        ended_ms=at * 1000 + 600_000,
        incomplete="",
        findings=findings,
        scope=scope,
    )
    return structs.replace(plain, **more)


def states(found: SessionComparison) -> dict[str, str]:
    return {row.finding_id: row.state.value for row in found.findings}


def test_a_finding_is_new_persists_is_updated_or_resolved() -> None:
    on_orders: dict[str, Any] = {"streams": ("orders",), "group": "billing"}
    earlier = session(known(1, **on_orders), known(2, **on_orders), known(3, level="MEDIUM", **on_orders))
    later = session(
        known(2, **on_orders), known(3, level="CRITICAL", **on_orders), known(4, **on_orders), at=2
    )
    found = compare(earlier, later)
    assert states(found) == {
        "RSA-004": "new",
        "RSA-002": "persisting",
        "RSA-003": "updated",
        "RSA-001": "resolved",
    }
    (updated,) = found.of(State.UPDATED)
    assert (updated.change, updated.worse) == ("MEDIUM before", True)
    assert found.counts == {"new": 1, "persisting": 1, "updated": 1, "resolved": 1, "not observed": 0}


def test_without_an_earlier_session_everything_is_new_and_the_reason_is_said() -> None:
    found = compare(None, session(known(1)), why_none="there is none")
    assert (found.earlier, found.why_none, states(found)) == ("", "there is none", {"RSA-001": "new"})


@pytest.mark.parametrize(
    ("finding", "change", "why"),
    [
        pytest.param({}, {"agents": ("log-watcher",)}, "stream-analyst did not finish", id="agent"),
        pytest.param({}, {"rules": ("log.error",)}, "has no such rule", id="rule"),
        pytest.param({}, {"broken_rules": ("stream.consumer-lag",)}, "its rule failed", id="broken rule"),
        pytest.param({}, {"capped_rules": ("stream.consumer-lag",)}, "more in the later session than is told", id="capped rule"),
        pytest.param({}, {"judgement": "other"}, "limits or intent", id="limits"),
        pytest.param({}, {"streams": None}, "Redis was not seen", id="redis"),
        pytest.param({"streams": ("gone",)}, {}, "stream gone was not there", id="stream"),
        pytest.param({"streams": ("orders",), "group": "x"}, {}, "group x was not there", id="group"),
        pytest.param(
            {"streams": ("orders",), "seen_after_ms": 300_000},
            {"window_ms": 45_000},
            "first seen after 5m, the later session watched for 45s",
            id="window",
        ),
        pytest.param(
            {"streams": ("orders",), "seen_after_ms": 300_000},
            {"unpolled_ms": 400_000},
            "first seen after 5m, the later session watched for 3m20s",
            id="Redis was away for a time",
        ),
        pytest.param({"rule": "log.error", "services": ("mail",)}, {}, "no line of mail", id="service"),
        pytest.param({"rule": "code.xadd-no-maxlen"}, {"files": None}, "not all of the project's files", id="files"),
        pytest.param(
            {"rule": "code.xadd-no-maxlen", "files": ("a.py",)},
            {"globs": ((), ("a.py",))},
            "a.py was not among the files",
            id="excluded file",
        ),
        pytest.param(
            {"rule": "code.xadd-no-maxlen", "files": ("web/main.py",)},
            {"unread_files": ("web/main.py",)},
            "web/main.py was not read whole",
            id="unread file",
        ),
        pytest.param(
            {"rule": "code.xadd-no-maxlen", "files": ("web/main.py",), "unnamed": 1},
            {"unnamed": {"web/main.py": 2}},
            "web/main.py has more names that are known only at run time",
            id="a name that nobody can tell any more",
        ),
        pytest.param(
            {"rule": "config.port-conflict", "streams": ("orders",)},
            {"streams": None},
            "Redis was not seen",
            id="configuration against a server",
        ),
        pytest.param(
            {"rule": "config.port-conflict", "streams": ("orders",), "on_server": ("orders",)},
            {"streams": (("cart:17", ("carts",)),)},
            "stream orders was not there",
            id="configuration against a stream that is gone",
        ),
        pytest.param({"rule": "session.leftover-port"}, {"phases": ()}, "no finished shutdown", id="phase"),
        pytest.param({"rule": "scout.cross-agent"}, {"rules": (*SCOPE.rules, "scout.cross-agent"), "agents": ("enhancement-scout",)}, "log-watcher did not finish", id="all agents"),
    ],
)  # fmt: skip
def test_what_was_not_looked_for_is_never_called_resolved(
    finding: dict[str, Any], change: dict[str, Any], why: str
) -> None:
    earlier = session(known(1, **finding))
    later = session(at=2, scope=structs.replace(SCOPE, **change))
    (row,) = compare(earlier, later).findings
    assert row.state is State.NOT_OBSERVED
    assert why in row.change


@pytest.mark.parametrize(
    "finding",
    [
        pytest.param({"streams": ("orders",), "group": "billing"}, id="a group"),
        pytest.param({"streams": ("cart:99",), "group": "carts"}, id="a family of streams with ids"),
        pytest.param({"rule": "stream.orphaned", "streams": ("old",)}, id="a stream that should not be"),
        pytest.param({"rule": "log.error", "services": ("web",)}, id="lines"),
        pytest.param({"rule": "code.xadd-no-maxlen", "files": ("web/main.py",)}, id="a file"),
        pytest.param({"rule": "config.port-conflict", "streams": ("never",)}, id="a stream that the server never had"),
        pytest.param({"rule": "config.port-conflict", "streams": ("cart:99",), "on_server": ("cart:99",)}, id="configuration against a family"),
        pytest.param({"rule": "code.xadd-no-maxlen", "files": ("gone.py",)}, id="a file that is gone"),
        pytest.param({"rule": "session.service-not-ready"}, id="a service that starts again"),
        pytest.param({"rule": "session.leftover-port", "seen_after_ms": 618_000}, id="what is seen behind the window"),
        pytest.param({"streams": ("orders",), "seen_after_ms": 600_000}, id="what the last look of a window sees"),
        pytest.param({"rule": "code.xadd-no-maxlen", "files": ("main.py",)}, id="a file whose name is the end of another's"),
        pytest.param({"rule": "code.xadd-no-maxlen", "files": ("web/old.py",), "unnamed": 1}, id="a file with a name known at run time"),
    ],
)  # fmt: skip
def test_what_was_looked_for_in_vain_is_resolved(finding: dict[str, Any]) -> None:
    scope = structs.replace(SCOPE, unread_files=("other/main.py",), unnamed={"web/old.py": 1})
    (row,) = compare(session(known(1, **finding), scope=scope), session(at=2, scope=scope)).findings
    assert row.state is State.RESOLVED, row.change


def test_a_file_of_findings_alone_resolves_nothing_and_neither_does_a_change() -> None:
    earlier = session(known(1, streams=("orders",)))
    for later in (session(at=2, scope=None), session(at=2, incomplete=OF_A_CHANGE)):
        (row,) = compare(earlier, later).findings
        assert row.state is State.NOT_OBSERVED


def test_another_server_resolves_nothing() -> None:
    earlier = session(known(1, streams=("orders",)), mode="attach")
    found = compare(earlier, session(at=2, mode="attach", redis="redis://10.0.0.9:6379/0"))
    assert [row.state for row in found.findings] == [State.NOT_OBSERVED]
    assert "another server" in found.notes[0]


def test_sessions_in_the_wrong_order_are_told() -> None:
    assert any("began later" in note for note in compare(session(at=2), session(at=1)).notes)
    assert compare(session(at=1), session(at=2)).notes == ()
    assert compare(session(at=1), session(at=1, started_ms=0)).notes == ()


def test_what_was_not_observed_is_compared_with_in_the_next_session() -> None:
    first = session(known(1, streams=("orders",)))
    second = session(at=2, scope=structs.replace(SCOPE, streams=None))
    found = compare(first, second)
    second = structs.replace(second, carried=carried_on(first, found))
    again = compare(second, session(known(1, streams=("orders",)), at=3), (past_of(first),))
    assert states(again) == {"RSA-001": "persisting"}
    assert not again.findings[0].is_flapping
    assert states(compare(second, session(at=3), (past_of(first),))) == {"RSA-001": "resolved"}


@pytest.mark.parametrize(
    ("finding", "change"),
    [
        pytest.param({"rule": "config.port-conflict", "streams": ("orders",)}, {"streams": None}, id="Redis down"),
        pytest.param({"rule": "code.xadd-no-maxlen", "files": ("a.py",)}, {"globs": ((), ("a.py",))}, id="excluded"),
        pytest.param({"streams": ("orders",)}, {"judgement": "other"}, id="limits"),
    ],
)  # fmt: skip
def test_what_nobody_looks_for_night_after_night_stays_open(
    finding: dict[str, Any], change: dict[str, Any]
) -> None:
    last = session(known(1, **finding))
    for at in (2, 3, 4):
        later = session(at=at, scope=structs.replace(SCOPE, **change))
        found = compare(last, later)
        assert states(found) == {"RSA-001": "not observed"}
        last = structs.replace(later, carried=carried_on(last, found))
    assert states(compare(last, session(at=5))) == {"RSA-001": "resolved"}


def test_what_nobody_looks_for_is_let_go_after_many_sessions() -> None:
    last = session(known(1, streams=("orders",)))
    for at in range(2, SESSIONS_MAX + 2):
        later = session(at=at, scope=structs.replace(SCOPE, streams=None))
        found = compare(last, later)
        assert states(found) == {"RSA-001": "not observed"}
        last = structs.replace(later, carried=carried_on(last, found))
        assert bool(last.carried) is (at <= SESSIONS_MAX)
    assert "so for 20 sessions: it is let go" in found.findings[0].change
    assert states(compare(last, session(at=40))) == {}


@pytest.mark.parametrize(
    ("there", "returned"),
    [
        pytest.param("1 0 1", 1, id="back once"),
        pytest.param("1 0 1 0 1", 2, id="back twice"),
        pytest.param("1 0 1 0", 1, id="gone again"),
        pytest.param("1 ? 1", 0, id="nobody looked"),
        pytest.param("1 0 ? 1", 1, id="gone, nobody looked, back"),
        pytest.param("0 1 1", 0, id="it began"),
        pytest.param("0 1 0", 0, id="it ended"),
    ],
)
def test_what_comes_back_is_flapping(there: str, returned: int) -> None:
    finding = known(1, streams=("orders",))
    one = (finding.fingerprint,)
    marks = there.split()
    records = [session(*([finding] if mark == "1" else []), at=at) for at, mark in enumerate(marks, 1)]
    pasts = [
        structs.replace(past_of(record), unobserved=frozenset(one if mark == "?" else ()))
        for record, mark in zip(records, marks, strict=True)
    ]
    earlier = structs.replace(records[-2], carried=(finding,) if marks[-2] == "?" else ())
    rows = compare(earlier, records[-1], pasts[:-2]).findings
    assert [row.returned for row in rows] == ([returned] if rows else [])


def test_an_accepted_finding_says_so() -> None:
    finding = known(1)
    found = compare(None, session(finding), accepted={finding.fingerprint: "agreed with the team"})
    assert (found.accepted, found.findings[0].accepted) == (1, "agreed with the team")


blank = st.lists(st.sampled_from(["", "# a comment", "X = 1"]), max_size=4)


@settings(max_examples=5)
@given(above=blank, folders=st.sampled_from(["shop", "shop/deeper", "other"]), indent=st.booleans())
def test_fingerprints_survive_other_lines_and_moved_files(
    above: list[str], folders: str, indent: bool
) -> None:
    moved_code = "\n".join([*above, CODE])
    if indent:
        moved_code = moved_code.replace("    except Exception", "\n    except Exception")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        earlier = session_on({"shop/app.py": CODE}, Path(one))
        later = session_on({f"{folders}/app.py": moved_code}, Path(other), "20250616_150640")
    assert len(earlier.findings) >= 4
    found = compare(earlier, later)
    stay = "moved from shop/app.py"
    kinds = {(row.state, row.change) for row in found.findings}
    assert kinds <= {(State.PERSISTING, ""), (State.UPDATED, stay)}, found.findings


@pytest.mark.parametrize(
    ("facts", "watched_ms"),
    [
        pytest.param({}, 600_000, id="to the deadline"),
        pytest.param({"ended_ms": 600_950}, 600_000, id="a slow stop"),
        pytest.param({"ended_ms": 599_990}, 600_000, id="a quick stop"),
        pytest.param({"ended_ms": 45_000, "ended_by": "stop-file"}, 45_000, id="ended before"),
        pytest.param({"ended_ms": None, "ended_by": "running"}, 0, id="not ended"),
        pytest.param({"dead_times": ((1_000, 599_000),)}, 2_000, id="dead for most of it"),
        pytest.param({"dead_times": ((100_000, 200_000), (150_000, 250_000))}, 450_000, id="dead twice"),
        pytest.param({"dead_times": ((500_000, 900_000),)}, 500_000, id="dead beyond the end"),
        pytest.param({"dead_times": ((700_000, 900_000),)}, 600_000, id="dead behind the window"),
    ],
)
def test_the_time_in_which_nobody_looked_is_not_of_the_window(
    tmp_path: Path, facts: dict[str, Any], watched_ms: int
) -> None:
    start_ms = 1_750_000_000_000
    moments = {name: start_ms + ms for name, ms in facts.items() if name == "ended_ms" and ms is not None}
    dead = tuple((start_ms + one, start_ms + other) for one, other in facts.get("dead_times", ()))
    plain = SessionFacts(
        session_id="20250615_150640", version="0.1.0", mode="managed", project_root="/srv/shop", redis=None,
        started_ms=start_ms, deadline_ms=start_ms + 600_000, ended_by="deadline",
    )  # fmt: skip
    made = structs.replace(plain, **{**facts, **moments, "dead_times": dead})
    away = Gap(
        what="Redis", why="lost", fix="look", source="streams/polls.jsonl", at_ms=start_ms, until_ms=start_ms + 1500,
        period=True,
    )  # fmt: skip
    data = SessionData(session_id="20250615_150640", facts=made, gaps=(away,))
    scope = record_of(Workspace(tmp_path), data).scope
    assert scope is not None
    dead_at_first = dead[0][0] if dead else start_ms + 1500
    assert scope.window_ms == watched_ms
    assert scope.unpolled_ms == min(watched_ms, 1500, dead_at_first - start_ms)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(CODE + "# x\n" * (FILE_BYTES_MAX // 4), id="too big"),
        pytest.param(CODE + "# \0\n", id="a NUL byte"),
        pytest.param(CODE.replace("\n\n\n", f"\nTEXT = '{'x' * 200_000}'\n"), id="minified"),
        pytest.param("# @generated by a tool\n" + CODE, id="generated"),
        pytest.param(CODE + "X = " + "(" * 3000 + "1" + ")" * 3000 + "\n", id="nested too deeply"),
    ],
)
def test_a_file_that_is_no_longer_read_resolves_nothing(tmp_path: Path, text: str) -> None:
    other = "import os\nimport redis\n\nredis.Redis().keys(os.environ['X'])\n"
    earlier = session_on({"a/app.py": CODE, "app.py": CODE, "b.py": other}, tmp_path / "1")
    later = session_on(
        {"a/app.py": text, "app.py": "X = 1\n", "b.py": other}, tmp_path / "2", "20250616_150640"
    )
    rows = [row for row in compare(earlier, later).findings if row.state is not State.PERSISTING]
    by_file = {known.fingerprint: known.files for known in earlier.findings}
    assert {(by_file[row.fingerprint], row.state) for row in rows if row.rule_id.startswith("code.")} == {
        (("a/app.py",), State.NOT_OBSERVED),
        (("a/app.py", "app.py"), State.NOT_OBSERVED),
        (("app.py",), State.RESOLVED),
    }


IN_APP: dict[str, Any] = {
    "rule": "code.xadd-no-maxlen",
    "files": ("web/main.py",),
    "title": "XADD without a cap",
}


@pytest.mark.parametrize(
    ("then", "now", "counts"),
    [
        pytest.param([{}], [{}], {"updated": 1}, id="one line, edited"),
        pytest.param([{}, {}], [{}, {}], {"updated": 2}, id="two lines, edited"),
        pytest.param([{}, {}], [{}], {"updated": 1, "resolved": 1}, id="one edited, one mended"),
        pytest.param([{}], [{}, {}], {"updated": 1, "new": 1}, id="one edited, one more"),
        pytest.param([{}], [{"level": "CRITICAL"}], {"updated": 1}, id="and worse"),
        pytest.param([{}], [{"streams": ("orders",)}], {"new": 1, "resolved": 1}, id="another stream"),
        pytest.param([{}], [{"title": "else"}], {"new": 1, "resolved": 1}, id="another title"),
        pytest.param([{}], [{"services": ("web",)}], {"new": 1, "resolved": 1}, id="another service"),
        pytest.param([{}], [{"rule": "config.port-conflict"}], {"new": 1, "resolved": 1}, id="another rule"),
        pytest.param([{}], [{"files": ("billing/main.py",)}], {"new": 1, "resolved": 1}, id="another file that was there"),
        pytest.param([{"files": ()}], [{"files": ()}], {"new": 1, "resolved": 1}, id="no file"),
    ],
)  # fmt: skip
def test_an_edited_line_is_neither_new_nor_resolved(
    then: list[dict[str, Any]], now: list[dict[str, Any]], counts: dict[str, int]
) -> None:
    earlier = session(*(known(number, **{**IN_APP, **change}) for number, change in enumerate(then, 1)))
    later = session(*(known(number, **{**IN_APP, **change}) for number, change in enumerate(now, 11)), at=2)
    found = compare(earlier, later)
    assert {state: count for state, count in found.counts.items() if count} == counts
    for row in found.of(State.UPDATED):
        worse = now[0].get("level") == "CRITICAL"
        assert row.change == "its line reads otherwise" + (", HIGH before" if worse else "")
        assert row.is_news is worse


@pytest.mark.parametrize(
    ("title", "state"),
    [
        pytest.param("one cause", State.UPDATED, id="its root's line was edited"),
        pytest.param("another cause", State.NEW, id="another root"),
    ],
)
def test_what_joins_findings_goes_on_under_an_edited_root(title: str, state: State) -> None:
    then, now = (known(number, "scout.cross-agent", title="one cause") for number in (1, 2))
    found = compare(session(then), session(structs.replace(now, title=title), at=2))
    (row,) = [row for row in found.findings if row.finding_id == now.finding_id]
    assert (row.state, "root" in row.change) == (state, state is State.UPDATED)


def test_an_edited_line_is_updated(tmp_path: Path) -> None:
    earlier = session_on({"app.py": CODE}, tmp_path / "1")
    stand = {known.rule_id: known.within for known in earlier.findings}
    assert stand["code.xadd-no-maxlen"] == ("place",)
    edited = CODE.replace('client.xadd("orders", order)', "client.xadd('orders', order, approximate=True)")
    later = session_on({"app.py": edited}, tmp_path / "2", "20250616_150640")
    found = compare(earlier, later)
    assert found.counts["new"] == found.counts["resolved"] == 0
    assert "code.xadd-no-maxlen" in {row.rule_id for row in found.of(State.UPDATED)}


def test_a_name_that_became_known_only_at_run_time_is_not_resolved(tmp_path: Path) -> None:
    add = "import redis\n\n\ndef place(name: str) -> None:\n    redis.Redis().xadd({}, {{'x': 1}})\n"
    earlier = session_on({"app.py": add.format("'orders'"), "b.py": CODE}, tmp_path / "1")
    later = session_on({"app.py": add.format("name"), "b.py": "X = 1\n"}, tmp_path / "2", "20250616_150640")
    by_file = {known.fingerprint: known.files for known in earlier.findings}
    states = {(by_file.get(row.fingerprint, ()), row.state) for row in compare(earlier, later).findings}
    assert (("app.py",), State.RESOLVED) not in states
    assert (("app.py",), State.NOT_OBSERVED) in states
    assert (("b.py",), State.RESOLVED) in states


@pytest.mark.parametrize(
    ("rules", "state"),
    [
        pytest.param("*.log\n", State.RESOLVED, id="the same rules: it was deleted"),
        pytest.param("*.log\napp.py\n", State.NOT_OBSERVED, id="it is ignored now"),
    ],
)
def test_a_file_that_is_ignored_since_is_not_resolved(tmp_path: Path, rules: str, state: State) -> None:
    kept = {"b.py": "X = 1\n"}
    earlier = session_on({**kept, ".gitignore": "*.log\n", "app.py": CODE}, tmp_path / "1")
    ignored = {"app.py": CODE} if state is State.NOT_OBSERVED else {}
    later = session_on({**kept, **ignored, ".gitignore": rules}, tmp_path / "2", "20250616_150640")
    rows = [row for row in compare(earlier, later).findings if row.rule_id.startswith("code.")]
    assert rows
    assert {row.state for row in rows} == {state}


def test_a_project_that_is_not_read_to_its_end_resolves_nothing(tmp_path: Path) -> None:
    earlier = session_on({"app.py": CODE}, tmp_path / "1")
    cut = Gap(what="files of the project", why="too many", fix="narrow it", source="code", at_ms=0)
    later = session_on({"b.py": "X = 1\n"}, tmp_path / "2", "20250616_150640", gaps=(cut,))
    rows = compare(earlier, later).findings
    assert rows
    assert {row.state for row in rows} == {State.NOT_OBSERVED}


def test_two_files_with_the_same_lines_are_not_taken_for_one_another(tmp_path: Path) -> None:
    earlier = session_on({"a/app.py": CODE, "b/app.py": CODE}, tmp_path / "1")
    later = session_on({"c/app.py": CODE, "d/app.py": CODE}, tmp_path / "2", "20250616_150640")
    rows = [row for row in compare(earlier, later).findings if row.rule_id == "code.keys-command"]
    assert [row.state for row in rows] == [State.NEW, State.NEW, State.RESOLVED, State.RESOLVED]


def test_a_record_is_read_as_it_was_written_and_the_oldest_go(tmp_path: Path) -> None:
    kept = SessionStore(tmp_path / "sessions")
    records = [session(known(1), at=at, session_id=f"20250615_{at:06d}") for at in range(1, KEPT_MAX + 3)]
    for record in records:
        kept.keep(record)
    assert [record.session_id for record in kept.records()] == [
        record.session_id for record in reversed(records[2:])
    ]
    assert kept.find(records[-1].session_id) == records[-1]


def test_sessions_of_other_series_push_nothing_out(tmp_path: Path) -> None:
    kept = SessionStore(tmp_path)
    for project in ("/srv/a", "/srv/b"):
        kept.keep(session(project=project, session_id="20261201_020000"))
    for number in range(KEPT_MAX + 1):
        kept.keep(session(at=2, mode="static", project="/srv/a", session_id=f"20261201_{100_000 + number}"))
    for project in ("/srv/a", "/srv/b"):
        earlier, _ = kept.series(session(at=9, project=project, session_id="20261202_020000"))
        assert earlier is not None
        assert (earlier.session_id, earlier.project) == ("20261201_020000", project)
    with pytest.raises(UsageError, match="2 sessions have the id 20261201_020000"):
        kept.find("20261201_020000")
    assert sum(record.mode == "static" for record in kept.records()) == KEPT_MAX


def test_the_newest_of_each_series_stay_longest(tmp_path: Path) -> None:
    kept = SessionStore(tmp_path, kept_max=4)
    for at in range(1, 6):
        kept.keep(session(at=at, session_id=f"20261201_00000{at}"))
    for project in ("/a", "/b"):
        kept.keep(session(at=6, project=project, session_id="20261201_000006"))
    assert sorted((record.project, record.started_ms) for record in kept.records()) == [
        ("/a", 6000),
        ("/b", 6000),
        ("/srv/shop", 4000),
        ("/srv/shop", 5000),
    ]


def test_a_record_of_before_the_clock_went_back_does_not_go_at_once(tmp_path: Path) -> None:
    kept = SessionStore(tmp_path)
    for number in range(KEPT_MAX):
        kept.keep(session(at=2, session_id=f"20261201_{100_000 + number}"))
    assert kept.keep(session(session_id="20261130_000000")).exists()
    assert kept.find("20261130_000000") is not None


@pytest.mark.parametrize(
    ("finding", "change"),
    [
        pytest.param({"finding_id": "\x1b[2J"}, {}, id="finding id"),
        pytest.param({"finding_id": "RSA-001\n"}, {}, id="finding id with a line break"),
        pytest.param({"level": "<img src=x>"}, {}, id="level"),
        pytest.param({"category": "[x](javascript:1)"}, {}, id="category"),
        pytest.param({"rule_id": "a b"}, {}, id="rule"),
        pytest.param({"fingerprint": "v1:0"}, {}, id="fingerprint"),
        pytest.param({"agent": "somebody"}, {}, id="agent"),
        pytest.param({"session_id": "../x"}, {}, id="session of a finding"),
        pytest.param({"rank": -1}, {}, id="rank"),
        pytest.param({}, {"session_id": "a/b"}, id="session"),
        pytest.param({}, {"ended_ms": 1 << 60}, id="a time that is none"),
    ],
)
def test_a_record_with_fields_that_are_none_is_refused(
    tmp_path: Path, finding: dict[str, Any], change: dict[str, Any]
) -> None:
    path = tmp_path / "x.json.gz"
    store.write(path, session(known(1)))
    assert store.load(str(path), SessionStore(tmp_path), tmp_path, 0).findings
    store.write(path, session(structs.replace(known(1), **finding), **change))
    with pytest.raises(UsageError, match="no record of a session"):
        store.load(str(path), SessionStore(tmp_path), tmp_path, 0)


def test_a_file_that_unpacks_without_end_or_is_cut_is_refused() -> None:
    packed = gzip.compress(bytes(100_000))
    assert store.unpacked(packed) == bytes(100_000)
    with pytest.raises(ValueError, match="more than 10,000 bytes"):
        store.unpacked(packed, 10_000)
    with pytest.raises(EOFError):
        store.unpacked(packed[:-9])


def test_only_complete_sessions_of_the_same_kind_are_measures(tmp_path: Path) -> None:
    kept = SessionStore(tmp_path)
    changes: list[dict[str, Any]] = [
        {},
        {"mode": "static"},
        {"project": "/elsewhere"},
        {"incomplete": "it failed"},
    ]
    for number, change in enumerate(changes, start=1):
        kept.keep(session(at=number, **change))
    kept.keep(session(at=9))  # begun after the one that asks
    (tmp_path / "s5.json.gz").write_bytes(b"damaged")
    earlier, past = kept.series(session(at=6, redis="redis://127.0.0.1:9999/0"))
    assert (earlier and earlier.session_id, past) == ("s1", ())


def test_attached_sessions_are_of_one_series_only_on_one_server(tmp_path: Path) -> None:
    kept = SessionStore(tmp_path)
    kept.keep(session(at=1, mode="attach", redis="a"))
    assert kept.series(session(at=2, mode="attach", redis="b")) == (None, ())
    assert kept.series(session(at=2, mode="attach", redis="a"))[0] is not None


@pytest.mark.parametrize(
    "text", [pytest.param("{", id="no json"), pytest.param('{"a": 1}', id="no list"), pytest.param("[1]", id="no finding")]
)  # fmt: skip
def test_a_file_that_holds_no_findings_is_refused_in_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "all-findings.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="holds no findings of a session"):
        store.load(str(tmp_path / "all-findings.json"), SessionStore(tmp_path), tmp_path, 0)


def test_a_name_that_is_no_session_is_refused(tmp_path: Path) -> None:
    for name in ("20990101_000000", "../x", "A" * 300, "a\0b", ""):
        with pytest.raises(UsageError, match="no session"):
            store.load(name or str(tmp_path), SessionStore(tmp_path / "kept"), tmp_path / "ws", 0)


def test_the_trend_ends_with_the_newest_session() -> None:
    past: list[Past] = [past_of(session(known(1), known(2, level="LOW"), at=1))]
    trend = compare(session(at=2), session(known(3), at=3), past).trend
    assert [(point.session_id, sum(point.by_severity.values())) for point in trend] == [
        ("s1", 2),
        ("s2", 0),
        ("s3", 1),
    ]
