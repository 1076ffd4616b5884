"""A captured line knows where its original lay, although masking moved it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.job import LogSource
from tests.sources.logs.lines import lines_of
from tools.sources.logs import captured
from tools.sources.logs.captured import Place
from tools.sources.logs.intake import Intake
from tools.sources.records import Gap, LogLine

ORIGINALS = [Place(0, 0), Place(0, 61), Place(2, 7), Place(0, 90)]


def no_gap(gap: Gap) -> None:
    raise AssertionError(gap)


def read(workspace: Path, log: Path) -> list[LogLine]:
    intake = Intake(
        [LogSource(service="orders", path=str(log), captured=True)], (workspace, workspace), no_gap
    )
    lines = [line for batch in intake.read(1000, 1.0, final=True) for line in lines_of(batch)]
    intake.close()
    return lines


@pytest.mark.parametrize("known", [4, 2, 0], ids=["all", "some", "none"])
def test_each_line_carries_the_offset_that_is_known_of_it(tmp_path: Path, known: int) -> None:
    log = tmp_path / "logs" / "orders.log"
    log.parent.mkdir()
    log.write_text("one\ntwo\nthree\nfour\n")
    offsets = captured.file_of(tmp_path, log)
    offsets.parent.mkdir(parents=True)
    offsets.write_bytes(captured.encode(ORIGINALS[:known]))
    lines = read(tmp_path, log)
    assert [line.text for line in lines] == ["one", "two", "three", "four"]
    assert [line.origin_offset for line in lines] == [place.offset for place in ORIGINALS[:known]] + [
        None
    ] * (4 - known)
    assert lines[0].quote().locator.origin_offset == lines[0].origin_offset


@given(st.lists(st.tuples(st.integers(0, 2**15 - 1), st.integers(0, 2**48 - 1)), max_size=20))
def test_places_survive_the_file(places: list[tuple[int, int]]) -> None:
    given_places = [Place(*place) for place in places]
    assert captured.decode(captured.encode(given_places) + b"torn") == given_places


@pytest.mark.parametrize("place", [Place(0, 2**48), Place(2**15, 0)], ids=["offset", "output"])
def test_a_place_that_does_not_fit_is_an_error(place: Place) -> None:
    with pytest.raises(OverflowError):
        captured.encode([place])
