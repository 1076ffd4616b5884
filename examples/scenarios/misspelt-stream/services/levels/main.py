"""Measures how full the tanks are."""

import os
import time
import uuid

import redis

from shared.logs import logger

log = logger("levels")
LEVELS = "tank.level"


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    log.info("levels ready")
    measured = 0
    while True:
        measured += 1
        client.xadd(LEVELS, {"correlationId": uuid.uuid4().hex, "litres": str(measured % 900)}, maxlen=500)
        if measured % 10 == 0:
            log.info("measured %d times", measured)
        time.sleep(0.2)


if __name__ == "__main__":
    main()
