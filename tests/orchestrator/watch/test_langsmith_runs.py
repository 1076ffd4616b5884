"""Figures of a run from LangSmith on loopback: asked for page by page, added up by agent, never more than figures."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from orchestrator.watch import langsmith_runs
from tests.fakes.drip import Drip
from tools.errors import SourceUnavailable

KEY = "lsv2_hunter2pass"


class Service:
    """Projects and spans, two a page; the filter's two values are looked for as they are quoted."""

    def __init__(self) -> None:
        self.spans: list[dict[str, Any]] = []
        self.asked: list[dict[str, Any]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == "/sessions?name=autopilot"
                service._answer(self, [{"id": "p-1", "name": "autopilot"}] if known else [])

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.asked.append(body)
                mine = [span for span in service.spans if f'"{span["run"]}"' in body["filter"]]
                at = int(body.get("cursor", 0))
                rest = str(at + 2) if at + 2 < len(mine) else None
                service._answer(self, {"runs": mine[at : at + 2], "cursors": {"next": rest}})

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def _answer(self, handler: BaseHTTPRequestHandler, data: object) -> None:
        body = json.dumps(data).encode()
        handler.send_response(200 if handler.headers.get("x-api-key") == KEY else 401)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    yield found
    found.http.shutdown()
    found.http.server_close()


def environ(service: Service, key: str = KEY) -> dict[str, str]:
    return {"LANGSMITH_API_KEY": key, "LANGSMITH_ENDPOINT": service.url}


def span(agent: str, second: int, **more: Any) -> dict[str, Any]:
    at = f"2026-01-01T00:00:{second:02}"
    values = {"run": "r1", "name": "call", "run_type": "llm", "start_time": at, "end_time": at}
    return values | {"extra": {"metadata": {"agent": agent}}} | more


def test_figures_are_added_up_by_agent(service: Service) -> None:
    service.spans = [
        span("", 0, name="graph", run_type="chain", total_tokens=999, total_cost=9),
        span("builder", 1, total_tokens=100, total_cost=0.1),
        span("builder", 4, total_tokens=50, total_cost="0.2", error="it failed"),
        span("tester", 9, total_tokens=7, extra={"metadata": {"agent": "tester", "attempt": 2}}),
        span("other", 30, run="r2", total_tokens=5),
    ]
    found = langsmith_runs.read("autopilot", "run_id", "r1", environ(service))
    assert found is not None
    assert (found.spans, found.tokens, found.cost_usd, found.errors, found.retries, found.seconds) == (
        4, 157, "0.3", 1, 1, 9.0,
    )  # fmt: skip
    assert [(item.agent, item.calls, item.tokens, item.seconds) for item in found.agents] == [
        ("builder", 2, 150, 3.0), ("graph", 0, 0, 0.0), ("tester", 1, 7, 0.0),
    ]  # fmt: skip
    assert {"inputs", "outputs"} & set(service.asked[0]["select"]) == set()


def test_a_run_that_it_does_not_know_has_no_figures(service: Service) -> None:
    assert langsmith_runs.read("autopilot", "run_id", 'r"1', environ(service)) is None
    assert '"r\\"1"' in service.asked[0]["filter"]


@pytest.mark.parametrize(
    ("project", "key", "why"),
    [
        ("autopilot", "", "LANGSMITH_API_KEY is not set"),
        ("autopilot", "hunter2pass", "it answers 401"),
        ("nobody", KEY, "it has no project nobody"),
    ],
)
def test_why_it_does_not_tell_is_said(service: Service, project: str, key: str, why: str) -> None:
    with pytest.raises(SourceUnavailable, match=why) as raised:
        langsmith_runs.read(project, "run_id", "r1", environ(service, key))
    assert "hunter2pass" not in str(raised.value)


def test_an_answer_that_never_ends_is_left() -> None:
    with Drip(b"HTTP/1.1 200 OK\r\n\r\n") as peer:
        asked = {"LANGSMITH_API_KEY": KEY, "LANGSMITH_ENDPOINT": peer.url}
        with pytest.raises(SourceUnavailable, match="it does not answer"):
            langsmith_runs.read("autopilot", "run_id", "r1", asked, seconds=0.3)
        assert peer.left.wait(30)


@pytest.mark.parametrize("wrong", [{"start_time": "soon"}, {"total_cost": "much"}])
def test_a_span_that_is_none_is_one_sentence(service: Service, wrong: dict[str, str]) -> None:
    service.spans = [span("builder", 1, **wrong)]
    with pytest.raises(SourceUnavailable, match="a time or a cost"):
        langsmith_runs.read("autopilot", "run_id", "r1", environ(service))
