"""Commands of the audited system, as it would send them; redis-py's types do not know all of them."""

from __future__ import annotations

from typing import Any

import redis
from redis.connection import Connection

from tests.conftest import Server


def client_of(server: Server) -> Any:
    """The server's client, without types."""
    return server.client


class Raw:
    """A connection whose replies nobody interprets: bytes, numbers, lists; None for an error."""

    def __init__(self, port: int) -> None:
        kind: Any = Connection  # redis-py has no types here
        self._connection = kind(port=port, protocol=2)
        self._connection.connect()

    def __call__(self, *command: object) -> Any:
        self._connection.send_command(*command)
        try:
            return self._connection.read_response(disable_decoding=True)
        except redis.ResponseError:
            return None

    def close(self) -> None:
        self._connection.disconnect()
