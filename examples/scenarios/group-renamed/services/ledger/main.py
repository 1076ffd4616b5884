"""Books settled payments."""

import os
import time

import redis

from shared.logs import logger

log = logger("ledger")
SETTLED = "payments.settled"
PARKED = "payments.settled.dlq"
GROUP = "ledger-v2"
DELIVERIES_MAX = 5


def book(client: redis.Redis, entry: str, fields: dict[str, str]) -> None:
    if "amount" not in fields:
        client.xadd(PARKED, {**fields, "reason": "no amount"}, maxlen=1000)
    else:
        log.info("booked %s", fields["paymentId"])
    client.xack(SETTLED, GROUP, entry)


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    log.info("ledger ready")
    while True:
        try:
            answer = client.xreadgroup(GROUP, "ledger-1", {SETTLED: ">"}, count=50, block=1000)
        except redis.ResponseError as error:
            log.error("read refused: %s", error)
            time.sleep(5)
            continue
        for _, entries in answer or []:
            for entry, fields in entries:
                book(client, entry, fields)


if __name__ == "__main__":
    main()
