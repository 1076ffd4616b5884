"""The carrier's tariffs, as the nightly job leaves them in Redis."""

import logging
from typing import Any

import redis

TARIFF_KEY = "tariffs:parcel"
LIST_PRICES = {"domestic": 420, "islands": 690}


class Tariffs:
    """Prices per destination in pence."""

    def __init__(self, client: redis.Redis, logger: logging.Logger) -> None:
        self.client = client
        self.logger = logger
        self.prices = dict(LIST_PRICES)

    def refresh(self) -> None:
        """Load the current table; zones it does not name keep their price."""
        try:
            table: Any = self.client.hgetall(TARIFF_KEY)
        except redis.RedisError as error:
            self.logger.error("tariffs not read: %s", error)
            return
        self.prices.update({zone: int(price) for zone, price in table.items()})

    def price(self, postcode: str) -> int:
        """The price of a parcel to this postcode."""
        return self.prices["islands" if postcode.startswith("KIRKWALL") else "domestic"]
