"""A model's client on a scripted API, for tests: small limits, a manual clock, everything it told kept."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from agents.model.breaker import Breaker
from agents.model.budget import Budget
from agents.model.messages import Ask, Message, ToolSpec, user
from agents.model.prices import Price
from agents.model.settings import Limits, ModelSettings, Role
from agents.model.tracing import NoTracer, Tracer
from agents.model.transcript import Call, Transcripts, read
from agents.model_client import ModelClient
from tests.fakes.clock import ManualClock
from tests.fakes.messages_api import MessagesApi
from tools.clock import Clock
from tools.workspace import Workspace

TOOL = ToolSpec(
    "look",
    "Looks at a thing.",
    {
        "type": "object",
        "properties": {"thing": {"type": "string", "description": "which"}},
        "required": ["thing"],
        "additionalProperties": False,
    },
)
ANSWER = {
    "type": "object",
    "properties": {"said": {"type": "string", "maxLength": 10}},
    "required": ["said"],
    "additionalProperties": False,
}


def limits(usd: str = "2", tokens: int = 10**9, calls: int = 1000, seconds: float = 10**6) -> Limits:
    return Limits(usd=Decimal(usd), tokens=tokens, calls=calls, seconds=seconds)


def settings(api: MessagesApi, **more: Any) -> ModelSettings:
    given: dict[str, Any] = {
        "key": SecretStr(api.key),
        "base_url": api.url,
        "session": limits(),
        "each": limits(),
        "call_timeout_s": 20.0,
    }
    return ModelSettings(**given | more)


def ask(*messages: Message, role: Role = Role.LOG_WATCHER, conversation: str = "c-1") -> Ask:
    return Ask(
        role=role,
        purpose="test",
        prompt="test@1",
        conversation=conversation,
        system="You test.\nStable.",
        messages=messages or (user("hello"),),
        tools=(TOOL,),
        answer_schema=ANSWER,
    )


@dataclass
class ClientScene:
    """One client and what it told."""

    client: ModelClient
    workspace: Workspace
    clock: Clock
    events: list[dict[str, object]] = field(default_factory=list)

    def calls(self, role: Role = Role.LOG_WATCHER) -> list[Call]:
        return [line for line in read(self.workspace, role) if isinstance(line, Call)]


@asynccontextmanager
async def client_scene(
    api: MessagesApi,
    workspace: Workspace,
    clock: Clock | None = None,
    tracer: Tracer | None = None,
    prices: tuple[Price, ...] = (),
    **more: Any,
) -> AsyncIterator[ClientScene]:
    workspace.create()
    own = settings(api, prices=prices, **more)
    used = clock or ManualClock()
    events: list[dict[str, object]] = []

    def tell(kind: str, **details: object) -> None:
        events.append({"type": kind} | details)

    client = ModelClient(
        settings=own,
        budget=Budget(own.session, own.each),
        breaker=Breaker(used),
        transcripts=Transcripts(workspace),
        tracer=tracer or NoTracer(),
        clock=used,
        event=tell,
        chance=random.Random(1),
    )
    try:
        yield ClientScene(client, workspace, used, events)
    finally:
        await client.close()
    assert api.violations == []
