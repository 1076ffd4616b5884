"""Desks over a session that was made, with or without a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.report import made_session
from tests.servers.standalone import Server
from tools.clock import SystemClock
from tools.findings.model import AgentId
from tools.functions.calling import call
from tools.functions.contract import Answer, Desk, Limits
from tools.functions.redis_desk import RedisDesk
from tools.sources.redis.deployment import Databases

SECRET = "ghp_" + "Zq3xV7" * 6
"""Looks like a provider's token, so that it must never be answered."""


def desk_of(
    made: made_session.Made,
    server: Server | None = None,
    *,
    url: str = "",
    databases: Databases = None,
    limits: Limits | None = None,
) -> Desk:
    """A desk over the session; with the server, or the one behind `url`."""
    clock = SystemClock()
    address = url or ("" if server is None else server.url)
    return Desk(
        workspace=made.workspace,
        project_root=made.project,
        redis=RedisDesk(address, clock, databases) if address else None,
        clock=clock,
        limits=limits or Limits(),
    )


def desk_at(folder: Path, server: Server | None = None, hostile: str = "", **more: Any) -> Desk:
    """A desk over a session made below `folder`."""
    return desk_of(made_session.make(folder, hostile), server, **more)


def good(name: str, desk: Desk, agent: AgentId | None = None, /, **arguments: object) -> Answer:
    """The answer of a call that must succeed."""
    answer = call(name, arguments, desk, agent=agent)
    assert answer.ok, answer.error
    return answer


def refused(name: str, desk: Desk, agent: AgentId | None = None, /, **arguments: object) -> str:
    """The words of a call that must be refused."""
    answer = call(name, arguments, desk, agent=agent)
    assert not answer.ok
    assert answer.error is not None
    assert answer.data == {"error": answer.error}
    return answer.error


def pages(name: str, desk: Desk, /, **arguments: object) -> list[dict[str, Any]]:
    """The items of every page, by the mark of each."""
    found: list[dict[str, Any]] = []
    page: str | None = ""
    for _ in range(1000):
        answer = good(name, desk, None, **arguments, page=page)
        found += answer.data["items"]
        page = answer.next_page
        if page is None:
            return found
    raise AssertionError("the pages have no end")
