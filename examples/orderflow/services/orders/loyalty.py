"""Loyalty points, behind the feature flag `loyalty`."""

import time
from decimal import Decimal

import redis

from shared import flags, streams
from shared.envelope import publish

FLAG = flags.read("loyalty")
STARTED = time.monotonic()
MAXLEN = 5_000


def award(client: redis.Redis, correlation_id: str, customer_id: str, amount: str) -> None:
    """Publish the points of one order once the variant under test is on."""
    if not FLAG or time.monotonic() - STARTED < FLAG["start_after_s"]:
        return
    publish(
        client,
        f"{streams.LOYALTY_PREFIX}.{FLAG['variant']}",
        "points.awarded",
        correlation_id,
        {"customer_id": customer_id, "points": str(int(Decimal(amount)))},
        maxlen=MAXLEN,
    )
