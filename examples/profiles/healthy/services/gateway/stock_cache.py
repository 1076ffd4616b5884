"""Keeps the latest stock level of each product for the product pages."""

from shared.consumer import Event


class StockCache:
    """The latest known level per SKU."""

    def __init__(self) -> None:
        self.levels: dict[str, int] = {}

    def update(self, _message_id: str, event: Event) -> None:
        """Remember one announced level."""
        self.levels[event["sku"]] = int(event["level"])
