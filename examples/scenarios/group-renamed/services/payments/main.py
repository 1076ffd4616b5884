"""Settles payments and tells the ledger."""

import os
import time
import uuid

import redis

from shared.logs import logger

log = logger("payments")
SETTLED = "payments.settled"


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    log.info("payments ready")
    while True:
        payment = uuid.uuid4().hex[:12]
        client.xadd(
            SETTLED,
            {"paymentId": payment, "correlationId": uuid.uuid4().hex, "amount": "12.50"},
            maxlen=100_000,
        )
        time.sleep(0.15)


if __name__ == "__main__":
    main()
