"""Samples fold into the lives of processes, bounded."""

from __future__ import annotations

from msgspec.structs import replace

from tests.detectors.logs.test_memory_growth import lines
from tools.sources.memory import SAMPLES_MAX, Memory
from tools.sources.records import SampleLine


def fold(samples: list[SampleLine]) -> Memory:
    memory = Memory()
    for line in samples:
        memory.take(line)
    return memory


def test_only_alive_services_with_a_figure_count() -> None:
    [line] = lines([100])
    others = [
        replace(line, sample=replace(line.sample, **fields))
        for fields in (
            {"kind": "agent"}, {"status": "unknown"}, {"rss_bytes": None}, {"pid": None}, {"status": "gone"},
        )
    ]  # fmt: skip
    assert fold(others).touched() == {}
    assert list(fold([line]).touched()) == ["orders"]


def test_a_process_that_is_gone_leaves_nothing_behind() -> None:
    [line] = lines([100])
    gone = replace(line, sample=replace(line.sample, status="gone"))
    assert fold([line, gone]).lives() == ()


def test_a_long_life_is_thinned_and_keeps_its_extremes() -> None:
    figures = [100 + number * 0.1 for number in range(2000)]
    figures[1234] = 20.0
    samples = lines(figures)
    [life] = fold(samples).lives()
    assert len(life.lines) <= SAMPLES_MAX
    kept = [line.byte_offset for line in life.lines]
    assert kept == sorted(set(kept))
    assert min(line.sample.rss_bytes or 0 for line in life.lines) == samples[1234].sample.rss_bytes
    assert life.lines[-1] == samples[-1]
