"""Keeps the latest stock level of each product for the product pages."""

import logging
import threading
from typing import Any

import redis

from services.gateway import config
from shared import groups, streams

BATCH = 20
BLOCK_MS = 1000


class StockCache:
    """The latest known level per SKU."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}

    def follow(self, client: redis.Redis, stop: threading.Event, logger: logging.Logger) -> None:
        """Read stock levels until stopped."""
        while not stop.is_set():
            try:
                replies: Any = client.xreadgroup(
                    groups.STOCK_CACHE,
                    config.CONSUMER,
                    {streams.STOCK_LEVELS: ">"},
                    count=BATCH,
                    block=BLOCK_MS,
                )
            except redis.RedisError as error:
                logger.error("stock levels not read: %s", error)
                stop.wait(2.0)
                continue
            for _, entries in replies or []:
                for _, event in entries:
                    self.levels[event["sku"]] = int(event["level"])
