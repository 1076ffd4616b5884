"""Spans: sent masked where they are asked for, never waited for, and nothing at all without a key."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from agents.model.messages import ModelUnavailable, user
from agents.model.tracing import NoTracer, tracer, wanted
from tests.agents.model_scene import ask, client_scene
from tests.fakes.langsmith import LangSmith
from tests.fakes.messages_api import Fails, MessagesApi, says
from tests.fakes.waiting import async_wait_for
from tools.workspace import Workspace

SECRET = "hunter2hunter2"


def environ(service: LangSmith) -> dict[str, str]:
    return {"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "lsv2_test", "LANGSMITH_ENDPOINT": service.url}


@pytest.mark.parametrize(
    ("given", "on"),
    [
        pytest.param({}, False, id="nothing"),
        pytest.param({"LANGSMITH_TRACING": "true"}, False, id="no key"),
        pytest.param({"LANGSMITH_API_KEY": "k"}, False, id="not asked for"),
        pytest.param({"LANGSMITH_TRACING": "false", "LANGSMITH_API_KEY": "k"}, False, id="switched off"),
        pytest.param({"LANGSMITH_TRACING": "true", "LANGSMITH_API_KEY": "k"}, True, id="both"),
    ],
)
def test_when_spans_are_sent(given: dict[str, str], on: bool) -> None:
    assert wanted(given) == on
    if not on:
        assert isinstance(tracer(given, "s"), NoTracer)


async def test_a_call_is_a_span_with_its_usage_and_without_secrets(tmp_path: Path) -> None:
    with LangSmith() as service, MessagesApi(lambda _: says({"said": "fine"})) as api:
        spans = tracer(environ(service), "20260101_000000")
        async with client_scene(api, Workspace(tmp_path / "session"), tracer=spans) as scene:
            await scene.client.ask(ask(user(f"requirepass {SECRET} and redis://:{SECRET}@h:1")))
        await async_wait_for(lambda: "cost_usd" in service.text, what="the span")
        for part in ("log-watcher test", "test@1", "claude-sonnet-5-5", "20260101_000000", "[masked:"):
            assert part in service.text
        assert SECRET not in service.text
        assert api.key not in service.text


async def test_a_failed_call_is_a_span_that_says_so(tmp_path: Path) -> None:
    with LangSmith() as service, MessagesApi(lambda _: Fails(400, "so not")) as api:
        spans = tracer(environ(service), "s")
        async with client_scene(api, Workspace(tmp_path / "session"), tracer=spans) as scene:
            with pytest.raises(ModelUnavailable):
                await scene.client.ask(ask())
        await async_wait_for(lambda: "so not" in service.text, what="the span")


async def test_a_service_that_says_nothing_holds_up_no_call(tmp_path: Path) -> None:
    with LangSmith(silent=True) as service, MessagesApi(lambda _: says({"said": "fine"})) as api:
        spans = tracer(environ(service), "s")
        async with client_scene(api, Workspace(tmp_path / "session"), tracer=spans) as scene:
            async with asyncio.timeout(20):
                for _ in range(3):
                    assert (await scene.client.ask(ask())).text
    assert not logging.getLogger("langsmith.client").isEnabledFor(logging.ERROR)  # parts of the key are in it
