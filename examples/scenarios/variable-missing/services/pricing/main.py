"""Answers what things cost."""

import os

import redis

from shared.logs import logger

log = logger("pricing")
ASKED = "prices.asked"
GROUP = "pricing"


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    log.info("pricing service ready")
    log.info("prices from %s", os.environ["PRICE_LIST_URL"])
    while True:
        answer = client.xreadgroup(GROUP, "pricing-1", {ASKED: ">"}, count=10, block=1000)
        for _, entries in answer or []:
            for entry, fields in entries:
                log.info("asked for %s", fields.get("article"))
                client.xack(ASKED, GROUP, entry)


if __name__ == "__main__":
    main()
