"""The journal of samples: written once, read on, quoted byte for byte."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tools.sources import metrics
from tools.sources.metrics import MetricsJournal, MetricsTail
from tools.sources.records import ProcessSample
from tools.workspace import Workspace

AT = "2025-06-15T15:06:40.000Z"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace(tmp_path)
    made.create()
    return made


def sample(name: str = "orders", **fields: object) -> ProcessSample:
    plain = ProcessSample(
        at=AT, kind="service", name=name, status="alive", pid=7, started_ms=1, cpu_percent=12.3, rss_bytes=5
    )
    return msgspec.structs.replace(plain, **fields)


def write(workspace: Workspace, *samples: ProcessSample) -> None:
    with MetricsJournal(workspace) as journal:
        journal.append(samples)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("orders", id="plain"),
        pytest.param('a "b" \\ ü \u202e', id="odd characters"),
        pytest.param("redis://u:hunter2hunter2@h/0", id="a secret"),
    ],
)
def test_a_quote_is_the_line_as_it_stands(workspace: Workspace, name: str) -> None:
    write(workspace, sample("first"), sample(name))
    [_, line] = MetricsTail(workspace).new()
    quote = line.quote()
    data = workspace.metrics.read_bytes()
    assert data[line.byte_offset : line.position].decode() == quote.text
    assert "hunter2hunter2" not in quote.text
    assert (quote.source, quote.locator.byte_offset) == ("recording/metrics.jsonl", line.byte_offset)


def test_reading_goes_on_where_it_stood_past_what_is_no_sample(workspace: Workspace) -> None:
    write(workspace, sample("a"))
    tail = MetricsTail(workspace)
    assert [line.sample.name for line in tail.new()] == ["a"]
    with workspace.metrics.open("ab") as file:
        file.write(b'{"at": 1}\n\xff\n{"at":"torn')
    assert list(tail.new()) == []
    write(workspace, sample("b"))  # the torn line is cut off
    assert [line.sample.name for line in MetricsTail(workspace, tail.position).new()] == ["b"]


def test_the_newest_of_each_counts(workspace: Workspace) -> None:
    assert metrics.last(workspace) == {}
    write(workspace, sample(pid=1), sample("mail"), sample(pid=2))
    assert {key: found.pid for key, found in metrics.last(workspace).items()} == {
        ("service", "orders"): 2,
        ("service", "mail"): 7,
    }
