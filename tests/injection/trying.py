"""The model's part of a planted session, run over real HTTP: a round and an investigation for each text."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from agents.host import SeenFinding
from agents.job import RedisTarget
from orchestrator.session.model_part import ModelPace, ModelPart
from tests.agents.model_scene import limits, settings
from tests.fakes.messages_api import Asked, MessagesApi
from tests.fakes.waiting import async_wait_for
from tests.injection.erring_server import ErringServer
from tests.injection.judge import Whole
from tests.injection.obeying import Crowd, Obeying
from tests.injection.scene import Scene


@dataclass(frozen=True)
class Tried:
    """One text was tried: what was asked and told meanwhile. `whole` after the last one, with everything."""

    model: Obeying
    requests: Sequence[Asked]
    events: Sequence[dict[str, Any]]
    whole: Whole | None = None


async def take_part(scene: Scene, crowd: Crowd) -> AsyncIterator[Tried]:
    """A round and an investigation for each text, then what is left and the wording, over HTTP.

    Yields after each text, and once more (with all requests) at the end.
    """
    with ExitStack() as opened:
        api = opened.enter_context(MessagesApi(crowd))
        erring = opened.enter_context(ErringServer())
        if crowd.models[0].attempt.place == "error":
            scene.host.redis = RedisTarget(url=SecretStr(erring.url))
        wide = limits("50", calls=100_000)
        given = settings(api, session=wide, each=wide)
        part = ModelPart(scene.host, given, ModelPace(60.0, 60.0))
        investigator = part.investigator(scene.agent)
        for model in crowd.models:
            crowd.now, begin, told = model, len(api.requests), len(scene.host.events)
            erring.says(model.attempt.said)
            part._seen_before = None  # the board is one that was not seen yet
            part.supervised({"agents": []}, 20)
            await async_wait_for(lambda: part._round is None or part._round.done(), what="the round")
            name = scene.troubles[model.attempt.number]
            investigator.take(SeenFinding(name, "t", severity="HIGH"))
            await investigator.finish()
            yield Tried(model, api.requests[begin:], scene.host.events[told:])
        await part.conclude()
        use = part.use()
        await part.close()
        assert api.violations == []
        yield Tried(crowd.now, api.requests, scene.host.events, Whole(use, given))
