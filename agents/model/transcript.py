"""`agents/<agent>/llm.jsonl`: every call, masked, before it is made and after it; and answers out of it again.

A `begin` says what was reserved, so that a session that was killed in a call knows what may have been billed. A
`call` holds what was asked anew (of a conversation only the messages since its last call), the answer, and what it
cost. `Replay` answers from `call` lines in their order, without a network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from agents.model.messages import Ask, Block, Message, ModelUnavailable, Reply
from agents.model.prices import Usage
from agents.model.settings import Role
from agents.model.wire import Request, digest, request
from tools.findings import journal
from tools.workspace import Workspace

FILE = "llm.jsonl"


class Begin(Struct, frozen=True, kw_only=True, rename="camel", tag="begin", tag_field="type"):
    """A call is about to be made. `usd` and `tokens` are the worst case."""

    call: str
    at: str
    role: Role
    usd: str
    tokens: int


class Call(Struct, frozen=True, kw_only=True, rename="camel", tag="call", tag_field="type"):
    """A call was made. `usd` is what was booked; `kept` where no usage came and the worst case was."""

    call: str
    at: str
    role: Role
    purpose: str
    prompt_version: str
    conversation: str
    attempt: int
    model: str
    digest: str
    asked: tuple[Message, ...] = ()
    """Our messages since the conversation's last call that was answered."""
    usage: Usage | None = None
    usd: str
    tokens: int = 0
    kept: bool = False
    price_as_of: str
    latency_ms: int
    stop_reason: str | None = None
    request_id: str | None = None
    content: tuple[Block, ...] = ()
    error: str | None = None


_LINE = msgspec.json.Decoder(Begin | Call)


def path(workspace: Workspace, role: Role) -> Path:
    """The transcript of a role; `orchestrator` and `synthesis` have a folder of their own beside the agents'."""
    return workspace.path("agents", role.value, FILE)


@dataclass
class Transcripts:
    """The transcripts of one session, opened when first written."""

    workspace: Workspace
    _open: dict[Role, journal.Journal] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)
    """Per conversation, how many of its messages are in the transcript."""

    def write(self, line: Begin | Call) -> None:
        """Append a line, masked. Raises OSError."""
        role = line.role
        if role not in self._open:
            self._open[role] = journal.Journal(path(self.workspace, role))
        self._open[role].append(line)

    def news(self, ask: Ask, body: Request) -> tuple[Message, ...]:
        """What we say in a question and the transcript does not hold yet, as it is sent."""
        messages = body["messages"][self._told.get(ask.conversation, 0) :]
        return tuple(message for message in messages if message["role"] == "user")

    def told(self, ask: Ask) -> None:
        """The messages of a question are in the transcript now."""
        self._told[ask.conversation] = len(ask.messages)

    def close(self) -> None:
        """Flush and close."""
        for opened in self._open.values():
            opened.close()
        self._open.clear()


def read(workspace: Workspace, role: Role) -> Iterator[Begin | Call]:
    """The lines of a transcript; what is none (another version's, damaged) is passed over."""
    for _, line in journal.read(path(workspace, role)):
        decoded = _decoded(line)
        if decoded is not None:
            yield decoded


def _decoded(line: bytes) -> Begin | Call | None:
    try:
        decoded: Begin | Call = _LINE.decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return decoded


class Earlier(Struct, frozen=True, kw_only=True):
    """A call of a session that was killed."""

    role: Role
    usd: Decimal
    tokens: int
    seconds: float
    kept: bool


def earlier(workspace: Workspace) -> Iterator[Earlier]:
    """What calls so far cost; one that began and never ended is taken for its worst case."""
    for role in Role:
        begun: dict[str, Begin] = {}
        for line in read(workspace, role):
            if isinstance(line, Begin):
                begun[line.call] = line
                continue
            begun.pop(line.call, None)
            seconds = line.latency_ms / 1000
            yield Earlier(role=role, usd=_usd(line.usd), tokens=line.tokens, seconds=seconds, kept=line.kept)
        for open_ in begun.values():
            yield Earlier(role=role, usd=_usd(open_.usd), tokens=open_.tokens, seconds=0.0, kept=True)


def _usd(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)


class Replay:
    """Answers of a recorded session, per conversation in the order they came; nothing is sent.

    `differing` counts answers whose question was another one when they were recorded; `damaged` names transcripts
    with lines that are none.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._calls: dict[str, list[Call]] = {}
        self.damaged: list[str] = []
        for role in Role:
            for at, raw in journal.read(path(workspace, role)):
                line = _decoded(raw)
                if line is None:
                    self.damaged.append(f"agents/{role.value}/{FILE} at byte {at}")
                if not isinstance(line, Call) or line.error is not None:
                    continue
                calls = self._calls.setdefault(line.conversation, [])
                if (
                    role is Role.SYNTHESIS
                ):  # one question a cluster; asked again after a resume, the newest counts
                    calls.clear()
                calls.append(line)
        self.differing = 0

    def calls(self, conversation: str) -> tuple[Call, ...]:
        """The answered calls of a conversation that nobody asked for yet."""
        return tuple(self._calls.get(conversation, ()))

    def conversations(self, role: Role) -> tuple[str, ...]:
        """Those of a role, in the order they began."""
        return tuple(name for name, calls in self._calls.items() if calls and calls[0].role is role)

    def said_to(self, conversation: str) -> Iterator[Block]:
        """What the tools answered in a conversation, as it was sent."""
        for call in self._calls.get(conversation, ()):
            for message in call.asked:
                yield from (block for block in message["content"] if block["type"] == "tool_result")

    async def ask(self, ask: Ask, within_s: float | None = None) -> Reply:  # noqa: ARG002 - it takes no time
        """The next recorded answer of the conversation. Raises ModelUnavailable where there is none left."""
        calls = self._calls.get(ask.conversation)
        if not calls:
            raise ModelUnavailable("ended", "the transcript holds no further answer")
        call = calls.pop(0)
        body: dict[str, Any] = request(ask, call.model, "low", 1)
        self.differing += digest(body) != call.digest
        return Reply(
            model=call.model,
            content=call.content,
            stop_reason=call.stop_reason or "end_turn",
            usage=call.usage or Usage(),
            usd=call.usd,
            at=call.at,
        )
