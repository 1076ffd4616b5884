"""Shows coupons that are redeemed."""

import os

import redis

from shared.logs import logger

log = logger("redeem")
LEVELS = "coupons.issued"
GROUP = "redeem"
PARKED = "coupons.issued.dlq"


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    try:
        client.xgroup_create(LEVELS, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    log.info("redeem ready")
    while True:
        answer = client.xreadgroup(GROUP, "redeem-1", {LEVELS: ">"}, count=10, block=1000)
        for _, entries in answer or []:
            for entry, fields in entries:
                if "value" in fields:
                    log.info("%s value", fields["value"])
                else:
                    client.xadd(PARKED, fields, maxlen=1000)
                client.xack(LEVELS, GROUP, entry)


if __name__ == "__main__":
    main()
