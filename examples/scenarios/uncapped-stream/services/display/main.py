"""Shows how full the tanks are."""

import os

import redis

from shared.logs import logger

log = logger("display")
LEVELS = "tank.levels"
GROUP = "display"
PARKED = "tank.levels.dlq"


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    try:
        client.xgroup_create(LEVELS, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    log.info("display ready")
    while True:
        answer = client.xreadgroup(GROUP, "display-1", {LEVELS: ">"}, count=10, block=1000)
        for _, entries in answer or []:
            for entry, fields in entries:
                if "litres" in fields:
                    log.info("%s litres", fields["litres"])
                else:
                    client.xadd(PARKED, fields, maxlen=1000)
                client.xack(LEVELS, GROUP, entry)


if __name__ == "__main__":
    main()
