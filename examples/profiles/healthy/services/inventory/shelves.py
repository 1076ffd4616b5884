"""What lies on the shelves, and the stream of stock levels."""

import itertools
import logging
import threading

import redis

from services.inventory import config
from shared import streams
from shared.envelope import new_correlation_id, publish

FULL_SHELF = 500
SKUS = (
    "MUG-BLUE",
    "MUG-RED",
    "TEA-GREEN",
    "TEA-BLACK",
    "POT-IRON",
    "POT-GLASS",
    "WHISK-BAMBOO",
    "TRAY-OAK",
)


class Shelves:
    """Stock per SKU; an empty shelf is filled up at once."""

    def __init__(self) -> None:
        self.levels = dict.fromkeys(SKUS, FULL_SHELF)

    def take(self, sku: str) -> int:
        """Take one piece off its shelf and return what is left."""
        left = self.levels[sku] - 1
        self.levels[sku] = left or FULL_SHELF
        return left

    def announce(self, client: redis.Redis, stop: threading.Event, logger: logging.Logger) -> None:
        """Publish one level after the other; only the newest are of interest."""
        for sku in itertools.cycle(SKUS):
            if stop.wait(1.0 / config.LEVELS_PER_SECOND):
                return
            try:
                publish(
                    client,
                    streams.STOCK_LEVELS,
                    "stock.level",
                    new_correlation_id(),
                    {"sku": sku, "level": str(self.levels[sku])},
                    maxlen=config.LEVELS_KEPT,
                )
            except redis.RedisError as error:
                logger.error("stock level not published: %s", error)
                stop.wait(2.0)
