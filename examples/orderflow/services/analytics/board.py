"""The live board: sales, clicks and revenue of the last seconds."""

import logging
import threading
from collections import Counter
from decimal import Decimal

from shared.consumer import Event
from shared.logs import fields


class Board:
    """Counts since the last time the board was drawn."""

    def __init__(self, logger: logging.Logger) -> None:
        self.logger = logger
        self.lock = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.revenue = Decimal(0)

    def sale(self, _message_id: str, event: Event) -> None:
        """Count one placed order."""
        with self.lock:
            self.counts["sales"] += 1
        self.logger.debug("sale counted", extra=fields(correlation_id=event["correlation_id"]))

    def click(self, _message_id: str, event: Event) -> None:
        """Count one page view."""
        page = event.get("page") or event["screen"]
        with self.lock:
            self.counts["checkouts" if page == "/checkout" else "clicks"] += 1

    def payment(self, _message_id: str, event: Event) -> None:
        """Add one settled payment."""
        with self.lock:
            self.revenue += Decimal(event["amount"])

    def draw(self) -> None:
        """Log the board and start over."""
        with self.lock:
            counts, revenue = self.counts, self.revenue
            self.counts, self.revenue = Counter(), Decimal(0)
        self.logger.info(
            "board",
            extra=fields(
                sales=counts["sales"],
                clicks=counts["clicks"],
                checkouts=counts["checkouts"],
                revenue=str(revenue),
            ),
        )
