"""Takes orders."""

import logging
import os
import time
import uuid

import redis

log = logging.getLogger("careful")
PLACED = "orders.placed"
PACKED = "parcels.packed"
PARKED = "parcels.dlq"
GROUP = "labels"


def place(client: redis.Redis, weight: str) -> None:
    client.xadd(PLACED, {"correlationId": uuid.uuid4().hex, "weight": weight}, maxlen=10_000)


def label(client: redis.Redis) -> None:
    try:
        client.xgroup_create(PACKED, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    while True:
        for _, entries in client.xreadgroup(GROUP, "labels-1", {PACKED: ">"}, count=50, block=2000) or []:
            for entry, fields in entries:
                if "weight" not in fields:
                    client.xadd(PARKED, fields, maxlen=1000)
                else:
                    log.info("label for %s", fields["weight"])
                client.xack(PACKED, GROUP, entry)


if __name__ == "__main__":
    connection = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    place(connection, "3")
    label(connection)
    time.sleep(1)
