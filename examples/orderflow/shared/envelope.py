"""The envelope around every event, and the one way to publish it."""

import time
import uuid
from collections.abc import Mapping
from typing import Any

import redis

from shared import streams
from shared.logs import timestamp

SCHEMA_VERSION = "1"

Body = dict[Any, Any]  # str to str; the redis stubs take no narrower dict


def new_correlation_id() -> str:
    """A fresh id that follows one customer action through all services."""
    return f"c-{uuid.uuid4().hex[:16]}"


def envelope(event_type: str, correlation_id: str, payload: Mapping[str, str]) -> Body:
    """Wrap a flat payload with what every consumer relies on."""
    return {
        "event_type": event_type,
        "schema_version": SCHEMA_VERSION,
        "correlation_id": correlation_id,
        "published_at": timestamp(time.time()),
        **payload,
    }


def publish(
    client: redis.Redis,
    stream: str,
    event_type: str,
    correlation_id: str,
    payload: Mapping[str, str],
    maxlen: int = streams.DEFAULT_MAXLEN,
) -> str:
    """Append one event to a stream and return its message id."""
    body = envelope(event_type, correlation_id, payload)
    return str(client.xadd(stream, body, maxlen=maxlen, approximate=True))
