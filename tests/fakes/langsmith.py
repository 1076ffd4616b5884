"""A LangSmith that takes spans on loopback, or does not answer."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_INFO = {
    "version": "0.14.0",
    "batch_ingest_config": {
        "use_multipart_endpoint": True,
        "size_limit": 100,
        "size_limit_bytes": 20_971_520,
        "scale_up_nthreads_limit": 16,
        "scale_up_qsize_trigger": 1000,
        "scale_down_nempty_trigger": 4,
    },
    "instance_flags": {"zstd_compression_enabled": False},
}


class LangSmith:
    """Keeps every body; with `silent` it takes connections and says nothing. A context manager."""

    def __init__(self, *, silent: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.silent = silent
        self.over = threading.Event()
        handler = type("Handler", (_Handler,), {"service": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.over.set()
        self._http.shutdown()
        self._http.server_close()

    @property
    def text(self) -> str:
        return b"\n".join(self.bodies).decode("utf-8", "replace")


class _Handler(BaseHTTPRequestHandler):
    service: LangSmith
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        return

    def do_GET(self) -> None:
        self._answer(_INFO)

    def do_POST(self) -> None:
        self.service.bodies.append(self._body())
        self._answer({"message": "ok"})

    def do_PATCH(self) -> None:
        self.do_POST()

    def _body(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        whole = b""
        while length := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(length)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def _answer(self, data: object) -> None:
        if self.service.silent:
            self.service.over.wait()
            return
        content = json.dumps(data).encode()
        self.send_response(200 if self.command == "GET" else 202)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
