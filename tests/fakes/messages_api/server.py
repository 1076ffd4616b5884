"""The server: takes a request, checks it, asks the script, and answers as the API does."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from agents.model.prices import Usage, cost, price_of
from tests.fakes.messages_api import invariants
from tests.fakes.messages_api.replies import Breaks, Fails, Never, Reply, Says, events
from tests.fakes.messages_api.request import Asked

Script = Callable[[Asked], Reply]
KEY = "sk-ant-" + "scripted0" * 4


class MessagesApi:
    """`script` says what is answered; `secrets` must never be in a request. A context manager.

    `billed` is what the API would have billed by the published prices, streams that broke included.
    """

    def __init__(self, script: Script, secrets: Sequence[str] = ()) -> None:
        self._script, self._secrets = script, secrets
        self.requests: list[Asked] = []
        self.violations: list[str] = []
        self.billed = Decimal(0)
        self.key = KEY
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._http = _Http(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": self}))
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._over.set()
        self._http.shutdown()
        self._http.server_close()

    def wait_for_the_end(self) -> None:
        """A request that is never answered waits here."""
        self._over.wait()

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[Asked, Reply]:
        with self._lock:
            asked = Asked(len(self.requests), body, headers)
            problems = list(invariants.broken(asked, self.requests, self._secrets))
            self.requests.append(asked)
            if headers.get("authorization") != f"Bearer {self.key}":
                return asked, Fails(401, "invalid key")
            if problems:
                self.violations += [f"request {asked.number}: {problem}" for problem in problems]
                return asked, Fails(400, "; ".join(problems))
            return asked, self._script(asked)

    def usage(self, asked: Asked, said: Says) -> dict[str, Any]:
        """What the API counts: the prefix is written to the cache once and read from it afterwards."""
        known = [
            other
            for other in self.requests[: asked.number]
            if invariants.prefix(other) == invariants.prefix(asked)
        ]
        whole = _tokens(asked.raw)
        stable = _tokens(json.dumps(invariants.prefix(asked)))
        counted: dict[str, Any] = {
            "input_tokens": whole - stable,
            "output_tokens": min(asked.body["max_tokens"], _tokens(json.dumps(said.content))),
            "cache_creation_input_tokens": 0 if known else stable,
            "cache_read_input_tokens": stable if known else 0,
        }
        counted |= said.usage or {}
        written = counted["cache_creation_input_tokens"]
        counted["cache_creation"] = {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0}
        with self._lock:
            self.billed += _billed(str(asked.body["model"]), counted)
        return counted


def _tokens(text: str) -> int:
    """More than a real tokenizer would count, and never more than bytes."""
    return max(1, len(text.encode()) // 2)


def _billed(model: str, counted: Mapping[str, Any]) -> Decimal:
    price = price_of(model)
    assert price is not None, model
    usage = Usage(
        input=counted["input_tokens"],
        output=counted["output_tokens"],
        cache_write=counted["cache_creation_input_tokens"],
        cache_read=counted["cache_read_input_tokens"],
    )
    return cost(price, usage)


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, *_args: object) -> None:
        """A client that leaves in the middle is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    api: MessagesApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_args: object) -> None:
        return

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        asked, reply = self.api.answer(body, headers)
        if isinstance(reply, Never):
            self.api.wait_for_the_end()
        elif isinstance(reply, Fails):
            self._fail(reply)
        else:
            self._stream(asked, reply)

    def _fail(self, reply: Fails) -> None:
        content = reply.body if reply.body is not None else json.dumps(reply.data()).encode()
        self.send_response(reply.status)
        for name, value in {"content-type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _stream(self, asked: Asked, reply: Says | Breaks) -> None:
        said = reply.says if isinstance(reply, Breaks) else reply
        self.close_connection = True
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("request-id", f"req_{asked.number}")
        self.send_header("connection", "close")
        self.end_headers()
        told = list(events(said, str(asked.body["model"]), self.api.usage(asked, said)))
        for event in told[: reply.events] if isinstance(reply, Breaks) else told:
            self._event(event)
        if isinstance(reply, Breaks):
            self._break(reply)

    def _event(self, event: Mapping[str, Any]) -> None:
        self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
        self.wfile.flush()

    def _break(self, reply: Breaks) -> None:
        if reply.how == "error":
            self._event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
        elif reply.how == "garbage":
            self.wfile.write(b"event: content_block_delta\ndata: {not json\n\n")
        elif reply.how == "silence":
            self.api.wait_for_the_end()
        elif reply.how == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
