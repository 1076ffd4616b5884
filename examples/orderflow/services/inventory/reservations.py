"""Reserves stock for accepted orders."""

import logging
import threading
import time
from collections.abc import Iterable
from typing import Any

import redis

from services.inventory import config
from services.inventory.shelves import Shelves
from shared import groups, streams
from shared.consumer import Event
from shared.envelope import envelope
from shared.logs import fields

BATCH = 20
BLOCK_MS = 1000
RECLAIM_EVERY_S = 2.0
RECLAIM_IDLE_MS = 1500


class Reservations:
    """The worker of the stock desk."""

    def __init__(self, client: redis.Redis, shelves: Shelves, logger: logging.Logger) -> None:
        self.client = client
        self.shelves = shelves
        self.logger = logger

    def follow(self, stop: threading.Event) -> None:
        """Reserve until stopped; what failed is picked up again a little later."""
        reclaim_at = time.monotonic() + RECLAIM_EVERY_S
        while not stop.is_set():
            try:
                replies: Any = self.client.xreadgroup(
                    groups.STOCK,
                    config.CONSUMER,
                    {streams.STOCK_REQUESTED: ">"},
                    count=BATCH,
                    block=BLOCK_MS,
                )
                for _, entries in replies or []:
                    self.reserve_all(entries)
                if time.monotonic() >= reclaim_at:
                    claimed: Any = self.client.xautoclaim(
                        streams.STOCK_REQUESTED,
                        groups.STOCK,
                        config.CONSUMER,
                        min_idle_time=RECLAIM_IDLE_MS,
                        count=BATCH,
                    )
                    self.reserve_all(claimed[1])
                    reclaim_at = time.monotonic() + RECLAIM_EVERY_S
            except redis.RedisError as error:
                self.logger.error("stock requests not read: %s", error)
                stop.wait(2.0)

    def reserve_all(self, entries: Iterable[tuple[str, Event]]) -> None:
        """Reserve for each request and acknowledge it."""
        for message_id, event in entries:
            try:
                self.reserve(message_id, event)
            except KeyError:
                self.logger.exception(
                    "could not reserve stock for message %s",
                    message_id,
                    extra=fields(correlation_id=event["correlation_id"]),
                )
            else:
                self.client.xack(streams.STOCK_REQUESTED, groups.STOCK, message_id)

    def reserve(self, message_id: str, event: Event) -> None:
        """Reserve one piece and tell the packers."""
        left = self.shelves.take(event["sku"])
        body = envelope(
            "stock.reserved",
            event["correlation_id"],
            {key: event[key] for key in ("order_id", "sku", "email", "postcode")},
        )
        self.client.xadd(streams.STOCK_RESERVED, body)
        self.logger.info(
            "stock reserved",
            extra=fields(
                correlation_id=event["correlation_id"],
                order_id=event["order_id"],
                message_id=message_id,
                left=left,
            ),
        )
