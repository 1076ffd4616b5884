"""LangSmith spans of our own: what was asked and answered, masked. They never block and never fail a call.

The vendor's wrapper does not survive streaming, so spans are made by hand. Without LANGSMITH_TRACING and a key nothing
is imported and nothing is sent.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Protocol

from agents.model.messages import Ask, Reply
from agents.model.wire import Request
from tools.masking import mask, mask_data

_FLUSH_S = 2.0
_TRUE = frozenset({"1", "true", "yes", "on"})
_PROJECT = "streamgauge"


class Span(Protocol):
    """One call under way."""

    def end(self, reply: Reply | None, error: str | None) -> None:
        """It came back, or did not."""
        ...


class Tracer(Protocol):
    """Where spans go."""

    def begin(self, ask: Ask, body: Request) -> Span:
        """A call begins."""
        ...

    def close(self) -> None:
        """Send what is left, within two seconds; blocks so long."""
        ...


class NoSpan:
    """Nothing is traced."""

    def end(self, reply: Reply | None, error: str | None) -> None:
        """Do nothing."""


class NoTracer:
    """Tracing is off."""

    def begin(self, ask: Ask, body: Request) -> Span:  # noqa: ARG002 - as its protocol
        """Do nothing."""
        return NoSpan()

    def close(self) -> None:
        """Do nothing."""


def wanted(environ: Mapping[str, str]) -> bool:
    """Whether spans are sent: tracing is asked for and there is a key. Without one LangSmith waits for its server."""
    asked = environ.get("LANGSMITH_TRACING", "").strip().lower() in _TRUE
    return asked and bool(environ.get("LANGSMITH_API_KEY"))


def tracer(environ: Mapping[str, str], session_id: str) -> Tracer:
    """The tracer that the environment asks for. Imports langsmith where one is wanted."""
    return LangSmithTracer(environ, session_id) if wanted(environ) else NoTracer()


class LangSmithTracer:
    """Spans of type `llm`, one a call, handed to the SDK's own thread."""

    def __init__(self, environ: Mapping[str, str], session_id: str) -> None:
        from langsmith import Client
        from langsmith.utils import LangSmithError
        from urllib3 import Retry

        before = os.environ.get("LANGSMITH_USE_DAEMON")
        os.environ["LANGSMITH_USE_DAEMON"] = (
            "true"  # read by the constructor: its threads must not hold our exit
        )
        try:
            self._client = Client(
                api_url=environ.get("LANGSMITH_ENDPOINT") or None,
                api_key=environ["LANGSMITH_API_KEY"],
                timeout_ms=(500, 1500),
                retry_config=Retry(total=0),
                anonymizer=_anonymous,
                tracing_error_callback=lambda _error: None,
            )
        finally:
            if before is None:
                del os.environ["LANGSMITH_USE_DAEMON"]
            else:
                os.environ["LANGSMITH_USE_DAEMON"] = before
        # What it cannot send it writes to the terminal, with parts of the key; a span that is lost costs nothing.
        logging.getLogger("langsmith").setLevel(logging.CRITICAL)
        self._project = environ.get("LANGSMITH_PROJECT") or _PROJECT
        self._session_id = session_id
        self._harmless = (LangSmithError, OSError, RuntimeError, TypeError, ValueError)

    def begin(self, ask: Ask, body: Request) -> Span:
        """Post the beginning of a call."""
        from langsmith.run_trees import RunTree

        metadata = {
            "session_id": self._session_id,
            "role": ask.role.value,
            "purpose": ask.purpose,
            "prompt": ask.prompt,
            "conversation": ask.conversation,
            "ls_provider": "anthropic",
            "ls_model_name": body["model"],
        }
        run = RunTree(
            name=f"{ask.role.value} {ask.purpose}",
            run_type="llm",
            inputs={"system": body["system"], "messages": body["messages"]},
            extra={"metadata": metadata},
            project_name=self._project,
            ls_client=self._client,
        )
        with suppress(*self._harmless):
            run.post()
        return _LangSmithSpan(run, self._harmless)

    def close(self) -> None:
        """Send what is left, within two seconds."""
        with suppress(*self._harmless):
            self._client.flush(timeout=_FLUSH_S)


class _LangSmithSpan:
    def __init__(self, run: Any, harmless: tuple[type[Exception], ...]) -> None:
        self._run, self._harmless = run, harmless

    def end(self, reply: Reply | None, error: str | None) -> None:
        with suppress(*self._harmless):
            if reply is not None:
                used = {
                    "input_tokens": reply.usage.prompt,
                    "output_tokens": reply.usage.output,
                    "total_tokens": reply.usage.total,
                }
                self._run.add_metadata({"stop_reason": reply.stop_reason, "cost_usd": reply.usd})
                self._run.set(usage_metadata=used)
                self._run.end(outputs={"content": list(reply.content)})
            else:
                self._run.end(error=mask(error or "failed"))
            self._run.patch()


def _anonymous(data: dict[str, Any]) -> dict[str, Any]:
    masked = mask_data(data)
    assert isinstance(masked, dict)
    return masked
