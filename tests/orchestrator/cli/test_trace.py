"""`trace`: one id's timeline from a made workspace, running or archived; hostile ids change nothing."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Literal

import jsonschema
import msgspec
import pytest

from orchestrator.cli import trace as command
from orchestrator.cli.trace import Style, folder_of, trace
from tests.report.made_session import ORDER, POISON, SESSION_ID, Made, make
from tests.synthesis.made import line
from tools import masking
from tools.errors import UsageError
from tools.findings.model import AgentId
from tools.report import schemas
from tools.report.context import prepare
from tools.sources.entry_samples import EntrySample, SampleJournal
from tools.sources.recording import Recording
from tools.sources.records import LogLine
from tools.synthesis.flows import session_files
from tools.synthesis.flows.model import Flow, Step
from tools.synthesis.flows.reconstruct import reconstruct
from tools.synthesis.flows.session import evidence_of
from tools.synthesis.flows.trace import Trace
from tools.synthesis.session_data import load
from tools.synthesis.wiring import Wiring

HOSTILE = ' </td><script>x</script> | `` ``` \u202e\x1b[31m [l](http://e.example) "] --> end; password=hunter2hunter2'


@pytest.fixture
def made(tmp_path: Path) -> Made:
    return make(tmp_path)


def table(made: Made, wanted: str) -> list[str]:
    answer = trace(made.workspace.root, wanted, Style.TABLE)
    assert answer.unknown is None, answer.unknown
    return answer.text.splitlines()


def traced(made: Made, wanted: str) -> dict[str, object]:
    answer = trace(made.workspace.root, wanted, Style.JSON)
    assert answer.unknown is None, answer.unknown
    data: dict[str, object] = json.loads(answer.text)
    jsonschema.validate(data, schemas.export()["trace.schema.json"])
    return data


def steps(made: Made, wanted: str) -> list[tuple[str, str | None, str]]:
    flows = traced(made, wanted)["flows"]
    assert isinstance(flows, list)
    return [(step["action"], step["service"], step["source"]) for flow in flows for step in flow["steps"]]


def record(made: Made, *lines: LogLine) -> None:
    recording = Recording(made.workspace.path("recording", f"{AgentId.LOG_WATCHER.slug}.jsonl.gz"))
    for item in lines:
        recording.add("line", item)
    recording.flush()


def wiring_of(made: Made) -> Wiring:
    return prepare(load(made.workspace, 0), 0).wiring


def refers(made: Made, source: str, wanted: str) -> bool:
    """Whether the place that a step names holds what it tells of."""
    if " poll " in source:
        path, _, number = source.rpartition(" poll ")
        return f'"poll":{number},'.encode() in made.workspace.path(*path.split("/")).read_bytes()
    path, _, number = source.rpartition(":")
    file = Path(path) if path.startswith("/") else made.workspace.path(*path.split("/"))
    return wanted in file.read_text(encoding="utf-8").splitlines()[int(number) - 1]


def test_a_correlation_id_is_told_from_lines_and_entries_in_order(made: Made) -> None:
    found = steps(made, "c-1")
    assert [(action, service) for action, service, _ in found] == [
        ("published", "web"),
        ("published", "web"),
        ("consumed", "billing"),
        ("acked", "billing"),
    ]
    assert found[0][2] == "streams/samples.jsonl:1"
    for _, _, source in found:
        assert refers(made, source, "c-1")


def test_the_table_says_when_who_what_and_where_it_can_be_read_again(made: Made) -> None:
    first, *rows, marks, not_seen = table(made, "c-1")
    assert marks == "a name with ?: no log line of it says so, only code or names tell it"
    assert first == (
        f"correlation c-1 in session {SESSION_ID} from 2025-06-15T15:06:40.990Z: "
        "4 steps, 1 message, 1010 ms, publish to consume 10 ms by log lines"
    )
    assert len(rows) == 4
    assert re.fullmatch(
        rf"  15:06:40\.990 +0 ms  web\?     published  orders {ORDER} +streams/samples\.jsonl:1", rows[0]
    )
    assert rows[2].endswith("logs/billing.log:1")
    assert (
        not_seen == "not seen: at least 12 entries of orders were not sampled; what they carry is not known"
    )


@pytest.mark.parametrize("wanted", [POISON, f"invoices:{POISON}"])
def test_a_message_is_told_from_lines_and_polls(made: Made, wanted: str) -> None:
    found = traced(made, wanted)
    flows = found["flows"]
    assert isinstance(flows, list)
    flow = next(flow for flow in flows if flow["stream"] == "invoices")
    assert flow["flags"] == ["consumed-never-acked"]
    assert flow["pendingIn"] == ["invoices/mailers"]
    actions = [step["action"] for step in flow["steps"]]
    assert set(actions) == {"published", "pending", "failed"}
    assert actions[-1] == "pending"
    for step in flow["steps"]:
        assert refers(made, step["source"], POISON)


def test_the_report_and_the_trace_flag_alike(made: Made) -> None:
    journal = SampleJournal(made.workspace.path("streams", "samples.jsonl"))
    journal.append(1, [EntrySample(stream="invoices", id=POISON, correlation_id="c-8")])
    journal.close()
    unknown = "1750000007000-0"
    record(
        made,
        line("published", "web", 1, 60, "c-70"),
        line("consumed", "billing", 2, 61, "c-70"),
        line(f"handled {ORDER} stream=orders", "billing", 3, 62, "c-71"),
        line(f"consumed {unknown}", "billing", 4, 63, "c-72"),
        line("GET / request received", "billing", 5, 64, "c-73"),
    )
    shown = reconstruct(evidence_of(load(made.workspace, 0)), wiring_of(made)).shown
    flagged = {(flow.kind, flow.key): set(flow.flags) for flow in shown if flow.flags}
    assert flagged["correlation", "c-8"] == {"consumed-never-acked"}
    assert flagged["correlation", "c-72"] == {"consumed-never-acked"}
    for wanted in ("c-1", "c-8", "c-70", "c-71", "c-72", "c-73", f"invoices:{POISON}", unknown):
        found = traced(made, wanted)["flows"]
        assert isinstance(found, list)
        for flow in found:
            assert set(flow["flags"]) == flagged.get((flow["kind"], flow["key"]), set()), wanted


def test_a_message_id_of_two_streams_is_two_flows_and_one_diagram_must_be_chosen(made: Made) -> None:
    flows = traced(made, ORDER)["flows"]
    assert isinstance(flows, list)
    assert [flow["stream"] for flow in flows] == ["orders", "telemetry"]
    assert traced(made, ORDER)["correlationIds"] == ["c-1", "t-1"]
    with pytest.raises(UsageError, match="2 messages"):
        trace(made.workspace.root, ORDER, Style.MERMAID)
    assert trace(made.workspace.root, f"orders:{ORDER}", Style.MERMAID).text.startswith("sequenceDiagram\n")


def test_lines_that_name_only_the_message_are_part_of_its_correlation(made: Made) -> None:
    record(made, line(f"handled {ORDER} stream=orders", "billing", 3, 77))
    assert ("acked", "billing", "logs/billing.log:77") in steps(made, "c-1")


def test_the_diagram_draws_services_and_streams(made: Made) -> None:
    text = trace(made.workspace.root, "c-1", Style.MERMAID).text
    assert text.splitlines() == [
        "sequenceDiagram",
        "  participant p0 as web",
        "  participant p1 as orders",
        "  participant p2 as billing",
        "  p0->>p1: published (web?) +0 ms",
        "  p0->>p0: published +10 ms",
        "  p0->>p2: consumed +10 ms",
        "  p2->>p2: acked +1010 ms",
        "%% a name with ?: no log line of it says so, only code or names tell it",
    ]


@pytest.mark.parametrize(
    ("service", "origin", "marks"),
    [
        pytest.param("web", "log", [], id="its own line"),
        pytest.param("web", "sample", ["a name with ?"], id="the wiring names it"),
        pytest.param(None, "poll", ["? alone"], id="nothing tells who"),
    ],
)
def test_marks_are_explained_only_where_they_are_printed(
    made: Made,
    monkeypatch: pytest.MonkeyPatch,
    service: str | None,
    origin: Literal["log", "sample", "poll"],
    marks: list[str],
) -> None:
    step = Step(at_ms=0, service=service, action="published", message_id="1-0", origin=origin, source="a:1")
    flow = Flow(kind="message", key="1-0", steps=(step,), services=(), flags=(), late_ms=None, duration_ms=0)
    found = Trace(session_id="s", running=False, id="1-0", kind="message", flows=(flow,))
    monkeypatch.setattr(command, "trace_id", lambda *_: found)
    _, _, *said = table(made, "1-0")
    assert [text.split(":")[0] for text in said] == marks


@pytest.mark.parametrize(
    ("wanted", "hints"),
    [
        pytest.param("t-9", [], id="two characters alike are chance"),
        pytest.param("17500000010", [POISON, f"{ORDER}"], id="a message id's beginning"),
        pytest.param("nothing like it", [], id="none alike"),
    ],
)
def test_an_unknown_id_is_named_with_those_that_begin_alike(
    made: Made, wanted: str, hints: list[str]
) -> None:
    answer = trace(made.workspace.root, wanted, Style.TABLE)
    assert answer.text == ""
    assert answer.unknown is not None
    assert answer.unknown.startswith(f"No log line, sampled entry or poll of session {SESSION_ID} names")
    assert ("begin alike" in answer.unknown) is bool(hints)
    for hint in hints:
        assert hint in answer.unknown


def test_hostile_names_and_ids_reach_no_terminal_and_no_diagram(tmp_path: Path) -> None:
    made, shown = make(tmp_path, HOSTILE), masking.mask(HOSTILE)  # lines are masked as they are read
    record(made, line(f"published{shown}", f"web{shown}", 1, 5, f"h-1{shown}"))
    for wanted in (ORDER, "c-1", POISON, f"h-1{HOSTILE}"):
        for style in (Style.TABLE, Style.JSON):
            text = trace(made.workspace.root, wanted, style).text
            assert text
            assert not {"\u202e", "\x1b", "\x9b"} & set(text)
            assert "hunter2" not in text
    wanted = json.loads(trace(made.workspace.root, ORDER, Style.JSON).text)["flows"][1]["stream"]
    diagram = trace(made.workspace.root, f"{wanted}:{ORDER}", Style.MERMAID).text
    assert all(word not in diagram for word in ("script>", "--> end", "\x1b", "`", '"'))
    unknown = trace(made.workspace.root, f"no{HOSTILE}", Style.TABLE).unknown
    assert unknown is not None
    assert not {"\u202e", "\x1b"} & set(unknown)


def test_an_id_that_is_a_secret_is_found_by_its_mask(made: Made) -> None:
    secret = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc"
    journal = SampleJournal(made.workspace.path("streams", "samples.jsonl"))
    journal.append(
        1, [EntrySample(stream="orders", id="1750000003000-0", correlation_id="[masked:stripe-key]")]
    )
    journal.close()
    text = "\n".join(table(made, secret))
    assert secret not in text
    assert "orders 1750000003000-0" in text


@pytest.mark.parametrize(
    "lost",
    ["recording/log-watcher.jsonl.gz", "streams/polls.jsonl", "streams/samples.jsonl", "recording/code.json.gz", "session.json"],
)  # fmt: skip
@pytest.mark.parametrize("damage", ["missing", "torn", "garbage"])
def test_what_is_missing_or_damaged_is_left_out_and_never_fatal(made: Made, lost: str, damage: str) -> None:
    path = made.workspace.path(*lost.split("/"))
    if damage == "missing":
        path.unlink()
    elif damage == "torn":
        path.write_bytes(path.read_bytes()[:-7])
    else:
        path.write_bytes(b"\xff{]\n" + path.read_bytes()[:20] + b"\n")
    answer = trace(made.workspace.root, "c-1", Style.JSON)
    told = json.loads(answer.text)["notSeen"] if answer.unknown is None else answer.unknown.splitlines()
    naming = [text for text in told if lost in text]
    optional = lost in {"recording/code.json.gz", "streams/samples.jsonl"}
    assert len(naming) == (0 if optional and damage == "missing" else 1), told


def test_of_a_running_session_the_end_that_is_being_written_is_no_damage(made: Made) -> None:
    path = made.workspace.path("session.json")
    facts = json.loads(path.read_bytes())
    path.write_bytes(msgspec.json.encode(facts | {"ended_by": "running", "ended_ms": None}))
    for name in ("recording/log-watcher.jsonl.gz", "streams/polls.jsonl", "streams/samples.jsonl"):
        torn = made.workspace.path(*name.split("/"))
        torn.write_bytes(torn.read_bytes()[:-7])
    for wanted in ("c-1", "nobody"):
        answer = trace(made.workspace.root, wanted, Style.TABLE)
        assert not re.search(r"cut|damaged|not there", answer.unknown or answer.text)


def test_a_damaged_name_of_a_stream_is_told_and_fatal_to_nothing(made: Made) -> None:
    path = made.workspace.polls
    path.write_bytes(path.read_bytes().replace(b'"name":"orders"', b'"name":"or\xff\xfes"', 1))
    answer = trace(made.workspace.root, "nobody", Style.TABLE)
    assert answer.unknown is not None
    assert "not seen: streams/polls.jsonl" in answer.unknown


def test_damage_in_the_middle_of_the_polls_is_told(made: Made) -> None:
    path = made.workspace.polls
    data = bytearray(path.read_bytes())
    at = data.find(b'"name":"invoices"') + 30  # a line that a trace of another stream does not decode
    data[at : at + 20] = b"\xff" * 20
    path.write_bytes(data)
    (told,) = [text for text in table(made, "c-1") if "polls.jsonl" in text and "not seen" in text]
    assert "damaged at byte" in told


def test_only_lines_that_name_the_id_itself_fill_the_bound(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session_files, "LINES_MAX", 5)
    record(made, *(line(f"published c-9{n} (c-9_)", "web", n, n, f"c-9{n}") for n in range(10, 30)))
    record(made, line("published", "web", 9, 9, "c-9"), line("order [c-9]: handled", "web", 10, 10, "c-9"))
    assert [source for _, _, source in steps(made, "c-9")] == ["logs/web.log:9", "logs/web.log:10"]


def test_a_running_session_is_traced_as_far_as_it_is_written(made: Made) -> None:
    path = made.workspace.path("session.json")
    facts = json.loads(path.read_bytes())
    path.write_bytes(msgspec.json.encode(facts | {"ended_by": "running", "ended_ms": None}))
    assert "in running session" in table(made, "c-1")[0]
    record(made, line("published again", "web", 9, 90, "c-1"))
    assert ("published", "web", "logs/web.log:90") in steps(made, "c-1")
    assert traced(made, "c-1")["running"] is True


def test_a_session_is_named_by_folder_or_id(made: Made, tmp_path: Path) -> None:
    workspace = made.workspace.root
    archived = tmp_path / ".archive" / "20250101_000000"
    archived.mkdir(parents=True)
    assert folder_of(workspace, None) == workspace
    assert folder_of(workspace, "20250101_000000") == archived
    assert folder_of(workspace, str(archived)) == archived
    with pytest.raises(UsageError, match="no session"):
        folder_of(workspace, "A" * 5000)
    assert folder_of(workspace, SESSION_ID) == workspace
    for missing in ("20240101_000000", "../../no/such/place"):
        with pytest.raises(UsageError, match="20250101_000000"):
            folder_of(workspace, missing)


def test_an_archived_session_is_found_by_a_way_back_and_behind_a_link(made: Made, tmp_path: Path) -> None:
    archived = tmp_path / ".archive" / "20250101_000000"
    archived.mkdir(parents=True)
    other = tmp_path / "other"
    other.mkdir()
    (other / "link").symlink_to(made.workspace.root)
    for workspace in (other / ".." / made.workspace.root.name, other / "link"):
        assert folder_of(workspace, "20250101_000000") == archived
        assert folder_of(workspace, SESSION_ID) == workspace
        assert trace(workspace, "c-1", Style.TABLE).unknown is None
    assert trace(folder_of(tmp_path, str(other / "link")), "c-1", Style.TABLE).unknown is None


def typed(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator", "trace", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["c-1"], 0, "correlation c-1", id="found"),
        pytest.param(["c-1", "--json"], 0, '"kind": "correlation"', id="as JSON"),
        pytest.param(["c-1", "--mermaid"], 0, "sequenceDiagram", id="as a diagram"),
        pytest.param(["c-77"], 1, "names 'c-77'", id="not found"),
        pytest.param(["c-1", "--json", "--mermaid"], 2, "Give one of them", id="two forms"),
        pytest.param([" "], 2, "The id is empty", id="empty"),
        pytest.param(["c-1", "--workspace", "nowhere"], 2, "holds no session", id="no session"),
        pytest.param(["c-1", "--session", "nope"], 2, "There is no session 'nope'", id="no such session"),
    ],
)
def test_exit_codes_and_forms(made: Made, arguments: list[str], code: int, said: str) -> None:
    done = typed(*arguments, cwd=made.workspace.root.parent)
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("form", [[], ["--json"], ["--mermaid"]])
def test_bytes_that_are_no_text_are_no_id(made: Made, form: list[str]) -> None:
    done = typed(os.fsdecode(b"caf\xe9"), *form, cwd=made.workspace.root.parent)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("streamgauge: The id is not UTF-8 text")
    assert done.stderr.count("\n") == 1


def test_colours_are_for_terminals_only(made: Made) -> None:
    plain = trace(made.workspace.root, POISON, Style.TABLE).text
    coloured = trace(made.workspace.root, POISON, Style.TABLE, colours=True).text
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d+m", "", coloured) == plain
    assert coloured != plain


def test_a_long_recording_is_searched_and_bounded(made: Made) -> None:
    record(
        made,
        *(line(f"consumed n{number}", "web", number, number, f"other-{number}") for number in range(5000)),
    )
    record(made, line("published last", "web", 9, 9, "needle"))
    assert steps(made, "needle") == [("published", "web", "logs/web.log:9")]
