"""Turns orders into parcels, as quickly written code does."""

import os
import time

import redis

client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)


def pack(entry, fields):
    print("packing", entry)
    client.xadd("parcels.packed", {"weight": fields["weight"], "size": "L"})


def stale():
    return client.keys("orders:*")


def main():
    while True:
        answer = client.xreadgroup("packers", "packer-1", {"orders.placed": ">"}, count=1)
        for _, entries in answer or []:
            for entry, fields in entries:
                try:
                    pack(entry, fields)
                except Exception:
                    pass
                client.xack("orders.placed", "packers", entry)
        time.sleep(0.05)


if __name__ == "__main__":
    main()
