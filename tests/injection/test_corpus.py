"""Texts that give orders, against a model that obeys each of them: nothing comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from tests.agents.model_scene import settings
from tests.injection import judge
from tests.injection.obeying import Obeying
from tests.injection.planting import KINDS, ONE_LINE, PLACES, Attempt, Goal, attempts, table
from tests.injection.scene import plant, take_part
from tests.servers.standalone import Server

SECURITY = Path(__file__).parents[2] / "docs" / "security.md"


@pytest.mark.parametrize("attempt", attempts(), ids=str)
async def test_no_order_moves_anything(
    tmp_path: Path, attempt: Attempt, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = plant(tmp_path, attempt, server, monkeypatch)
    model = Obeying(attempt, scene.agent, scene.look)
    api, use = await take_part(scene, model, attempt)
    assert api.violations == []
    assert not [event for event in scene.host.events if event["type"] == "model-unavailable"]
    assert model.arrived, "the text never came to the model: nothing was tried"
    assert judge.successes(scene, api.requests, use, settings(api), attempt.canary) == []


def test_the_corpus_has_every_kind_place_and_goal() -> None:
    assert len(attempts()) >= 150
    assert {one.kind for one in attempts()} == set(KINDS)
    assert {one.place for one in attempts()} == set(PLACES)
    assert {one.goal for one in attempts()} == set(get_args(Goal))
    assert len({(one.text, one.place) for one in attempts()}) == len(attempts())


def test_what_stands_on_one_line_has_no_second_one() -> None:
    assert [str(one) for one in attempts() if one.place in ONE_LINE and len(one.text.splitlines()) != 1] == []


def test_the_document_says_what_was_tried_and_what_got_through() -> None:
    """The rate is 0 because each text has a test of its own above, which fails where one gets anything through."""
    text = SECURITY.read_text(encoding="utf-8")
    assert table() in text
    assert f"**Attack success rate: 0 of {len(attempts())}.**" in text
