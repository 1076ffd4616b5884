"""GET /health on loopback, for the load balancer."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

POLL_S = 1.0


def serve(port: int, products_known: Callable[[], int]) -> None:
    """Bind the health endpoint and answer it in the background."""

    class Health(BaseHTTPRequestHandler):
        """Answers /health and nothing else."""

        def do_GET(self) -> None:
            known = self.path == "/health"
            body = json.dumps({"status": "ok", "products": products_known()} if known else {})
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Health checks are not worth a log line."""

    server = HTTPServer(("127.0.0.1", port), Health)
    threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
