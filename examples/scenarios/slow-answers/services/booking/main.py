"""Asks what a trip costs, and waits for the answer."""

import os
import time
import uuid

import redis

from shared.logs import logger

log = logger("booking")
ASKED = "fares.asked"
GIVEN = "fares.given"
GROUP = "booking"
PATIENCE_S = 2.0
DELIVERIES_MAX = 5


def take(client: redis.Redis, waiting: dict[str, float]) -> None:
    answer = client.xreadgroup(GROUP, "booking-1", {GIVEN: ">"}, count=100, block=100)
    for _, entries in answer or []:
        for entry, fields in entries:
            if "correlationId" in fields:
                waiting.pop(fields["correlationId"], None)
            else:
                client.xadd("fares.given.dlq", fields, maxlen=1000)
            client.xack(GIVEN, GROUP, entry)


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    try:
        client.xgroup_create(GIVEN, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    log.info("booking ready")
    waiting: dict[str, float] = {}
    while True:
        trip = uuid.uuid4().hex
        client.xadd(ASKED, {"correlationId": trip, "trip": "Bern-Chur"}, maxlen=100_000)
        waiting[trip] = time.monotonic()
        take(client, waiting)
        for late in [key for key, asked in waiting.items() if time.monotonic() - asked > PATIENCE_S]:
            log.error("fare for trip %s timed out after 2000 ms", late)
            del waiting[late]
        time.sleep(0.1)


if __name__ == "__main__":
    main()
