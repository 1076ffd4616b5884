"""Works out what a trip costs."""

import os
import time

import redis

from shared.logs import logger

log = logger("fares")
ASKED = "fares.asked"
GIVEN = "fares.given"
PARKED = "fares.asked.dlq"
GROUP = "fares"
WORK_S = 0.02


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    try:
        client.xgroup_create(ASKED, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    log.info("fares ready")
    while True:
        answer = client.xreadgroup(GROUP, "fares-1", {ASKED: ">"}, count=10, block=1000)
        for _, entries in answer or []:
            for entry, fields in entries:
                if "trip" in fields:
                    time.sleep(WORK_S)
                    client.xadd(
                        GIVEN, {"correlationId": fields["correlationId"], "fare": "48.00"}, maxlen=10_000
                    )
                else:
                    client.xadd(PARKED, fields, maxlen=1000)
                client.xack(ASKED, GROUP, entry)
                log.info("fare for trip %s given", fields.get("correlationId"))


if __name__ == "__main__":
    main()
