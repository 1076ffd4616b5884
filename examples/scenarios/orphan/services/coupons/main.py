"""Says who gets a coupon."""

import os
import time
import uuid

import redis

from shared.logs import logger

log = logger("coupons")
LEVELS = "coupons.issued"


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    log.info("coupons ready")
    measured = 0
    while True:
        measured += 1
        client.xadd(LEVELS, {"correlationId": uuid.uuid4().hex, "value": str(measured % 900)}, maxlen=500)
        if measured % 10 == 0:
            log.info("issued %d times", measured)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
