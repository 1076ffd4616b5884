"""What a tool function is: typed arguments in, one bounded page of masked data out, nothing changed.

A function is an entry of `table.TABLE`; `calling.call` runs one by name. It reads through its `Desk` only, gives a
`Page` (or one record), and raises FunctionRefused for what it will not do or cannot find.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field

from tools.clock import Clock
from tools.errors import FunctionRefused
from tools.findings.model import AgentId
from tools.functions.memory import Memory
from tools.functions.redis_desk import RedisDesk
from tools.workspace import Workspace

LOGS, STREAMS = AgentId.LOG_WATCHER, AgentId.REDIS_STREAM_ANALYST
CONFIG, SCOUT = AgentId.CONFIG_AUDITOR, AgentId.ENHANCEMENT_SCOUT
EVERYBODY = frozenset(AgentId)
"""The specialists that may call a function; the orchestrator and MCP clients may call all."""

TEXT_MAX = 400
"""Characters of a text argument."""
PAGE_MAX = 1100
"""Of a page's mark: it may hold a path."""


_DIGITS_MAX = 15


class Arguments(BaseModel):
    """Arguments of a function.

    Every one has a default that means "not given" ("" or 0), or must be given; none may be null. So the strict schema
    requires all of them and has no union: the API bounds how many optional and union-typed parameters it takes.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PagedArguments(Arguments):
    """Arguments of a function that answers page by page."""

    page: str = Field(
        default="",
        max_length=PAGE_MAX,
        description="nextPage of the answer before, unchanged; empty for the first page.",
    )
    limit: int = Field(
        default=0, ge=0, le=200, description="Items of a page at most; 0 for the usual number."
    )

    def size(self, usual: int) -> int:
        """How many items to give."""
        return self.limit or usual

    def number(self) -> int:
        """The mark of a page that is a number, 0 for the first page. Raises FunctionRefused."""
        if self.page and not (
            self.page.isascii() and self.page.isdecimal() and len(self.page) <= _DIGITS_MAX
        ):
            raise bad_page()
        return int(self.page or "0")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take: seconds, and bytes of its answer's JSON.

    Functions look at the time themselves; one that stands still (a dead disk) is left behind `grace_s` later.
    """

    seconds: float = 20.0
    answer_bytes: int = 24_000
    grace_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Desk:
    """What functions may reach, and nothing else. `redis` is None where no server is audited.

    `environ` is what commands are looked up and started with; of it only what `commands.runner` names is passed on.
    """

    workspace: Workspace
    project_root: Path
    redis: RedisDesk | None
    clock: Clock
    limits: Limits = Limits()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ), repr=False)
    memory: Memory = field(default_factory=Memory, repr=False)
    until: float = float("inf")
    """`clock.monotonic()` at which the call is over."""

    def begun(self) -> Self:
        """The same desk, with the time of one call running."""
        return replace(self, until=self.clock.monotonic() + self.limits.seconds)

    def check_time(self) -> None:
        """For loops over what may be long. Raises FunctionRefused when the call's time is over."""
        if self.clock.monotonic() > self.until:
            raise out_of_time(self.limits.seconds)

    def seconds_left(self) -> float:
        """Of this call; never below 0."""
        return max(0.0, self.until - self.clock.monotonic())

    def server(self) -> RedisDesk:
        """The audited server. Raises FunctionRefused where there is none."""
        if self.redis is None:
            raise FunctionRefused("This session audits no Redis server: use what the recording holds.")
        return self.redis


def bad_page() -> FunctionRefused:
    """What is said to a mark of a page that a function never gave."""
    return FunctionRefused("Argument 'page' is no nextPage of this function: leave it empty to begin again.")


def out_of_time(seconds: float) -> FunctionRefused:
    """What a call says that took too long."""
    return FunctionRefused(
        f"Not done within {seconds:g} s: ask for less (a narrower filter, a shorter span)."
    )


class Item(Struct, frozen=True):
    """One item of a page; `cursor` is where the page after it begins."""

    data: Mapping[str, object]
    cursor: str


class Page(Struct, frozen=True):
    """Items in a stable order, what holds for all of them, and the mark of the next page (None: this is the last)."""

    items: tuple[Item, ...]
    facts: Mapping[str, object] = {}
    next_page: str | None = None


Result = Page | Mapping[str, object]


@dataclass(frozen=True, slots=True)
class ToolFunction:
    """One entry of the table.

    `description` is for a model: what it tells, what it costs, what it cannot tell. `run` only reads; it raises
    FunctionRefused for what it will not do or cannot find, and what sources raise.
    """

    name: str
    description: str
    arguments: type[Arguments]
    agents: frozenset[AgentId]
    run: Callable[[Desk, Any], Result]


class Answer(Struct, frozen=True, kw_only=True):
    """What a call gives. `text` is `data` as canonical JSON, masked, safe for a terminal and within the size limit.

    `truncated`: something of it was cut, or there is a next page. Where `ok` is False, `error` is one sentence that
    says what to do.
    """

    ok: bool
    data: Mapping[str, Any]
    text: str
    truncated: bool = False
    next_page: str | None = None
    error: str | None = None
