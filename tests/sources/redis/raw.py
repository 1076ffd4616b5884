"""Commands of the audited system, as it would send them; redis-py's types do not know all of them."""

from __future__ import annotations

from typing import Any

from tests.conftest import Server


def client_of(server: Server) -> Any:
    """The server's client, without types."""
    return server.client
