"""The same API for a client that is not ours: Claude Code, whose requests keep none of our own promises."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.fakes.messages_api.replies import Fails, Reply, Says
from tests.fakes.messages_api.request import Asked
from tests.fakes.messages_api.server import MessagesApi, Script, _Handler, _tokens


class ForeignApi(MessagesApi):
    """`script` says what is answered, in the thread of its request: it may wait for others."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self._http.RequestHandlerClass = type("Handler", (_ForeignHandler,), {"api": self})

    def answer(self, body: Mapping[str, Any], headers: Mapping[str, str]) -> tuple[Asked, Reply]:
        with self._lock:
            asked = Asked(len(self.requests), body, headers)
            self.requests.append(asked)
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        return asked, self._script(asked) if key == self.key else Fails(401, "invalid key")


class _ForeignHandler(_Handler):
    def do_HEAD(self) -> None:  # noqa: N802 - http.server wants it so
        self._json({})

    def do_GET(self) -> None:  # noqa: N802 - http.server wants it so
        self._json({"data": [], "has_more": False, "first_id": None, "last_id": None})

    def do_POST(self) -> None:  # noqa: N802 - http.server wants it so
        if self.path.split("?")[0] == "/v1/messages":
            super().do_POST()
            return
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._json({"input_tokens": _tokens(body.decode("utf-8", "replace"))})

    def _stream(self, asked: Asked, reply: Any) -> None:
        if asked.body.get("stream") or not isinstance(reply, Says):
            super()._stream(asked, reply)
            return
        usage = self.api.usage(asked, reply)
        self._json(
            {
                "id": f"msg_{asked.number}",
                "type": "message",
                "role": "assistant",
                "model": asked.body["model"],
                "content": list(reply.content),
                "stop_reason": reply.stop_reason,
                "stop_sequence": None,
                "usage": usage,
            }
        )

    def _json(self, data: object) -> None:
        content = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)
