"""The consumer loop that most services share: read, handle, acknowledge, dead-letter."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import redis

from shared import streams
from shared.envelope import publish
from shared.logs import fields

Event = dict[str, str]
Handler = Callable[[str, Event], None]

BATCH = 10
BLOCK_MS = 1000
RECLAIM_EVERY_S = 2.0
RECLAIM_IDLE_MS = 10_000
MAX_DELIVERIES = 3
READ_REFUSED_DELAY_S = 5.0


class PermanentFailure(Exception):
    """The event can never be handled; it belongs on the dead-letter stream."""


def ensure_group(client: redis.Redis, stream: str, group: str) -> None:
    """Create the group (and the stream) unless it exists."""
    try:
        client.xgroup_create(stream, group, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise


def consume(
    client: redis.Redis,
    stream: str,
    group: str,
    consumer: str,
    handler: Handler,
    stop: threading.Event,
    logger: logging.Logger,
) -> None:
    """Handle the events of one stream for one group until `stop` is set."""
    delay_s = 0.5
    reclaim_at = time.monotonic() + RECLAIM_EVERY_S
    while not stop.is_set():
        try:
            replies: Any = client.xreadgroup(
                group, consumer, {stream: ">"}, count=BATCH, block=BLOCK_MS
            )
            for _, entries in replies or []:
                handle_entries(client, stream, group, entries, handler, logger)
            if time.monotonic() >= reclaim_at:
                claimed: Any = client.xautoclaim(
                    stream, group, consumer, min_idle_time=RECLAIM_IDLE_MS, count=BATCH
                )
                handle_entries(client, stream, group, claimed[1], handler, logger)
                reclaim_at = time.monotonic() + RECLAIM_EVERY_S
            delay_s = 0.5
        except (redis.ConnectionError, redis.TimeoutError) as error:
            logger.error("redis does not answer: %s", error)
            stop.wait(delay_s)
            delay_s = min(delay_s * 2, 10.0)
        except redis.ResponseError as error:
            logger.error("read refused: %s", error)
            stop.wait(READ_REFUSED_DELAY_S)


def handle_entries(
    client: redis.Redis,
    stream: str,
    group: str,
    entries: Iterable[tuple[str, Event]],
    handler: Handler,
    logger: logging.Logger,
) -> None:
    """Handle each entry and acknowledge it; a failed one stays pending for the next attempt."""
    for message_id, event in entries:
        try:
            handler(message_id, event)
        except PermanentFailure as error:
            dead_letter(client, stream, group, message_id, event, str(error))
            logger.error(
                "dead-lettered %s: %s",
                message_id,
                error,
                extra=fields(correlation_id=event["correlation_id"]),
            )
        except (KeyError, ValueError) as error:
            if delivery_count(client, stream, group, message_id) < MAX_DELIVERIES:
                logger.exception("could not handle %s, will be tried again", message_id)
                continue
            dead_letter(client, stream, group, message_id, event, repr(error))
            logger.exception("dead-lettered %s", message_id)
        client.xack(stream, group, message_id)


def delivery_count(client: redis.Redis, stream: str, group: str, message_id: str) -> int:
    """How often the server has handed out a pending message."""
    pending: Any = client.xpending_range(stream, group, message_id, message_id, 1)
    return int(pending[0]["times_delivered"]) if pending else 0


def dead_letter(
    client: redis.Redis, stream: str, group: str, message_id: str, event: Event, reason: str
) -> None:
    """Park an event for a human, with enough to replay it."""
    publish(
        client,
        streams.DEAD_LETTERS,
        "event.parked",
        event["correlation_id"],
        {
            "source_stream": stream,
            "source_group": group,
            "source_id": message_id,
            "order_id": event.get("order_id", "none"),
            "reason": reason,
        },
    )
