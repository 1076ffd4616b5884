"""Functions about log lines: the filters, the places, the pages; and that a pattern cannot ask after a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.functions.desks import SECRET, good, pages, refused
from tests.functions.scene import KEY_BODY, Scene, make
from tests.report import made_session
from tools.sources.recording import Recording
from tools.sources.records import LogLine


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return make(tmp_path)


def texts(scene: Scene, **arguments: object) -> list[str]:
    return [one["text"] for one in pages("logs_search", scene.desk, **arguments)]


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        pytest.param({}, 7, id="all"),
        pytest.param({"text": "correlationId=c-1"}, 2, id="text"),
        pytest.param({"text": "Correlationid=c-1"}, 0, id="text is as it stands"),
        pytest.param({"pattern": r"(?i)etimedout|nogroup"}, 2, id="pattern"),
        pytest.param({"text": "order", "pattern": "published"}, 2, id="both"),
        pytest.param({"service": "web"}, 3, id="service"),
        pytest.param({"service": "we"}, 0, id="a service is named whole"),
        pytest.param({"level": "ERROR"}, 3, id="level and worse"),
        pytest.param({"level": "FATAL"}, 0, id="none so bad"),
        pytest.param({"level": "INFO"}, 7, id="errors are worse than information"),
        pytest.param({"text": '"level":"INFO"'}, 2, id="text that JSON escapes"),
        pytest.param({"since": "2025-06-15T15:06:42Z"}, 4, id="since"),
        pytest.param({"until": "2025-06-15T15:06:41.500Z"}, 3, id="until"),
        pytest.param({"since": "2025-06-15T17:06:42+02:00"}, 4, id="another zone"),
    ],
)
def test_recorded_lines_are_filtered(scene: Scene, arguments: dict[str, object], lines: int) -> None:
    assert len(texts(scene, **arguments)) == lines
    assert texts(scene, **arguments, limit=2) == texts(scene, **arguments)


def test_a_recorded_line_has_the_place_by_which_it_is_quoted(scene: Scene) -> None:
    (line,) = good("logs_search", scene.desk, text="failed: KeyError").data["items"]
    raw = Path(line["source"]).read_bytes()
    assert raw[line["byteOffset"] :][: line["byteLength"]].decode() == line["text"]
    assert (line["line"], line["service"], line["level"]) == (3, "billing", "ERROR")


def test_every_line_is_in_the_merged_log_over_its_rotations(scene: Scene) -> None:
    found = pages("logs_search", scene.desk, within="merged", text="order", limit=5)
    assert len(found) == 16
    assert [one["source"] for one in found[:7]] == ["logs/merged.log.1"] * 6 + ["logs/merged.log"]
    for one in found:
        raw = (scene.workspace / one["source"]).read_bytes()
        assert raw[one["byteOffset"] :][: one["byteLength"]].decode().endswith(one["text"])
    assert (
        len(pages("logs_search", scene.desk, within="merged", service="web", since="2025-06-15T15:06:45Z"))
        == 3
    )
    assert "has no levels" in refused("logs_search", scene.desk, within="merged", level="ERROR")


def test_a_page_of_the_merged_log_goes_on_after_a_rotation(scene: Scene) -> None:
    first = good("logs_search", scene.desk, within="merged", limit=8)
    logs = scene.workspace / "logs"
    (logs / "merged.log.1").replace(logs / "merged.log.2")
    (logs / "merged.log").replace(logs / "merged.log.1")
    (logs / "merged.log").write_text("2025-06-15T15:09:40.000Z web file later\n", encoding="utf-8")
    rest = good("logs_search", scene.desk, within="merged", limit=100, page=first.next_page)
    assert len(rest.data["items"]) == 9
    assert rest.data["items"][-1]["text"] == "later"
    for path in logs.glob("merged.log.*"):
        path.unlink()
    said = refused("logs_search", scene.desk, within="merged", limit=100, page=first.next_page)
    assert "was rotated away" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"pattern": "(?=x)"}, "is no RE2 pattern"),
        ({"pattern": "(((("}, "is no RE2 pattern"),
        ({"pattern": "\ud800["}, "Argument 'pattern'"),
        ({"pattern": "((a{1,100}){1,100}){1,100}"}, "is no RE2 pattern"),
        ({"since": "yesterday"}, "must be a time such as"),
        ({"until": "9" * 40}, "must be a time such as"),
        ({"page": "x"}, "is no nextPage"),
    ],
)
def test_filters_that_are_none_are_refused(scene: Scene, arguments: dict[str, object], said: str) -> None:
    assert said in refused("logs_search", scene.desk, **arguments)


def test_what_stands_around_a_line_is_masked_over_lines(scene: Scene) -> None:
    log = scene.project / "logs" / "web.log"
    head = log.read_text(encoding="utf-8")
    key = "-----BEGIN PRIVATE KEY-----\n" + f"{KEY_BODY}\n" * 6 + "-----END PRIVATE KEY-----\n"
    log.write_text(f"{head}{key}after the key\n", encoding="utf-8")
    offset = len(head.encode()) + key.index(KEY_BODY) + 3 * (len(KEY_BODY) + 1)
    answer = good("logs_context", scene.desk, source=str(log), byte_offset=offset, before=1, after=5)
    assert KEY_BODY not in answer.text
    assert [one["text"] for one in answer.data["lines"]][-1] == "after the key"
    whole = good("logs_context", scene.desk, source=str(log), byte_offset=0, before=50, after=50)
    assert SECRET not in whole.text
    assert len(whole.data["lines"]) == head.count("\n") + key.count("\n") + 1


def test_the_line_that_was_asked_for_is_marked(scene: Scene) -> None:
    (line,) = good("logs_search", scene.desk, text="ETIMEDOUT").data["items"]
    around = good(
        "logs_context", scene.desk, source=line["source"], byte_offset=line["byteOffset"], before=1, after=1
    )
    assert [(one["asked"], "ETIMEDOUT" in one["text"]) for one in around.data["lines"]] == [
        (False, False),
        (True, True),
        (False, False),
    ]
    said = refused("logs_context", scene.desk, source=line["source"], byte_offset=line["byteOffset"] + 1)
    assert "begins at byte" in said


@pytest.mark.parametrize(
    "source",
    ["/etc/passwd", "../../../etc/passwd", "docker:web", "recording/keeper/1.raw", "SESSION_ID", "logs/../SESSION_ID",
     ".git/config", "deploy/server.key", "logs", "x\0y"],
)  # fmt: skip
def test_what_is_no_log_of_the_session_or_file_of_the_project_is_not_read(scene: Scene, source: str) -> None:
    assert "root:" not in refused("logs_context", scene.desk, source=source, byte_offset=0)


def test_around_a_line_of_another_source_stand_the_recorded_ones(scene: Scene) -> None:
    recording = Recording(scene.workspace / "recording" / "log-watcher.jsonl.gz")
    for number in range(5):
        recording.add(
            "line",
            LogLine(
                service="far",
                text=f"line {number}",
                source="docker:far",
                line=number + 1,
                byte_offset=number * 10,
                byte_length=9,
                arrived_ms=made_session.START_MS,
            ),
        )
    recording.flush()
    answer = good("logs_context", scene.desk, source="docker:far", byte_offset=20, before=1, after=1)
    assert [one["text"] for one in answer.data["lines"]] == ["line 1", "line 2", "line 3"]
    assert answer.data["from"] == "recorded lines only"


def test_templates_are_counted(scene: Scene) -> None:
    rows = pages("logs_templates", scene.desk, limit=2)
    assert sum(row["lines"] for row in rows) == 7
    assert rows[0]["lines"] == 2
    assert [row["service"] for row in pages("logs_templates", scene.desk, level="ERROR", service="b*")] == [
        "billing"
    ]


def test_a_flow_is_told_step_by_step(scene: Scene) -> None:
    steps = pages("logs_flow", scene.desk, id="c-1", limit=1)
    answer = good("logs_flow", scene.desk, id="c-1")
    assert steps == answer.data["items"]
    assert {"published", "consumed", "acked"} <= {step["action"] for step in steps}
    assert answer.data["kind"] == "correlation"
    assert answer.data["flows"][0]["services"] == ["web", "billing"]
    said = refused("logs_flow", scene.desk, id="c-")
    assert "No source of the session names 'c-'" in said
