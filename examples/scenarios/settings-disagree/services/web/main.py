"""Takes letters."""

import logging
import os
import uuid
from http.server import BaseHTTPRequestHandler, HTTPServer

import redis

log = logging.getLogger("web")
LETTERS = "letters.taken"
client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        client.xadd(LETTERS, {"correlationId": uuid.uuid4().hex, "to": self.path}, maxlen=10_000)
        self.send_response(202)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
