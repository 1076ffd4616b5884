"""What LangSmith knows of a run: tokens, cost, duration, errors and retries, and the same of each agent.

Spans are found by a value of their metadata that is the run's id. Only figures and names are asked for; no prompt and no
answer is fetched. The key comes from the environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from tools.bounded_http import Deadline
from tools.clock import from_iso
from tools.errors import SourceUnavailable
from tools.masking import mask

if TYPE_CHECKING:
    import httpx

PAGE, PAGES_MAX = 100, 50
_TIMEOUT_S, _ALL_S = 15.0, 60.0
"""For the next byte, and for all that is asked about one run."""
_BYTES_MAX = 16 << 20
_URL = "https://api.smith.langchain.com"
_SELECT = (
    "id", "name", "run_type", "start_time", "end_time", "error", "total_tokens", "total_cost", "extra", "parent_run_id",
)  # fmt: skip
_AGENT_KEYS = ("agent", "agent_name", "lc_agent_name", "langgraph_node")


class AgentSpans(Struct, frozen=True, kw_only=True, rename="camel"):
    """One agent's part; `calls` are those of a model."""

    agent: str
    calls: int
    tokens: int
    cost_usd: str
    errors: int
    retries: int
    seconds: float


class RunSpans(Struct, frozen=True, kw_only=True, rename="camel"):
    """All of a run. `seconds` lie between the first beginning and the last end; `cost_usd` is an exact decimal."""

    project: str
    spans: int
    tokens: int
    cost_usd: str
    errors: int
    retries: int
    seconds: float
    agents: tuple[AgentSpans, ...]


class _Span(Struct, frozen=True):
    name: str = ""
    run_type: str = ""
    start_time: str | None = None
    end_time: str | None = None
    error: str | None = None
    total_tokens: int | None = None
    total_cost: float | str | None = None
    extra: dict[str, Any] | None = None

    @property
    def metadata(self) -> Mapping[str, Any]:
        """What its program noted."""
        found = (self.extra or {}).get("metadata")
        return found if isinstance(found, dict) else {}

    @property
    def agent(self) -> str:
        """Whose it is, by its metadata, else its name."""
        return mask(
            next((str(self.metadata[key]) for key in _AGENT_KEYS if self.metadata.get(key)), self.name)
        )

    @property
    def is_call(self) -> bool:
        """Whether its tokens are its own: those of a chain are the sum of its calls."""
        return self.run_type == "llm"

    @property
    def is_retry(self) -> bool:
        """Whether it is another attempt."""
        attempt = self.metadata.get("attempt", self.metadata.get("retry_attempt", 1))
        return isinstance(attempt, int) and attempt > 1


class _Page(Struct, frozen=True):
    runs: list[_Span]
    cursors: dict[str, str | None] | None = None


class _Project(Struct, frozen=True):
    id: str


def read(
    project: str, key: str, run_id: str, environ: Mapping[str, str], seconds: float = _ALL_S
) -> RunSpans | None:
    """The spans of a run whose metadata holds its id under `key`; None where there is none. Raises SourceUnavailable."""
    import httpx

    secret = environ.get("LANGSMITH_API_KEY", "")
    if not secret:
        raise _unavailable("LANGSMITH_API_KEY is not set")
    address = (environ.get("LANGSMITH_ENDPOINT") or _URL).rstrip("/")
    try:
        with (
            Deadline(seconds) as deadline,
            httpx.Client(base_url=address, headers={"x-api-key": secret}, timeout=_TIMEOUT_S) as client,
        ):
            ask = partial(deadline.ask, client)
            found = _answer(ask("GET", "/sessions", _BYTES_MAX, params={"name": project}), list[_Project])
            if not found:
                raise _unavailable(f"it has no project {project}")
            spans = list(_spans(ask, found[0].id, key, run_id))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _unavailable(f"it does not answer ({type(error).__name__})") from error
    try:
        return _added(project, spans) if spans else None
    except (ValueError, ArithmeticError) as error:
        raise _unavailable("a time or a cost in its answer is none") from error


def _spans(
    ask: Callable[..., tuple[httpx.Response, bytes]], project: str, key: str, run_id: str
) -> Iterator[_Span]:
    quoted = [msgspec.json.encode(text).decode("utf-8") for text in (key, run_id)]
    body: dict[str, Any] = {
        "session": [project],
        "filter": f"and(eq(metadata_key, {quoted[0]}), eq(metadata_value, {quoted[1]}))",
        "select": list(_SELECT),
        "limit": PAGE,
    }
    for _ in range(PAGES_MAX):
        page = _answer(ask("POST", "/runs/query", _BYTES_MAX, json=body), _Page)
        yield from page.runs
        cursor = (page.cursors or {}).get("next")
        if not cursor:
            return
        body["cursor"] = cursor
    raise _unavailable(f"the run has more than {PAGE * PAGES_MAX} spans")


def _answer(answer: tuple[httpx.Response, bytes], kind: type[Any]) -> Any:
    response, body = answer
    if not response.is_success:
        raise _unavailable(f"it answers {response.status_code}")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _unavailable("its answer is not what was asked for") from error


def _added(project: str, spans: list[_Span]) -> RunSpans:
    by_agent: dict[str, list[_Span]] = {}
    for span in spans:
        by_agent.setdefault(span.agent, []).append(span)
    return RunSpans(
        project=project,
        spans=len(spans),
        tokens=_tokens(spans),
        cost_usd=str(_cost(spans)),
        errors=sum(bool(span.error) for span in spans),
        retries=sum(span.is_retry for span in spans),
        seconds=_seconds(spans),
        agents=tuple(
            AgentSpans(
                agent=agent,
                calls=sum(span.is_call for span in mine),
                tokens=_tokens(mine),
                cost_usd=str(_cost(mine)),
                errors=sum(bool(span.error) for span in mine),
                retries=sum(span.is_retry for span in mine),
                seconds=_seconds(mine),
            )
            for agent, mine in sorted(by_agent.items())
        ),
    )


def _tokens(spans: Iterable[_Span]) -> int:
    return sum(span.total_tokens or 0 for span in spans if span.is_call)


def _cost(spans: Iterable[_Span]) -> Decimal:
    return sum(
        (Decimal(str(span.total_cost)) for span in spans if span.is_call and span.total_cost), Decimal(0)
    )


def _seconds(spans: Iterable[_Span]) -> float:
    """From the first beginning to the last end."""
    moments = [
        from_iso(text) for span in spans for text in (span.start_time, span.end_time) if text is not None
    ]
    return (max(moments) - min(moments)) / 1000 if moments else 0.0


def _unavailable(why: str) -> SourceUnavailable:
    return SourceUnavailable(
        "LangSmith", why, "Check watch.langsmith_project, LANGSMITH_API_KEY and LANGSMITH_ENDPOINT."
    )
