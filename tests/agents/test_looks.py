"""Looks of the Log Watcher: what did not change since the last tick is left out, and comes back."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from agents.looks import LogLook, LogLooks
from tools.detectors.contract import LogView, ServiceActivity, StreamLife, TemplateStats
from tools.detectors.thresholds import Judgement
from tools.sources.records import LogLine, ProcessState

NAMES = st.sampled_from(["web", "billing", "mail"])
LINE = LogLine(
    service="web", text="it failed", source="web.log", line=1, byte_offset=0, byte_length=9, arrived_ms=1
)
STATS = TemplateStats("web", "it failed", "error", 1, 1, (1,), LINE, LINE)


def _activity(name: str, lines: int) -> ServiceActivity:
    return ServiceActivity(name, lines, lines or None, None, 0, last_line=LINE, backwards=(LINE, LINE, lines))


services = st.lists(st.builds(_activity, NAMES, st.integers(0, 2)), unique_by=lambda it: it.service).map(
    tuple
)
views = st.builds(
    LogView,
    at_ms=st.integers(0, 9),
    templates=st.sampled_from([(), (STATS,)]),
    secrets=st.sampled_from([(), (LINE,)]),
    services=services,
    processes=st.dictionaries(NAMES, st.just(ProcessState(service="web", at_ms=1, alive=True)), max_size=1),
    judgement=st.just(Judgement()),
    final=st.booleans(),
    streams=st.dictionaries(NAMES, st.just(StreamLife("orders", "g", None, 5)), max_size=1),
)


@given(st.lists(views, max_size=5))
def test_every_view_comes_back_as_it_was(seen: list[LogView]) -> None:
    writer, reader = LogLooks(), LogLooks()
    encoded = [msgspec.json.encode(writer.look(view)) for view in seen]
    looks = [msgspec.json.decode(line, type=LogLook) for line in encoded]
    assert [reader.view(look, Judgement()) for look in looks] == seen


def test_a_service_that_says_nothing_new_is_not_written_again() -> None:
    looks = LogLooks()
    view = LogView(1, (), (), (_activity("web", 3),), {}, Judgement())
    assert [len(looks.look(view).services) for _ in range(3)] == [1, 0, 0]
