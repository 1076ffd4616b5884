"""A session's workspace becomes its report, whatever is missing."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
from markdown_it import MarkdownIt
from msgspec import structs

from tests.report.made_session import SESSION_ID, START_MS, Made, make
from tools.findings.journal import Journal
from tools.findings.model import AgentId
from tools.report import event_schemas, schemas
from tools.report.write import write_report
from tools.sources import session_facts
from tools.sources.records import Gap, Poll, ServerState
from tools.sources.redis.polls import PollJournal
from tools.sources.session_facts import AgentRun, PhaseRun
from tools.synthesis import session_data, wording
from tools.synthesis.wording import ClusterWording

HOSTILE = ' </td><script>x</script> | `` ``` \u202e\x1b[31m [l](http://e.example) "] --> end; password=hunter2hunter2'


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def text_of(made: Made) -> str:
    return made.workspace.report(SESSION_ID).read_text(encoding="utf-8")


def test_the_report_has_eight_sections_and_ends_with_version_session_and_time(made: Made) -> None:
    write_report(made.workspace, made.project, made.clock)
    text = text_of(made)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "1. Executive dashboard",
        "2. Critical findings",
        "3. Stream health map",
        "4. Event flows",
        "5. Drift registry",
        "6. Roadmap",
        "7. Observability gaps",
        "8. Next session",
        "All findings",
    ]
    assert text.splitlines()[-1] == (
        f"streamgauge 0.1.0 · session `{SESSION_ID}` · completed 2025-06-15T15:16:50.000Z"
    )


def test_the_first_page_says_whether_it_burns_why_and_what_first(made: Made) -> None:
    write_report(made.workspace, made.project, made.clock)
    first_page = text_of(made).split("\n## ")[0]
    assert (
        "> [!CAUTION]\n> **CRITICAL** — Yes, on fire: 2 critical findings and 7 high ones, which come down to 4 troubles."
        in first_page
    )
    assert "**What:** shop, Redis at " in first_page
    assert "2025-06-15 15:06:40 to 15:16:40 UTC." in first_page
    assert (
        "- **C-01** CRITICAL: Group billing of orders is 1,000 messages behind; it explains 2 other findings and was seen at "
        "billing, web" in first_page
    )
    assert re.search(
        r"\n1\. \*\*C-01\*\* \*\*Now:\*\* .* \*\*Then:\*\* Add consumers to group billing", first_page
    )
    assert "**Not seen:** 1 gap in coverage: log of search" in first_page
    assert len(first_page.splitlines()) < 30


def test_the_figures_of_the_dashboard_are_those_of_the_session(made: Made) -> None:
    board = write_report(made.workspace, made.project, made.clock).dashboard
    assert board is not None
    assert (board.health, board.findings, board.streams_discovered, board.drifts) == ("CRITICAL", 18, 4, 1)
    assert board.by_severity == {"CRITICAL": 2, "HIGH": 7, "MEDIUM": 1, "LOW": 0, "INFO": 1}
    assert (board.unacked_messages, board.streams_with_lag) == (804, ("invoices", "orders"))
    assert board.by_service == {"unknown": 7, "mail": 6, "billing": 4, "web": 4, "audit": 2}
    assert board.own_cost["polls"] == 41


def test_every_finding_that_the_text_links_stands_in_its_table(made: Made) -> None:
    write_report(made.workspace, made.project, made.clock)
    text = text_of(made)
    linked = set(re.findall(r"\]\(#((?:lw|rsa|ca|es)-\d+)\)", text))
    assert linked
    assert linked <= set(re.findall(r'<a id="([^"]+)"></a>', text))


def test_streams_that_got_worse_are_marked_and_forecast(made: Made) -> None:
    report = write_report(made.workspace, made.project, made.clock)
    rows = {row.stream: (row.status, row.worse, row.forecast) for row in report.streams}
    assert rows == {
        "orders": (
            "CRITICAL",
            ("lag 0 → 1000", "length 100 → 1300"),
            "lag grows by 100 a minute; it does not drain",
        ),
        "invoices": ("CRITICAL", (), "lag stands still"),
        "audit": ("DEGRADED", ("pending 0 → 800",), None),
        "telemetry": ("HEALTHY", (), None),
    }


def test_only_gaps_that_the_system_has_are_listed(made: Made) -> None:
    report = write_report(made.workspace, made.project, made.clock)
    gaps = {gap.letter: gap for gap in report.observability_gaps}
    assert sorted(gaps) == ["A", "B", "C", "D", "F"]
    assert gaps["A"].files == ("billing/main.py:5", "web/main.py:5")
    assert gaps["B"].missing == (
        "billing: 3 of 3 lines are not JSON",
        "mail: 1 of 1 lines are not JSON",
        "web: no traceId, event",
    )
    assert gaps["F"].missing == ("mail: no line carries a correlation id",)


def test_a_models_words_stand_only_for_the_members_that_were_worded(made: Made) -> None:
    first, second, *_ = write_report(made.workspace, made.project, made.clock).clusters
    words = ClusterWording(
        root_fingerprint=first.root_fingerprint, members=first.members, root_cause=(), chain=(), blast_radius=(),
        fix=(), model="m", prompt_version="synthesis@1",
    )  # fmt: skip
    stale = structs.replace(words, root_fingerprint=second.root_fingerprint, members=(second.root,))
    wording.write(made.workspace, [words, stale])
    assert write_report(made.workspace, made.project, made.clock).wordings == (words,)


def test_the_files_beside_the_report_agree_with_it(made: Made) -> None:
    report = write_report(made.workspace, made.project, made.clock)
    everything = json.loads(made.workspace.all_findings.read_bytes())
    assert [finding["findingId"] for finding in everything] == [item["findingId"] for item in report.findings]
    ranks = [finding.get("severity") or finding["priority"] for finding in everything]
    assert ranks[:3] == ["CRITICAL", "P0_CRITICAL", "P0_CRITICAL"]
    assert ranks[-1] == "INFO"
    clusters = json.loads(made.workspace.path("findings", "cross-agent-clusters.json").read_bytes())
    assert [(found["root"], found["finding_count"], found["agents"]) for found in clusters][:2] == [
        ("RSA-001", 3, ["LOG_WATCHER", "REDIS_STREAM_ANALYST"]),
        ("CA-001", 2, ["CONFIG_AUDITOR", "LOG_WATCHER"]),
    ]
    assert list(clusters[0]) == [
        "entity",
        "finding_count",
        "agents",
        "root",
        "members",
        "chain",
        "blastRadius",
    ]
    topology = json.loads(made.workspace.path("streams", "topology.json").read_bytes())
    assert [stream["name"] for stream in topology["streams"]] == ["audit", "invoices", "orders", "telemetry"]


def test_every_file_fits_its_schema(made: Made) -> None:
    write_report(made.workspace, made.project, made.clock)
    exported = schemas.export()
    for path, name in (
        (made.workspace.path("report.json"), "report"),
        (made.workspace.all_findings, "all-findings"),
        (made.workspace.path("streams", "topology.json"), "topology"),
    ):
        jsonschema.validate(json.loads(path.read_bytes()), exported[f"{name}.schema.json"])
    for line in made.workspace.path("streams", "samples.jsonl").read_text(encoding="utf-8").splitlines():
        jsonschema.validate(json.loads(line), exported["sample.schema.json"])
    for agent, name in zip(
        AgentId, ("log-finding", "stream-finding", "config-finding", "enhancement"), strict=True
    ):
        for line in made.workspace.findings(agent).read_text(encoding="utf-8").splitlines():
            jsonschema.validate(json.loads(line), exported[f"{name}.schema.json"])
            jsonschema.validate(json.loads(line), exported["finding.schema.json"])


def test_all_schemas_are_valid_and_name_every_event() -> None:
    exported = schemas.export()
    for schema in exported.values():
        jsonschema.Draft202012Validator.check_schema(schema)
    assert {name for name in exported if name.startswith("events/")} == {
        f"events/{name}.schema.json" for name in event_schemas.EVENTS
    }


def test_the_same_session_gives_the_same_report(made: Made) -> None:
    write_report(made.workspace, made.project, made.clock)
    first = (text_of(made), made.workspace.path("report.json").read_bytes())
    write_report(made.workspace, made.project, made.clock)
    assert (text_of(made), made.workspace.path("report.json").read_bytes()) == first


def test_hostile_names_and_lines_change_nothing_in_the_report(tmp_path: Path) -> None:
    calm, hostile = make(tmp_path / "calm"), make(tmp_path / "hostile", HOSTILE)
    shapes = []
    for made in (calm, hostile):
        write_report(made.workspace, made.project, made.clock)
        html = MarkdownIt("commonmark").enable("table").render(text_of(made))
        shapes.append(
            [tag for tag in re.findall(r"<(/?\w+)", html) if tag not in {"code", "/code", "span", "/span"}]
        )
    text = text_of(hostile)
    assert shapes[0] == shapes[1]
    assert not {"\u202e", "\x1b"} & set(text)
    assert "hunter2" not in text
    for block in re.findall(r"```mermaid\n(.*?)\n```", text, re.DOTALL):
        assert "script>" not in block
        assert "--> end" not in block


@pytest.mark.parametrize(
    "lost",
    [
        "session.json",
        "SESSION_ID",
        "streams/polls.jsonl",
        "streams/baseline.json",
        "streams/samples.jsonl",
        "recording/code.json.gz",
        "recording/log-watcher.jsonl.gz",
        "recording/gaps.jsonl",
        "events.jsonl",
        "findings/log-watcher.jsonl",
        "findings/stream-analyst.jsonl",
    ],
)
@pytest.mark.parametrize("damage", ["missing", "torn", "garbage"])
def test_a_missing_or_damaged_part_is_stated_and_never_fatal(made: Made, lost: str, damage: str) -> None:
    path = made.workspace.path(lost)
    if damage == "missing":
        path.unlink()
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        path.write_bytes(b"\xff{]\n" + path.read_bytes()[:20] + b"\n")
    report = write_report(made.workspace, made.project, made.clock)
    assert report.failures == ()
    written = made.workspace.report(report.session_id)
    assert "## 8. Next session" in written.read_text(encoding="utf-8")
    # A session id needs no second source, the baseline is a copy of poll 0, and torn tails are the crash's normal trace.
    if damage == "garbage" and lost != "SESSION_ID":
        assert any(gap.source == session_data.SOURCE and lost in gap.what for gap in report.source_gaps)


def test_an_empty_workspace_gives_a_report_that_says_so(tmp_path: Path, made: Made) -> None:
    from tools.workspace import Workspace

    empty = Workspace(tmp_path / "empty")
    empty.create()
    report = write_report(empty, made.project, made.clock)
    assert report.dashboard is not None
    assert report.dashboard.health == "DEGRADED"
    assert "Redis was not polled" in empty.report("unknown").read_text(encoding="utf-8")


def test_a_server_without_a_stream_was_looked_at(tmp_path: Path, made: Made) -> None:
    from tools.workspace import Workspace

    empty = Workspace(tmp_path / "empty")
    empty.create()
    poll = Poll(number=1, at_ms=START_MS, server=ServerState(flavour="valkey", version="9"), streams=())
    journal = PollJournal(empty.path("streams", "polls.jsonl"))
    journal.append(poll)
    journal.close()
    report = write_report(empty, made.project, made.clock)
    assert report.coverage is not None
    text = empty.report("unknown").read_text(encoding="utf-8")
    assert (report.coverage.polls, "Redis holds no stream." in text, "was not polled" in text) == (1, True, False)  # fmt: skip


REFUSED = "Redis cannot be audited: no connection. Check that redis.url names it."


def failed(folder: Path, phase: str, *, keep: bool = False) -> Made:
    """A session that failed in `phase`; without `keep` nothing but its own story was written."""
    made = make(folder)
    facts = session_facts.read(made.workspace)
    run = PhaseRun(name=phase, started_ms=facts.started_ms, status="failed", detail=REFUSED)
    if not keep:
        shutil.rmtree(made.workspace.root)
        made.workspace.create()
    session_facts.write(made.workspace, structs.replace(facts, phases=(run,), ended_by="failure"))
    return made


@pytest.mark.parametrize("phase", ["preflight", "baseline"])
def test_a_session_that_failed_before_its_window_says_so_first_and_blames_no_file(
    tmp_path: Path, phase: str
) -> None:
    made = failed(tmp_path, phase)
    report = write_report(made.workspace, made.project, made.clock)
    first_page = text_of(made).split("\n## ")[0]
    assert f"**DEGRADED** — Nothing can be said: the session failed in {phase}: Redis cannot be" in first_page
    assert [(gap.what, gap.source) for gap in report.source_gaps] == [
        (f"everything after {phase}", "session")
    ]
    assert "report it" not in text_of(made)
    assert report.coverage is not None
    assert report.coverage.limits == ()


def test_what_a_failed_session_found_before_is_told_behind_its_failure(tmp_path: Path) -> None:
    made = failed(tmp_path, "preflight", keep=True)
    headline = write_report(made.workspace, made.project, made.clock).verdict.headline
    assert headline.startswith("The session failed in preflight: Redis cannot be audited")
    assert headline.endswith(
        "Yes, on fire: 2 critical findings and 7 high ones, which come down to 4 troubles."
    )


def test_a_failure_after_the_window_stands_behind_the_answer(tmp_path: Path) -> None:
    made = failed(tmp_path, "shutdown", keep=True)
    headline = write_report(made.workspace, made.project, made.clock).verdict.headline
    assert headline.startswith("Yes, on fire")
    assert "But the session failed in shutdown: Redis cannot be audited" in headline


def test_a_damaged_file_is_blamed_in_a_failed_session_too(tmp_path: Path) -> None:
    made = failed(tmp_path, "preflight")
    made.workspace.polls.write_bytes(b"\xff{]\n{}\n")
    report = write_report(made.workspace, made.project, made.clock)
    assert any("polls.jsonl" in gap.what and "damaged" in gap.why for gap in report.source_gaps)


def test_a_window_that_ended_by_a_failure_says_whose(tmp_path: Path) -> None:
    made = make(tmp_path)
    facts = session_facts.read(made.workspace)
    gone = AgentRun(agent="log-watcher", attempts=4, finished=False, reasons=("killed by signal 9",))
    session_facts.write(made.workspace, structs.replace(facts, agents=(gone,), ended_by="failure"))
    headline = write_report(made.workspace, made.project, made.clock).verdict.headline
    assert headline.endswith("But the window ended early by a failure (log-watcher: killed by signal 9).")


@pytest.mark.parametrize(
    ("mode", "at_end", "limited"),
    [("attach", "the end", True), ("managed", "shutdown", False), ("static", "the end", False)],
)
def test_the_words_fit_the_mode(tmp_path: Path, mode: str, at_end: str, limited: bool) -> None:
    made = make(tmp_path)
    facts = session_facts.read(made.workspace)
    session_facts.write(made.workspace, structs.replace(facts, mode=mode))
    made.workspace.path("recording", "gaps.jsonl").write_bytes(b"")
    write_report(made.workspace, made.project, made.clock)
    text = text_of(made)
    assert f"| unacked messages at {at_end} |" in text
    assert ("log lines written before the session began" in text) == limited
    assert "| against the last session | not compared |" in text
    assert "categories without a rule" not in text


def test_what_was_never_polled_has_no_figures_of_streams(tmp_path: Path) -> None:
    made = make(tmp_path)
    made.workspace.polls.unlink()
    for name in ("baseline.json", "final_state.json"):
        made.workspace.path("streams", name).unlink(missing_ok=True)
    board = write_report(made.workspace, made.project, made.clock).dashboard
    assert board is not None
    assert (board.streams_discovered, board.unacked_messages, board.streams_with_lag) == (None, None, None)
    text = text_of(made)
    assert "| streams discovered | [not measured](#3-stream-health-map) |" in text
    assert "| streams with lag | not measured |" in text


def test_a_verdict_beside_healthy_says_that_it_is_nothing_serious(made: Made) -> None:
    report = write_report(made.workspace, made.project, made.clock)
    verdicts = {row.stream: row.verdict for row in report.streams}
    assert verdicts["telemetry"] == "no serious finding; INFO: Two consumers share stats"
    assert verdicts["orders"].startswith("CRITICAL: ")


def test_a_section_that_fails_is_named_and_the_rest_stands(made: Made, tmp_path: Path) -> None:
    from tools.report.context import prepare
    from tools.report.write import Builder, build

    context = prepare(session_data.load(made.workspace, made.clock.now_ms()), made.clock.now_ms())
    builder = Builder()

    def broken() -> None:
        raise ValueError("no such figure")

    builder.attempt("event flows", broken, None)
    report = build(context, builder, "0.1.0")
    assert [(failure.section, failure.reason) for failure in report.failures] == [
        ("event flows", "ValueError: no such figure")
    ]
    assert report.dashboard is not None


def test_spans_in_which_redis_was_not_seen_are_shown_once_with_their_times(made: Made) -> None:
    away = Gap(
        what="Redis at 127.0.0.1:6379/0", why="no connection", fix="Start it.", source="streams/polls.jsonl",
        at_ms=START_MS + 30_000, period=True,
    )  # fmt: skip
    again = structs.replace(away, at_ms=START_MS + 590_000)
    with Journal(made.workspace.gaps) as gaps:
        for record in (away, structs.replace(away, until_ms=START_MS + 75_000), again):
            gaps.append(record)
    report = write_report(made.workspace, made.project, made.clock)
    told = [
        (gap.at[11:19], gap.until and gap.until[11:19])
        for gap in report.source_gaps
        if "Redis at" in gap.what
    ]
    assert told == [
        ("15:07:10", "15:07:55"),
        ("15:16:30", "15:16:40"),
    ]  # the second lasts to the window's end
    assert report.dashboard is not None
    assert report.dashboard.blind_gaps == 3
    assert report.coverage is not None
    assert len(report.coverage.redis_unseen) == 2
    text = text_of(made)
    assert ", 15:07:10Z to 15:07:55Z (45s) — no connection (told by" in text
    assert "| Redis not seen | 2025-06-15T15:07:10.000Z to 2025-06-15T15:07:55.000Z, " in text
