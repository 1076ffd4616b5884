"""What is recorded whole, what is counted, and that a flow which is kept is kept in every service."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from tests.sources.logs.engine.blocks import AT_MS, batches
from tools.sources import recording
from tools.sources.line_blocks import LineBlock
from tools.sources.logs.engine import recorded
from tools.sources.logs.engine.budgets import RATES, Rate, Work
from tools.sources.logs.engine.fold import Folder
from tools.sources.logs.engine.recorded import LineRecorder
from tools.sources.logs.engine.scanning import scanner
from tools.sources.logs.window import Window
from tools.sources.records import LogLine
from tools.synthesis.log_survey import survey


def record(folder: Path, logs: dict[str, list[str]]) -> tuple[list[LogLine], list[LineBlock], LineRecorder]:
    path = folder / "r.jsonl.gz"
    kept = recording.Recording(path)
    taker = LineRecorder(kept, 0.0)
    fold = Folder(Window(list(logs), AT_MS), scanner())
    for service, lines in logs.items():
        data = "".join(line + "\n" for line in [*lines, "2025-06-15 15:06:40 end"]).encode()
        for batch in batches([data], service):
            taker.take(fold.fold(batch, 0.0), 0.0)
    kept.flush()
    found = list(recording.read(path))
    return (
        [msgspec.json.decode(raw, type=LogLine) for kind, raw in found if kind == "line"],
        [msgspec.json.decode(raw, type=LineBlock) for kind, raw in found if kind == "block"],
        taker,
    )


def quiet(number: int, **fields: object) -> str:
    return json.dumps({"level": 30, "time": AT_MS + number, "msg": "stored"} | fields)


def test_lines_with_ids_or_a_verdict_are_whole_and_others_counted(tmp_path: Path) -> None:
    lines = [
        "2025-06-15 15:06:40 plain", "2025-06-15 15:06:40 ERROR lost", "2025-06-15 15:06:40 got 1750000000123-0",
        "2025-06-15 15:06:40 request_id=abcd1234 done", "2025-06-15 15:06:40 redis.ack of it", "2025-06-15 15:06:40 plain",
    ]  # fmt: skip
    kept, blocks, taker = record(tmp_path, {"orders": lines})
    assert [line.line for line in kept] == [2, 3, 4, 5]
    [block] = blocks
    assert (
        block.lines,
        block.first_line,
        block.byte_offset,
        block.json_lines,
        block.flow_lines_left_out,
    ) == (3, 1, 0, 0, 0)
    assert block.byte_length == sum(len(line) + 1 for line in lines) + 24
    assert not taker.left_out["orders"]
    [log] = survey([*kept, *blocks]).services
    assert (log.lines, log.correlated_lines, log.events) == (7, 1, ("redis.ack",))


def test_a_few_structured_lines_of_each_service_are_whole_for_their_keys(tmp_path: Path) -> None:
    kept, blocks, _ = record(tmp_path, {"a": [quiet(at, shard=at) for at in range(60)]})
    assert [line.line for line in kept] == list(range(1, recorded.SAMPLES + 1))
    [log] = survey([*kept, *blocks]).services
    assert (log.lines, log.json_lines, log.keys) == (61, 60, ("level", "msg", "shard", "time"))


def test_of_many_flows_the_same_are_kept_in_every_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "FLOWS", Rate(0, 3000))
    logs = {
        "a": [quiet(at, requestId=f"req-{at * 7919:x}") for at in range(2000)],
        "b": [
            f'time=2025-06-15T15:06:40Z level=info msg=x request_id="req-{at * 7919:x}"' for at in range(2000)
        ],
        "c": [f"2025-06-15 15:06:40 traceId: req-{at * 7919:x} seen" for at in range(2000)],
    }
    kept, blocks, taker = record(tmp_path, logs)
    ids = {service: {line.correlation_id for line in kept if line.service == service} for service in logs}
    assert ids["c"] <= ids["b"] <= ids["a"]
    assert all(ids.values())
    left_out = sum(taker.left_out.values())
    assert left_out > 1000
    assert sum(block.flow_lines_left_out for block in blocks) == left_out
    assert survey([*kept, *blocks]).flow_lines_left_out == left_out


def test_long_lines_and_lines_that_were_not_checked_for_secrets_leave_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded, "SAMPLES", 0)
    monkeypatch.setattr(recorded, "VERDICTS", Rate(0, 100))
    monkeypatch.setitem(RATES, Work.CONFIRM, Rate(0, 1))
    lines = [
        *(quiet(at, level=50, password=f"hunter{at}!Zq99") for at in range(3)),
        *(quiet(at, level=50, msg=f"lost {'x' * 20_000}") for at in range(5)),
        quiet(9, level=50),
    ]
    kept, _, _ = record(tmp_path, {"orders": lines})
    assert [line.line for line in kept] == [1, 2, 4, 5, 6]
