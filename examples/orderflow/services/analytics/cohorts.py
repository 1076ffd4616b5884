"""Sorts customers into cohorts by their first order."""

import logging
import threading

import redis

from services.analytics import config
from shared import groups, streams
from shared.consumer import Event, consume


class CohortBuilder:
    """First order per customer."""

    def __init__(self, client: redis.Redis, logger: logging.Logger) -> None:
        self.client = client
        self.logger = logger
        self.first_orders: dict[str, str] = {}

    def follow(self, stop: threading.Event) -> None:
        """Build cohorts until stopped."""
        consume(
            self.client,
            stream=streams.ORDERS_PLACED,
            group=groups.COHORTS,
            consumer=config.COHORT_CONSUMER,
            handler=self.add,
            stop=stop,
            logger=self.logger,
        )

    def add(self, _message_id: str, event: Event) -> None:
        """Remember the first order of a customer."""
        self.first_orders.setdefault(event["customer_id"], event["published_at"])
