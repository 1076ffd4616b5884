"""The carrier's tariffs, as the nightly job leaves them in Redis."""

from typing import Any

import redis

TARIFF_KEY = "tariffs:parcel"


class Tariffs:
    """Prices per destination in pence."""

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self.prices: dict[str, int] = {}

    def refresh(self) -> None:
        """Load the current table."""
        table: Any = self.client.hgetall(TARIFF_KEY)
        self.prices = {zone: int(table[zone]) for zone in ("domestic", "islands")}

    def price(self, postcode: str) -> int:
        """The price of a parcel to this postcode."""
        return self.prices.get("islands" if postcode.startswith("KIRKWALL") else "domestic", 420)
