"""A table behind PostgREST on loopback: `order`, `limit`, `gt.` and the key are as with the real one."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit


class PostgRest:
    """Serves `rows` as `audit`; `key` is asked for, `broken` answers 503."""

    def __init__(self, key: str) -> None:
        self.rows: list[dict[str, Any]] = []
        self.key, self.broken, self.requests = key, False, 0
        peer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                peer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/rest/v1"

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests += 1
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        wanted = (self.key, f"Bearer {self.key}")
        status, found = 200, []
        if self.broken:
            status = 503
        elif (handler.headers.get("apikey"), handler.headers.get("Authorization")) != wanted:
            status = 401
        elif parts.path != "/rest/v1/audit":
            status = 404
        else:
            column = query["order"].removesuffix(".asc")
            after = int(query.get(column, "gt.-1").removeprefix("gt."))
            behind = [row for row in self.rows if row[column] > after]
            found = sorted(behind, key=lambda row: row[column])[: int(query["limit"])]
        body = json.dumps(found).encode()
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
