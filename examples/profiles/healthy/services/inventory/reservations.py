"""Reserves stock for accepted orders."""

import logging

import redis

from services.inventory.shelves import Shelves
from shared import streams
from shared.consumer import Event
from shared.envelope import publish
from shared.logs import fields


class Reservations:
    """The worker of the stock desk."""

    def __init__(self, client: redis.Redis, shelves: Shelves, logger: logging.Logger) -> None:
        self.client = client
        self.shelves = shelves
        self.logger = logger

    def reserve(self, message_id: str, event: Event) -> None:
        """Reserve one piece and tell the packers."""
        left = self.shelves.take(event["sku"])
        publish(
            self.client,
            streams.STOCK_RESERVED,
            "stock.reserved",
            event["correlation_id"],
            {key: event[key] for key in ("order_id", "sku", "email", "postcode")},
        )
        self.logger.info(
            "stock reserved",
            extra=fields(
                correlation_id=event["correlation_id"],
                order_id=event["order_id"],
                message_id=message_id,
                left=left,
            ),
        )
