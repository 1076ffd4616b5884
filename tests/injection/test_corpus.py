"""Texts that give orders, against a model that obeys each of them: nothing comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from tests.injection import judge
from tests.injection.obeying import Crowd, Obeying
from tests.injection.planting import KINDS, ONE_LINE, PLACES, Attempt, Goal, Place, attempts, table
from tests.injection.scene import look, plant
from tests.injection.trying import take_part
from tests.servers.standalone import Server

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"


async def nothing_moves(
    folder: Path, given: Sequence[Attempt], server: Server, patch: pytest.MonkeyPatch
) -> None:
    """Plant texts of one place in one session; each is tried, judged, and all of them once more together."""
    scene = plant(folder, given, server, patch)
    crowd = Crowd([Obeying(one, scene.agent, look(one)) for one in given])
    async for tried in take_part(scene, crowd):
        name = str(tried.model.attempt)
        assert not [event for event in tried.events if event["type"] == "model-unavailable"], name
        assert tried.model.arrived, f"{name} never came to the model: nothing was tried"
        assert judge.at_once(scene, tried.requests, tried.model.attempt.canary) == [], name
        if tried.whole is not None:
            assert judge.successes(scene, tried.requests, tried.whole) == []
            assert [str(model.attempt) for model in crowd.models if not model.worded] == []


@pytest.mark.parametrize("place", PLACES)
async def test_no_order_moves_anything(
    tmp_path: Path, place: Place, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [one for one in attempts() if one.place == place]
    await nothing_moves(tmp_path, given, server, monkeypatch)


@pytest.mark.faults
@pytest.mark.parametrize("attempt", attempts(), ids=str)
async def test_no_order_moves_anything_where_it_stands_alone(
    tmp_path: Path, attempt: Attempt, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await nothing_moves(tmp_path, [attempt], server, monkeypatch)


def test_the_corpus_has_every_kind_place_and_goal() -> None:
    assert len(attempts()) >= 150
    assert {one.kind for one in attempts()} == set(KINDS)
    assert {one.place for one in attempts()} == set(PLACES)
    assert {one.goal for one in attempts()} == set(get_args(Goal))
    assert len({(one.text, one.place) for one in attempts()}) == len(attempts())


def test_what_stands_on_one_line_has_no_second_one() -> None:
    assert [str(one) for one in attempts() if one.place in ONE_LINE and len(one.text.splitlines()) != 1] == []


def test_the_document_says_what_was_tried_and_what_got_through() -> None:
    """The rate is 0 because each text is tried and judged above, where a test fails if one gets anything through."""
    text = SECURITY.read_text(encoding="utf-8")
    assert table() in text
    assert f"**Attack success rate: 0 of {len(attempts())}.**" in text
