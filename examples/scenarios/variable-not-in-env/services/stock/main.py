"""Tells the shop what the warehouse holds."""

import os
import socket
import time
import uuid

import redis

from shared.logs import logger

log = logger("stock")
LEVELS = "stock.levels"


def ask(address: str) -> int:
    host, _, port = address.rpartition(":")
    number = int(port) if port.isdigit() else 1
    with socket.create_connection((host or "127.0.0.1", number), timeout=2) as connection:
        return int(connection.recv(16))


def main() -> None:
    client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    address = os.environ.get("WAREHOUSE_ADDR")
    log.info("stock service ready")
    while True:
        try:
            level = ask(str(address))
        except OSError as error:
            log.error("warehouse does not answer at WAREHOUSE_ADDR=%s: %s", address, error)
        else:
            client.xadd(LEVELS, {"correlationId": uuid.uuid4().hex, "level": str(level)}, maxlen=1000)
        time.sleep(3)


if __name__ == "__main__":
    main()
