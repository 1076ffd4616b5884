"""Sends letters."""

import logging
import os

import redis

log = logging.getLogger("mail")
LETTERS = "letters.taken"
PARKED = "letters.dlq"
GROUP = "mail"
client = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
smtp = os.environ["SMTP_HOST"]


def main() -> None:
    try:
        client.xgroup_create(LETTERS, GROUP, id="0", mkstream=True)
    except redis.ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise
    while True:
        for _, entries in client.xreadgroup(GROUP, "mail-1", {LETTERS: ">"}, count=10, block=1000) or []:
            for entry, fields in entries:
                if "to" in fields:
                    log.info("sent to %s by %s", fields["to"], smtp)
                else:
                    client.xadd(PARKED, fields, maxlen=1000)
                client.xack(LETTERS, GROUP, entry)


if __name__ == "__main__":
    main()
